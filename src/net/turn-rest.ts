/**
 * Lets Node's event loop sleep at high load, as the packet loop of `tandem-media` does: after a turn that read
 * datagrams the whole thread rests up to some milliseconds, and wakes once for all that came meanwhile. At low
 * load nothing ever waits.
 *
 * Deliberately the whole thread: only what wakes nobody saves anything. Timers and other sockets wait as well,
 * as they would behind a batch of work.
 */
import { Coalescing, type CoalescingTerms, restUs } from "./coalescing.ts";

/** Nobody ever notifies the cell. */
const cell = new Int32Array(new SharedArrayBuffer(4));
const sleepThread = (ms: number): void => void Atomics.wait(cell, 0, 0, ms);

export class TurnRest {
  readonly #coalescing: Coalescing;
  readonly #sleep: (ms: number) => void;
  #read = 0;
  #wokeMs = 0;

  readonly #beforeRest: () => void;

  /** @param beforeRest wakes those who can work meanwhile */
  constructor(terms: CoalescingTerms, beforeRest: () => void, sleep: (ms: number) => void = sleepThread) {
    this.#coalescing = new Coalescing(terms);
    this.#beforeRest = beforeRest;
    this.#sleep = sleep;
  }

  /** @returns how many datagrams were read in this turn, with the one that is noted here */
  readonly noted = (): number => {
    if (this.#read++ > 0) return this.#read;
    this.#wokeMs = performance.now();
    setImmediate(this.#soon);
    return 1;
  };

  /** What handling the datagrams left to the end of the turn goes first. */
  readonly #soon = (): void => void setImmediate(this.#rest);

  readonly #rest = (): void => {
    const delayUs = this.#coalescing.delayUs(this.#read, this.#wokeMs);
    this.#read = 0;
    if (delayUs === 0) return;
    const us = restUs(delayUs, (performance.now() - this.#wokeMs) * 1000);
    if (us === 0) return;
    this.#beforeRest();
    this.#sleep(us / 1000);
  };
}
