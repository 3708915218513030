/**
 * Webhooks and their queue, as every database behind it keeps them. A delivery is a row until it was delivered or given
 * up, and then for a while longer, so that it can be looked at and sent again.
 */
import type { Kysely } from "kysely";
import { EVERY_TENANT } from "./cdr-store.ts";
import type { Schema, WebhookDeliveryRow, WebhookRow } from "./schema.ts";

export interface Webhook {
  readonly id: string;
  readonly tenant: string;
  readonly url: string;
  /** Types, or their beginnings: "call", "call.ended"; empty: all. */
  readonly events: readonly string[];
  readonly active: boolean;
  /** Its secret is worked out from this and the node's key: nothing of it is stored. */
  readonly secretVersion: number;
  readonly createdAtMs: number;
  /** When it was made, or its events or whether it is active last changed: it hears nothing of what was before. */
  readonly hearsFromMs: number;
}

export type DeliveryState = "pending" | "delivered" | "dead";

export interface Delivery {
  /** In order of time. */
  readonly id: string;
  readonly tenant: string;
  /** Of webhooks that stand in the store; of a call's own URL "call". */
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly callId: string;
  /** One after the other within a lane: a webhook's events of a call. */
  readonly lane: string;
  /** Whose slowness this is: a webhook, or a host. */
  readonly target: string;
  readonly url: string;
  readonly body: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly createdAtMs: number;
  readonly nextAtMs: number;
  readonly endedAtMs: number | undefined;
  /** HTTP, of the last attempt; 0: none came. */
  readonly status: number;
  readonly problem: string;
}

export interface DeliveryResult {
  readonly tenant: string;
  readonly id: string;
  readonly lane: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly nextAtMs: number;
  readonly endedAtMs: number | undefined;
  readonly status: number;
  readonly problem: string;
}

export interface DeliveryFilter {
  readonly tenant: string;
  readonly webhookId: string;
  readonly state: DeliveryState | undefined;
  readonly before: string | undefined;
  readonly limit: number;
}

/** `tenant` "*": every tenant's. @throws what the database says */
export interface WebhookStore {
  webhooks(tenant: string): Promise<readonly Webhook[]>;
  save(webhook: Webhook): Promise<void>;
  /** With all that waits for it. */
  remove(webhook: Pick<Webhook, "tenant" | "id">): Promise<void>;
  /** How far live events were taken. */
  place(): Promise<string | undefined>;
  /** All or nothing; what is there already stays as it is. */
  enqueue(deliveries: readonly Delivery[], place: string | undefined): Promise<void>;
  /** Whose deliveries wait. */
  targets(): Promise<readonly string[]>;
  /** The first of each lane of a target that is due. */
  due(target: string, nowMs: number, limit: number): Promise<readonly Delivery[]>;
  /** When the next one of a target is due; undefined: nothing waits. */
  nextDueMs(target: string): Promise<number | undefined>;
  /** A retry holds up its lane. */
  settle(results: readonly DeliveryResult[]): Promise<void>;
  deliveries(filter: DeliveryFilter): Promise<readonly Delivery[]>;
  delivery(tenant: string, webhookId: string, id: string): Promise<Delivery | undefined>;
  /** The URL that a call asked for when it began. */
  urlOfCall(callId: string): Promise<string | undefined>;
  /** How many wait and how many were given up, by webhook. */
  counts(): Promise<readonly { readonly webhookId: string; readonly state: DeliveryState; readonly count: number }[]>;
  purge(deliveredBeforeMs: number, deadBeforeMs: number): Promise<void>;
  close(): Promise<void>;
}

export const CALL_WEBHOOK = "call";
const ROW_BATCH = 50;

export function webhookStore(db: Kysely<Schema>): WebhookStore {
  return {
    async webhooks(tenant) {
      let query = db.selectFrom("webhook").selectAll().orderBy("id");
      if (tenant !== EVERY_TENANT) query = query.where("tenant", "=", tenant);
      return (await query.execute()).map(toWebhook);
    },
    async save({ id, tenant, url, events: types, active, secretVersion, createdAtMs, hearsFromMs }) {
      const events = JSON.stringify({ types, hearsFromMs });
      const values = { url, events, active: Number(active), secret_version: secretVersion };
      await db
        .insertInto("webhook")
        .values({ id, tenant, created_at_ms: createdAtMs, ...values })
        .onConflict((conflict) => conflict.columns(["tenant", "id"]).doUpdateSet(values))
        .execute();
    },
    remove: ({ tenant, id }) =>
      db.transaction().execute(async (within) => {
        await within.deleteFrom("webhook_delivery").where("webhook_id", "=", id).execute();
        await within.deleteFrom("webhook").where("tenant", "=", tenant).where("id", "=", id).execute();
      }),
    place: async () => (await db.selectFrom("live_place").select("place").where("id", "=", "webhooks").executeTakeFirst())?.place,
    enqueue: (deliveries, place) =>
      db.transaction().execute(async (within) => {
        for (let i = 0; i < deliveries.length; i += ROW_BATCH)
          await within
            .insertInto("webhook_delivery")
            .values(deliveries.slice(i, i + ROW_BATCH).map(toRow))
            .onConflict((conflict) => conflict.doNothing())
            .execute();
        if (place !== undefined)
          await within
            .insertInto("live_place")
            .values({ tenant: EVERY_TENANT, id: "webhooks", place })
            .onConflict((conflict) => conflict.columns(["tenant", "id"]).doUpdateSet({ place }))
            .execute();
      }),
    targets: async () =>
      (await db.selectFrom("webhook_delivery").select("target").distinct().where("state", "=", "pending").execute()).map(
        ({ target }) => target,
      ),
    async due(target, nowMs, limit) {
      const rows = await db
        .selectFrom("webhook_delivery as one")
        .selectAll()
        .where("target", "=", target)
        .where("state", "=", "pending")
        .where("next_at_ms", "<=", nowMs)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom("webhook_delivery as before")
                .select("before.id")
                .whereRef("before.lane", "=", "one.lane")
                .where("before.state", "=", "pending")
                .whereRef("before.id", "<", "one.id"),
            ),
          ),
        )
        .orderBy("next_at_ms")
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(toDelivery);
    },
    async nextDueMs(target) {
      const found = await db
        .selectFrom("webhook_delivery")
        .select("next_at_ms")
        .where("target", "=", target)
        .where("state", "=", "pending")
        .orderBy("next_at_ms")
        .limit(1)
        .executeTakeFirst();
      return found === undefined ? undefined : Number(found.next_at_ms);
    },
    settle: (results) =>
      db.transaction().execute(async (within) => {
        for (const { tenant, id, lane, state, attempts, nextAtMs, endedAtMs, status, problem } of results) {
          await within
            .updateTable("webhook_delivery")
            .set({ state, attempts, next_at_ms: nextAtMs, ended_at_ms: endedAtMs ?? null, status, problem })
            .where("tenant", "=", tenant)
            .where("id", "=", id)
            .execute();
          if (state === "pending")
            await within
              .updateTable("webhook_delivery")
              .set({ next_at_ms: nextAtMs })
              .where("lane", "=", lane)
              .where("state", "=", "pending")
              .where("next_at_ms", "<", nextAtMs)
              .execute();
        }
      }),
    async deliveries({ tenant, webhookId, state, before, limit }) {
      let query = db.selectFrom("webhook_delivery").selectAll().where("webhook_id", "=", webhookId).orderBy("id", "desc").limit(limit);
      if (tenant !== EVERY_TENANT) query = query.where("tenant", "=", tenant);
      if (state !== undefined) query = query.where("state", "=", state);
      if (before !== undefined) query = query.where("id", "<", before);
      return (await query.execute()).map(toDelivery);
    },
    async delivery(tenant, webhookId, id) {
      let query = db.selectFrom("webhook_delivery").selectAll().where("webhook_id", "=", webhookId).where("id", "=", id);
      if (tenant !== EVERY_TENANT) query = query.where("tenant", "=", tenant);
      const row = await query.executeTakeFirst();
      return row === undefined ? undefined : toDelivery(row);
    },
    urlOfCall: async (callId) =>
      (await db.selectFrom("webhook_delivery").select("url").where("lane", "=", laneOf(CALL_WEBHOOK, callId)).limit(1).executeTakeFirst())
        ?.url,
    async counts() {
      const rows = await db
        .selectFrom("webhook_delivery")
        .select(["webhook_id", "state", ({ fn }) => fn.countAll<number>().as("count")])
        .where("state", "in", ["pending", "dead"])
        .groupBy(["webhook_id", "state"])
        .execute();
      return rows.map(({ webhook_id, state, count }) => ({ webhookId: webhook_id, state: state as DeliveryState, count: Number(count) }));
    },
    async purge(deliveredBeforeMs, deadBeforeMs) {
      for (const [state, beforeMs] of [
        ["delivered", deliveredBeforeMs],
        ["dead", deadBeforeMs],
      ] as const)
        await db.deleteFrom("webhook_delivery").where("state", "=", state).where("ended_at_ms", "<", beforeMs).execute();
    },
    close: () => db.destroy(),
  };
}

export const laneOf = (webhookId: string, subject: string): string => `${webhookId} ${subject}`;

function toWebhook({ id, tenant, url, events, active, secret_version, created_at_ms }: WebhookRow): Webhook {
  const { types, hearsFromMs } = JSON.parse(events) as { readonly types: readonly string[]; readonly hearsFromMs: number };
  return {
    id,
    tenant,
    url,
    events: types,
    active: Boolean(active),
    secretVersion: Number(secret_version),
    createdAtMs: Number(created_at_ms),
    hearsFromMs,
  };
}

const toRow = (delivery: Delivery): WebhookDeliveryRow => ({
  tenant: delivery.tenant,
  id: delivery.id,
  webhook_id: delivery.webhookId,
  event_id: delivery.eventId,
  event_type: delivery.eventType,
  call_id: delivery.callId,
  lane: delivery.lane,
  target: delivery.target,
  url: delivery.url,
  body: delivery.body,
  state: delivery.state,
  attempts: delivery.attempts,
  created_at_ms: delivery.createdAtMs,
  next_at_ms: delivery.nextAtMs,
  ended_at_ms: delivery.endedAtMs ?? null,
  status: delivery.status,
  problem: delivery.problem,
});

const toDelivery = (row: WebhookDeliveryRow): Delivery => ({
  tenant: row.tenant,
  id: row.id,
  webhookId: row.webhook_id,
  eventId: row.event_id,
  eventType: row.event_type,
  callId: row.call_id,
  lane: row.lane,
  target: row.target,
  url: row.url,
  body: row.body,
  state: row.state as DeliveryState,
  attempts: Number(row.attempts),
  createdAtMs: Number(row.created_at_ms),
  nextAtMs: Number(row.next_at_ms),
  endedAtMs: row.ended_at_ms === null ? undefined : Number(row.ended_at_ms),
  status: Number(row.status),
  problem: row.problem,
});
