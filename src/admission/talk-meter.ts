/**
 * Minutes of a day, calls under way included, without a timer: what ended is a sum, what runs is a count and the sum
 * of its beginnings. Days are UTC's. Time is an argument, epoch milliseconds.
 */
export const DAY_MS = 86_400_000;
export const dayOf = (wallMs: number): number => wallMs - (wallMs % DAY_MS);

export class TalkMeter {
  #dayMs = 0;
  #endedMs = 0;
  #running = 0;
  #beginnings = 0;

  begin(startMs: number, nowMs: number): void {
    this.#turnTo(nowMs);
    this.#running++;
    this.#beginnings += Math.max(startMs, this.#dayMs);
  }
  end(startMs: number, nowMs: number): void {
    this.#turnTo(nowMs);
    const fromMs = Math.max(startMs, this.#dayMs);
    this.#running--;
    this.#beginnings -= fromMs;
    this.#endedMs += Math.max(0, nowMs - fromMs);
  }
  /** Of this day, from before the start of the process. */
  add(ms: number, nowMs: number): void {
    this.#turnTo(nowMs);
    this.#endedMs += ms;
  }
  /** Talked today. */
  talkedMs(nowMs: number): number {
    this.#turnTo(nowMs);
    return Math.max(0, this.#endedMs + this.#running * nowMs - this.#beginnings);
  }
  get running(): number {
    return this.#running;
  }

  /** Whoever talks over midnight begins anew with the day. A clock that is set back stays in its day. */
  #turnTo(nowMs: number): void {
    const day = dayOf(nowMs);
    if (day <= this.#dayMs) return;
    this.#dayMs = day;
    this.#endedMs = 0;
    this.#beginnings = this.#running * day;
  }
}
