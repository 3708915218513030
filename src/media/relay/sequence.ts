/**
 * What one RTP stream's sequence numbers and timestamps tell: loss (RFC 3550 §A.1, §A.3) and interarrival
 * jitter (§A.8), in integers. Hot path: allocates nothing.
 *
 * A new SSRC begins a new count; the loss of the earlier ones is kept. Arrival times are those of the
 * wake-up that read the packet, so jitter is coarse by the coalescing delay (at most 1 ms).
 */

/** RFC 3550 §A.1: a larger jump ahead is a restart of the sender rather than loss. */
const MAX_DROPOUT = 3_000;
/** RFC 3550 §A.1: so far behind is a late packet; more is a restart. */
const MAX_MISORDER = 100;

export class SequenceTracker {
  #ssrc = 0;
  #started = false;
  #base = 0;
  #max = 0;
  /** Times the number wrapped, × 65536. */
  #cycles = 0;
  #received = 0;
  /** Loss of streams that ended. */
  #lostBefore = 0;
  #transit = 0;
  /** Jitter × 16, in ticks. */
  #jitter16 = 0;

  /** One packet. `arrivalTicks` in units of the stream's clock, as a 32-bit integer that may wrap. */
  count(ssrc: number, sequence: number, timestamp: number, arrivalTicks: number): void {
    const transit = (arrivalTicks - timestamp) | 0;
    if (!this.#started || ssrc !== this.#ssrc) {
      this.#restart(ssrc, sequence, transit);
      return;
    }
    const ahead = (sequence - this.#max) & 0xffff;
    if (ahead < MAX_DROPOUT) {
      if (sequence < this.#max) this.#cycles += 0x10000;
      this.#max = sequence;
    } else if (ahead <= 0x10000 - MAX_MISORDER) {
      this.#restart(ssrc, sequence, transit);
      return;
    }
    this.#received++;
    let difference = (transit - this.#transit) | 0;
    this.#transit = transit;
    if (difference < 0) difference = -difference;
    // A jump of the sender's clock (more than 8 s at 8000 Hz) is no jitter.
    if (difference < 64_000) this.#jitter16 += difference - ((this.#jitter16 + 8) >> 4);
  }

  #restart(ssrc: number, sequence: number, transit: number): void {
    this.#lostBefore = this.lost;
    this.#started = true;
    this.#ssrc = ssrc;
    this.#base = sequence;
    this.#max = sequence;
    this.#cycles = 0;
    this.#received = 1;
    this.#transit = transit;
  }

  /** Packets that should have come and did not; duplicates never make it negative. */
  get lost(): number {
    if (!this.#started) return 0;
    const expected = this.#cycles + this.#max - this.#base + 1;
    return this.#lostBefore + Math.max(0, expected - this.#received);
  }

  jitterMs(clockRateHz: number): number {
    return ((this.#jitter16 >> 4) * 1000) / clockRateHz;
  }
}
