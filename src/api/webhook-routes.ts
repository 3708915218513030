/** /api/webhooks: who is told of events over HTTP, what was delivered, and what was given up. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { identityId } from "#store/identity-store.ts";
import type { Webhook, WebhookStore } from "#store/webhook-store.ts";
import { type Principal, reaches, tenantFor } from "./access.ts";
import type { CallOut } from "./call-out.ts";
import { LIVE_EVENT_TYPES, liveEventBody } from "./event-routes.ts";
import { urlProblem } from "./private-address.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";
import { callSecret, signatureOf, webhookSecret } from "./webhook-signature.ts";

export interface WebhookPorts {
  readonly store: WebhookStore;
  readonly callOut: CallOut;
  readonly allowPrivate: boolean;
  /** Webhooks changed, or something was put into the queue of a target. */
  changed(target?: string): Promise<void>;
  readonly random: (digits: number) => string;
}
export interface Ports {
  readonly webhooks?: WebhookPorts | undefined;
  readonly key: Uint8Array;
  readonly nowMs: () => number;
}

const WEBHOOKS_MAX = 100;
const ID_DIGITS = 12;
const URL_CHARS_MAX = 2_000;

const kinds = [...LIVE_EVENT_TYPES, "call", "trunk", "gateway", "alert"] as const;
const Tenant = z.string().regex(/^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$/, "a tenant's name, or * for all");
const fields = {
  url: z.string().min(1).max(URL_CHARS_MAX).describe("http:// or https://; of the internet, unless node.webhooks.allow_private."),
  events: z.array(z.enum(kinds)).max(kinds.length).describe("Types or their beginnings (call, trunk, gateway, alert); empty: all."),
  active: z.boolean().describe("no: hears nothing new; what waits is still delivered."),
};
const NewWebhook = z
  .strictObject({
    url: fields.url,
    events: fields.events.default([]),
    active: fields.active.default(true),
    tenant: Tenant.optional().describe("Only for who reaches several; * hears of all."),
  })
  .meta({ id: "NewWebhook" });
const WebhookChange = z.strictObject(fields).partial().meta({ id: "WebhookChange" });
const WebhookView = z
  .object({
    webhook_id: z.string(),
    tenant: z.string(),
    url: z.string(),
    events: z.array(z.string()),
    active: z.boolean(),
    created_at: z.string(),
    pending: z.int().describe("Deliveries that wait."),
    dead: z.int().describe("Deliveries that were given up, and can be replayed."),
  })
  .meta({ id: "Webhook" });
const WithSecret = WebhookView.extend({ secret: z.string().describe("Signs what is sent; shown this once.") }).meta({
  id: "WebhookWithSecret",
});
const Id = z.object({ webhook_id: z.string().max(64) });

const iso = (ms: number): string => new Date(ms).toISOString();

/** @throws ApiProblem where there is none, or it is another tenant's */
export async function findWebhook(store: WebhookStore, principal: Principal, id: string): Promise<Webhook> {
  const found = (await store.webhooks(principal.reach)).find((webhook) => webhook.id === id && reaches(principal, webhook.tenant));
  if (found === undefined) throw new ApiProblem("NOT_FOUND", `there is no webhook ${id}`);
  return found;
}

/** @throws ApiProblem naming the field */
export function checkWebhookUrl(field: string, url: string, allowPrivate: boolean): void {
  const problem = urlProblem(url, allowPrivate);
  if (problem !== undefined) throw new ApiProblem("BODY_INVALID", `${field}: ${problem}`, { errors: [{ field, message: problem }] });
}

export const webhookRoutes =
  ({ webhooks, key, nowMs }: Ports): FastifyPluginAsyncZod =>
  async (app) => {
    if (webhooks === undefined) return;
    const { store, callOut, allowPrivate, changed, random } = webhooks;
    const tags = ["webhooks"];
    const read = { scope: "webhooks:read" } as const;
    const write = { scope: "webhooks:write" } as const;

    const find = (principal: Principal, id: string): Promise<Webhook> => findWebhook(store, principal, id);
    async function views(of: readonly Webhook[]): Promise<z.infer<typeof WebhookView>[]> {
      const counts = await store.counts();
      const count = (id: string, state: string) => counts.find((one) => one.webhookId === id && one.state === state)?.count ?? 0;
      return of.map(({ id, tenant, url, events, active, createdAtMs }) => ({
        webhook_id: id,
        tenant,
        url,
        events: [...events],
        active,
        created_at: iso(createdAtMs),
        pending: count(id, "pending"),
        dead: count(id, "dead"),
      }));
    }
    const view = async (webhook: Webhook) => (await views([webhook]))[0]!;
    const checkUrl = (url: string | undefined): void => {
      if (url !== undefined) checkWebhookUrl("url", url, allowPrivate);
    };

    app.get(
      "/api/webhooks",
      {
        config: read,
        schema: {
          operationId: "listWebhooks",
          tags,
          summary: "Webhooks, without their secrets",
          response: { 200: z.object({ items: z.array(WebhookView), next: z.null() }), ...REFUSALS },
        },
      },
      async (request) => ({ items: await views(await store.webhooks(principalOf(request).reach)), next: null }),
    );
    app.post(
      "/api/webhooks",
      {
        config: write,
        schema: {
          operationId: "createWebhook",
          tags,
          summary: "A new webhook; its secret is shown this once",
          body: NewWebhook,
          response: { 201: WithSecret, ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { url, events, active, tenant: wanted } = request.body;
        const tenant = tenantFor(principalOf(request), wanted);
        checkUrl(url);
        if ((await store.webhooks(tenant)).length >= WEBHOOKS_MAX)
          throw new ApiProblem("CONFLICT", `${tenant} has ${WEBHOOKS_MAX} webhooks, which is the most`);
        const webhook: Webhook = {
          id: identityId(nowMs(), random(ID_DIGITS)),
          tenant,
          url,
          events,
          active,
          secretVersion: 1,
          createdAtMs: nowMs(),
          hearsFromMs: nowMs(),
        };
        await store.save(webhook);
        await changed();
        return reply.code(201).send({ ...(await view(webhook)), secret: webhookSecret(key, webhook.id, 1) });
      },
    );
    app.get(
      "/api/webhooks/call-secret",
      {
        config: write,
        schema: {
          operationId: "callWebhookSecret",
          tags,
          summary: "What signs the events of calls that named a webhook_url themselves",
          querystring: z.strictObject({ tenant: Tenant.optional() }),
          response: { 200: z.object({ tenant: z.string(), secret: z.string() }), ...REFUSALS },
        },
      },
      async (request) => {
        const tenant = tenantFor(principalOf(request), request.query.tenant);
        return { tenant, secret: callSecret(key, tenant) };
      },
    );
    app.get(
      "/api/webhooks/:webhook_id",
      {
        config: read,
        schema: { operationId: "getWebhook", tags, summary: "One webhook", params: Id, response: { 200: WebhookView, ...REFUSALS } },
      },
      async (request) => view(await find(principalOf(request), request.params.webhook_id)),
    );
    app.put(
      "/api/webhooks/:webhook_id",
      {
        config: write,
        schema: {
          operationId: "changeWebhook",
          tags,
          summary: "Changes what is said and leaves the rest",
          params: Id,
          body: WebhookChange,
          response: { 200: WebhookView, ...REFUSALS },
        },
      },
      async (request) => {
        const former = await find(principalOf(request), request.params.webhook_id);
        const { url = former.url, events = former.events, active = former.active } = request.body;
        checkUrl(request.body.url);
        const same = active === former.active && events.join() === former.events.join();
        const next = { ...former, url, events, active, hearsFromMs: same ? former.hearsFromMs : nowMs() };
        await store.save(next);
        await changed();
        return view(next);
      },
    );
    app.delete(
      "/api/webhooks/:webhook_id",
      {
        config: write,
        schema: {
          operationId: "deleteWebhook",
          tags,
          summary: "Takes it out, with what waits for it",
          params: Id,
          response: { 204: z.null(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        await store.remove(await find(principalOf(request), request.params.webhook_id));
        await changed();
        return reply.code(204).send(null);
      },
    );
    app.post(
      "/api/webhooks/:webhook_id/rotate-secret",
      {
        config: write,
        schema: {
          operationId: "rotateWebhookSecret",
          tags,
          summary: "A new secret, shown this once; the former signs nothing from now on",
          params: Id,
          response: { 200: WithSecret, ...REFUSALS },
        },
      },
      async (request) => {
        const former = await find(principalOf(request), request.params.webhook_id);
        const next = { ...former, secretVersion: former.secretVersion + 1 };
        await store.save(next);
        await changed();
        return { ...(await view(next)), secret: webhookSecret(key, next.id, next.secretVersion) };
      },
    );
    app.post(
      "/api/webhooks/:webhook_id/test",
      {
        config: write,
        schema: {
          operationId: "testWebhook",
          tags,
          summary: "Sends one signed event now, beside the queue, and says what came back",
          params: Id,
          response: { 200: z.object({ status: z.int().nullable(), problem: z.string() }), ...REFUSALS },
        },
      },
      async (request) => {
        const { id, tenant, url, secretVersion } = await find(principalOf(request), request.params.webhook_id);
        const event = {
          id: "test",
          place: "",
          type: "call.started",
          atMs: nowMs(),
          tenant,
          callId: undefined,
          webhookUrl: undefined,
        } as const;
        const body = JSON.stringify(liveEventBody({ ...event, data: { test: true } }));
        const signature = signatureOf(webhookSecret(key, id, secretVersion), nowMs(), body);
        const headers = {
          "content-type": "application/json",
          "x-tandem-event": "test",
          "x-tandem-delivery": "test",
          "x-tandem-signature": signature,
        };
        const { status, problem } = await callOut({ method: "POST", url, body, headers });
        return { status: status === 0 ? null : status, problem };
      },
    );
  };
