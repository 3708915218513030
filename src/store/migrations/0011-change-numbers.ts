/** Which configuration in force each change of resources made: so that a decision of then finds its resources. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

type AnySchema = Kysely<unknown>;

export const changeNumbers: Migration = {
  async up(db: AnySchema): Promise<void> {
    for (const [column, type] of [
      ["config_number", "integer"],
      ["config_hash", "text"],
    ] as const)
      await db.schema
        .alterTable("resource_change")
        .addColumn(column, type, (made) => made.notNull().defaultTo(type === "text" ? "" : 0))
        .execute();
  },
};
