/** Brings a database to today's schema. A list in code, not a folder: a release has no files to look for. */
import type { Kysely } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { calls } from "./0001-calls.ts";
import { resources } from "./0002-resources.ts";
import { identities } from "./0003-identities.ts";
import { decisions } from "./0004-decisions.ts";
import { callQueries } from "./0005-call-queries.ts";
import { apiRecords } from "./0006-api-records.ts";
import { webhooks } from "./0007-webhooks.ts";
import { alerts } from "./0009-alerts.ts";
import { changeNumbers } from "./0011-change-numbers.ts";
import { changeOrder } from "./0013-change-order.ts";

/** Names are for ever: they stand in every database. */
const MIGRATIONS: Record<string, Migration> = {
  "0001-calls": calls,
  "0002-resources": resources,
  "0003-identities": identities,
  "0004-decisions": decisions,
  "0005-call-queries": callQueries,
  "0006-api-records": apiRecords,
  "0007-webhooks": webhooks,
  "0009-alerts": alerts,
  "0011-change-numbers": changeNumbers,
  "0013-change-order": changeOrder,
};

export const MIGRATION_NAMES: readonly string[] = Object.keys(MIGRATIONS);

/** Idempotent. @param within the caller's transaction rather than one of its own @returns the names of those that ran now. @throws when one failed; nothing of it stays */
export async function migrate(db: Kysely<never>, within = false): Promise<string[]> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
    allowUnorderedMigrations: true,
    disableTransactions: within,
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).map((result) => result.migrationName);
}
