/** Passwords in SQLite sealed anew: what stood there before is overwritten, also in the log of writes. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { Kysely, SqliteDialect } from "kysely";
import type { Schema } from "../schema.ts";
import { type Resealed, resealResources } from "../sealed-resources.ts";
import type { Secrets } from "../secrets.ts";
import { BUSY_TIMEOUT_MS, asBetterSqlite } from "./open-sqlite.ts";

/** The database must be of today's schema, or not be there. @throws what SQLite says */
export async function resealSqlite(path: string, secrets: Secrets): Promise<Resealed> {
  if (!existsSync(path)) return { changed: 0, unreadable: 0 };
  const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: asBetterSqlite(sqlite) }) });
  try {
    sqlite.exec("pragma secure_delete = on; pragma synchronous = full;");
    const resealed = await db.transaction().execute((one) => resealResources(one, secrets));
    if (resealed.changed > 0) sqlite.exec("pragma wal_checkpoint(truncate)");
    return resealed;
  } finally {
    await db.destroy();
  }
}
