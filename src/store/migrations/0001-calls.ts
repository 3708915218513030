/** Calls with legs, attempts and annotations, and the log of configurations. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** A migration never imports today's schema: it says what was true when it was written. */
type AnySchema = Kysely<unknown>;

export const calls: Migration = {
  async up(db: AnySchema): Promise<void> {
    // Numbers have no index yet: two would double what a CDR costs to store (13 → 26 µs).
    await db.schema
      .createTable("call")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("node", "text", (column) => column.notNull())
      .addColumn("direction", "text", (column) => column.notNull())
      .addColumn("caller", "text", (column) => column.notNull())
      .addColumn("called", "text", (column) => column.notNull())
      .addColumn("route", "text", (column) => column.notNull())
      .addColumn("config_generation", "bigint", (column) => column.notNull())
      .addColumn("started_at_ms", "bigint", (column) => column.notNull())
      .addColumn("answered_at_ms", "bigint")
      .addColumn("ended_at_ms", "bigint", (column) => column.notNull())
      .addColumn("setup_ms", "bigint", (column) => column.notNull())
      .addColumn("duration_ms", "bigint", (column) => column.notNull())
      .addColumn("outcome", "text", (column) => column.notNull())
      .addColumn("sip_status", "integer", (column) => column.notNull())
      .addColumn("q850", "integer")
      .addColumn("ended_by", "text", (column) => column.notNull())
      .addColumn("end_reason", "text", (column) => column.notNull())
      .addColumn("skipped", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("call_pk", ["tenant", "id"])
      .execute();
    await db.schema
      .createTable("leg")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("call_id", "text", (column) => column.notNull())
      .addColumn("leg", "text", (column) => column.notNull())
      .addColumn("direction", "text", (column) => column.notNull())
      .addColumn("peer", "text", (column) => column.notNull())
      .addColumn("peer_kind", "text", (column) => column.notNull())
      .addColumn("listener", "text", (column) => column.notNull())
      .addColumn("sip_call_id", "text", (column) => column.notNull())
      .addColumn("remote_address", "text", (column) => column.notNull())
      .addColumn("from_value", "text", (column) => column.notNull())
      .addColumn("to_value", "text", (column) => column.notNull())
      .addColumn("codec", "text", (column) => column.notNull())
      .addColumn("packets_received", "bigint", (column) => column.notNull())
      .addColumn("packets_sent", "bigint", (column) => column.notNull())
      .addColumn("packets_lost", "bigint", (column) => column.notNull())
      .addColumn("jitter_us", "bigint", (column) => column.notNull())
      .addColumn("strays", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("leg_pk", ["tenant", "id"])
      .execute();
    await db.schema
      .createTable("attempt")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("call_id", "text", (column) => column.notNull())
      .addColumn("number", "integer", (column) => column.notNull())
      .addColumn("peer", "text", (column) => column.notNull())
      .addColumn("peer_kind", "text", (column) => column.notNull())
      .addColumn("target", "text", (column) => column.notNull())
      .addColumn("started_at_ms", "bigint", (column) => column.notNull())
      .addColumn("post_dial_delay_ms", "bigint")
      .addColumn("duration_ms", "bigint", (column) => column.notNull())
      .addColumn("status", "integer", (column) => column.notNull())
      .addColumn("q850", "integer")
      .addColumn("outcome", "text", (column) => column.notNull())
      .addColumn("reason", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("attempt_pk", ["tenant", "id"])
      .execute();
    await db.schema
      .createTable("annotation")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("call_id", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("body", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("annotation_pk", ["tenant", "id"])
      .execute();
    await db.schema.createIndex("annotation_call").on("annotation").columns(["tenant", "call_id"]).execute();
    await db.schema
      .createTable("change_log")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("number", "bigint", (column) => column.notNull())
      .addColumn("hash", "text", (column) => column.notNull())
      .addColumn("text", "text", (column) => column.notNull())
      .addColumn("applied_at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("change_log_pk", ["tenant", "id"])
      .execute();
  },
};
