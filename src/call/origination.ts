/**
 * A call that Tandem places itself (RFC 3725 §4.1, third-party call control, with our relay's ports in the offer): the
 * number is called first and becomes leg "a"; when it has answered, the call is connected to leg "b", which is
 * offered the codec of that answer. What is said here is given by whoever asks; `call.ts` does it.
 *
 * Deliberately without a re-INVITE to the first leg: what it was told stays true, as its packets come to the relay.
 */
import type { CallId } from "#base/ids.ts";
import type { DialPlan } from "#routing/decision.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { Caller } from "./caller-identity.ts";
import type { LegFacts } from "./leg.ts";
import type { PeerName } from "./recovery.ts";

export interface Origination {
  /** Stands where a caller stands in other calls. */
  readonly source: Peer;
  readonly plan: (callId: CallId) => DialPlan;
  /** Asked when the first leg has answered. @param through the peer that it was reached by */
  readonly connect: (callId: CallId, through: Peer) => DialPlan;
  /** Who asked wants the call's events there. */
  readonly webhookUrl: string | undefined;
}

export type Originated =
  | { readonly ok: true; readonly callId: CallId }
  | { readonly ok: false; readonly code: "NOT_SUPPORTED" | "OVERLOADED"; readonly message: string };

/** Of the journal: who leg "a" is where it is not the caller, e.g. who answered first. */
export interface FirstSection {
  readonly peer: PeerName;
  readonly leg: string;
  readonly facts: LegFacts;
  readonly answeredAtMs: number;
  readonly setupMs: number;
  /** Who is "a" would be "b": the legs have changed places. */
  readonly swapped?: true;
}

/** A caller of whom only the number is said. */
export const callerNamed = (user: string): Caller => ({ displayName: undefined, user, anonymous: false, asserted: undefined, privacy: "" });
