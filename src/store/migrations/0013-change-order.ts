/** The newest generation of resources is asked for with each change and each reading of one: by an index, not by all changes. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

type AnySchema = Kysely<unknown>;

export const changeOrder: Migration = {
  async up(db: AnySchema): Promise<void> {
    await db.schema.createIndex("resource_change_generation").on("resource_change").columns(["generation", "hash"]).execute();
    await db.schema.createIndex("resource_change_number").on("resource_change").columns(["config_number"]).execute();
  },
};
