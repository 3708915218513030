/** Resources in PostgreSQL. Rows go as arrays, so that 100,000 are a few statements. */
import { type Kysely, sql } from "kysely";
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
import type { Schema } from "../schema.ts";
import { type Postgres, connectPostgres } from "./connect-postgres.ts";

type Db = Kysely<Schema>;
const ROWS_MAX = 10_000;

export function openPostgresResources(url: string): ResourceStore {
  const connected = connectPostgres(url);
  const { db, ready, close } = connected;
  return {
    state: () => oneState(connected, readState),
    async commit(change) {
      await ready();
      return db.transaction().execute((one) => commit(one, change));
    },
    async changedSince(generation) {
      await ready();
      const asked = sql<{ kind: string; name: string }>`select kind, name from resource where generation > ${generation}`;
      return (await asked.execute(db)).rows;
    },
    async changes(tenant, limit) {
      await ready();
      const asked = sql<ResourceChangeEntry>`select generation, hash, applied_at_ms as "appliedAtMs", text from resource_change
        where tenant = ${tenant} order by id desc limit ${limit}`;
      return (await asked.execute(db)).rows;
    },
    close,
  };
}

/** Connects, reads and leaves. */
export const readPostgresResources = (url: string): Promise<StoredState> => once(url, readState);
/** What loading needs, the quick way. */
export const readPostgresEntries = (url: string): Promise<StoredEntries> => once(url, readEntries);

export async function once<T>(url: string, read: (db: Db) => Promise<T>): Promise<T> {
  const connected = connectPostgres(url);
  try {
    return await oneState(connected, read);
  } finally {
    await connected.close();
  }
}

/** All that it reads is of one moment. */
export async function oneState<T>({ db, ready }: Postgres, read: (db: Db) => Promise<T>): Promise<T> {
  await ready();
  return db.transaction().setIsolationLevel("repeatable read").execute(read);
}

async function currentOf(db: Db): Promise<{ readonly generation: number; readonly hash: string }> {
  const asked = sql<{ generation: number; hash: string }>`select generation, hash from resource_change order by generation desc limit 1`;
  return (await asked.execute(db)).rows[0] ?? { generation: 0, hash: "" };
}

async function readState(db: Db): Promise<StoredState> {
  const asked = sql<StoredRecord>`select kind, name, tenant, managed_by as "managedBy", position, body from resource order by position, id`;
  return { ...(await currentOf(db)), records: (await asked.execute(db)).rows };
}

async function readEntries(db: Db): Promise<StoredEntries> {
  const { hash } = await currentOf(db);
  const sections: Record<string, readonly Entry[]> = { ...NOTHING_STORED.sections };
  const asked = sql<{
    kind: string;
    bodies: string;
  }>`select kind, string_agg(body, ',' order by position, id) as bodies from resource group by kind`;
  for (const { kind, bodies } of (await asked.execute(db)).rows) {
    const known = RESOURCE_KINDS.find((one) => one === kind);
    if (known !== undefined) sections[SECTION_OF_KIND[known]] = JSON.parse(`[${bodies}]`) as Entry[];
  }
  return { hash, sections: sections as StoredEntries["sections"] };
}

async function commit(db: Db, { base, upserts, removals, hash, texts, atMs, config }: ResourceCommit): Promise<Committed> {
  // Others may read; who wants to commit waits and then sees another generation.
  await sql`lock table resource_change in exclusive mode`.execute(db);
  const { generation } = await currentOf(db);
  if (generation !== base) return { ok: false, generation };
  const next = base + 1;
  for (const some of parts(removals))
    await sql`delete from resource using unnest(${some.map(({ kind }) => kind)}::text[], ${some.map(({ name }) => name)}::text[]) as gone(kind, name)
      where resource.kind = gone.kind and resource.name = gone.name`.execute(db);
  const rows = upserts.map((record, place) => ({ ...record, id: resourceId(atMs, next, place) }));
  for (const some of parts(rows)) {
    const texts = (column: "tenant" | "id" | "kind" | "name" | "body" | "managedBy") => sql`${some.map((row) => row[column])}::text[]`;
    await sql`insert into resource (tenant, id, kind, name, body, managed_by, position, generation, created_at_ms, updated_at_ms)
      select *, ${next}::bigint, ${atMs}::bigint, ${atMs}::bigint
      from unnest(${texts("tenant")}, ${texts("id")}, ${texts("kind")}, ${texts("name")}, ${texts("body")}, ${texts("managedBy")}, ${some.map(({ position }) => position)}::bigint[])
      on conflict (kind, name) do update set
        tenant = excluded.tenant, position = excluded.position, body = excluded.body, managed_by = excluded.managed_by,
        generation = excluded.generation, updated_at_ms = excluded.updated_at_ms`.execute(db);
  }
  for (const [tenant, text] of texts)
    await sql`insert into resource_change (tenant, id, generation, hash, applied_at_ms, text, config_number, config_hash)
      values (${tenant}, ${changeId(atMs, next)}, ${next}, ${hash}, ${atMs}, ${text}, ${config?.number ?? 0}, ${config?.hash ?? ""})`.execute(
      db,
    );
  return { ok: true, generation: next };
}

function* parts<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < rows.length; at += ROWS_MAX) yield rows.slice(at, at + ROWS_MAX);
}
