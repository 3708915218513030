/**
 * How many new calls a second one source may start: a token bucket per address, before anything is
 * identified or planned. Pure but for its own bounded table; time is an argument.
 */

/** Sources remembered; the one that was quiet for longest goes first. */
const SOURCES_MAX = 10_000;
/** A second's worth may come at once. */
const BURST_SECONDS = 1;
/** Beyond so many times the limit a source is no longer answered at all. */
const SILENCE_FROM = 2;

export type Flood =
  | "within"
  /** Refuse, with a reason. */
  | "over"
  /** Far over: an answer would only feed it. */
  | "far-over";

interface Bucket {
  tokens: number;
  refusals: number;
  atMs: number;
}

export class FloodLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #perSecond: number;
  #youngest: string | undefined;
  /** @param perSecond 0: no limit */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  take(source: string, nowMs: number): Flood {
    if (this.#perSecond === 0) return "within";
    const full = this.#perSecond * BURST_SECONDS;
    const bucket = this.#buckets.get(source) ?? { tokens: full, refusals: full * (SILENCE_FROM - 1), atMs: nowMs };
    const earned = (Math.max(0, nowMs - bucket.atMs) / 1000) * this.#perSecond;
    bucket.tokens = Math.min(full, bucket.tokens + earned);
    bucket.refusals = Math.min(full * (SILENCE_FROM - 1), bucket.refusals + earned * (SILENCE_FROM - 1));
    bucket.atMs = nowMs;
    if (source !== this.#youngest) this.#touch(source, bucket);
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return "within";
    }
    if (bucket.refusals >= 1) {
      bucket.refusals--;
      return "over";
    }
    return "far-over";
  }

  /** Map order is age: the touched one becomes the youngest. */
  #touch(source: string, bucket: Bucket): void {
    this.#youngest = source;
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    if (this.#buckets.size > SOURCES_MAX) this.#buckets.delete(this.#buckets.keys().next().value!);
  }

  get size(): number {
    return this.#buckets.size;
  }
}
