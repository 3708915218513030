/**
 * Health of peers from what live calls and probes showed, per resolved address. State in memory only: after a
 * restart everyone is usable.
 *
 * A target is down after `downAfter` failures in a row. Where probes ask it, `upAfter` successes bring it back; where
 * none do, it is down for DOWN_MS_MIN, doubling up to DOWN_MS_MAX; then calls may try it again, and a single failure
 * puts it back. A peer is down when all its targets are. A target is a text such as "udp:192.0.2.1:5060"; a name that
 * doesn't resolve is a target of its own.
 */
import type { PeerHealth } from "./decision.ts";
import type { ProbePolicy } from "./snapshot.ts";

export type HealthEvent =
  /** A final response to a call. `retryAfterMs` of a 503; 0: it named none. */
  | { readonly type: "response"; readonly status: number; readonly retryAfterMs: number }
  /** No response at all, not even 100. */
  | { readonly type: "silent" }
  /** Refused, unreachable, or its name didn't resolve. */
  | { readonly type: "unreachable"; readonly detail: string }
  /** What came of an OPTIONS; status 0: `detail` says what came instead of an answer. */
  | { readonly type: "probe"; readonly status: number; readonly retryAfterMs: number; readonly rttMs: number; readonly detail: string };

export interface HealthReport extends PeerHealth {
  /** In words: "silent, 4 in a row". */
  readonly cause: string;
}

/** A target went down or came up. */
export interface HealthChange {
  readonly target: string;
  readonly up: boolean;
  readonly reason: string;
  /** Epoch ms. */
  readonly atMs: number;
}

export interface TargetReport {
  readonly target: string;
  readonly up: boolean;
  /** Epoch ms; 0: it doesn't rest. */
  readonly restsUntilMs: number;
  readonly cause: string;
  /** Undefined: never probed. */
  readonly probe: { readonly atMs: number; readonly status: number; readonly rttMs: number; readonly detail: string } | undefined;
  /** Of the last SAMPLES_MAX calls and probes; `succeeded` of `samples`. */
  readonly samples: number;
  readonly succeeded: number;
}

export interface Health {
  /** Undefined: neither went down nor came up by it. @param nowMs epoch milliseconds */
  note(peer: string, target: string, event: HealthEvent, nowMs: number): HealthChange | undefined;
  /** The addresses that the peer's uri leads to now; others of it are forgotten, and not taken up. */
  setTargets(peer: string, targets: readonly string[]): void;
  /** @param calls running calls of the peer, which the call room counts */
  healthOf(peer: string, calls: number, nowMs: number): HealthReport;
  /** Up and not resting. */
  isUsable(peer: string, target: string, nowMs: number): boolean;
  /** Epoch ms; 0: it doesn't rest. */
  restsUntil(peer: string, target: string, nowMs: number): number;
  targetsOf(peer: string, nowMs: number): readonly TargetReport[];
  /** Newest first. */
  historyOf(peer: string): readonly HealthChange[];
  /** Drops peers that the configuration no longer has. */
  keep(peers: { has(name: string): boolean }): void;
}

const FAILURES_MAX = 3;
const DOWN_MS_MIN = 5_000;
const DOWN_MS_MAX = 60_000;
/** A peer that asks for longer is asked again after this. */
const REST_MS_MAX = 600_000;
const SAMPLES_MAX = 100;
const HISTORY_MAX = 20;
/** Targets noted for a peer whose addresses nobody named. */
const TARGETS_MAX = 16;

interface Entry {
  failures: number;
  /** In a row, while down. */
  successes: number;
  down: boolean;
  downUntilMs: number;
  restsUntilMs: number;
  cause: string;
  probe: TargetReport["probe"];
  /** A ring of the last outcomes. */
  readonly outcomes: boolean[];
  samples: number;
}

interface PeerEntry {
  /** The present addresses, where they are known. */
  known: readonly string[] | undefined;
  readonly targets: Map<string, Entry>;
  history: readonly HealthChange[];
}

type Verdict = "alive" | "failed" | "rests";

/** @param policyOf how a peer is probed; undefined: it isn't */
export function createHealth(policyOf: (peer: string) => ProbePolicy | undefined = () => undefined): Health {
  const peers = new Map<string, PeerEntry>();

  function entryOf(peer: string, target: string): readonly [PeerEntry, Entry] | undefined {
    let known = peers.get(peer);
    if (known === undefined) peers.set(peer, (known = { known: undefined, targets: new Map(), history: [] }));
    let entry = known.targets.get(target);
    if (entry === undefined) {
      // A redirect led elsewhere: that is not the peer's own address.
      if (known.known !== undefined ? !known.known.includes(target) : known.targets.size >= TARGETS_MAX) return undefined;
      entry = {
        failures: 0,
        successes: 0,
        down: false,
        downUntilMs: 0,
        restsUntilMs: 0,
        cause: "",
        probe: undefined,
        outcomes: [],
        samples: 0,
      };
      known.targets.set(target, entry);
    }
    return [known, entry];
  }

  const isDown = (peer: string, entry: Entry, nowMs: number): boolean =>
    entry.down && (policyOf(peer) !== undefined || entry.downUntilMs > nowMs);

  return {
    note(peer, target, event, nowMs) {
      const found = entryOf(peer, target);
      if (found === undefined) return undefined;
      const [known, entry] = found;
      const policy = policyOf(peer);
      const verdict = verdictOn(event, policy);
      if (event.type === "probe") entry.probe = { atMs: nowMs, status: event.status, rttMs: event.rttMs, detail: event.detail };
      if (verdict === "rests") {
        entry.restsUntilMs = Math.max(entry.restsUntilMs, nowMs + Math.min(retryAfterMs(event), REST_MS_MAX));
        return undefined;
      }
      entry.outcomes[entry.samples++ % SAMPLES_MAX] = verdict === "alive";
      const went = verdict === "alive" ? noteAlive(entry, policy) : noteFailure(entry, event, policy, isDown(peer, entry, nowMs), nowMs);
      if (went === undefined) return undefined;
      const change: HealthChange = {
        target,
        up: went === "up",
        reason: went === "up" ? `answers again: ${causeOf(event)}` : entry.cause,
        atMs: nowMs,
      };
      known.history = [change, ...known.history].slice(0, HISTORY_MAX);
      return change;
    },

    setTargets(peer, targets) {
      const entry = peers.get(peer);
      if (entry === undefined) {
        peers.set(peer, { known: targets, targets: new Map(), history: [] });
        return;
      }
      if (entry.known !== undefined && sameList(entry.known, targets)) return;
      entry.known = targets;
      for (const target of entry.targets.keys()) if (!targets.includes(target)) entry.targets.delete(target);
    },

    healthOf(peer, calls, nowMs) {
      const entry = peers.get(peer);
      const names = entry?.known ?? [...(entry?.targets.keys() ?? [])];
      if (entry === undefined || names.length === 0) return { up: true, calls, restsUntilMs: 0, cause: "" };
      let [up, restsUntilMs, cause] = [false, Infinity, ""];
      for (const name of names) {
        const target = entry.targets.get(name);
        if (target !== undefined && cause === "") cause = target.cause;
        if (target !== undefined && isDown(peer, target, nowMs)) continue;
        up = true;
        restsUntilMs = Math.min(restsUntilMs, target !== undefined && target.restsUntilMs > nowMs ? target.restsUntilMs : 0);
      }
      return { up, calls, restsUntilMs: up ? restsUntilMs : 0, cause };
    },

    isUsable(peer, target, nowMs) {
      const entry = peers.get(peer)?.targets.get(target);
      return entry === undefined || (!isDown(peer, entry, nowMs) && entry.restsUntilMs <= nowMs);
    },

    restsUntil(peer, target, nowMs) {
      const untilMs = peers.get(peer)?.targets.get(target)?.restsUntilMs ?? 0;
      return untilMs > nowMs ? untilMs : 0;
    },

    targetsOf(peer, nowMs) {
      const entry = peers.get(peer);
      const names = entry?.known ?? [...(entry?.targets.keys() ?? [])];
      return names.map((target) => {
        const at = entry?.targets.get(target);
        if (at === undefined) return { target, up: true, restsUntilMs: 0, cause: "", probe: undefined, samples: 0, succeeded: 0 };
        return {
          target,
          up: !isDown(peer, at, nowMs),
          restsUntilMs: at.restsUntilMs > nowMs ? at.restsUntilMs : 0,
          cause: at.cause,
          probe: at.probe,
          samples: at.outcomes.length,
          succeeded: at.outcomes.filter(Boolean).length,
        };
      });
    },

    historyOf: (peer) => peers.get(peer)?.history ?? [],

    keep(kept) {
      for (const name of peers.keys()) if (!kept.has(name)) peers.delete(name);
    },
  };
}

/** "200" or "4xx". */
export const isAccepted = (status: number, codes: readonly string[]): boolean =>
  codes.length === 0
    ? status > 0 && (status < 500 || status >= 600)
    : codes.includes(String(status)) || codes.includes(`${Math.floor(status / 100)}xx`);

function verdictOn(event: HealthEvent, policy: ProbePolicy | undefined): Verdict {
  if (event.type === "silent" || event.type === "unreachable") return "failed";
  // RFC 3261 §21.5.4: Retry-After says when; that is rest, not failure.
  if (event.status === 503 && event.retryAfterMs > 0) return "rests";
  // 6xx is an answer about the callee, from a peer that works.
  return isAccepted(event.status, event.type === "probe" ? (policy?.acceptedCodes ?? []) : []) ? "alive" : "failed";
}

const retryAfterMs = (event: HealthEvent): number => ("retryAfterMs" in event ? event.retryAfterMs : 0);

function noteAlive(entry: Entry, policy: ProbePolicy | undefined): "up" | undefined {
  entry.failures = 0;
  if (!entry.down) {
    entry.cause = "";
    return undefined;
  }
  if (++entry.successes < (policy?.upAfter ?? 1)) return undefined;
  Object.assign(entry, { down: false, downUntilMs: 0, successes: 0, cause: "" });
  return "up";
}

function noteFailure(entry: Entry, event: HealthEvent, policy: ProbePolicy | undefined, down: boolean, nowMs: number): "down" | undefined {
  entry.successes = 0;
  // Calls that were under way when it went down tell nothing new.
  if (down && event.type !== "probe") return undefined;
  entry.failures++;
  entry.cause = `${causeOf(event)}, ${entry.failures} in a row`;
  const failuresMax = policy?.downAfter ?? FAILURES_MAX;
  if (entry.failures < failuresMax || down) return undefined;
  entry.down = true;
  entry.downUntilMs = nowMs + Math.min(DOWN_MS_MAX, DOWN_MS_MIN * 2 ** Math.min(entry.failures - failuresMax, 10));
  return "down";
}

function causeOf(event: HealthEvent): string {
  switch (event.type) {
    case "response":
      return String(event.status);
    case "silent":
      return "silent";
    case "unreachable":
      return event.detail;
    case "probe":
      return event.status > 0 ? `OPTIONS ${event.status}` : `OPTIONS ${event.detail}`;
  }
}

const sameList = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((item, i) => item === b[i]);

interface Address {
  readonly transport: string;
  readonly address: string;
  readonly port: number;
}

/** How a resolved address is named here: "udp:192.0.2.1:5060". */
export const targetName = ({ transport, address, port }: Address): string =>
  `${transport.toLowerCase()}:${address.includes(":") ? `[${address}]` : address}:${port}`;

/** Those that can be tried, in their order; all, where none can: better a try than none. */
export function usableTargets<T extends Address>(health: Health, peer: string, targets: readonly T[], nowMs: number): readonly T[] {
  const usable = targets.filter((target) => health.isUsable(peer, targetName(target), nowMs));
  return usable.length === 0 ? targets : usable;
}
