/** What each call's decision saw, so that it can be taken again. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

type AnySchema = Kysely<unknown>;

export const decisions: Migration = {
  async up(db: AnySchema): Promise<void> {
    await db.schema
      .alterTable("call")
      .addColumn("decision", "text", (column) => column.notNull().defaultTo(""))
      .execute();
  },
};
