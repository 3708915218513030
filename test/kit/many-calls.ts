/**
 * Millions of CDRs straight into the tables of a SQLite store, as its own inserts would leave them: over 30 days, of
 * three tenants, 20 trunks, 50,000 DIDs and two million callers. What is what follows from the number of the call.
 */
import { DatabaseSync } from "node:sqlite";
import { type TenantId, callIdFrom } from "#base/ids.ts";
import type { Outcome } from "#cdr/outcome.ts";

export const FIRST_MS = Date.UTC(2026, 0, 1);
export const DAYS = 30;
const DAY_MS = 86_400_000;
const CHUNK = 100_000;

export interface ManyCall {
  readonly id: string;
  readonly tenant: TenantId;
  readonly startedAtMs: number;
  readonly caller: string;
  readonly called: string;
  readonly trunk: string;
  readonly gateway: string;
  readonly outcome: Outcome;
}

/** Evenly spread and always the same. */
function spread(i: number, salt: number): number {
  let x = Math.imul(i ^ (salt * 0x9e3779b1), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

const TENANTS = ["default", "default", "default", "default", "default", "default", "default", "default", "acme", "globex"] as TenantId[];
/** One carrier brings half of all calls; the last is hardly used. */
const trunkOf = (share: number): string =>
  share < 0.5 ? "carrier-00" : share > 0.99999 ? "carrier-99" : `carrier-${String(1 + Math.floor((share - 0.5) * 38)).padStart(2, "0")}`;
const outcomeOf = (share: number): Outcome =>
  share < 0.6 ? "answered" : share < 0.8 ? "no_answer" : share < 0.95 ? "busy" : share < 0.999 ? "failed" : "carrier_blocked";

export function manyCall(i: number, of: number): ManyCall {
  const startedAtMs = FIRST_MS + Math.floor((i / of) * DAYS * DAY_MS);
  return {
    id: `${callIdFrom(startedAtMs)}${i.toString(10).padStart(7, "0").slice(-7)}`,
    tenant: TENANTS[Math.floor(spread(i, 1) * TENANTS.length)]!,
    startedAtMs,
    caller: `+79${String(Math.floor(spread(i, 2) * 2_000_000) * 499 + 7).padStart(9, "0")}`,
    called: `+7495${String(Math.floor(spread(i, 3) * 50_000)).padStart(7, "0")}`,
    trunk: trunkOf(spread(i, 4)),
    gateway: `ai-${Math.floor(spread(i, 5) * 4)}`,
    outcome: outcomeOf(spread(i, 6)),
  };
}

const NUMBERS = "with recursive n(i) as (select ? union all select i + 1 from n where i < ?) insert into";
const FACT = (name: keyof ManyCall): string => `fact_${name}(i)`;

/** Into a file of today's schema without calls, as one of an older version: opening the store again makes what it lacks. */
export function fillMany(path: string, count: number, onProgress: (done: number) => void = () => {}): void {
  const db = new DatabaseSync(path);
  db.exec("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -262144; pragma locking_mode = exclusive;");
  for (const name of ["id", "tenant", "startedAtMs", "caller", "called", "trunk", "gateway", "outcome"] as const)
    db.function(`fact_${name}`, { deterministic: true }, (i) => memo(Number(i), count)[name]);
  for (const column of ["caller", "called", "outcome"]) db.exec(`drop index call_${column}`);
  db.exec("drop table call_peer; drop table call_total; delete from kysely_migration where name = '0005-call-queries'");
  const call =
    db.prepare(`${NUMBERS} call (tenant, id, node, direction, caller, called, route, config_generation, started_at_ms, answered_at_ms,
      ended_at_ms, setup_ms, duration_ms, outcome, sip_status, q850, ended_by, end_reason, skipped, decision)
    select ${FACT("tenant")}, ${FACT("id")}, '01', 'inbound', ${FACT("caller")}, ${FACT("called")}, 'did', 1, ${FACT("startedAtMs")}, null,
      ${FACT("startedAtMs")} + 60000, 900, iif(${FACT("outcome")} = 'answered', 59000, 0), ${FACT("outcome")}, 200, 16, 'caller', 'BYE', '[]', '' from n`);
  const leg = (
    suffix: string,
    peer: "trunk" | "gateway",
  ): string => `${NUMBERS} leg (tenant, id, call_id, leg, direction, peer, peer_kind, listener,
      sip_call_id, remote_address, from_value, to_value, codec, packets_received, packets_sent, packets_lost, jitter_us, strays)
    select ${FACT("tenant")}, ${FACT("id")} || '-00${suffix === "a" ? 0 : 1}', ${FACT("id")}, '${suffix}', '${suffix === "a" ? "in" : "out"}bound', ${FACT(peer)}, '${peer}',
      'public', ${FACT("id")}, '192.0.2.7:5060', '', '', 'PCMA', 2950, 2950, 0, 1200, 0 from n`;
  const legs = [db.prepare(leg("a", "trunk")), db.prepare(`${leg("b1", "gateway")} where ${FACT("outcome")} = 'answered'`)];
  const attempt = db.prepare(`${NUMBERS} attempt (tenant, id, call_id, number, peer, peer_kind, target, started_at_ms, post_dial_delay_ms,
      duration_ms, status, q850, outcome, reason)
    select ${FACT("tenant")}, ${FACT("id")} || '-000', ${FACT("id")}, 1, ${FACT("gateway")}, 'gateway', 'UDP 198.51.100.1:5060', ${FACT("startedAtMs")},
      40, 900, 200, 16, ${FACT("outcome")}, 'answered' from n`);
  for (let from = 0; from < count; from += CHUNK) {
    const to = Math.min(count, from + CHUNK) - 1;
    db.exec("begin");
    for (const statement of [call, ...legs, attempt]) statement.run(from, to);
    db.exec("commit");
    onProgress(to + 1);
  }
  db.close();
}

let last: { readonly i: number; readonly of: number; readonly call: ManyCall } | undefined;
function memo(i: number, of: number): ManyCall {
  if (last?.i !== i || last.of !== of) last = { i, of, call: manyCall(i, of) };
  return last.call;
}
