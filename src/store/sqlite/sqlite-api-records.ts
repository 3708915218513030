/** Tenants, audit log and kept answers in SQLite. */
import { DatabaseSync } from "node:sqlite";
import type { ApiRecords, AuditEntry, KeptAnswer, StoredTenant } from "../api-records.ts";
import { BUSY_TIMEOUT_MS } from "./open-sqlite.ts";

const AUDIT = 'select id, tenant, at_ms as "atMs", who, address, action, kind, name, before, after, request_id as "requestId" from audit';
const AUDIT_WHERE =
  "where (?1 = '*' or tenant = ?1) and (?2 is null or who = ?2) and (?3 is null or kind = ?3) and (?4 is null or name = ?4) and (?5 is null or id < ?5)";
const ANSWER = 'select request_hash as "requestHash", status, answer from api_answer where tenant = ? and id = ?';

/** The database must be of today's schema (openSqliteStore brings it there). @throws what SQLite says */
export function openSqliteApiRecords(path: string): ApiRecords {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  db.exec("pragma synchronous = full;");
  const addAudit = db.prepare(
    "insert into audit (tenant, id, at_ms, who, address, action, kind, name, before, after, request_id) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const audits = together<AuditEntry>(db, ({ tenant, id, atMs, who, address, action, kind, name, before, after, requestId }) =>
    addAudit.run(tenant, id, atMs, who, address, action, kind, name, before, after, requestId),
  );
  const claim = db.prepare(
    "insert into api_answer (tenant, id, request_hash, status, answer, expires_at_ms) values (?, ?, ?, 0, '', ?) on conflict do nothing",
  );
  const found = db.prepare(ANSWER);
  const expire = db.prepare("delete from api_answer where expires_at_ms < ?");
  return {
    tenants: () =>
      settled(
        () =>
          db
            .prepare('select tenant as name, title, created_at_ms as "createdAtMs" from tenant order by tenant')
            .all() as unknown as readonly StoredTenant[],
      ),
    addTenant: ({ name, title, createdAtMs }) =>
      settled(
        () =>
          db
            .prepare("insert into tenant (tenant, title, created_at_ms) values (?, ?, ?) on conflict do nothing")
            .run(name, title, createdAtMs).changes > 0,
      ),
    retitleTenant: (name, title) => settled(() => void db.prepare("update tenant set title = ? where tenant = ?").run(title, name)),
    removeTenant: (name) => settled(() => void db.prepare("delete from tenant where tenant = ?").run(name)),

    addAudit: audits.add,
    audit: ({ tenant, who, kind, name, before, limit }) =>
      settled(
        () =>
          db
            .prepare(`${AUDIT} ${AUDIT_WHERE} order by id desc limit ?6`)
            .all(tenant, who ?? null, kind ?? null, name ?? null, before ?? null, limit) as unknown as readonly AuditEntry[],
      ),
    pruneAudit: (beforeMs) => settled(() => void db.prepare("delete from audit where at_ms < ?").run(beforeMs)),

    claimAnswer: (tenant, id, requestHash, expiresAtMs, nowMs) =>
      settled(() => {
        expire.run(nowMs);
        if (claim.run(tenant, id, requestHash, expiresAtMs).changes > 0) return undefined;
        return found.get(tenant, id) as unknown as KeptAnswer;
      }),
    keepAnswer: (tenant, id, status, answer) =>
      settled(
        () => void db.prepare("update api_answer set status = ?, answer = ? where tenant = ? and id = ?").run(status, answer, tenant, id),
      ),
    forgetAnswer: (tenant, id) => settled(() => void db.prepare("delete from api_answer where tenant = ? and id = ?").run(tenant, id)),
    close: () =>
      settled(() => {
        audits.flush();
        db.close();
      }),
  };
}

/** So long the first of a batch waits for others. */
const TOGETHER_MS = 20;

/** Rows that come within a few milliseconds share a transaction, and so one wait for the disk. */
function together<Row>(
  db: DatabaseSync,
  write: (row: Row) => unknown,
): { readonly add: (row: Row) => Promise<void>; readonly flush: () => void } {
  let waiting: { readonly row: Row; resolve(): void; reject(error: unknown): void }[] = [];
  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    try {
      db.exec("begin immediate");
      for (const { row } of batch) write(row);
      db.exec("commit");
      for (const { resolve } of batch) resolve();
    } catch (error) {
      // A full disk may have rolled back already.
      if (db.isTransaction) db.exec("rollback");
      for (const { reject } of batch) reject(error);
    }
  };
  return {
    flush,
    add: (row) =>
      new Promise((resolve, reject) => {
        if (waiting.length === 0) setTimeout(flush, TOGETHER_MS);
        waiting.push({ row, resolve, reject });
      }),
  };
}

const settled = <T>(run: () => T): Promise<T> => new Promise((resolve) => resolve(run()));
