/** Alerts in SQLite, by a connection of the API's thread; they are few. */
import { DatabaseSync } from "node:sqlite";
import { Kysely, SqliteDialect } from "kysely";
import { type AlertStore, alertStore } from "../alert-store.ts";
import type { Schema } from "../schema.ts";
import { BUSY_TIMEOUT_MS, asBetterSqlite } from "./open-sqlite.ts";

/** The database must be of today's schema (openSqliteStore brings it there). @throws what SQLite says */
export function openSqliteAlerts(path: string): AlertStore & { close(): Promise<void> } {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  sqlite.exec("pragma synchronous = normal;");
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: asBetterSqlite(sqlite) }) });
  return { ...alertStore(db), close: () => db.destroy() };
}
