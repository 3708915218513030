/**
 * Webhooks in SQLite, by a connection of the API's thread. Commits are not synced one by one: a process that is killed
 * loses nothing by it, and of what a power cut takes the events themselves are gone, too.
 */
import { DatabaseSync } from "node:sqlite";
import { Kysely, SqliteDialect } from "kysely";
import type { Schema } from "../schema.ts";
import { type WebhookStore, webhookStore } from "../webhook-store.ts";
import { BUSY_TIMEOUT_MS, asBetterSqlite } from "./open-sqlite.ts";

/** The database must be of today's schema (openSqliteStore brings it there). @throws what SQLite says */
export function openSqliteWebhooks(path: string): WebhookStore {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  sqlite.exec("pragma synchronous = normal;");
  return webhookStore(new Kysely<Schema>({ dialect: new SqliteDialect({ database: asBetterSqlite(sqlite) }) }));
}
