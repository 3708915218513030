/** Pages of stored resources in SQLite, by a connection that only reads. */
import { DatabaseSync } from "node:sqlite";
import type { StoredRecord } from "#config/stored-resources.ts";
import { LOOKED_AT, NAMES_ASKED_MAX, type PageWish, type ResourcePages } from "../resource-pages.ts";
import { BUSY_TIMEOUT_MS } from "./open-sqlite.ts";

const RECORD = 'select kind, name, tenant, managed_by as "managedBy", position, body from resource';
const TEXT = `(?3 is null or instr(lower(name), ?3) > 0 or ${LOOKED_AT.map(
  (field) => `instr(lower(coalesce(json_extract(body, '$.${field}'), '')), ?3) > 0`,
).join(" or ")})`;
const WHERE = `where kind = ?1 and (?2 = '*' or tenant = ?2) and ${TEXT}`;
const BY_NAME = `${RECORD} ${WHERE} and (?4 is null or name > ?4) order by name limit ?5`;
const BY_POSITION = `${RECORD} ${WHERE} and (?4 is null or position > ?4) order by position limit ?5`;

/** The database must be of today's schema (openSqliteStore brings it there). @throws what SQLite says */
export function openSqliteResourcePages(path: string): ResourcePages {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  const byName = db.prepare(BY_NAME);
  const byPosition = db.prepare(BY_POSITION);
  const named = db.prepare(`${RECORD} where kind = ? and name = ?`);
  const generation = db.prepare("select generation from resource_change order by generation desc limit 1");
  const foreign = db.prepare(
    "select name from resource where tenant <> ?1 and name in (select value from json_each(?2)) union select tenant from resource where tenant <> ?1 and tenant in (select value from json_each(?2))",
  );
  const among = db.prepare("select name, tenant from resource where kind = ? and name in (select value from json_each(?))");
  const newestConfig = db.prepare("select id from change_log order by id desc limit 1");
  return {
    page: ({ kind, tenant, text, after, limit }: PageWish) =>
      settled(() => {
        const outbound = kind === "outbound";
        const from = after === undefined ? null : outbound ? after.position : after.name;
        return (outbound ? byPosition : byName).all(kind, tenant, text ?? null, from, limit) as unknown as readonly StoredRecord[];
      }),
    named: (kind, name) =>
      settled(() => {
        // Both reads see one state.
        db.exec("begin");
        try {
          const current = generation.get() as { generation: number } | undefined;
          return { generation: current?.generation ?? 0, record: named.get(kind, name) as unknown as StoredRecord | undefined };
        } finally {
          db.exec("commit");
        }
      }),
    among: (kind, names) =>
      settled(() => {
        const rows = among.all(kind, JSON.stringify(names)) as unknown as readonly { name: string; tenant: string }[];
        return new Map(rows.map(({ name, tenant }) => [name, tenant]));
      }),
    generation: () => settled(() => (generation.get() as { generation: number } | undefined)?.generation ?? 0),
    foreign: (names, tenant) =>
      settled(() => {
        const rows = foreign.all(tenant, JSON.stringify(names.slice(0, NAMES_ASKED_MAX))) as unknown as readonly { name: string }[];
        return new Set(rows.map(({ name }) => name));
      }),
    tenants: () =>
      settled(() => {
        const rows = db.prepare("select tenant, count(*) as count from resource group by tenant").all() as unknown as readonly {
          tenant: string;
          count: number;
        }[];
        return new Map(rows.map(({ tenant, count }) => [tenant, count]));
      }),
    configText: () =>
      settled(() => {
        const newest = newestConfig.get() as { id: string } | undefined;
        if (newest === undefined) return undefined;
        const { id } = newest;
        return { id, text: () => (db.prepare("select text from change_log where id = ?").get(id) as { text: string }).text };
      }),
    close: () => settled(() => db.close()),
  };
}

const settled = <T>(run: () => T): Promise<T> => new Promise((resolve) => resolve(run()));
