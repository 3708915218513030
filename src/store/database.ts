/**
 * Which database it is: a file in the state folder, or the PostgreSQL that DATABASE_URL names. The client of the latter
 * is loaded only where it is used.
 */
import { join } from "node:path";
import type { CdrStore } from "./cdr-store.ts";

export type Database = { readonly kind: "sqlite"; readonly path: string } | { readonly kind: "postgres"; readonly url: string };

export const DATABASE_FILE = "tandem.db";
const POSTGRES = /^postgres(ql)?:\/\//;

/** @throws where DATABASE_URL names something else */
export function databaseOf(home: string, env: Readonly<Record<string, string | undefined>>): Database {
  const url = env["DATABASE_URL"];
  if (url === undefined || url === "") return { kind: "sqlite", path: join(home, DATABASE_FILE) };
  if (!POSTGRES.test(url))
    throw new Error(
      `DATABASE_URL begins with "${/^[a-z0-9+.-]*/i.exec(url)![0]}": only postgres:// is known; without DATABASE_URL everything is in ${join(home, DATABASE_FILE)}`,
    );
  return { kind: "postgres", url };
}

export async function openCdrStore(database: Database): Promise<CdrStore> {
  if (database.kind === "sqlite") return (await import("./sqlite/open-sqlite.ts")).openSqliteStore(database.path);
  return (await import("./postgres/open-postgres.ts")).openPostgresStore(database.url);
}
