/** /api/alerts/channels: who is told of alerts. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { StoredChannel } from "#store/alert-store.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { identityId } from "#store/identity-store.ts";
import { ChannelSettings, UNREADABLE, publicSettings, settingsOf, urlsOf } from "./alert-channels.ts";
import { type Ports, demandNode } from "./alert-routes.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";
import { checkWebhookUrl } from "./webhook-routes.ts";

const CHANNELS_MAX = 50;
const ID_DIGITS = 12;
const ChannelWish = z
  .strictObject({ name: z.string().min(1).max(100), active: z.boolean().default(true), settings: ChannelSettings })
  .meta({ id: "NewAlertChannel" });
const ChannelView = z
  .object({
    channel_id: z.string(),
    name: z.string(),
    kind: z.string(),
    active: z.boolean(),
    settings: z.record(z.string(), z.unknown()).describe("Without passwords and tokens."),
    created_at: z.string(),
    last_sent_at: z.string().nullable().describe("Since the start of the API."),
    last_problem: z.string().describe("Empty: it worked."),
    secret: z.string().optional().describe("Signs what a webhook channel gets."),
  })
  .meta({ id: "AlertChannel" });

const iso = (ms: number): string => new Date(ms).toISOString();

export const alertChannelRoutes =
  ({ alerts, nowMs }: Ports): FastifyPluginAsyncZod =>
  async (app) => {
    if (alerts === undefined) return;
    const { store } = alerts;
    const tags = ["alerts"];
    const write = { scope: "alerts:write" } as const;
    const Id = z.object({ channel_id: z.string().max(64) });

    const view = ({ id, kind, name, active, body, createdAtMs }: StoredChannel): z.infer<typeof ChannelView> => {
      const last = alerts.standing(id);
      const settings = settingsOf(body);
      return {
        channel_id: id,
        name,
        kind,
        active,
        settings: settings === undefined ? {} : publicSettings(settings),
        created_at: iso(createdAtMs),
        last_sent_at: last === undefined ? null : iso(last.atMs),
        last_problem: last?.problem ?? (settings === undefined ? UNREADABLE : ""),
        ...(kind === "webhook" && { secret: alerts.secretOf(id) }),
      };
    };
    async function find(id: string): Promise<StoredChannel> {
      const found = (await store.channels()).find((channel) => channel.id === id);
      if (found === undefined) throw new ApiProblem("NOT_FOUND", `there is no channel ${id}`);
      return found;
    }
    function check(given: ChannelSettings): void {
      for (const [field, url] of urlsOf(given)) checkWebhookUrl(`settings.${field}`, url, alerts?.allowPrivate === true);
    }

    app.get(
      "/api/alerts/channels",
      {
        config: write,
        schema: {
          operationId: "listAlertChannels",
          tags,
          summary: "Who is told, without passwords and tokens",
          response: { 200: z.object({ items: z.array(ChannelView) }), ...REFUSALS },
        },
      },
      async (request) => {
        demandNode(principalOf(request));
        return { items: (await store.channels()).map(view) };
      },
    );
    app.post(
      "/api/alerts/channels",
      {
        config: write,
        schema: {
          operationId: "createAlertChannel",
          tags,
          summary: "A webhook, e-mail, a Telegram chat, or a heartbeat: a URL that is called each minute",
          body: ChannelWish,
          response: { 201: ChannelView, ...REFUSALS },
        },
      },
      async (request, reply) => {
        demandNode(principalOf(request));
        const { name, active, settings: given } = request.body;
        check(given);
        if ((await store.channels()).length >= CHANNELS_MAX) throw new ApiProblem("CONFLICT", `${CHANNELS_MAX} channels are the most`);
        const id = identityId(nowMs(), alerts.random(ID_DIGITS));
        const made = { id, tenant: EVERY_TENANT, kind: given.kind, name, active, body: JSON.stringify(given), createdAtMs: nowMs() };
        await store.saveChannel(made);
        await alerts.changed();
        return reply.code(201).send(view(made));
      },
    );
    app.put(
      "/api/alerts/channels/:channel_id",
      {
        config: write,
        schema: {
          operationId: "changeAlertChannel",
          tags,
          summary: "Name and active as said; settings as a whole, of the same kind; a secret that is left out stays",
          params: Id,
          body: z
            .strictObject({ name: z.string().min(1).max(100), active: z.boolean(), settings: z.record(z.string(), z.unknown()) })
            .partial(),
          response: { 200: ChannelView, ...REFUSALS },
        },
      },
      async (request) => {
        demandNode(principalOf(request));
        const former = await find(request.params.channel_id);
        const { name = former.name, active = former.active, settings: given } = request.body;
        const next = { ...former, name, active, body: given === undefined ? former.body : JSON.stringify(settingsAfter(former, given)) };
        await store.saveChannel(next);
        await alerts.changed();
        return view(next);
      },
    );
    const SECRETS = ["password", "bot_token"];
    const PLACES = ["host", "port", "security", "username", "base_url"];
    const placeIn = (of: Readonly<Record<string, unknown>>, field: string): unknown => of[field];
    function settingsAfter(former: StoredChannel, given: Readonly<Record<string, unknown>>): ChannelSettings {
      const before: Record<string, unknown> = settingsOf(former.body) ?? {};
      const kept = Object.fromEntries(SECRETS.filter((field) => before[field] !== undefined).map((field) => [field, before[field]]));
      const withoutThem = ChannelSettings.safeParse({ ...kept, ...given, kind: former.kind });
      // A secret goes where it was meant to go: whoever moves the channel says it again.
      const moved = withoutThem.success && PLACES.some((field) => placeIn(withoutThem.data, field) !== before[field]);
      const read = moved ? ChannelSettings.safeParse({ ...given, kind: former.kind }) : withoutThem;
      if (!read.success) {
        const errors = read.error.issues.map(({ path, message }) => ({ field: `settings.${path.join(".")}`, message }));
        throw new ApiProblem("BODY_INVALID", `${errors[0]?.field}: ${errors[0]?.message}`, { errors });
      }
      check(read.data);
      return read.data;
    }
    app.delete(
      "/api/alerts/channels/:channel_id",
      {
        config: write,
        schema: {
          operationId: "deleteAlertChannel",
          tags,
          summary: "Is told nothing more",
          params: Id,
          response: { 204: z.null(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        demandNode(principalOf(request));
        const { id } = await find(request.params.channel_id);
        await store.removeChannel(id);
        await alerts.changed();
        return reply.code(204).send(null);
      },
    );
    app.post(
      "/api/alerts/channels/:channel_id/test",
      {
        config: write,
        schema: {
          operationId: "testAlertChannel",
          tags,
          summary: "Sends a message now, and says how that went",
          params: Id,
          response: { 200: z.object({ ok: z.boolean(), problem: z.string() }), ...REFUSALS },
        },
      },
      async (request) => {
        demandNode(principalOf(request));
        const problem = await alerts.test(await find(request.params.channel_id));
        return { ok: problem === "", problem };
      },
    );
  };
