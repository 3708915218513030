/** Alerts, changes of their rules and who is told, as every database behind it keeps them. */
import type { Kysely } from "kysely";
import { EVERY_TENANT } from "./cdr-store.ts";
import type { AlertRow, Schema } from "./schema.ts";

export interface StoredAlert {
  /** In order of time. */
  readonly id: string;
  /** "*": of the node. */
  readonly tenant: string;
  readonly rule: string;
  readonly subject: string;
  readonly severity: string;
  readonly detail: string;
  readonly raisedAtMs: number;
  readonly clearedAtMs: number | undefined;
}

export interface StoredChannel {
  readonly id: string;
  readonly tenant: string;
  readonly kind: string;
  readonly name: string;
  readonly active: boolean;
  /** JSON, with its secrets. */
  readonly body: string;
  readonly createdAtMs: number;
}

export interface AlertFilter {
  /** "*": every tenant's. */
  readonly tenant: string;
  readonly open: boolean;
  readonly before: string | undefined;
  readonly limit: number;
}

/** @throws what the database says */
export interface AlertStore {
  /** Newest first. */
  alerts(filter: AlertFilter): Promise<readonly StoredAlert[]>;
  save(alerts: readonly StoredAlert[]): Promise<void>;
  /** Those that were cleared before. */
  purge(beforeMs: number): Promise<void>;
  ruleChanges(): Promise<ReadonlyMap<string, string>>;
  saveRule(name: string, body: string): Promise<void>;
  channels(): Promise<readonly StoredChannel[]>;
  saveChannel(channel: StoredChannel): Promise<void>;
  removeChannel(id: string): Promise<void>;
}

export function alertStore(db: Kysely<Schema>): AlertStore {
  return {
    async alerts({ tenant, open, before, limit }) {
      let query = db.selectFrom("alert").selectAll().orderBy("id", "desc").limit(limit);
      if (tenant !== EVERY_TENANT) query = query.where("tenant", "=", tenant);
      if (open) query = query.where("cleared_at_ms", "is", null);
      if (before !== undefined) query = query.where("id", "<", before);
      return (await query.execute()).map(toAlert);
    },
    async save(alerts) {
      for (const { id, tenant, rule, subject, severity, detail, raisedAtMs, clearedAtMs } of alerts) {
        const values = { detail, cleared_at_ms: clearedAtMs ?? null };
        await db
          .insertInto("alert")
          .values({ id, tenant, rule, subject, severity, raised_at_ms: raisedAtMs, ...values })
          .onConflict((conflict) => conflict.columns(["tenant", "id"]).doUpdateSet(values))
          .execute();
      }
    },
    async purge(beforeMs) {
      await db.deleteFrom("alert").where("cleared_at_ms", "<", beforeMs).execute();
    },
    ruleChanges: async () => new Map((await db.selectFrom("alert_rule").selectAll().execute()).map(({ id, body }) => [id, body])),
    async saveRule(name, body) {
      await db
        .insertInto("alert_rule")
        .values({ tenant: EVERY_TENANT, id: name, body })
        .onConflict((conflict) => conflict.columns(["tenant", "id"]).doUpdateSet({ body }))
        .execute();
    },
    channels: async () =>
      (await db.selectFrom("alert_channel").selectAll().orderBy("id").execute()).map(({ active, created_at_ms, ...row }) => ({
        ...row,
        active: Boolean(active),
        createdAtMs: Number(created_at_ms),
      })),
    async saveChannel({ id, tenant, kind, name, active, body, createdAtMs }) {
      const values = { name, active: Number(active), body };
      await db
        .insertInto("alert_channel")
        .values({ id, tenant, kind, created_at_ms: createdAtMs, ...values })
        .onConflict((conflict) => conflict.columns(["tenant", "id"]).doUpdateSet(values))
        .execute();
    },
    async removeChannel(id) {
      await db.deleteFrom("alert_channel").where("id", "=", id).execute();
    },
  };
}

const toAlert = ({ id, tenant, rule, subject, severity, detail, raised_at_ms, cleared_at_ms }: AlertRow): StoredAlert => ({
  id,
  tenant,
  rule,
  subject,
  severity,
  detail,
  raisedAtMs: Number(raised_at_ms),
  clearedAtMs: cleared_at_ms === null ? undefined : Number(cleared_at_ms),
});
