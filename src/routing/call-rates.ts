/**
 * New calls a second with each peer and way: never more than the limit within any second, because carriers count
 * so. Outbound, a call is given its turn within a bounded wait; inbound there is a place now or a refusal.
 *
 * Time is an argument. A turn that its caller didn't wait for is spent all the same.
 */
const WINDOW_MS = 1000;
/** Names come from configurations and from sources that were let in: more than this is an attack on memory. */
const NAMES_MAX = 20_000;

/** Times of the last calls, as many as may start in a second. */
class Turns {
  readonly #starts: number[] = [];
  #next = 0;

  /** Milliseconds until the next call may start. */
  wait(perSecond: number, nowMs: number): number {
    if (this.#starts.length < perSecond) return 0;
    return Math.max(0, this.#starts[this.#next]! + WINDOW_MS - nowMs);
  }
  take(perSecond: number, startMs: number): void {
    if (this.#starts.length < perSecond) this.#starts.push(startMs);
    else {
      this.#starts[this.#next] = startMs;
      this.#next = (this.#next + 1) % perSecond;
    }
  }
  fits(perSecond: number): boolean {
    return this.#starts.length <= perSecond;
  }
}

export class CallRates {
  readonly #turns = new Map<string, Turns>();

  /** @returns milliseconds to wait; undefined: more than `waitMaxMs`, so there is no turn */
  turn(peer: string, way: "in" | "out", perSecond: number, waitMaxMs: number, nowMs: number): number | undefined {
    const key = `${way} ${peer}`;
    let turns = this.#turns.get(key);
    // Another limit than before begins anew: a reload is rare, and a second is short.
    if (turns === undefined || !turns.fits(perSecond)) this.#turns.set(key, (turns = new Turns()));
    if (this.#turns.size > NAMES_MAX) this.#turns.delete(this.#turns.keys().next().value!);
    const waitMs = turns.wait(perSecond, nowMs);
    if (waitMs > waitMaxMs) return undefined;
    turns.take(perSecond, nowMs + waitMs);
    return waitMs;
  }
}
