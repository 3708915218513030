/** Time as an argument: cores and drivers get a Clock, so tests run on a virtual one. */

export interface Timer {
  /** Idempotent; after it the callback does not run. */
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds with fractions, from an arbitrary start. For durations and timers. */
  nowMs(): number;
  /** Milliseconds since the epoch. For records that people read; may jump. */
  wallMs(): number;
  after(delayMs: number, run: () => void): Timer;
}

class NodeTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;
  constructor(delayMs: number, run: () => void) {
    this.#timeout = setTimeout(run, delayMs);
  }
  cancel(): void {
    clearTimeout(this.#timeout);
  }
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, run) => new NodeTimer(delayMs, run),
};
