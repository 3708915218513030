/**
 * What one RTP stream's sequence numbers and timestamps tell: loss (RFC 3550 §A.1, §A.3) and interarrival
 * jitter (§A.8), in 32-bit integers inside a larger table, so that a packet touches one cache line.
 * Hot path: allocates nothing.
 *
 * A new SSRC begins a new count; the loss of the earlier ones is kept. Arrival times are those of the
 * wake-up that read the packet, so jitter is coarse by the coalescing delay (at most 1 ms).
 */

/** RFC 3550 §A.1: a larger jump ahead is a restart of the sender rather than loss. */
const MAX_DROPOUT = 3_000;
/** RFC 3550 §A.1: so far behind is a late packet; more is a restart. */
const MAX_MISORDER = 100;
/** A jump of the sender's clock (more than 8 s at 8000 Hz) is no jitter. */
const JITTER_TICKS_MAX = 64_000;

/** Words of the table that one stream takes. All zero: nothing received. */
export const SEQUENCE_WORDS = 8;
const SSRC = 0;
/** Highest number seen, extended by the number of wraps × 65536. */
const HIGHEST = 1;
const BASE = 2;
const RECEIVED = 3;
/** Loss of streams that ended. */
const LOST_BEFORE = 4;
const TRANSIT = 5;
/** Jitter × 16, in ticks. */
const JITTER_16 = 6;

/** One packet of the stream at `words[at]`. Timestamp and arrival are in ticks and may wrap at 32 bits. */
export function countSequence(
  words: Int32Array,
  at: number,
  ssrc: number,
  sequence: number,
  timestamp: number,
  arrivalTicks: number,
): void {
  const transit = (arrivalTicks - timestamp) | 0;
  const highest = words[at + HIGHEST]!;
  const ahead = (sequence - highest) & 0xffff;
  const late = ahead >= MAX_DROPOUT;
  if (words[at + RECEIVED] === 0 || words[at + SSRC] !== ssrc || (late && ahead <= 0x10000 - MAX_MISORDER)) {
    restart(words, at, ssrc, sequence, transit);
    return;
  }
  if (!late) words[at + HIGHEST] = highest + ahead;
  words[at + RECEIVED]!++;
  const difference = Math.abs((transit - words[at + TRANSIT]!) | 0);
  words[at + TRANSIT] = transit;
  if (difference < JITTER_TICKS_MAX) {
    const jitter = words[at + JITTER_16]!;
    words[at + JITTER_16] = jitter + difference - ((jitter + 8) >> 4);
  }
}

function restart(words: Int32Array, at: number, ssrc: number, sequence: number, transit: number): void {
  words[at + LOST_BEFORE] = lostOf(words, at);
  words[at + SSRC] = ssrc;
  words[at + HIGHEST] = sequence;
  words[at + BASE] = sequence;
  words[at + RECEIVED] = 1;
  words[at + TRANSIT] = transit;
}

/** Packets that should have come and did not; duplicates never make it negative. */
export function lostOf(words: Int32Array, at: number): number {
  if (words[at + RECEIVED] === 0) return words[at + LOST_BEFORE]!;
  const expected = words[at + HIGHEST]! - words[at + BASE]! + 1;
  return words[at + LOST_BEFORE]! + Math.max(0, expected - words[at + RECEIVED]!);
}

export const jitterMsOf = (words: Int32Array, at: number, clockRateHz: number): number =>
  ((words[at + JITTER_16]! >> 4) * 1000) / clockRateHz;
