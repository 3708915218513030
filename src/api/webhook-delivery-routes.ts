/** /api/webhooks/{id}/deliveries: what was sent, what waits, what was given up and can be sent again. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { CALL_WEBHOOK, type Delivery } from "#store/webhook-store.ts";
import type { Principal } from "./access.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";
import { type Ports, findWebhook } from "./webhook-routes.ts";

const PAGE = 100;
const PAGE_MAX = 500;
const DeliveryView = z
  .object({
    delivery_id: z.string(),
    event_id: z.string(),
    event: z.string(),
    call_id: z.string().nullable(),
    url: z.string(),
    state: z.enum(["pending", "delivered", "dead"]),
    attempts: z.int(),
    created_at: z.string(),
    next_attempt_at: z.string().nullable(),
    ended_at: z.string().nullable(),
    status: z.int().nullable().describe("HTTP, of the last attempt; null: no answer came."),
    problem: z.string(),
    body: z.string().describe("As it is sent."),
  })
  .meta({ id: "WebhookDelivery" });
const Id = z.object({ webhook_id: z.string().max(64) });

const iso = (ms: number): string => new Date(ms).toISOString();
const deliveryView = (one: Delivery): z.infer<typeof DeliveryView> => ({
  delivery_id: one.id,
  event_id: one.eventId,
  event: one.eventType,
  call_id: one.callId === "" ? null : one.callId,
  url: one.url,
  state: one.state,
  attempts: one.attempts,
  created_at: iso(one.createdAtMs),
  next_attempt_at: one.state === "pending" ? iso(one.nextAtMs) : null,
  ended_at: one.endedAtMs === undefined ? null : iso(one.endedAtMs),
  status: one.status === 0 ? null : one.status,
  problem: one.problem,
  body: one.body,
});

export const webhookDeliveryRoutes =
  ({ webhooks, nowMs }: Ports): FastifyPluginAsyncZod =>
  async (app) => {
    if (webhooks === undefined) return;
    const { store, changed } = webhooks;
    const tags = ["webhooks"];
    const read = { scope: "webhooks:read" } as const;
    const write = { scope: "webhooks:write" } as const;
    const tenantOf = async (principal: Principal, webhookId: string): Promise<string> =>
      webhookId === CALL_WEBHOOK ? principal.reach : (await findWebhook(store, principal, webhookId)).tenant;

    app.get(
      "/api/webhooks/:webhook_id/deliveries",
      {
        config: read,
        schema: {
          operationId: "listDeliveries",
          tags,
          summary: `Newest first; webhook_id "${CALL_WEBHOOK}": those of calls that named a webhook_url`,
          params: Id,
          querystring: z.strictObject({
            state: z.enum(["pending", "delivered", "dead"]).optional(),
            limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE),
            cursor: z.string().min(1).max(64).optional(),
          }),
          response: { 200: z.object({ items: z.array(DeliveryView), next: z.string().nullable() }), ...REFUSALS },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const { webhook_id: webhookId } = request.params;
        const { state, limit, cursor: before } = request.query;
        const tenant = await tenantOf(principal, webhookId);
        const found = await store.deliveries({ tenant, webhookId, state, before, limit });
        return { items: found.map(deliveryView), next: found.length < limit ? null : (found.at(-1)?.id ?? null) };
      },
    );
    app.post(
      "/api/webhooks/:webhook_id/deliveries/:delivery_id/replay",
      {
        config: write,
        schema: {
          operationId: "replayDelivery",
          tags,
          summary: "Puts it into the queue again",
          params: Id.extend({ delivery_id: z.string().max(64) }),
          response: { 202: DeliveryView, ...REFUSALS },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const { webhook_id: webhookId, delivery_id: id } = request.params;
        const tenant = await tenantOf(principal, webhookId);
        const found = await store.delivery(tenant, webhookId, id);
        if (found === undefined) throw new ApiProblem("NOT_FOUND", `webhook ${webhookId} has no delivery ${id}`);
        const again = { ...found, state: "pending", attempts: 0, nextAtMs: nowMs(), endedAtMs: undefined } as const;
        if (found.state !== "pending") await store.settle([again]);
        await changed(found.target);
        return reply.code(202).send(deliveryView(again));
      },
    );
  };
