/**
 * Health of peers from what live calls and probes showed. State in memory only: after a restart everyone is usable.
 *
 * A peer is down after FAILURES_MAX failures in a row, for DOWN_MS_MIN, doubling up to DOWN_MS_MAX; then calls
 * may try it again, and a single failure puts it back. Any answer that isn't 5xx makes it up at once.
 * Deliberately per peer: health of each resolved address comes with server location.
 */
import type { PeerHealth } from "./decision.ts";

export type HealthEvent =
  /** A final response, or the first answer to OPTIONS. `retryAfterMs` of a 503; 0: it named none. */
  | { readonly type: "response"; readonly status: number; readonly retryAfterMs: number }
  /** No response at all, not even 100. */
  | { readonly type: "silent" }
  /** Refused, unreachable, or its name didn't resolve. */
  | { readonly type: "unreachable"; readonly detail: string };

export interface HealthReport extends PeerHealth {
  /** In words: "silent, 4 times in a row". */
  readonly cause: string;
}

export interface Health {
  /** True when the peer went down or came up by it. @param nowMs epoch milliseconds */
  note(peer: string, event: HealthEvent, nowMs: number): boolean;
  /** @param calls running calls of the peer, which the call room counts */
  healthOf(peer: string, calls: number, nowMs: number): HealthReport;
  /** Drops peers that the configuration no longer has. */
  keep(peers: { has(name: string): boolean }): void;
}

const FAILURES_MAX = 3;
const DOWN_MS_MIN = 5_000;
const DOWN_MS_MAX = 60_000;
/** A peer that asks for longer is asked again after this. */
const REST_MS_MAX = 600_000;

interface Entry {
  failures: number;
  downUntilMs: number;
  restsUntilMs: number;
  cause: string;
}

export function createHealth(): Health {
  const entries = new Map<string, Entry>();

  return {
    note(peer, event, nowMs) {
      const before = entries.get(peer);
      if (event.type === "response" && event.status < 500) return noteAlive(entries, peer, nowMs);
      const entry = before ?? { failures: 0, downUntilMs: 0, restsUntilMs: 0, cause: "" };
      entries.set(peer, entry);
      if (event.type === "response") {
        // RFC 3261 §21.5.4: Retry-After says when; that is rest, not failure.
        if (event.status === 503 && event.retryAfterMs > 0) {
          entry.restsUntilMs = Math.max(entry.restsUntilMs, nowMs + Math.min(event.retryAfterMs, REST_MS_MAX));
          return false;
        }
        // 6xx is an answer about the callee, from a peer that works.
        if (event.status >= 600) return noteAlive(entries, peer, nowMs);
      }
      // Calls that were under way when it went down tell nothing new.
      if (entry.downUntilMs > nowMs) return false;
      entry.failures++;
      entry.cause = `${causeOf(event)}, ${entry.failures} in a row`;
      if (entry.failures < FAILURES_MAX) return false;
      entry.downUntilMs = nowMs + Math.min(DOWN_MS_MAX, DOWN_MS_MIN * 2 ** (entry.failures - FAILURES_MAX));
      return true;
    },

    healthOf(peer, calls, nowMs) {
      const entry = entries.get(peer);
      if (entry === undefined) return { up: true, calls, restsUntilMs: 0, cause: "" };
      const restsUntilMs = entry.restsUntilMs > nowMs ? entry.restsUntilMs : 0;
      return { up: entry.downUntilMs <= nowMs, calls, restsUntilMs, cause: entry.cause };
    },

    keep(peers) {
      for (const name of entries.keys()) if (!peers.has(name)) entries.delete(name);
    },
  };
}

function noteAlive(entries: Map<string, Entry>, peer: string, nowMs: number): boolean {
  const entry = entries.get(peer);
  if (entry === undefined) return false;
  const wasDown = entry.failures >= FAILURES_MAX;
  // An answer to a call that began before the 503 doesn't end the rest that it asked for.
  if (entry.restsUntilMs <= nowMs) entries.delete(peer);
  else Object.assign(entry, { failures: 0, downUntilMs: 0, cause: "" });
  return wasDown;
}

function causeOf(event: HealthEvent): string {
  switch (event.type) {
    case "response":
      return String(event.status);
    case "silent":
      return "silent";
    case "unreachable":
      return event.detail;
  }
}
