/**
 * Calls counted by the hour in which they began: all of them, those that came from each trunk or gateway, and the
 * attempts to each. Kept with each batch of CDRs in one transaction, so that statistics read no call.
 */
import { type Kysely, sql } from "kysely";
import { DEFAULT_TENANT, type TenantId } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import type { EVERY_TENANT } from "./cdr-store.ts";
import { tenantsOf } from "./find-calls.ts";
import type { CallPeerRow, CallTotalRow, Schema } from "./schema.ts";

export const HOUR_MS = 3_600_000;
const MS_DIGITS = 13;

/** Whoever the call touched, once each. */
export function peersOfCdr({ tenant, callId, legs, attempts }: Cdr): CallPeerRow[] {
  const peers = new Set([...legs, ...attempts].map(({ peer }) => peer));
  return Array.from(peers, (peer) => ({ tenant, peer, call_id: callId }));
}

/** What these calls add, in the order of the keys: two writers then never wait for each other in a ring. */
export function totalsOf(cdrs: readonly Cdr[]): CallTotalRow[] {
  const totals = new Map<string, CallTotalRow>();
  const add = (cdr: Cdr, key: Pick<CallTotalRow, "kind" | "peer" | "direction" | "outcome">, durationMs: number, delayMs?: number) => {
    const hourMs = cdr.startedAtMs - (cdr.startedAtMs % HOUR_MS);
    const id = `${key.kind}-${String(hourMs).padStart(MS_DIGITS, "0")}-${key.direction}-${key.outcome}-${key.peer}`;
    let total = totals.get(`${cdr.tenant} ${id}`);
    if (total === undefined) {
      total = { tenant: cdr.tenant, id, hour_ms: hourMs, ...key, calls: 0, duration_ms: 0, delays: 0, delay_ms: 0 };
      totals.set(`${cdr.tenant} ${id}`, total);
    }
    total.calls++;
    total.duration_ms += Math.round(durationMs);
    if (delayMs === undefined) return;
    total.delays++;
    total.delay_ms += Math.round(delayMs);
  };
  for (const cdr of cdrs) {
    const { outcome, direction, durationMs, setupMs } = cdr;
    add(cdr, { kind: "call", peer: "", direction, outcome }, durationMs, setupMs);
    const [caller] = cdr.legs.filter(({ leg }) => leg === "a");
    if (caller !== undefined) add(cdr, { kind: caller.peerKind, peer: caller.peer, direction: "inbound", outcome }, durationMs, setupMs);
    for (const { peerKind, peer, outcome: ended, postDialDelayMs } of cdr.attempts)
      add(cdr, { kind: peerKind, peer, direction: "outbound", outcome: ended }, ended === "answered" ? durationMs : 0, postDialDelayMs);
  }
  return [...totals].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, total]) => total);
}

export interface TotalsQuestion {
  readonly by: "trunk" | "gateway" | "hour";
  /** Absent: the default tenant. */
  readonly tenant?: TenantId | typeof EVERY_TENANT | undefined;
  /** Whole hours count: that of `fromMs` with, that of `toMs` only where it is within. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface CallTotal {
  /** Name of the peer; "" by hour. */
  readonly peer: string;
  /** Epoch ms by hour; else 0. */
  readonly hourMs: number;
  readonly direction: "inbound" | "outbound";
  readonly outcome: string;
  readonly calls: number;
  readonly durationMs: number;
  /** How many of them have a delay (set-up, or to the first sign of the far end), and their sum. */
  readonly delays: number;
  readonly delayMs: number;
}

export async function readTotals(db: Kysely<Schema>, question: TotalsQuestion): Promise<CallTotal[]> {
  const { tenant = DEFAULT_TENANT } = question;
  const tenants = tenant === "*" ? await tenantsOf(db, "call_total") : [tenant];
  const totals = new Map<string, { -readonly [K in keyof CallTotal]: CallTotal[K] }>();
  for (const one of tenants)
    for (const found of await totalsOfTenant(db, question, one)) {
      const key = `${found.hourMs} ${found.direction} ${found.outcome} ${found.peer}`;
      const total = totals.get(key);
      if (total === undefined) totals.set(key, found);
      else for (const sum of ["calls", "durationMs", "delays", "delayMs"] as const) total[sum] += found[sum];
    }
  return [...totals.values()].sort(
    (a, b) => a.hourMs - b.hourMs || order(a.peer, b.peer) || order(a.direction, b.direction) || order(a.outcome, b.outcome),
  );
}

async function totalsOfTenant(db: Kysely<Schema>, { by, fromMs, toMs }: TotalsQuestion, tenant: string): Promise<CallTotal[]> {
  const kind = by === "hour" ? "call" : by;
  const key = (ms: number): string => `${kind}-${String(Math.max(0, Math.trunc(ms))).padStart(MS_DIGITS, "0")}`;
  const sum = (column: string) => sql<number>`cast(sum(${sql.ref(column)}) as bigint)`;
  const rows = await db
    .selectFrom("call_total")
    .where("tenant", "=", tenant)
    .where("id", ">=", key(fromMs - (fromMs % HOUR_MS)))
    .where("id", "<", key(toMs))
    .select([
      "peer",
      "direction",
      "outcome",
      sum("calls").as("calls"),
      sum("duration_ms").as("duration_ms"),
      sum("delays").as("delays"),
      sum("delay_ms").as("delay_ms"),
    ])
    .$if(by === "hour", (hourly) => hourly.select("hour_ms").groupBy("hour_ms"))
    .groupBy(["peer", "direction", "outcome"])
    .execute();
  return rows.map((row) => ({
    peer: row.peer,
    hourMs: row.hour_ms ?? 0,
    direction: row.direction as CallTotal["direction"],
    outcome: row.outcome,
    calls: row.calls,
    durationMs: row.duration_ms,
    delays: row.delays,
    delayMs: row.delay_ms,
  }));
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
