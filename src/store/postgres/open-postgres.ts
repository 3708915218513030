/** The store on PostgreSQL. Opening never fails: what can't be reached now is asked again with each question. */
import type { Kysely } from "kysely";
import type { Cdr } from "#cdr/record.ts";
import { peersOfCdr, readTotals, totalsOf } from "../call-totals.ts";
import { cdrToRows } from "../cdr-rows.ts";
import { type CdrFilter, type CdrStore, listAll, listConfigRows, saveConfigRow } from "../cdr-store.ts";
import { findCalls } from "../find-calls.ts";
import { type LadderStore, ladderStore } from "../kept-ladders.ts";
import type { Schema } from "../schema.ts";
import { connectPostgres } from "./connect-postgres.ts";

/** Rows of one statement, which has at most 65,535 values. */
const ROWS_MAX = 500;

export function openPostgresStore(url: string): CdrStore {
  const { db, ready, close } = connectPostgres(url);
  const page = async (filter: CdrFilter) => {
    await ready();
    return findCalls(db, filter);
  };
  const ladders = ladderStore(db);
  const keptLadders: LadderStore = {
    async keep(ladder) {
      await ready();
      await ladders.keep(ladder);
    },
    async find(callId, tenant) {
      await ready();
      return ladders.find(callId, tenant);
    },
    async dropOld(keep) {
      await ready();
      return ladders.dropOld(keep);
    },
  };
  return {
    ladders: keptLadders,
    async insert(cdrs) {
      await ready();
      return db.transaction().execute((one) => insert(one, cdrs));
    },
    list: (filter) => listAll(page, filter),
    page,
    async totals(question) {
      await ready();
      return readTotals(db, question);
    },
    async saveConfig(change, tenant) {
      await ready();
      await saveConfigRow(db, change, tenant);
    },
    async configs(limit, tenant) {
      await ready();
      return listConfigRows(db, limit, tenant);
    },
    close,
  };
}

async function insert(db: Kysely<Schema>, cdrs: readonly Cdr[]): Promise<number> {
  // Of a call that comes twice in a batch the first counts.
  const byId = new Map<string, Cdr>();
  for (const cdr of cdrs) if (!byId.has(cdr.callId)) byId.set(cdr.callId, cdr);
  const rows = new Map(Array.from(byId, ([id, cdr]) => [id, cdrToRows(cdr)]));
  const added: Cdr[] = [];
  for (const some of parts(Array.from(rows.values(), ({ call }) => call))) {
    const fresh = await db
      .insertInto("call")
      .values(some)
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .execute();
    for (const { id } of fresh) added.push(byId.get(id)!);
  }
  const own = added.map(({ callId }) => rows.get(callId)!);
  for (const some of parts(own.flatMap(({ legs }) => legs))) await db.insertInto("leg").values(some).execute();
  for (const some of parts(own.flatMap(({ attempts }) => attempts))) await db.insertInto("attempt").values(some).execute();
  for (const some of parts(added.flatMap((cdr) => peersOfCdr(cdr))))
    await db
      .insertInto("call_peer")
      .values(some)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  for (const some of parts(totalsOf(added)))
    await db
      .insertInto("call_total")
      .values(some)
      .onConflict((conflict) =>
        conflict.columns(["tenant", "id"]).doUpdateSet((is) => ({
          calls: is("call_total.calls", "+", is.ref("excluded.calls")),
          duration_ms: is("call_total.duration_ms", "+", is.ref("excluded.duration_ms")),
          delays: is("call_total.delays", "+", is.ref("excluded.delays")),
          delay_ms: is("call_total.delay_ms", "+", is.ref("excluded.delay_ms")),
        })),
      )
      .execute();
  return added.length;
}

function* parts<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < rows.length; at += ROWS_MAX) yield rows.slice(at, at + ROWS_MAX);
}
