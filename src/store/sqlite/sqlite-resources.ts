/**
 * Resources in SQLite. Statements are written out and prepared once: an apply may bring 100,000 rows, and the first
 * read stands in the way of a start that calls wait for.
 */
import { existsSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  type Entry,
  NOTHING_STORED,
  RESOURCE_KINDS,
  SECTION_OF_KIND,
  type StoredEntries,
  type StoredRecord,
  type StoredState,
} from "#config/stored-resources.ts";
import {
  type Committed,
  type ResourceChangeEntry,
  type ResourceCommit,
  type ResourceStore,
  changeId,
  resourceId,
} from "../resource-store.ts";
import { BUSY_TIMEOUT_MS, openSqliteStore } from "./open-sqlite.ts";

const CHECKPOINT_PAGES = 1_000;
const CURRENT = "select generation, hash from resource_change order by generation desc limit 1";
const STATE = 'select kind, name, tenant, managed_by as "managedBy", position, body from resource order by position, id';
const CHANGES =
  'select generation, hash, applied_at_ms as "appliedAtMs", text from resource_change where tenant = ? order by id desc limit ?';
const LOG =
  "insert into resource_change (tenant, id, generation, hash, applied_at_ms, text, config_number, config_hash) values (?, ?, ?, ?, ?, ?, ?, ?)";
/** One string per kind: rows of their own would cost several times as much. */
const BODIES = "select kind, group_concat(body, ',' order by position, id) as bodies from resource group by kind";

/**
 * Opens or makes the database and brings it to today's schema. @throws what SQLite says
 * @param staying many small changes are to come: the log of writes is copied into the file in between
 */
export async function openSqliteResources(path: string, staying = false): Promise<ResourceStore> {
  // Migrations are the store's.
  await (await openSqliteStore(path)).close();
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  // A large change stays in memory until it is whole; the store's own connection copies it into the file later.
  db.exec(`pragma synchronous = full; pragma cache_size = -65536; pragma wal_autocheckpoint = ${staying ? CHECKPOINT_PAGES : 0};`);
  return {
    state: () => settled(() => readState(db)),
    commit: (change) => settled(() => commit(db, change)),
    changedSince: (generation) =>
      settled(
        () =>
          db.prepare("select kind, name from resource where generation > ?").all(generation) as unknown as readonly {
            readonly kind: string;
            readonly name: string;
          }[],
      ),
    changes: (tenant, limit) => settled(() => db.prepare(CHANGES).all(tenant, limit) as unknown as readonly ResourceChangeEntry[]),
    close: () => settled(() => db.close()),
  };
}

const settled = <T>(run: () => T): Promise<T> => new Promise((resolve) => resolve(run()));

/** Reads without opening for writing or waiting for the store. Nothing, where there is no database yet. @throws what SQLite says */
export const readSqliteResources = (path: string): StoredState => reading(path, readState, { generation: 0, hash: "", records: [] });

/** What loading needs, the quick way. */
export const readSqliteEntries = (path: string): StoredEntries => reading(path, readEntries, NOTHING_STORED);

function reading<T>(path: string, read: (db: DatabaseSync) => T, nothing: T): T {
  if (!existsSync(path)) return nothing;
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    // One that the store has not brought to today's schema has none.
    if (db.prepare("select 1 from sqlite_master where type = 'table' and name = 'resource'").get() === undefined) return nothing;
    // Both reads see one state, whatever is written meanwhile.
    db.exec("begin");
    const found = read(db);
    db.exec("commit");
    return found;
  } finally {
    db.close();
  }
}

interface Current {
  readonly generation: number;
  readonly hash: string;
}
const currentOf = (db: DatabaseSync): Current => (db.prepare(CURRENT).get() as Current | undefined) ?? { generation: 0, hash: "" };

function readState(db: DatabaseSync): StoredState {
  return { ...currentOf(db), records: db.prepare(STATE).all() as unknown as readonly StoredRecord[] };
}

function readEntries(db: DatabaseSync): StoredEntries {
  const { hash } = currentOf(db);
  const sections: Record<string, readonly Entry[]> = { ...NOTHING_STORED.sections };
  for (const { kind, bodies } of db.prepare(BODIES).all() as { kind: string; bodies: string }[]) {
    const known = RESOURCE_KINDS.find((one) => one === kind);
    if (known !== undefined) sections[SECTION_OF_KIND[known]] = JSON.parse(`[${bodies}]`) as Entry[];
  }
  return { hash, sections: sections as StoredEntries["sections"] };
}

function commit(db: DatabaseSync, { base, upserts, removals, hash, texts, atMs, config }: ResourceCommit): Committed {
  db.exec("begin immediate");
  try {
    const { generation } = currentOf(db);
    if (generation !== base) {
      db.exec("rollback");
      return { ok: false, generation };
    }
    const next = base + 1;
    const remove = db.prepare("delete from resource where kind = ? and name = ?");
    for (const { kind, name } of removals) remove.run(kind, name);
    const upsert = upsertOf(db);
    for (const [place, { kind, name, tenant, position, body, managedBy }] of upserts.entries())
      upsert.run(tenant, resourceId(atMs, next, place), kind, name, position, body, managedBy, next, atMs, atMs);
    const log = db.prepare(LOG);
    for (const [tenant, text] of texts)
      log.run(tenant, changeId(atMs, next), next, hash, atMs, text, config?.number ?? 0, config?.hash ?? "");
    db.exec("commit");
    return { ok: true, generation: next };
  } catch (error) {
    // A full disk may have rolled back already.
    if (db.isTransaction) db.exec("rollback");
    throw error;
  }
}

/** What is there keeps its id and when it was made. */
const upsertOf = (db: DatabaseSync): StatementSync =>
  db.prepare(
    `insert into resource (tenant, id, kind, name, position, body, managed_by, generation, created_at_ms, updated_at_ms)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (kind, name) do update set
       tenant = excluded.tenant, position = excluded.position, body = excluded.body, managed_by = excluded.managed_by,
       generation = excluded.generation, updated_at_ms = excluded.updated_at_ms`,
  );
