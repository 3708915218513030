/**
 * How long a loop that reads datagrams sleeps before it looks again. At high load wake-ups cost more than
 * datagrams: waiting a little reads dozens at once, and caches are warm for all but the first. At low load
 * it wakes at once. Pure.
 */

export interface CoalescingTerms {
  /** Datagrams per second below which a wake-up for each is cheap enough … */
  readonly noDelayBelow: number;
  /** … and from which on the full delay is slept. */
  readonly fullDelayFrom: number;
  /** Largest delay, µs; 0 switches it off. */
  readonly maxUs: number;
  /** So many datagrams at a time save enough: where they come in less than `maxUs`, the delay is as long as they take. */
  readonly enough?: number;
}

const WINDOW_MS = 50;
/** Shorter sleeps cost more than they save. */
export const DELAY_MIN_US = 50;
/** From one wake-up to the next, in delays: a batch that took long itself is followed by a shorter sleep. */
const CYCLE_DELAYS = 1.5;

export class Coalescing {
  maxUs: number;
  readonly #terms: CoalescingTerms;
  #delayUs = 0;
  #windowStartMs = 0;
  #read = 0;

  constructor(terms: CoalescingTerms) {
    this.#terms = terms;
    this.maxUs = terms.maxUs;
  }

  /** After a wake-up at `nowMs` that read so many datagrams. @returns µs to sleep before what handling them took is taken off */
  delayUs(read: number, nowMs: number): number {
    this.#read += read;
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs >= WINDOW_MS) {
      const { noDelayBelow, fullDelayFrom } = this.#terms;
      const perSecond = (this.#read * 1000) / elapsedMs;
      const share = (perSecond - noDelayBelow) / (fullDelayFrom - noDelayBelow);
      const delay = Math.round(
        Math.min(Math.min(1, share) * this.maxUs, ((this.#terms.enough ?? Number.POSITIVE_INFINITY) / perSecond) * 1e6),
      );
      this.#delayUs = delay < DELAY_MIN_US ? 0 : delay;
      this.#read = 0;
      this.#windowStartMs = nowMs;
    }
    return this.#delayUs;
  }
}

/** @returns µs to sleep; 0 where it is not worth it */
export function restUs(delayUs: number, spentUs: number): number {
  const rest = Math.min(delayUs, CYCLE_DELAYS * delayUs - spentUs);
  return rest >= DELAY_MIN_US ? rest | 0 : 0;
}
