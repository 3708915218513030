/**
 * Calls by what is asked for, newest first, over millions: the narrowest index gives ids in the order of time, and
 * what else is asked is looked up in those calls. Two steps, so that no planner has to guess which index is meant.
 *
 * The work of a page is bounded. Where two things that are frequent alone are rare together, a page may have fewer
 * calls than asked for, or none, and yet a `next` to go on from; without `next` it was the last.
 */
import { type Kysely, type RawBuilder, type SqlBool, sql } from "kysely";
import { DEFAULT_TENANT, callIdFrom } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import { rowsToCdr } from "./cdr-rows.ts";
import { type CdrFilter, type CdrPage, EVERY_TENANT, LIST_MAX } from "./cdr-store.ts";
import type { AttemptRow, CallRow, LegRow, Schema } from "./schema.ts";

type Db = Kysely<Schema>;

/** No call id has a character above it: the end of a range of ids that begin alike. */
const ABOVE_IDS = "~";
/** Calls looked at for one page: in the order of time, and one by one. */
const WALKED_MAX = 30_000;
const LOOKED_UP_MAX = 8_000;
/** Each tenant's share at least, where several are asked. */
const SHARE_MIN = 1_000;
/** An outcome that fewer calls have leads before a trunk. */
const FEW = 2_000;
const CHUNK_MIN = 256;
const CHUNK_MAX = 4_096;
/** Up to so many calls of a prefix are taken from its index; more are met soon enough by going through all. */
const RARE_MAX = 20_000;

export async function findCalls(db: Db, filter: CdrFilter): Promise<CdrPage> {
  const { tenant = DEFAULT_TENANT } = filter;
  const limit = Math.max(1, Math.min(LIST_MAX, Math.trunc(filter.limit)));
  // Keys begin with the tenant: the newest of each in the order of its key, rather than a sort of all calls.
  const tenants = tenant === EVERY_TENANT ? await tenantsOf(db) : [tenant];
  const found: Found[] = [];
  for (const one of tenants) found.push(await callsOf(db, filter, one, limit, tenants.length));
  // Below the highest place that some tenant was read to, not all is known yet.
  const floor = found.reduce((highest, { readTo }) => (readTo > highest ? readTo : highest), "");
  const known = found.flatMap(({ calls }) => calls).filter(({ id }) => id >= floor);
  if (tenants.length > 1) known.sort((a, b) => (a.id < b.id ? 1 : -1));
  const calls = known.slice(0, limit);
  const next = known.length > limit ? calls.at(-1)!.id : floor;
  return { cdrs: await withParts(db, calls), next: next === "" ? undefined : next };
}

interface Found {
  readonly calls: readonly CallRow[];
  /** Every call from this id on is known; "": all are. */
  readonly readTo: string;
}

/** From one to the next by the key, as `distinct` would read every call. */
export async function tenantsOf(db: Db, table: "call" | "call_total" = "call"): Promise<string[]> {
  const tenants: string[] = [];
  for (;;) {
    const last = tenants.at(-1) ?? "";
    const next = await db.selectFrom(table).select("tenant").where("tenant", ">", last).orderBy("tenant").limit(1).executeTakeFirst();
    if (next === undefined) return tenants;
    tenants.push(next.tenant);
  }
}

/** Newest first, older than `before`, at most `count`; fewer: these were the last. */
type Candidates = (before: string, count: number) => Promise<string[]>;
interface Source {
  readonly candidates: Candidates;
  /** Candidates are all calls of a stretch of time. */
  readonly all: boolean;
  /** What is still to be asked of a candidate. */
  readonly rest: readonly Condition[];
}
type Condition = RawBuilder<SqlBool>;

async function callsOf(db: Db, filter: CdrFilter, tenant: string, limit: number, shares: number): Promise<Found> {
  const { before, callId, fromMs, toMs } = filter;
  const lowest = [callId, fromMs === undefined ? undefined : callIdFrom(fromMs)].reduce<string>(higher, "");
  const above = [before, callId === undefined ? undefined : callId + ABOVE_IDS, toMs === undefined ? undefined : callIdFrom(toMs)];
  let below = above.reduce<string>(lower, ABOVE_IDS);
  const source = await sourceOf(db, filter, tenant, lowest, below);
  const scanMax = Math.max(SHARE_MIN, Math.ceil((source.all ? WALKED_MAX : LOOKED_UP_MAX) / shares));
  const calls: CallRow[] = [];
  let count = source.rest.length === 0 ? limit : Math.max(CHUNK_MIN, limit);
  for (let scanned = 0; scanned < scanMax; ) {
    const ids = below > lowest ? await source.candidates(below, count) : [];
    const rows = ids.length === 0 ? [] : await fitting(db, tenant, ids, source, limit - calls.length);
    calls.push(...rows);
    if (calls.length >= limit) return { calls, readTo: calls.at(-1)!.id };
    if (ids.length < count) return { calls, readTo: "" };
    below = ids.at(-1)!;
    scanned += ids.length;
    count = Math.min(CHUNK_MAX, count * 2);
  }
  return { calls, readTo: below };
}
const higher = (a: string, b: string | undefined): string => (b !== undefined && b > a ? b : a);
const lower = (a: string, b: string | undefined): string => (b !== undefined && b < a ? b : a);

/** The narrowest first. */
async function sourceOf(db: Db, filter: CdrFilter, tenant: string, lowest: string, below: string): Promise<Source> {
  const { number, numberPrefix, peers, outcomes } = filter;
  const conditions = new Map<string, Condition>();
  if (number !== undefined) conditions.set("number", has(spellings(number)));
  if (numberPrefix !== undefined) conditions.set("prefix", begins(spellings(numberPrefix)));
  if (peers !== undefined) conditions.set("peers", touches(peers));
  if (outcomes !== undefined) conditions.set("outcomes", sql<SqlBool>`call.outcome || '' in (${listed(outcomes)})`);
  const sourceWithout = (candidates: Candidates, name = ""): Source => {
    conditions.delete(name);
    return { candidates, all: name === "", rest: [...conditions.values()] };
  };
  const calls = (before: string, count: number) =>
    db
      .selectFrom("call")
      .select("id")
      .where("tenant", "=", tenant)
      .where("id", ">=", lowest)
      .where("id", "<", before)
      .orderBy("id", "desc")
      .limit(count);
  if (number !== undefined)
    return sourceWithout(
      (before, count) =>
        merged(
          count,
          (["caller", "called"] as const).flatMap((column) =>
            spellings(number).map((one) => calls(before, count).where(column, "=", one).execute()),
          ),
        ),
      "number",
    );
  if (numberPrefix !== undefined) {
    const rare = await idsOfRarePrefix(db, tenant, numberPrefix);
    if (rare !== undefined)
      return sourceWithout((before, count) => Promise.resolve(rare.filter((id) => id >= lowest && id < before).slice(0, count)), "prefix");
  }
  const ofPeers: Candidates = (before, count) =>
    merged(
      count,
      (peers ?? []).map((peer) =>
        db
          .selectFrom("call_peer")
          .select("call_id as id")
          .where("tenant", "=", tenant)
          .where("peer", "=", peer)
          .where("call_id", ">=", lowest)
          .where("call_id", "<", before)
          .orderBy("call_id", "desc")
          .limit(count)
          .execute(),
      ),
    );
  const ofOutcomes: Candidates = (before, count) =>
    merged(
      count,
      (outcomes ?? []).map((one) => calls(before, count).where("outcome", "=", one).execute()),
    );
  // Of two, the one that has few; where both have many, a page is soon full.
  const few = peers !== undefined && outcomes !== undefined && (await ofOutcomes(below, FEW)).length < FEW;
  if (peers !== undefined && !few) return sourceWithout(ofPeers, "peers");
  if (outcomes !== undefined) return sourceWithout(ofOutcomes, "outcomes");
  return sourceWithout((before, count) => merged(count, [calls(before, count).execute()]));
}

async function merged(count: number, lists: readonly Promise<{ readonly id: string }[]>[]): Promise<string[]> {
  const ids = new Set((await Promise.all(lists)).flat().map(({ id }) => id));
  return [...ids].sort((a, b) => (a < b ? 1 : -1)).slice(0, count);
}

/** A "+" may be missing on either side. */
function spellings(number: string): string[] {
  const bare = number.replace(/^\+/, "");
  return [bare, `+${bare}`];
}
const LAST_CHARACTER = "\u{10ffff}";

/** Newest first; undefined: they are many. */
async function idsOfRarePrefix(db: Db, tenant: string, prefix: string): Promise<string[] | undefined> {
  const ranges = (["caller", "called"] as const).flatMap((column) =>
    spellings(prefix).map((one) =>
      db
        .selectFrom("call")
        .where("tenant", "=", tenant)
        .where(column, ">=", one)
        .where(column, "<", one + LAST_CHARACTER)
        .limit(RARE_MAX),
    ),
  );
  let count = 0;
  for (const range of ranges) {
    const counted = db.selectFrom(range.select("tenant").as("some")).select((of) => of.fn.countAll<number>().as("count"));
    count += (await counted.executeTakeFirstOrThrow()).count;
    if (count >= RARE_MAX) return undefined;
  }
  return merged(
    count,
    ranges.map((range) => range.select("id").execute()),
  );
}

// With an empty text behind the column no index is taken: the candidates are known already.
const listed = (values: readonly string[]) => (values.length === 0 ? sql`null` : sql.join(values));
const has = (numbers: readonly string[]): Condition =>
  sql<SqlBool>`(call.caller || '' in (${listed(numbers)}) or call.called || '' in (${listed(numbers)}))`;
const begins = (prefixes: readonly string[]): Condition =>
  sql<SqlBool>`(${sql.join(
    prefixes.flatMap((one) =>
      ["caller", "called"].map(
        (column) => sql`(${sql.ref(`call.${column}`)} || '' >= ${one} and ${sql.ref(`call.${column}`)} || '' < ${one + LAST_CHARACTER})`,
      ),
    ),
    sql` or `,
  )})`;
const touches = (peers: readonly string[]): Condition =>
  sql<SqlBool>`exists (select 1 from call_peer where call_peer.tenant = call.tenant and call_peer.peer in (${listed(peers)}) and call_peer.call_id = call.id)`;

function fitting(db: Db, tenant: string, ids: readonly string[], { all, rest }: Source, limit: number): Promise<CallRow[]> {
  let query = db.selectFrom("call").selectAll().where("tenant", "=", tenant);
  query = all ? query.where("id", "<=", ids[0]!).where("id", ">=", ids.at(-1)!) : query.where("id", "in", ids);
  for (const condition of rest) query = query.where(condition);
  return query.orderBy("id", "desc").limit(limit).execute();
}

/** Legs and attempts of a page in one question each, by range of their keys. */
async function withParts(db: Db, calls: readonly CallRow[]): Promise<Cdr[]> {
  const legs = new Map<string, LegRow[]>();
  const attempts = new Map<string, AttemptRow[]>();
  for (const [tenant, own] of Map.groupBy(calls, (call) => call.tenant)) {
    const ids = sql.join(own.map(({ id }) => id));
    // A cross join is read in the order in which it is written.
    const parts = async <Row>(name: "leg" | "attempt"): Promise<Row[]> => {
      const of = sql.table(name);
      const asked = sql<Row>`select ${of}.* from call cross join ${of} where call.tenant = ${tenant} and call.id in (${ids})
        and ${of}.tenant = call.tenant and ${of}.id >= call.id || '-' and ${of}.id < call.id || '-~' order by ${of}.id`;
      return (await asked.execute(db)).rows;
    };
    collect(legs, await parts<LegRow>("leg"));
    collect(attempts, await parts<AttemptRow>("attempt"));
  }
  return calls.map((call) => rowsToCdr({ call, legs: legs.get(call.id) ?? [], attempts: attempts.get(call.id) ?? [] }));
}

function collect<Row extends { readonly call_id: string }>(into: Map<string, Row[]>, rows: readonly Row[]): void {
  for (const row of rows) {
    const own = into.get(row.call_id);
    if (own === undefined) into.set(row.call_id, [row]);
    else own.push(row);
  }
}
