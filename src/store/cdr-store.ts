/** Stored calls and configurations by subject: what every database behind it does (test/contract/store.ts). */
import type { Kysely } from "kysely";
import { DEFAULT_TENANT, type TenantId } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import type { Outcome } from "#cdr/outcome.ts";
import type { CallTotal, TotalsQuestion } from "./call-totals.ts";
import type { LadderStore } from "./kept-ladders.ts";
import type { Schema } from "./schema.ts";

/** For whoever runs the deployment; no tenant can have this name. */
export const EVERY_TENANT = "*";

export interface CdrFilter {
  /** Absent: the default tenant. */
  readonly tenant?: TenantId | typeof EVERY_TENANT | undefined;
  /** A call id or its beginning. */
  readonly callId?: string | undefined;
  /** Caller or called, exactly; a "+" may be missing on either side. */
  readonly number?: string | undefined;
  /** How the number of caller or called begins; a "+" may be missing likewise. */
  readonly numberPrefix?: string | undefined;
  readonly outcomes?: readonly Outcome[] | undefined;
  /** Calls that began from this time on, and before that; epoch milliseconds. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
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

export interface CdrPage {
  /** With legs and attempts. */
  readonly cdrs: readonly Cdr[];
  /** To go on from as `before`, even where the page is not full; undefined: no more. */
  readonly next: string | undefined;
}

export interface CdrStore {
  /** All or none, once per call id however often it comes. @returns how many were new */
  insert(cdrs: readonly Cdr[]): Promise<number>;
  /** Newest first, with legs and attempts. */
  list(filter: CdrFilter): Promise<Cdr[]>;
  /** The same with bounded work. */
  page(filter: CdrFilter): Promise<CdrPage>;
  totals(question: TotalsQuestion): Promise<CallTotal[]>;
  saveConfig(change: ConfigChange, tenant?: TenantId): Promise<void>;
  /** Newest first. */
  configs(limit: number, tenant?: TenantId): Promise<ConfigChange[]>;
  /** That outlive the ring. */
  readonly ladders: LadderStore;
  close(): Promise<void>;
}

/** Epoch ms keep 13 digits until the year 2286. */
const MS_DIGITS = 13;
const NUMBER_DIGITS = 10;

/** Pages until there are as many as asked for, or no more. */
export async function listAll(page: (filter: CdrFilter) => Promise<CdrPage>, filter: CdrFilter): Promise<Cdr[]> {
  const cdrs: Cdr[] = [];
  const limit = Math.max(1, Math.min(LIST_MAX, Math.trunc(filter.limit)));
  for (let before = filter.before; ; ) {
    const found = await page({ ...filter, before, limit: limit - cdrs.length });
    cdrs.push(...found.cdrs);
    if (found.next === undefined || cdrs.length >= limit) return cdrs;
    before = found.next;
  }
}

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
