/**
 * A peer's numbers both ways: rewriting rules stand outside its number format, so that what a carrier makes of
 * numbers (a tech prefix, "8" for "+7") is undone before they become canonical and done again on the way out.
 */
import { matchesCaller } from "./conditions.ts";
import { rewriteByFirst } from "./number-pattern.ts";
import { bareNumber, formatNumber, toCanonical } from "./numbers.ts";
import type { Peer } from "./snapshot.ts";

/** The canonical number of a user part that came from the peer. */
export function numberFrom(peer: Peer, user: string, which: "called" | "caller"): string {
  const rules = which === "called" ? peer.rewrite?.inboundCalled : peer.rewrite?.inboundCaller;
  if (rules === undefined || rules.length === 0) return toCanonical(user, peer.numbers);
  const bare = bareNumber(user);
  return toCanonical(bare === "" ? bare : rewriteByFirst(rules, bare), peer.numbers);
}

/** How a number is written towards the peer. @param received the text that came in, for "as-received" */
export function numberToward(peer: Peer, canonical: string, received: string, which: "called" | "caller"): string {
  const rules = which === "called" ? peer.rewrite?.outboundCalled : peer.rewrite?.outboundCaller;
  const written = formatNumber(canonical, peer.numbers, received);
  return written === "" ? written : rewriteByFirst(rules, written);
}

/** Whether the peer may be shown this caller. */
export const mayShow = (peer: Peer, caller: string): boolean =>
  peer.callerNumbersAllowed === undefined || matchesCaller(peer.callerNumbersAllowed, caller);

const dialled = new WeakMap<Peer, Peer>();
/** The peer as calls to it see it: on the listener that they leave by. The same object each time. */
export function asDialled(peer: Peer): Peer {
  const { egressListener } = peer;
  if (egressListener === undefined || egressListener === peer.listener) return peer;
  const known = dialled.get(peer);
  if (known !== undefined) return known;
  const there: Peer = { ...peer, listener: egressListener };
  dialled.set(peer, Object.freeze(there));
  return there;
}
