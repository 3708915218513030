/**
 * How many requests a second a token may send: a bucket for each user, key or other token that is known, and one for
 * each address that proves nothing. So many buckets at most; the one longest unused goes first.
 */
/** What a person, a panel and a nightly job together never reach. */
export const REQUESTS_PER_SECOND = 1_000;
/** So many seconds' worth may come at once. */
const BURST_S = 2;
export const BURST_REQUESTS = BURST_S * REQUESTS_PER_SECOND;
const BUCKETS_MAX = 10_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

export interface RequestLimit {
  /** @returns seconds to wait; 0: go on */
  waitS(who: string, nowMs: number): number;
}

export function requestLimit(perSecond: number = REQUESTS_PER_SECOND, burst: number = BURST_S * perSecond): RequestLimit {
  const buckets = new Map<string, Bucket>();
  return {
    waitS(who, nowMs) {
      const found = buckets.get(who);
      const tokens = found === undefined ? burst : Math.min(burst, found.tokens + (Math.max(0, nowMs - found.atMs) * perSecond) / 1000);
      // Taken out and put back: the map keeps the order of use.
      buckets.delete(who);
      buckets.set(who, { tokens: Math.max(0, tokens - 1), atMs: nowMs });
      if (buckets.size > BUCKETS_MAX) buckets.delete(buckets.keys().next().value!);
      return tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - tokens) / perSecond));
    },
  };
}
