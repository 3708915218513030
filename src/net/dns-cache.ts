/**
 * Remembers DNS answers so that a call waits for DNS at most once: by TTL within bounds, one question in
 * flight per name, refreshed ahead of its end while in use, and served stale when nobody answers
 * (RFC 8767), so that a dead name server does not take the gateways down.
 *
 * An answer that is known comes back as it is; only one that must be waited for is a promise.
 */
import type { Clock } from "#base/clock.ts";
import type { DnsAnswer, DnsQuestions, SrvRecord } from "./dns.ts";

const ENTRIES_MAX = 1_000;
const IN_FLIGHT_MAX = 100;
const QUESTION_TIMEOUT_MS = 2_000;
const TTL_MIN_MS = 5_000;
const TTL_MAX_MS = 60 * 60_000;
/** How long "there is no such name" is believed. */
const NEGATIVE_TTL_MS = 10_000;
/** After a failure nobody is asked again before; meanwhile callers get the old answer, or the failure, at once. */
const RETRY_AFTER_MS = 5_000;
const STALE_MAX_MS = 60 * 60_000;
/** The last part of its life in which a used answer is refreshed behind the caller's back. */
const REFRESH_FRACTION = 0.2;

type Record = SrvRecord | string;
type Known = Exclude<DnsAnswer<Record>, { type: "failed" }>;
type Failed = Extract<DnsAnswer<Record>, { type: "failed" }>;

interface Entry {
  known: Known | undefined;
  freshUntilMs: number;
  refreshFromMs: number;
  failed: Failed | undefined;
  retryAtMs: number;
  inFlight: Promise<DnsAnswer<Record>> | undefined;
}

export type Eventually<T> = T | Promise<T>;

export class DnsCache {
  readonly #dns: DnsQuestions;
  readonly #clock: Clock;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();
  #inFlight = 0;

  constructor(dns: DnsQuestions, clock: Clock) {
    this.#dns = dns;
    this.#clock = clock;
  }

  srv(name: string): Eventually<DnsAnswer<SrvRecord>> {
    return this.#ask(`SRV ${name}`, () => this.#dns.srv(name)) as Eventually<DnsAnswer<SrvRecord>>;
  }
  a(name: string): Eventually<DnsAnswer<string>> {
    return this.#ask(`A ${name}`, () => this.#dns.a(name)) as Eventually<DnsAnswer<string>>;
  }
  aaaa(name: string): Eventually<DnsAnswer<string>> {
    return this.#ask(`AAAA ${name}`, () => this.#dns.aaaa(name)) as Eventually<DnsAnswer<string>>;
  }

  get size(): number {
    return this.#entries.size;
  }

  #ask(key: string, question: () => Promise<DnsAnswer<Record>>): Eventually<DnsAnswer<Record>> {
    const entry = this.#entryOf(key);
    const nowMs = this.#clock.nowMs();
    if (entry.known !== undefined && nowMs < entry.freshUntilMs) {
      if (nowMs >= entry.refreshFromMs && nowMs >= entry.retryAtMs) void this.#start(entry, question);
      return entry.known;
    }
    if (nowMs < entry.retryAtMs) return this.#afterFailure(entry, nowMs);
    return this.#start(entry, question);
  }

  #entryOf(key: string): Entry {
    const entry = this.#entries.get(key) ?? {
      known: undefined,
      freshUntilMs: 0,
      refreshFromMs: 0,
      failed: undefined,
      retryAtMs: Number.NEGATIVE_INFINITY,
      inFlight: undefined,
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > ENTRIES_MAX) this.#entries.delete(this.#entries.keys().next().value!);
    return entry;
  }

  /** What a caller gets while nobody answers: the last good answer for an hour, then the failure. */
  #afterFailure(entry: Entry, nowMs: number): DnsAnswer<Record> {
    if (entry.known?.type === "found" && nowMs < entry.freshUntilMs + STALE_MAX_MS) return entry.known;
    return entry.failed ?? { type: "failed", code: "UNKNOWN", detail: "no answer" };
  }

  #start(entry: Entry, question: () => Promise<DnsAnswer<Record>>): Promise<DnsAnswer<Record>> {
    if (entry.inFlight !== undefined) return entry.inFlight;
    if (this.#inFlight >= IN_FLIGHT_MAX) {
      return Promise.resolve({ type: "failed", code: "OVERLOADED", detail: `${IN_FLIGHT_MAX} DNS questions wait for an answer` });
    }
    this.#inFlight++;
    const { promise, resolve } = Promise.withResolvers<DnsAnswer<Record>>();
    entry.inFlight = promise;
    const settle = (answer: DnsAnswer<Record>): void => {
      if (entry.inFlight !== promise) return;
      entry.inFlight = undefined;
      this.#inFlight--;
      timer.cancel();
      resolve(answer.type === "failed" ? this.#afterFailure(entry, this.#clock.nowMs()) : answer);
    };
    const timer = this.#clock.after(QUESTION_TIMEOUT_MS, () => {
      const late: Failed = { type: "failed", code: "ETIMEOUT", detail: `no answer within ${QUESTION_TIMEOUT_MS} ms` };
      this.#store(entry, late);
      settle(late);
    });
    const hear = async (): Promise<void> => {
      const answer = await question();
      // An answer that comes after the time-out is still news, a failure is not.
      if (entry.inFlight === promise || answer.type !== "failed") this.#store(entry, answer);
      settle(answer);
    };
    void hear();
    return promise;
  }

  #store(entry: Entry, answer: DnsAnswer<Record>): void {
    const nowMs = this.#clock.nowMs();
    if (answer.type === "failed") {
      entry.failed = answer;
      entry.retryAtMs = nowMs + RETRY_AFTER_MS;
      return;
    }
    const ttlMs = answer.type === "none" ? NEGATIVE_TTL_MS : Math.min(Math.max(answer.ttlMs, TTL_MIN_MS), TTL_MAX_MS);
    entry.known = answer;
    entry.freshUntilMs = nowMs + ttlMs;
    entry.refreshFromMs = entry.freshUntilMs - (answer.type === "found" ? ttlMs * REFRESH_FRACTION : 0);
    entry.failed = undefined;
    entry.retryAtMs = Number.NEGATIVE_INFINITY;
  }
}
