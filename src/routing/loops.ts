/**
 * Is this call one of ours that came back? Pure, over what the request carries and what is running.
 *
 * Coming back is not wrong by itself: a gateway may call one of our own numbers, and the carrier returns it (a spiral,
 * RFC 3261 §16.3 step 4). It is a loop when the same rule would decide again, or when a gateway returns to us the very
 * call that we are offering it. Where a foreign switch on the way renews everything, Max-Forwards ends it (§16.3 step 3).
 */
import type { Peer } from "./snapshot.ts";

export interface CallUnderWay {
  readonly callId: string;
  readonly route: string;
  readonly called: string;
  readonly caller: string;
  /** Peers that it goes to now: several while they ring at once. */
  readonly to: readonly string[];
  readonly answered: boolean;
}

export interface LoopFacts {
  readonly source: Peer;
  readonly called: string;
  readonly caller: string;
  /** What routing decided just now. */
  readonly route: string;
  /** Calls whose tokens the request carries in Call-ID, tags, Via or Contact. */
  readonly carried: readonly CallUnderWay[];
  readonly underWay: Iterable<CallUnderWay>;
}

/** Why it is a loop; undefined: it isn't. */
export function findLoop({ source, called, caller, route, carried, underWay }: LoopFacts): string | undefined {
  for (const call of carried) {
    if (call.route === route) return `loop: our own call ${call.callId} came back by ${source.name} to ${route}`;
    if (source.kind === "gateway" && call.to.includes(source.name) && call.called === called)
      return `loop: ${source.name} sent our own call ${call.callId} back to us`;
  }
  if (source.kind !== "gateway" || caller === "") return undefined;
  for (const call of underWay) {
    if (!call.answered && call.to.includes(source.name) && call.called === called && call.caller === caller)
      return `loop: ${source.name} is being offered this call (${call.callId}) and calls ${called} in turn`;
  }
  return undefined;
}
