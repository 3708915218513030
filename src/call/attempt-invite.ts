/**
 * The INVITE of one attempt as its peer's rules want it (RFC 3261 §8.1.1): who calls, who is called, routes, Contact,
 * and the headers that may pass. Its body is the media session's.
 */
import { mayShow, numberFrom, numberToward } from "#routing/peer-numbers.ts";
import type { PlannedAttempt } from "#routing/decision.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { HeaderField, ReceivedRequest } from "#sip/message/message.ts";
import { parseUri } from "#sip/message/parse-uri.ts";
import type { IncomingInvite } from "#sip/dialog/user-agent.ts";
import type { AttemptParameters } from "./attempt.ts";
import { type Caller, callerToward, nameAddr } from "./caller-identity.ts";
import type { Call } from "./call.ts";
import { diversionsToward } from "./diversion.ts";
import { headersToward } from "./header-rules.ts";
import { contactOf } from "./own-contact.ts";
import type { Target } from "./ports.ts";
import { allowsRefer } from "./refer.ts";

/** For callers that sent no Max-Forwards (§8.1.1.6). */
const MAX_FORWARDS_DEFAULT = 70;

/** What is to be said of the call, to whomever it goes. */
export interface Said {
  readonly call: Call;
  readonly plan: { readonly called: string };
  readonly caller: Caller;
  /** Undefined: Tandem itself calls. */
  readonly invite: IncomingInvite | undefined;
  /** What rules may pass on. */
  readonly passing: ReceivedRequest | undefined;
}

/**
 * @param name of the leg
 * @param proxy goes first, with a Route
 */
export function inviteTo(said: Said, planned: PlannedAttempt, target: Target, name: string, proxy?: string) {
  const { call, caller, invite, passing } = said;
  const { peer } = planned;
  const token = call.token + name;
  const face = call.ports.face(peer.listener);
  const host = face?.advertised ?? "";
  const from = callerToward(caller, peer, planned.caller, host, (user) => shown(call.source, user, peer));
  const parameters: AttemptParameters = {
    requestUri: planned.requestUri,
    target,
    routeSet: proxy === undefined ? [] : [`<${proxy};lr>`],
    localUri: from.localUri,
    remoteUri: nameAddr(undefined, planned.called, peer.fromDomain === "" ? hostOf(planned.requestUri) : peer.fromDomain),
    localTag: token,
    sipCallId: token,
    localContact: contactOf(token, host, face?.portOf(target.transport), target.transport, planned.requestUri),
    branchPrefix: token,
    maxForwards: maxForwards(invite),
    ...(peer.nat && { behindNat: true }),
  };
  const headers: readonly HeaderField[] = [
    ...allowsRefer(peer),
    ...from.headers,
    ...diverted(said, peer, host),
    ...headersToward(peer.headers, "INVITE", passing),
  ];
  return { parameters, headers };
}

function diverted({ call, plan, caller, invite }: Said, peer: Peer, host: string): readonly HeaderField[] {
  const policy = peer.identity?.diversion ?? "drop";
  if (policy === "drop") return NONE;
  return diversionsToward(invite?.request, policy, {
    host: peer.fromDomain === "" ? host : peer.fromDomain,
    called: numberToward(peer, plan.called, plan.called, "caller"),
    write: (user) => numberToward(peer, numberFrom(call.source, user, "caller"), user, "caller"),
    hideHistory: caller.privacy !== "" && caller.privacy !== "none",
  });
}
const NONE: readonly HeaderField[] = [];

/** An asserted number as the peer writes it; undefined: it may not be shown to it. */
function shown(source: Peer, user: string, peer: Peer): string | undefined {
  const canonical = numberFrom(source, user, "caller");
  return mayShow(peer, canonical) ? numberToward(peer, canonical, user, "caller") : undefined;
}

function maxForwards(invite: IncomingInvite | undefined): number {
  const read = invite?.request.maxForwards();
  return Math.max(0, ((read?.ok === true ? read.value : undefined) ?? MAX_FORWARDS_DEFAULT) - 1);
}

function hostOf(uriText: string): string {
  const uri = parseUri(uriText);
  return uri.ok ? uri.value.host : "";
}
