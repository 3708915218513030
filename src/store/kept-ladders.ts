/**
 * Ladders that outlive the ring: those of calls that failed, and a sample of the others. Kept as annotations of the
 * call; the oldest go when there are too many. Works on every database below Kysely.
 */
import type { Kysely } from "kysely";
import type { Cdr } from "#cdr/record.ts";
import type { Stamped } from "#observe/event.ts";
import type { Schema } from "./schema.ts";

export const LADDER_KIND = "ladder";
export const LADDERS_MAX = 20_000;
/** A call whose ladder is longer than all reason is cut: its beginning tells why it failed. */
export const LADDER_BYTES_MAX = 512 * 1024;
/** Call ids end in a counter of base 32: of the calls that went well, one in 1,024. */
const SAMPLED = /00$/;
/** Shorter calls may have been silent for good reasons. */
const TALK_MIN_MS = 2_000;

export interface KeptLadder {
  readonly tenant: string;
  readonly callId: string;
  readonly createdAtMs: number;
  readonly events: readonly Stamped[];
}

export type KeptAs = "failed" | "silent" | "sample";

/** Why the ladder of this call is kept: it failed, one side of it was silent, or the end of its id picks it. undefined: it isn't. */
export function keptAs({ outcome, callId, legs, durationMs }: Cdr): KeptAs | undefined {
  if (outcome !== "answered" && outcome !== "cancelled" && outcome !== "busy") return "failed";
  const silent = durationMs > TALK_MIN_MS && legs.some(({ packetsReceived, strays }) => packetsReceived === 0 || strays > 0);
  if (silent) return "silent";
  return SAMPLED.test(callId) ? "sample" : undefined;
}

export interface LadderStore {
  /** Once per call. */
  keep(ladder: KeptLadder): Promise<void>;
  /** @param tenant undefined: whoever's it is */
  find(callId: string, tenant?: string): Promise<readonly Stamped[] | undefined>;
  /** Leaves the youngest. @returns how many went */
  dropOld(keep?: number): Promise<number>;
}

export const ladderStore = (db: Kysely<Schema>): LadderStore => ({
  keep: (ladder) => keepLadder(db, ladder),
  find: (callId, tenant) => keptLadder(db, callId, tenant),
  dropOld: (keep) => dropOldLadders(db, keep),
});

async function keepLadder(db: Kysely<Schema>, { tenant, callId, createdAtMs, events }: KeptLadder): Promise<void> {
  let kept = events;
  let body = JSON.stringify(kept);
  while (body.length > LADDER_BYTES_MAX && kept.length > 1) {
    kept = kept.slice(0, Math.floor(kept.length / 2));
    body = JSON.stringify(kept);
  }
  await db
    .insertInto("annotation")
    .values({ tenant, id: `${callId}-${LADDER_KIND}`, call_id: callId, kind: LADDER_KIND, created_at_ms: createdAtMs, body })
    .onConflict((conflict) => conflict.columns(["tenant", "id"]).doNothing())
    .execute();
}

async function keptLadder(db: Kysely<Schema>, callId: string, tenant: string | undefined): Promise<readonly Stamped[] | undefined> {
  let query = db.selectFrom("annotation").select("body").where("call_id", "=", callId).where("kind", "=", LADDER_KIND);
  if (tenant !== undefined) query = query.where("tenant", "=", tenant);
  const row = await query.limit(1).executeTakeFirst();
  return row === undefined ? undefined : (JSON.parse(row.body) as readonly Stamped[]);
}

async function dropOldLadders(db: Kysely<Schema>, keep = LADDERS_MAX): Promise<number> {
  const oldest = await db
    .selectFrom("annotation")
    .select("created_at_ms")
    .where("kind", "=", LADDER_KIND)
    .orderBy("created_at_ms", "desc")
    .offset(keep)
    .limit(1)
    .executeTakeFirst();
  if (oldest === undefined) return 0;
  const gone = await db
    .deleteFrom("annotation")
    .where("kind", "=", LADDER_KIND)
    .where("created_at_ms", "<=", oldest.created_at_ms)
    .executeTakeFirst();
  return Number(gone.numDeletedRows);
}
