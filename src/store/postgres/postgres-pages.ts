/** Pages of stored resources, and those of one kind, in PostgreSQL. */
import { type RawBuilder, sql } from "kysely";
import type { ResourceKind, StoredRecord } from "#config/stored-resources.ts";
import { LOOKED_AT, NAMES_ASKED_MAX, type RecordReader, type ResourcePages } from "../resource-pages.ts";
import { connectPostgres } from "./connect-postgres.ts";
import { oneState } from "./postgres-resources.ts";

const RECORD = sql.raw('select kind, name, tenant, managed_by as "managedBy", position, body from resource');

export function openPostgresPages(url: string): ResourcePages & RecordReader {
  const connected = connectPostgres(url);
  const { db, ready, close } = connected;
  const rows = async <Row>(asked: RawBuilder<Row>): Promise<Row[]> => {
    await ready();
    return (await asked.execute(db)).rows;
  };
  const generationIn = async (one: typeof db): Promise<number> =>
    (await sql<{ generation: number }>`select generation from resource_change order by generation desc limit 1`.execute(one)).rows[0]
      ?.generation ?? 0;
  return {
    page: ({ kind, tenant, text, after, limit }) => {
      const outbound = kind === "outbound";
      const looked = LOOKED_AT.map((field) => sql`strpos(lower(coalesce(body::json ->> ${field}::text, '')), ${text}) > 0`);
      const fits = text === undefined ? sql`true` : sql`(strpos(lower(name), ${text}) > 0 or ${sql.join(looked, sql` or `)})`;
      const behind = after === undefined ? sql`true` : outbound ? sql`position > ${after.position}` : sql`name > ${after.name}`;
      return rows(sql<StoredRecord>`${RECORD} where kind = ${kind} and (${tenant} = '*' or tenant = ${tenant}) and ${fits} and ${behind}
        order by ${sql.ref(outbound ? "position" : "name")} limit ${limit}`);
    },
    named: (kind, name) =>
      oneState(connected, async (one) => {
        const found = await sql<StoredRecord>`${RECORD} where kind = ${kind} and name = ${name}`.execute(one);
        return { generation: await generationIn(one), record: found.rows[0] };
      }),
    async among(kind, names) {
      const found = await rows(
        sql<{ name: string; tenant: string }>`select name, tenant from resource where kind = ${kind} and name = any(${[...names]}::text[])`,
      );
      return new Map(found.map(({ name, tenant }) => [name, tenant]));
    },
    async generation() {
      await ready();
      return generationIn(db);
    },
    async foreign(names, tenant) {
      const asked = [...names.slice(0, NAMES_ASKED_MAX)];
      const found = await rows(sql<{ name: string }>`select name from resource where tenant <> ${tenant} and name = any(${asked}::text[])
        union select tenant from resource where tenant <> ${tenant} and tenant = any(${asked}::text[])`);
      return new Set(found.map(({ name }) => name));
    },
    async tenants() {
      const found = await rows(sql<{ tenant: string; count: number }>`select tenant, count(*) as count from resource group by tenant`);
      return new Map(found.map(({ tenant, count }) => [tenant, count]));
    },
    async configText() {
      const [newest] = await rows(sql<{ id: string; text: string }>`select id, text from change_log order by id desc limit 1`);
      return newest === undefined ? undefined : { id: newest.id, text: () => newest.text };
    },
    ofKind: (kind: ResourceKind) =>
      oneState(connected, async (one) => ({
        generation: await generationIn(one),
        records: (await sql<StoredRecord>`${RECORD} where kind = ${kind} order by position, id`.execute(one)).rows,
      })),
    close,
  };
}
