/**
 * The store on node:sqlite: WAL, synchronous=FULL, one connection, one writer. Kysely knows SQLite through
 * better-sqlite3's shape; the adapter below is the difference.
 */
import { chmodSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { Kysely, type SqliteDatabase, SqliteDialect } from "kysely";
import { readTotals } from "../call-totals.ts";
import type { CdrStore } from "../cdr-store.ts";
import { type CdrFilter, listAll, listConfigRows, saveConfigRow } from "../cdr-store.ts";
import { findCalls } from "../find-calls.ts";
import { ladderStore } from "../kept-ladders.ts";
import { MIGRATION_NAMES, migrate } from "../migrations/migrate.ts";
import type { Schema } from "../schema.ts";
import { cdrInserter } from "./insert-cdrs.ts";

/** Another process may look into the file (backup, sqlite3): wait for it rather than fail. */
export const BUSY_TIMEOUT_MS = 5_000;
/** SQLite's own default. */
const CACHE_KB = 2_000;
const MIGRATION_CACHE_KB = 64_000;

/** Opens or makes the database and brings it to today's schema. @throws what SQLite says */
export async function openSqliteStore(path: string): Promise<CdrStore> {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    chmodSync(path, 0o600);
    sqlite.exec("pragma journal_mode = wal; pragma synchronous = full;");
    const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: asBetterSqlite(sqlite) }) });
    if (!isOfToday(sqlite)) await migrateAlone(sqlite, db);
    const insert = cdrInserter(sqlite);
    const page = (filter: CdrFilter) => findCalls(db, filter);
    return {
      insert: (cdrs) => new Promise((resolve) => resolve(insert(cdrs))),
      list: (filter) => listAll(page, filter),
      page,
      totals: (question) => readTotals(db, question),
      saveConfig: (change, tenant) => saveConfigRow(db, change, tenant),
      configs: (limit, tenant) => listConfigRows(db, limit, tenant),
      ladders: ladderStore(db),
      close: () => db.destroy(),
    };
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

function isOfToday(sqlite: DatabaseSync): boolean {
  if (sqlite.prepare("select 1 from sqlite_master where type = 'table' and name = 'kysely_migration'").get() === undefined) return false;
  const ran = new Set(
    sqlite
      .prepare("select name from kysely_migration")
      .all()
      .map(({ name }) => name),
  );
  return MIGRATION_NAMES.every((name) => ran.has(name));
}

/** Threads and commands open it at the same time: the others wait, and find it done. */
async function migrateAlone(sqlite: DatabaseSync, db: Kysely<Schema>): Promise<void> {
  // Filling a table from millions of calls reads them in another order than they lie in.
  sqlite.exec(`pragma cache_size = -${MIGRATION_CACHE_KB}; begin immediate;`);
  try {
    await migrate(db as unknown as Kysely<never>, true);
    sqlite.exec("commit");
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec("rollback");
    throw error;
  } finally {
    sqlite.exec(`pragma cache_size = -${CACHE_KB}`);
  }
}

/** Commits are not synced one by one: a process that is killed loses nothing by it, a power cut the last of them. */
export function openSqliteTables(path: string): { readonly db: Kysely<Schema>; close(): Promise<void> } {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  sqlite.exec("pragma synchronous = normal;");
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: asBetterSqlite(sqlite) }) });
  return { db, close: () => db.destroy() };
}

/** Statements kept prepared: a query of Kysely is prepared anew each time, which costs as much as a small answer. */
const STATEMENTS_MAX = 100;

/** node:sqlite says whether a statement returns rows by its columns, and takes parameters one by one. */
export function asBetterSqlite(sqlite: DatabaseSync): SqliteDatabase {
  const kept = new Map<string, StatementSync>();
  const prepared = (sql: string): StatementSync => {
    const statement = kept.get(sql) ?? sqlite.prepare(sql);
    // Taken out and put back: the map keeps the order of use.
    kept.delete(sql);
    kept.set(sql, statement);
    if (kept.size > STATEMENTS_MAX) kept.delete(kept.keys().next().value!);
    return statement;
  };
  return {
    close() {
      kept.clear();
      sqlite.close();
    },
    prepare(sql) {
      const statement = prepared(sql);
      const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...values(parameters)),
        run: (parameters) => statement.run(...values(parameters)),
        // One of its own: the same query may be asked again before it is read to its end.
        iterate: (parameters) => sqlite.prepare(sql).iterate(...values(parameters)),
      };
    },
  };
}
