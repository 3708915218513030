/**
 * What went wrong in a call, by name: a pure function over its record, its ladder and what media counted. Each
 * finding has evidence (a message's number in the ladder, or a counter) and what to do. A clean call has none.
 *
 * Deliberately no guesses without evidence, and nothing that changes a call.
 */
import type { Cdr } from "#cdr/record.ts";
import { mediaFindings } from "./diagnose-media.ts";
import { routeFindings } from "./diagnose-route.ts";
import { signallingFindings } from "./diagnose-signalling.ts";
import type { Stamped } from "./event.ts";
import { type SipFacts, sipFactsOf } from "./sip-facts.ts";

export const FINDING_CODES = [
  "PRIVATE_ADDRESS_IN_SDP",
  "OUR_PRIVATE_ADDRESS",
  "NAT_CONTACT",
  "NO_ACK",
  "CODEC_MISMATCH",
  "SRTP_MISMATCH",
  "RTP_WRONG_SOURCE",
  "SILENCE_ONE_WAY",
  "NO_RTP",
  "RTP_LOSS",
  "MEDIA_FAILED",
  "TLS_FAILED",
  "DNS_FAILED",
  "UNREACHABLE",
  "NO_RESPONSE",
  "UNKNOWN_SOURCE",
  "REFUSED_BY_PEER",
  "NUMBER_NOT_ROUTED",
  "NUMBER_REFUSED",
  "AUTH_FAILED",
  "AUTH_STALE_LOOP",
  "NOT_REGISTERED",
  "ALL_DOWN",
  "LIMIT_REACHED",
  "DESTINATION_DENIED",
  "OUTBOUND_LOCKED",
  "NO_ANSWER",
  "CANCEL_CROSSED_ANSWER",
  "SESSION_TIMER",
  "SIGNALLING_LOSS",
  "LOOP",
] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

export interface Evidence {
  readonly text: string;
  /** Its number in the ladder. */
  readonly message?: number;
}
export interface Finding {
  readonly code: FindingCode;
  /** error: the call failed or was no use; warning: it suffered; note: why it ended so, without a fault. */
  readonly severity: "error" | "warning" | "note";
  readonly title: string;
  readonly evidence: readonly Evidence[];
  readonly advice: string;
}

export interface DiagnosedCall {
  /** Absent while the call is up, or where there never was one. */
  readonly cdr?: Cdr | undefined;
  readonly events: readonly Stamped[];
  /** How trunks that the call used stand with their registrars now. */
  readonly registrations?: readonly { readonly trunk: string; readonly standing: string; readonly reason: string }[];
}

/** What the rules look at. */
export interface Examined extends DiagnosedCall {
  readonly messages: readonly SipFacts[];
  /** What name a remote address has in this call; the address itself where it has none. */
  readonly nameOf: (message: SipFacts) => string;
}

const ORDER: Readonly<Record<Finding["severity"], number>> = { error: 0, warning: 1, note: 2 };

/** Worst first; one of each code. */
export function diagnose(call: DiagnosedCall): readonly Finding[] {
  const messages = sipFactsOf(call.events);
  const examined: Examined = { ...call, messages, nameOf: namesIn(call, messages) };
  const found = [...routeFindings(examined), ...signallingFindings(examined), ...mediaFindings(examined)];
  const once = found.filter((one, i) => found.findIndex(({ code }) => code === one.code) === i);
  return once.toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity]);
}

function namesIn({ events }: DiagnosedCall, messages: readonly SipFacts[]): Examined["nameOf"] {
  const names = new Map<string, string>();
  for (const { event } of events) {
    if (event.type === "call-started") names.set(event.sipCallId, event.peer);
    if (event.type === "attempt-started" && event.leg !== undefined) {
      // Our Call-ID towards a gateway is its token, which ends with the leg.
      const own = messages.find(({ sipCallId, direction }) => direction === "out" && sipCallId.endsWith(event.leg!));
      if (own !== undefined) names.set(own.sipCallId, event.peer);
    }
  }
  return (message) => names.get(message.sipCallId) ?? message.remote;
}

/** "no. 5: 488 Not Acceptable Here from carrier" */
export const saw = (message: SipFacts, name: string, more = ""): Evidence => ({
  text: `${message.status === 0 ? message.method : `${message.status} ${message.phrase}`.trim()} ${message.direction === "in" ? "from" : "to"} ${name}${more === "" ? "" : `: ${more}`}`,
  message: message.number,
});
export const counted = (text: string): Evidence => ({ text });
