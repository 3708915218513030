/** Alerts, what was changed of their rules, and who is told. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

type AnySchema = Kysely<unknown>;

export const alerts: Migration = {
  async up(db: AnySchema): Promise<void> {
    await db.schema
      .createTable("alert")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("rule", "text", (column) => column.notNull())
      .addColumn("subject", "text", (column) => column.notNull())
      .addColumn("severity", "text", (column) => column.notNull())
      .addColumn("detail", "text", (column) => column.notNull())
      .addColumn("raised_at_ms", "bigint", (column) => column.notNull())
      .addColumn("cleared_at_ms", "bigint")
      .addPrimaryKeyConstraint("alert_pk", ["tenant", "id"])
      .execute();
    await db.schema
      .createTable("alert_rule")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("body", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("alert_rule_pk", ["tenant", "id"])
      .execute();
    await db.schema
      .createTable("alert_channel")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("active", "integer", (column) => column.notNull())
      .addColumn("body", "text", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("alert_channel_pk", ["tenant", "id"])
      .execute();
  },
};
