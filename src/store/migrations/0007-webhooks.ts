/** Webhooks, what is to be delivered to them, and how far the live events were taken. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

type AnySchema = Kysely<unknown>;

export const webhooks: Migration = {
  async up(db: AnySchema): Promise<void> {
    await db.schema
      .createTable("webhook")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("url", "text", (column) => column.notNull())
      .addColumn("events", "text", (column) => column.notNull())
      .addColumn("active", "integer", (column) => column.notNull())
      .addColumn("secret_version", "integer", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("webhook_pk", ["tenant", "id"])
      .execute();
    await db.schema
      .createTable("webhook_delivery")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("webhook_id", "text", (column) => column.notNull())
      .addColumn("event_id", "text", (column) => column.notNull())
      .addColumn("event_type", "text", (column) => column.notNull())
      .addColumn("call_id", "text", (column) => column.notNull())
      .addColumn("lane", "text", (column) => column.notNull())
      .addColumn("target", "text", (column) => column.notNull())
      .addColumn("url", "text", (column) => column.notNull())
      .addColumn("body", "text", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("attempts", "integer", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("next_at_ms", "bigint", (column) => column.notNull())
      .addColumn("ended_at_ms", "bigint")
      .addColumn("status", "integer", (column) => column.notNull())
      .addColumn("problem", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("webhook_delivery_pk", ["tenant", "id"])
      .execute();
    const index = (name: string, columns: readonly string[]) =>
      db.schema
        .createIndex(name)
        .on("webhook_delivery")
        .columns([...columns]);
    await index("webhook_delivery_once", ["webhook_id", "event_id"]).unique().execute();
    await index("webhook_delivery_due", ["target", "state", "next_at_ms"]).execute();
    await index("webhook_delivery_lane", ["lane", "state", "id"]).execute();
    await index("webhook_delivery_of", ["webhook_id", "id"]).execute();
    await index("webhook_delivery_ended", ["state", "ended_at_ms"]).execute();
    await db.schema
      .createTable("live_place")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("place", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("live_place_pk", ["tenant", "id"])
      .execute();
  },
};
