/**
 * What each trunk and gateway had of calls since the start: for metrics and statistics. Counted as it happens, so
 * that nobody has to read CDRs for it.
 */
import type { Outcome } from "#cdr/outcome.ts";
import type { TandemEvent } from "./event.ts";
import type { Sink } from "./publish.ts";

export interface WayTotals {
  /** That are over; outbound also those that were answered. */
  readonly calls: number;
  readonly answered: number;
  /** By a fault of somebody's: not busy, unanswered, cancelled, refused by a person or of a number that isn't. */
  readonly failed: number;
  /** Talked, of calls that are over. */
  readonly seconds: number;
}
export interface PeerTotals {
  readonly inbound: WayTotals;
  /** Attempts: a call that hunts counts once at each peer tried. */
  readonly outbound: WayTotals;
}

type Counting = { -readonly [K in keyof WayTotals]: WayTotals[K] };

export interface PeerTotalsSink extends Sink {
  of(peer: string): PeerTotals;
}

/** Names come from the configuration, but reloads may bring ever new ones. */
const PEERS_MAX = 20_000;
const FAULTS: ReadonlySet<string> = new Set<Outcome>([
  "carrier_blocked",
  "rate_limited",
  "capacity",
  "auth_failed",
  "media_failed",
  "timeout",
  "failed",
]);
const COUNTED: ReadonlySet<TandemEvent["type"]> = new Set(["call-started", "call-answered", "attempt-ended", "call-ended"] as const);
const nothing = (): Counting => ({ calls: 0, answered: 0, failed: 0, seconds: 0 });

export function createPeerTotals(): PeerTotalsSink {
  const totals = new Map<string, { readonly inbound: Counting; readonly outbound: Counting }>();
  /** Call → who calls and who answered. */
  const live = new Map<string, { readonly from: string; to: string }>();
  const at = (peer: string) => {
    let found = totals.get(peer);
    if (found === undefined) {
      found = { inbound: nothing(), outbound: nothing() };
      if (totals.size < PEERS_MAX) totals.set(peer, found);
    }
    return found;
  };
  return {
    name: "peer totals",
    takes: (type) => COUNTED.has(type),
    accept({ event }) {
      switch (event.type) {
        case "call-started":
          if (event.callId !== undefined) live.set(event.callId, { from: event.peer, to: "" });
          return;
        case "call-answered": {
          const call = live.get(event.callId ?? "");
          if (call !== undefined) call.to = event.peer;
          return;
        }
        case "attempt-ended": {
          const { outbound } = at(event.peer);
          outbound.calls++;
          if (event.outcome === "answered") outbound.answered++;
          if (FAULTS.has(event.outcome)) outbound.failed++;
          return;
        }
        case "call-ended": {
          const call = live.get(event.callId ?? "");
          if (call === undefined) return;
          live.delete(event.callId ?? "");
          const { inbound } = at(call.from);
          inbound.calls++;
          if (FAULTS.has(event.outcome)) inbound.failed++;
          if (event.outcome !== "answered") return;
          inbound.answered++;
          inbound.seconds += event.durationMs / 1000;
          if (call.to !== "") at(call.to).outbound.seconds += event.durationMs / 1000;
          return;
        }
        default:
      }
    },
    of: (peer) => totals.get(peer) ?? { inbound: nothing(), outbound: nothing() },
  };
}
