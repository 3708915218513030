/** What the API keeps beside users and keys: tenants by name, who changed what, answers to requests that come twice. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

type AnySchema = Kysely<unknown>;

export const apiRecords: Migration = {
  async up(db: AnySchema): Promise<void> {
    await db.schema
      .createTable("tenant")
      .addColumn("tenant", "text", (column) => column.notNull().primaryKey())
      .addColumn("title", "text", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("audit")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("who", "text", (column) => column.notNull())
      .addColumn("address", "text", (column) => column.notNull())
      .addColumn("action", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("before", "text", (column) => column.notNull())
      .addColumn("after", "text", (column) => column.notNull())
      .addColumn("request_id", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("audit_pk", ["tenant", "id"])
      .execute();
    // Whoever runs the deployment reads across tenants.
    await db.schema.createIndex("audit_id").on("audit").column("id").execute();
    await db.schema
      .createTable("api_answer")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("request_hash", "text", (column) => column.notNull())
      .addColumn("status", "integer", (column) => column.notNull())
      .addColumn("answer", "text", (column) => column.notNull())
      .addColumn("expires_at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("api_answer_pk", ["tenant", "id"])
      .execute();
    await db.schema.createIndex("api_answer_expiry").on("api_answer").column("expires_at_ms").execute();
    await db.schema
      .alterTable("api_user")
      .addColumn("disabled", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema
      .alterTable("api_user")
      .addColumn("tokens_from_ms", "bigint", (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema
      .alterTable("api_key")
      .addColumn("disabled", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
  },
};
