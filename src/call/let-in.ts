/**
 * Whether a call may begin: what its sender, the tenant and the address may have at once and in a second, and whether
 * the caller's INVITE has a session description that can be answered (RFC 3261 §13.3.1, RFC 3264 §5).
 */
import { type Outcome, sipStatusOf } from "#cdr/outcome.ts";
import type { HeaderField } from "#sip/message/message.ts";
import type { IncomingInvite } from "#sip/dialog/user-agent.ts";
import type { Call } from "./call.ts";
import type { CallState } from "./call-state.ts";
import type { Ending } from "./ending.ts";
import { sdpBodyOf } from "./sdp-body.ts";

/** What the caller hears, and what the record says. */
export interface Refusal {
  readonly ending: Ending;
  readonly headers: readonly HeaderField[];
}

const refusal = (ending: Ending, headers: readonly HeaderField[] = []): Refusal => ({ ending, headers });
const tooMany = (outcome: Outcome, reason: string): Refusal => refusal({ status: sipStatusOf[outcome], q850: 42, outcome, reason });

/** Of a call that came in. */
export function whyNotLetIn(call: Call, is: CallState, invite: IncomingInvite): Refusal | undefined {
  const full = call.calls.fullness(call.source, "in");
  if (full !== undefined) return tooMany("capacity", full);
  const turn = call.calls.turn(call.source, "in");
  if (typeof turn === "string") return tooMany("rate_limited", turn);
  return whyNoLease(call, is, invite.flow.remoteAddress) ?? whyNotDescribed(call, invite);
}

/** Takes a place for the call. @param source address; "" where we place it */
export function whyNoLease(call: Call, is: CallState, source: string): Refusal | undefined {
  const { limits } = call.ports;
  if (limits === undefined) return undefined;
  const lease = limits.admit({ tenant: is.tenant, peer: source === "" ? undefined : call.calls.callsAt(call.source, "in"), source });
  if (!("said" in lease)) {
    is.lease = lease;
    return undefined;
  }
  const { outcome, reason, said } = lease;
  const ending = { status: sipStatusOf[outcome], q850: outcome === "carrier_blocked" ? 21 : 42, outcome, reason };
  // RFC 3261 §20.43: the agent's name may be a pseudonym.
  return refusal(ending, [["Warning", `399 tandem "limit: ${said}"`]]);
}

function whyNotDescribed(call: Call, { request }: IncomingInvite): Refusal | undefined {
  const body = sdpBodyOf(request);
  if (body.type === "other") {
    const ending = { status: 415, q850: 79, outcome: "media_failed", reason: "no session description in the body" } as const;
    return refusal(ending, [["Accept", "application/sdp"]]);
  }
  call.callerOffered = body.type === "sdp";
  const offered = body.type === "sdp" ? call.media.callerOffers(body.text) : undefined;
  return offered?.ok === false ? refusal({ status: 488, q850: 88, outcome: "media_failed", reason: offered.reason }) : undefined;
}
