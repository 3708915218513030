/**
 * How long the packet loop sleeps before it looks again. At high load wake-ups cost more than packets:
 * waiting up to a millisecond reads dozens at once for half the CPU. At low load it wakes at once. Pure.
 */

/** Below this rate a wake-up per packet is cheap enough: 40 calls. */
const NO_DELAY_BELOW_PPS = 4_000;
/** From here on the full delay: 160 calls. */
const FULL_DELAY_FROM_PPS = 16_000;
const WINDOW_MS = 50;
/** Shorter sleeps cost more than they save. */
export const DELAY_MIN_US = 50;

export class Coalescing {
  /** Largest delay, µs; 0 switches it off. */
  maxUs: number;
  #delayUs = 0;
  #windowStartMs = 0;
  #packets = 0;

  constructor(maxUs: number) {
    this.maxUs = maxUs;
  }

  /** After a wake-up that read `packets`. @returns µs to sleep */
  delayUs(packets: number, nowMs: number): number {
    this.#packets += packets;
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs >= WINDOW_MS) {
      const packetsPerSecond = (this.#packets * 1000) / elapsedMs;
      const share = (packetsPerSecond - NO_DELAY_BELOW_PPS) / (FULL_DELAY_FROM_PPS - NO_DELAY_BELOW_PPS);
      const delay = Math.round(Math.min(1, share) * this.maxUs);
      this.#delayUs = delay < DELAY_MIN_US ? 0 : delay;
      this.#packets = 0;
      this.#windowStartMs = nowMs;
    }
    return this.#delayUs;
  }
}
