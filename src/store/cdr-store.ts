/** Stored calls and configurations by subject: what every database behind it does (test/contract/store.ts). */
import type { Kysely } from "kysely";
import { DEFAULT_TENANT, type TenantId } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import { rowsToCdr } from "./cdr-rows.ts";
import type { AttemptRow, CallRow, LegRow, Schema } from "./schema.ts";

export interface CdrFilter {
  readonly tenant?: TenantId | undefined;
  /** A call id or its beginning. */
  readonly callId?: string | undefined;
  /** Caller or called, exactly; a "+" may be missing on either side. */
  readonly number?: string | undefined;
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
  const tenant = filter.tenant ?? DEFAULT_TENANT;
  const { callId, number, before } = filter;
  let query = db.selectFrom("call").selectAll().where("tenant", "=", tenant);
  if (callId !== undefined) query = query.where("id", ">=", callId).where("id", "<", callId + ABOVE_IDS);
  if (before !== undefined) query = query.where("id", "<", before);
  if (number !== undefined) {
    const bare = number.replace(/^\+/, "");
    query = query.where((where) => where.or([where("caller", "in", [bare, `+${bare}`]), where("called", "in", [bare, `+${bare}`])]));
  }
  const limit = Math.max(1, Math.min(LIST_MAX, Math.trunc(filter.limit)));
  const calls = await query.orderBy("id", "desc").limit(limit).execute();
  const cdrs: Cdr[] = [];
  for (const call of calls) cdrs.push(rowsToCdr({ call, legs: await legsOf(db, call), attempts: await attemptsOf(db, call) }));
  return cdrs;
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
