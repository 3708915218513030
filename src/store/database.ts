/**
 * Which database it is: a file in the state folder, or the PostgreSQL that DATABASE_URL names, whose client is loaded
 * only then. Passwords of resources are sealed in both and open for whoever asks here.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { NOTHING_STORED, type StoredEntries, type StoredState } from "#config/stored-resources.ts";
import { type AlertStore, alertStore } from "./alert-store.ts";
import type { ApiRecords } from "./api-records.ts";
import type { CdrStore } from "./cdr-store.ts";
import type { Kysely } from "kysely";
import type { IdentityStore } from "./identity-store.ts";
import type { Schema } from "./schema.ts";
import type { RecordReader, ResourcePages } from "./resource-pages.ts";
import type { ResourceStore } from "./resource-store.ts";
import type { PastConfig, When } from "./rewind.ts";
import {
  type Resealed,
  openEntries,
  openRecord,
  openState,
  resealResources,
  sealedAlerts,
  sealedPages,
  sealedResources,
} from "./sealed-resources.ts";
import { type Environment, KEY_FILE, type Secrets, secretsOf } from "./secrets.ts";
import type { WebhookStore } from "./webhook-store.ts";

export type Database = { readonly kind: "sqlite"; readonly path: string } | { readonly kind: "postgres"; readonly url: string };

export const DATABASE_FILE = "tandem.db";
const POSTGRES = /^postgres(ql)?:\/\//;

/** Starting again can't help. */
export class DatabaseUrlError extends Error {
  override readonly name = "DatabaseUrlError";
}

/** @throws DatabaseUrlError where DATABASE_URL names something else */
export function databaseOf(home: string, env: Environment): Database {
  const url = env["DATABASE_URL"];
  if (url === undefined || url === "") return { kind: "sqlite", path: join(home, DATABASE_FILE) };
  if (!POSTGRES.test(url))
    throw new DatabaseUrlError(
      `DATABASE_URL begins with "${/^[a-z0-9+.-]*/i.exec(url)![0]}": only postgres:// is known; without DATABASE_URL everything is in ${join(home, DATABASE_FILE)}`,
    );
  return { kind: "postgres", url };
}

const AWAY = /^(ECONN|ENOENT|ETIMEDOUT|EHOSTUNREACH|EAI_|08|57P0|53300)/;
const AWAY_SAID = /connection terminated|timeout exceeded when trying to connect|query read timeout|database is locked/i;

/** The database can't be reached now, rather than having refused what was asked. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // Of several addresses each has its own.
  if (error instanceof AggregateError) return error.errors.some(isAway);
  return ("code" in error && AWAY.test(String(error.code))) || AWAY_SAID.test(error.message);
}

/** What has to do with one state folder. */
export interface House {
  readonly database: Database;
  /** Keys as they are now. */
  secrets(): Secrets;
}

export const houseAt = (home: string, env: Environment): House => ({
  database: databaseOf(home, env),
  secrets: () => {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return secretsOf(home, env);
  },
});

export async function openCdrStore(database: Database): Promise<CdrStore> {
  if (database.kind === "sqlite") return (await import("./sqlite/open-sqlite.ts")).openSqliteStore(database.path);
  return (await import("./postgres/open-postgres.ts")).openPostgresStore(database.url);
}

/** @param staying many small changes are to come */
export async function openResources({ database, secrets }: House, staying = false): Promise<ResourceStore> {
  const store =
    database.kind === "sqlite"
      ? await (await import("./sqlite/sqlite-resources.ts")).openSqliteResources(database.path, staying)
      : (await import("./postgres/postgres-resources.ts")).openPostgresResources(database.url);
  return sealedResources(store, secrets);
}

export async function openPages({ database, secrets }: House): Promise<ResourcePages & RecordReader> {
  if (database.kind === "postgres") {
    const pages = (await import("./postgres/postgres-pages.ts")).openPostgresPages(database.url);
    return { ...sealedPages(pages, secrets), ofKind: openedKinds(pages, secrets) };
  }
  const [{ openSqliteResourcePages }, { openRecordReader }] = await Promise.all([
    import("./sqlite/sqlite-resource-pages.ts"),
    import("./sqlite/record-reader.ts"),
  ]);
  const pages = openSqliteResourcePages(database.path);
  const reader = openRecordReader(database.path);
  return {
    ...sealedPages(pages, secrets),
    ofKind: openedKinds(reader, secrets),
    async close() {
      await pages.close();
      await reader.close();
    },
  };
}

const openedKinds =
  (reader: Pick<RecordReader, "ofKind">, secretsNow: () => Secrets): RecordReader["ofKind"] =>
  async (kind) => {
    const { generation, records } = await reader.ofKind(kind);
    const secrets = secretsNow();
    return { generation, records: records.map((record) => openRecord(secrets, record)) };
  };

export async function openIdentities(database: Database): Promise<IdentityStore> {
  if (database.kind === "sqlite") return (await import("./sqlite/sqlite-identities.ts")).openSqliteIdentities(database.path);
  return (await import("./postgres/postgres-identities.ts")).openPostgresIdentities(database.url);
}

export async function openApiRecords(database: Database): Promise<ApiRecords> {
  if (database.kind === "sqlite") return (await import("./sqlite/sqlite-api-records.ts")).openSqliteApiRecords(database.path);
  return (await import("./postgres/postgres-api-records.ts")).openPostgresApiRecords(database.url);
}

export async function openWebhookStore(database: Database): Promise<WebhookStore> {
  if (database.kind === "sqlite") return (await import("./sqlite/sqlite-webhooks.ts")).openSqliteWebhooks(database.path);
  return (await import("./postgres/postgres-webhooks.ts")).openPostgresWebhooks(database.url);
}

export async function openAlertStore({ database, secrets }: House): Promise<AlertStore & { close(): Promise<void> }> {
  const { db, close } = await openTables(database);
  return { ...sealedAlerts(alertStore(db), secrets), close };
}

/** For stores that are written once for all databases. The database must be of today's schema. */
export async function openTables(database: Database): Promise<{ readonly db: Kysely<Schema>; close(): Promise<void> }> {
  if (database.kind === "sqlite") return (await import("./sqlite/open-sqlite.ts")).openSqliteTables(database.path);
  const { db, ready, close } = (await import("./postgres/connect-postgres.ts")).connectPostgres(database.url);
  await ready();
  return { db, close };
}

/** undefined: it isn't there any more, or never was. */
export async function readPast(database: Database, when: When): Promise<PastConfig | undefined> {
  if (database.kind === "sqlite") return (await import("./sqlite/sqlite-history.ts")).readPastConfig(database.path, when);
  return (await import("./postgres/postgres-history.ts")).readPostgresPast(database.url, when);
}

/** All of them, without waiting for the store. @throws what the database says */
export async function readState({ database, secrets }: House): Promise<StoredState> {
  const state =
    database.kind === "sqlite"
      ? (await import("./sqlite/sqlite-resources.ts")).readSqliteResources(database.path)
      : await (await import("./postgres/postgres-resources.ts")).readPostgresResources(database.url);
  return openState(secrets(), state);
}

/** Passwords of stored resources are sealed by the newest key afterwards, whatever they were. */
export async function resealStored({ database, secrets }: House): Promise<Resealed> {
  if (database.kind === "sqlite") return (await import("./sqlite/reseal-sqlite.ts")).resealSqlite(database.path, secrets());
  const { once } = await import("./postgres/postgres-resources.ts");
  return once(database.url, (db) => resealResources(db, secrets()));
}

/** What was asked beforehand, because loading can't wait: of PostgreSQL only. */
export type Asked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown } | undefined;

/** A start waits so long for a database that is away, and then goes on with what was kept. */
const ASKED_MS = 3_000;
async function asked<T>(env: Environment, read: (url: string) => Promise<T>, withinMs?: number): Promise<Asked<T>> {
  try {
    const database = databaseOf("", env);
    if (database.kind === "sqlite") return undefined;
    const reading = read(database.url);
    if (withinMs === undefined) return { ok: true, value: await reading };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`PostgreSQL has not answered within ${withinMs} ms`)), withinMs);
    });
    const value = await Promise.race([reading, late]).finally(() => clearTimeout(timer));
    return { ok: true, value };
  } catch (error) {
    return { ok: false, error };
  }
}
export const askState = (env: Environment): Promise<Asked<StoredState>> =>
  asked(env, async (url) => (await import("./postgres/postgres-resources.ts")).readPostgresResources(url));
export const askEntries = (env: Environment): Promise<Asked<StoredEntries>> =>
  asked(env, async (url) => (await import("./postgres/postgres-resources.ts")).readPostgresEntries(url), ASKED_MS);

/** What loading needs. @param read of the file @param tell what is wrong with its passwords @throws what the database says */
export function entriesNow(
  home: string,
  env: Environment,
  before: Asked<StoredEntries>,
  read: (path: string) => StoredEntries,
  tell: (reason: string) => void = () => {},
): StoredEntries {
  const found = now(home, before, read);
  if (before !== undefined) keep(home, found);
  return opened(home, env, found, tell);
}
export function stateNow(home: string, env: Environment, before: Asked<StoredState>, read: (path: string) => StoredState): StoredState {
  const state = now(home, before, read);
  return state.generation === 0 ? state : openState(houseAt(home, env).secrets(), state);
}

function now<T>(home: string, before: Asked<T>, read: (path: string) => T): T {
  if (before === undefined) return read(join(home, DATABASE_FILE));
  if (before.ok) return before.value;
  throw before.error;
}

function opened(home: string, env: Environment, entries: StoredEntries, tell: (reason: string) => void): StoredEntries {
  // Who stores nothing needs no key.
  if (entries.hash === "") return entries;
  const secrets = houseAt(home, env).secrets();
  const open = openEntries(secrets, entries);
  for (const [key, count] of secrets.missing)
    tell(
      `${count} stored passwords can't be opened: key ${key} is neither in ${join(home, KEY_FILE)} nor in TANDEM_SECRET_KEY; bring it back, or set the passwords anew`,
    );
  return open;
}

/** The last that was read, passwords sealed: a PostgreSQL that is away must not take the trunks along. */
const KEPT_FILE = "resources-kept.json";
const KEEP_FRESH_MS = 2_000;
const REACH_AGAIN_MS = 2_000;
function keep(home: string, entries: StoredEntries): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(join(home, KEPT_FILE), JSON.stringify(entries), { mode: 0o600 });
  } catch {
    // A full disk keeps nobody from calling; it is told of elsewhere.
  }
}
/** What is kept follows what is stored, a few seconds behind. Of PostgreSQL only; never rejects. */
export async function keepFresh(home: string, database: Database): Promise<void> {
  if (database.kind === "sqlite") return;
  const { openPostgresPages } = await import("./postgres/postgres-pages.ts");
  const { readPostgresEntries } = await import("./postgres/postgres-resources.ts");
  const pages = openPostgresPages(database.url);
  for (let kept = -1; ; await sleep(KEEP_FRESH_MS)) {
    const generation = await pages.generation().catch(() => kept);
    if (generation === kept) continue;
    const entries = await readPostgresEntries(database.url).catch(() => undefined);
    if (entries === undefined) continue;
    keep(home, entries);
    kept = generation;
  }
}

/** When the database can be reached, and is of today's schema. @param tell once, why it can't */
export async function reached(database: Database, tell: (reason: string) => void): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await (await openTables(database)).close();
    } catch (error) {
      if (tries === 0)
        tell(`the database can't be reached, tried again until it can: ${error instanceof Error ? error.message : String(error)}`);
      await sleep(REACH_AGAIN_MS);
    }
  }
}

/** For what could not be read. undefined: nothing was kept, or it is not of a PostgreSQL. */
export function keptEntries(home: string, env: Environment, before: Asked<StoredEntries>): StoredEntries | undefined {
  if (before === undefined) return undefined;
  try {
    const entries = JSON.parse(readFileSync(join(home, KEPT_FILE), "utf8")) as StoredEntries;
    return opened(home, env, { ...entries, sections: { ...NOTHING_STORED.sections, ...entries.sections } }, () => {});
  } catch {
    return undefined;
  }
}
