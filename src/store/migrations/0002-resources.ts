/** Resources that are declared rather than written in a file, and what changed them. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

type AnySchema = Kysely<unknown>;

export const resources: Migration = {
  async up(db: AnySchema): Promise<void> {
    await db.schema
      .createTable("resource")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("position", "bigint", (column) => column.notNull())
      .addColumn("body", "text", (column) => column.notNull())
      .addColumn("managed_by", "text", (column) => column.notNull())
      .addColumn("generation", "bigint", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("updated_at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("resource_pk", ["tenant", "id"])
      .execute();
    // A DID, and every other name, is unique in the deployment and not only in its tenant.
    await db.schema.createIndex("resource_name").on("resource").columns(["kind", "name"]).unique().execute();
    await db.schema
      .createTable("resource_change")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("generation", "bigint", (column) => column.notNull())
      .addColumn("hash", "text", (column) => column.notNull())
      .addColumn("applied_at_ms", "bigint", (column) => column.notNull())
      .addColumn("text", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("resource_change_pk", ["tenant", "id"])
      .execute();
  },
};
