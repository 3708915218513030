/** Tenants, audit log and kept answers in PostgreSQL. */
import { type RawBuilder, sql } from "kysely";
import type { ApiRecords, AuditEntry, KeptAnswer, StoredTenant } from "../api-records.ts";
import { connectPostgres } from "./connect-postgres.ts";

export function openPostgresApiRecords(url: string): ApiRecords {
  const { db, ready, close } = connectPostgres(url);
  const rows = async <Row>(asked: RawBuilder<Row>): Promise<Row[]> => {
    await ready();
    return (await asked.execute(db)).rows;
  };
  const run = async (asked: RawBuilder<unknown>): Promise<void> => void (await rows(asked));
  return {
    tenants: () => rows(sql<StoredTenant>`select tenant as name, title, created_at_ms as "createdAtMs" from tenant order by tenant`),
    addTenant: async ({ name, title, createdAtMs }) =>
      (
        await rows(
          sql`insert into tenant (tenant, title, created_at_ms) values (${name}, ${title}, ${createdAtMs}) on conflict do nothing returning tenant`,
        )
      ).length > 0,
    retitleTenant: (name, title) => run(sql`update tenant set title = ${title} where tenant = ${name}`),
    removeTenant: (name) => run(sql`delete from tenant where tenant = ${name}`),

    addAudit: ({ tenant, id, atMs, who, address, action, kind, name, before, after, requestId }) =>
      run(sql`insert into audit (tenant, id, at_ms, who, address, action, kind, name, before, after, request_id)
        values (${tenant}, ${id}, ${atMs}, ${who}, ${address}, ${action}, ${kind}, ${name}, ${before}, ${after}, ${requestId})`),
    audit: ({ tenant, who, kind, name, before, limit }) => {
      const asked: [column: string, value: string | undefined, sign: "=" | "<"][] = [
        ["tenant", tenant === "*" ? undefined : tenant, "="],
        ["who", who, "="],
        ["kind", kind, "="],
        ["name", name, "="],
        ["id", before, "<"],
      ];
      const conditions = asked.flatMap(([column, value, sign]) =>
        value === undefined ? [] : [sql`${sql.ref(column)} ${sql.raw(sign)} ${value}`],
      );
      const where = conditions.length === 0 ? sql`` : sql`where ${sql.join(conditions, sql` and `)}`;
      return rows(sql<AuditEntry>`select id, tenant, at_ms as "atMs", who, address, action, kind, name, before, after, request_id as "requestId"
        from audit ${where} order by id desc limit ${limit}`);
    },
    pruneAudit: (beforeMs) => run(sql`delete from audit where at_ms < ${beforeMs}`),

    async claimAnswer(tenant, id, requestHash, expiresAtMs, nowMs) {
      await run(sql`delete from api_answer where expires_at_ms < ${nowMs}`);
      const claimed = await rows(sql`insert into api_answer (tenant, id, request_hash, status, answer, expires_at_ms)
        values (${tenant}, ${id}, ${requestHash}, 0, '', ${expiresAtMs}) on conflict do nothing returning id`);
      if (claimed.length > 0) return undefined;
      const [found] = await rows(
        sql<KeptAnswer>`select request_hash as "requestHash", status, answer from api_answer where tenant = ${tenant} and id = ${id}`,
      );
      return found;
    },
    keepAnswer: (tenant, id, status, answer) =>
      run(sql`update api_answer set status = ${status}, answer = ${answer} where tenant = ${tenant} and id = ${id}`),
    forgetAnswer: (tenant, id) => run(sql`delete from api_answer where tenant = ${tenant} and id = ${id}`),
    close,
  };
}
