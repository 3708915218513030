/** Stored calls and configurations by subject: what every database behind it does (test/contract/store.ts). */
import { type Kysely, type RawBuilder, type SqlBool, sql } from "kysely";
import { DEFAULT_TENANT, type TenantId } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import { rowsToCdr } from "./cdr-rows.ts";
import type { AttemptRow, CallRow, LegRow, Schema } from "./schema.ts";

/** For whoever runs the deployment; no tenant can have this name. */
export const EVERY_TENANT = "*";

export interface CdrFilter {
  /** Absent: the default tenant. */
  readonly tenant?: TenantId | typeof EVERY_TENANT | undefined;
  /** A call id or its beginning. */
  readonly callId?: string | undefined;
  /** Caller or called, exactly; a "+" may be missing on either side. */
  readonly number?: string | undefined;
  /** Trunks or gateways, of which one at least called, was called or was tried. */
  readonly peers?: readonly string[] | undefined;
  /** Only calls older than this call id: the next page. */
  readonly before?: string | undefined;
  /** 1 to LIST_MAX. */
  readonly limit: number;
}

export const LIST_MAX = 1_000;

export interface ConfigChange {
  /** The generation that CDRs name; it starts again with each start, so time tells which one is meant. */
  readonly number: number;
  readonly hash: string;
  /** The YAML as it was. */
  readonly text: string;
  readonly appliedAtMs: number;
}

export interface CdrStore {
  /** All or none, once per call id however often it comes. @returns how many were new */
  insert(cdrs: readonly Cdr[]): Promise<number>;
  /** Newest first, with legs and attempts. */
  list(filter: CdrFilter): Promise<Cdr[]>;
  saveConfig(change: ConfigChange, tenant?: TenantId): Promise<void>;
  /** Newest first. */
  configs(limit: number, tenant?: TenantId): Promise<ConfigChange[]>;
  close(): Promise<void>;
}

/** No call id has a character above it: the end of a range of ids that begin alike. */
const ABOVE_IDS = "~";
/** Epoch ms keep 13 digits until the year 2286. */
const MS_DIGITS = 13;
const NUMBER_DIGITS = 10;

export async function listCdrs(db: Kysely<Schema>, filter: CdrFilter): Promise<Cdr[]> {
  const { tenant = DEFAULT_TENANT } = filter;
  const limit = Math.max(1, Math.min(LIST_MAX, Math.trunc(filter.limit)));
  const tenants = tenant === EVERY_TENANT ? await tenantsOf(db) : [tenant];
  // Keys begin with the tenant: the newest of each in the order of its key, rather than a sort of all calls.
  const newest: CallRow[] = [];
  for (const one of tenants) newest.push(...(await callsOf(db, filter, one, limit)));
  if (tenants.length > 1) newest.sort((a, b) => (a.id < b.id ? 1 : -1)).splice(limit);
  const cdrs: Cdr[] = [];
  for (const call of newest) cdrs.push(rowsToCdr({ call, legs: await legsOf(db, call), attempts: await attemptsOf(db, call) }));
  return cdrs;
}

/** From one to the next by the key, as `distinct` would read every call. */
async function tenantsOf(db: Kysely<Schema>): Promise<string[]> {
  const tenants: string[] = [];
  for (;;) {
    const next = await db
      .selectFrom("call")
      .select("tenant")
      .where("tenant", ">", tenants.at(-1) ?? "")
      .orderBy("tenant")
      .limit(1)
      .executeTakeFirst();
    if (next === undefined) return tenants;
    tenants.push(next.tenant);
  }
}

function callsOf(db: Kysely<Schema>, filter: CdrFilter, tenant: string, limit: number): Promise<CallRow[]> {
  const { callId, number, before, peers } = filter;
  let query = db.selectFrom("call").selectAll().where("tenant", "=", tenant);
  if (callId !== undefined) query = query.where("id", ">=", callId).where("id", "<", callId + ABOVE_IDS);
  if (before !== undefined) query = query.where("id", "<", before);
  if (peers !== undefined) query = query.where(touches(peers));
  if (number !== undefined) {
    const bare = number.replace(/^\+/, "");
    query = query.where((where) => where.or([where("caller", "in", [bare, `+${bare}`]), where("called", "in", [bare, `+${bare}`])]));
  }
  return query.orderBy("id", "desc").limit(limit).execute();
}

/** By range of the primary key, as below. */
function touches(peers: readonly string[]): RawBuilder<SqlBool> {
  if (peers.length === 0) return sql<SqlBool>`1 = 0`;
  const names = sql.join(peers);
  const of = (table: string) => {
    const found = sql.table(table);
    return sql<SqlBool>`exists (select 1 from ${found} where ${found}.tenant = call.tenant and ${found}.id >= call.id || '-' and ${found}.id < call.id || '-~' and ${found}.peer in (${names}))`;
  };
  return sql<SqlBool>`(${of("leg")} or ${of("attempt")})`;
}

// By range of the primary key: call_id has no index of its own.
const legsOf = (db: Kysely<Schema>, call: CallRow): Promise<LegRow[]> =>
  db
    .selectFrom("leg")
    .selectAll()
    .where("tenant", "=", call.tenant)
    .where("id", ">=", `${call.id}-`)
    .where("id", "<", `${call.id}-${ABOVE_IDS}`)
    .orderBy("id")
    .execute();

const attemptsOf = (db: Kysely<Schema>, call: CallRow): Promise<AttemptRow[]> =>
  db
    .selectFrom("attempt")
    .selectAll()
    .where("tenant", "=", call.tenant)
    .where("id", ">=", `${call.id}-`)
    .where("id", "<", `${call.id}-${ABOVE_IDS}`)
    .orderBy("id")
    .execute();

export async function saveConfigRow(db: Kysely<Schema>, change: ConfigChange, tenant: TenantId = DEFAULT_TENANT): Promise<void> {
  const { number, hash, text, appliedAtMs } = change;
  // Ids in order of time; the same configuration saved twice is one row.
  const id = `${String(appliedAtMs).padStart(MS_DIGITS, "0")}-${String(number).padStart(NUMBER_DIGITS, "0")}`;
  await db
    .insertInto("change_log")
    .values({ tenant, id, number, hash, text, applied_at_ms: appliedAtMs })
    .onConflict((conflict) => conflict.columns(["tenant", "id"]).doNothing())
    .execute();
}

export async function listConfigRows(db: Kysely<Schema>, limit: number, tenant: TenantId = DEFAULT_TENANT): Promise<ConfigChange[]> {
  const rows = await db.selectFrom("change_log").selectAll().where("tenant", "=", tenant).orderBy("id", "desc").limit(limit).execute();
  return rows.map((row) => ({ number: row.number, hash: row.hash, text: row.text, appliedAtMs: row.applied_at_ms }));
}
