/**
 * What finds calls among millions: by number and outcome through indexes, by trunk or gateway through a table of who
 * took part, and totals by the hour so that statistics read no call at all.
 */
import { type Kysely, SqliteAdapter, sql } from "kysely";
import type { Migration } from "kysely/migration";

type AnySchema = Kysely<unknown>;

export const callQueries: Migration = {
  async up(db: AnySchema): Promise<void> {
    // SQLite otherwise keeps such a row twice: in a table and in the index of its key.
    const end = db.getExecutor().adapter instanceof SqliteAdapter ? sql`without rowid` : sql``;
    await db.schema
      .createTable("call_peer")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("peer", "text", (column) => column.notNull())
      .addColumn("call_id", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("call_peer_pk", ["tenant", "peer", "call_id"])
      .modifyEnd(end)
      .execute();
    await db.schema
      .createTable("call_total")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("hour_ms", "bigint", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("peer", "text", (column) => column.notNull())
      .addColumn("direction", "text", (column) => column.notNull())
      .addColumn("outcome", "text", (column) => column.notNull())
      .addColumn("calls", "bigint", (column) => column.notNull())
      .addColumn("duration_ms", "bigint", (column) => column.notNull())
      .addColumn("delays", "bigint", (column) => column.notNull())
      .addColumn("delay_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("call_total_pk", ["tenant", "id"])
      .modifyEnd(end)
      .execute();
    for (const column of ["caller", "called", "outcome"])
      await db.schema.createIndex(`call_${column}`).on("call").columns(["tenant", column, "id"]).execute();
    for (const statement of BACKFILL) await sql.raw(statement).execute(db);
  },
};

const HOUR_MS = 3_600_000;
const hourOf = (column: string): string => `${column} - ${column} % ${HOUR_MS}`;
const totals = (kind: string, peer: string, direction: string, from: string, of: string, hour: string, delay: string): string =>
  `insert into call_total (tenant, id, hour_ms, kind, peer, direction, outcome, calls, duration_ms, delays, delay_ms)
   select tenant, kind || '-' || cast(hour_ms as text) || '-' || direction || '-' || outcome || '-' || peer,
     hour_ms, kind, peer, direction, outcome, count(*), sum(duration_ms), count(delay_ms), coalesce(sum(delay_ms), 0)
   from (select ${of}.tenant as tenant, ${hourOf(hour)} as hour_ms, ${kind} as kind, ${peer} as peer, ${direction} as direction,
     ${of}.outcome as outcome, ${of === "attempt" ? "case when attempt.outcome = 'answered' then call.duration_ms else 0 end" : "call.duration_ms"} as duration_ms,
     ${delay} as delay_ms from ${from}) as one
   group by tenant, hour_ms, kind, peer, direction, outcome`;

/** Of the calls that are there already, what call-totals.ts keeps of new ones. */
const BACKFILL = [
  `insert into call_peer (tenant, peer, call_id)
   select tenant, peer, call_id from leg union select tenant, peer, call_id from attempt`,
  totals("'call'", "''", "call.direction", "call", "call", "call.started_at_ms", "call.setup_ms"),
  totals(
    "leg.peer_kind",
    "leg.peer",
    "'inbound'",
    "leg join call on call.tenant = leg.tenant and call.id = leg.call_id where leg.leg = 'a'",
    "call",
    "call.started_at_ms",
    "call.setup_ms",
  ),
  totals(
    "attempt.peer_kind",
    "attempt.peer",
    "'outbound'",
    "attempt join call on call.tenant = attempt.tenant and call.id = attempt.call_id",
    "attempt",
    "call.started_at_ms",
    "attempt.post_dial_delay_ms",
  ),
];
