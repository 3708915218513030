/** Who may use the API. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

type AnySchema = Kysely<unknown>;

export const identities: Migration = {
  async up(db: AnySchema): Promise<void> {
    await db.schema
      .createTable("api_user")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("role", "text", (column) => column.notNull())
      .addColumn("password_hash", "text", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("api_user_pk", ["tenant", "id"])
      .execute();
    await db.schema.createIndex("api_user_name").on("api_user").column("name").unique().execute();
    await db.schema
      .createTable("api_key")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("scopes", "text", (column) => column.notNull())
      .addColumn("hash", "text", (column) => column.notNull())
      .addColumn("created_by", "text", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("api_key_pk", ["tenant", "id"])
      .execute();
    await db.schema.createIndex("api_key_hash").on("api_key").column("hash").unique().execute();
    await db.schema
      .createTable("api_refresh")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("user_name", "text", (column) => column.notNull())
      .addColumn("hash", "text", (column) => column.notNull())
      .addColumn("expires_at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("api_refresh_pk", ["tenant", "id"])
      .execute();
    await db.schema.createIndex("api_refresh_hash").on("api_refresh").column("hash").unique().execute();
  },
};
