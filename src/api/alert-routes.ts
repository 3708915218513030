/** /api/alerts: what is wrong and was, the rules that say so, and who is told. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { AlertStore, StoredAlert, StoredChannel } from "#store/alert-store.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { identityId } from "#store/identity-store.ts";
import type { Principal } from "./access.ts";
import { ChannelSettings, publicSettings, urlsOf } from "./alert-channels.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";
import { checkWebhookUrl } from "./webhook-routes.ts";

/** As the API shows and changes it. */
export interface AlertRuleReport {
  readonly rule: string;
  readonly title: string;
  readonly enabled: boolean;
  readonly severity: "warning" | "critical";
  readonly threshold: number;
  readonly threshold_unit: string;
  readonly window_s: number;
  readonly calls_min: number;
  readonly raise_after_s: number;
  readonly clear_after_s: number;
}
export type AlertRuleWish = {
  readonly [K in Exclude<keyof AlertRuleReport, "rule" | "title" | "threshold_unit">]?: AlertRuleReport[K] | undefined;
};

export interface ChannelStanding {
  readonly atMs: number;
  /** "": it worked. */
  readonly problem: string;
}

export interface AlertPorts {
  readonly store: AlertStore;
  readonly allowPrivate: boolean;
  rules(): readonly AlertRuleReport[];
  /** In force from the next look on. */
  changeRule(rule: string, wish: AlertRuleWish): Promise<void>;
  /** Channels changed. */
  changed(): Promise<void>;
  /** How the last message to a channel went; undefined: none was sent. */
  standing(channelId: string): ChannelStanding | undefined;
  /** @returns what went wrong; "": nothing */
  test(channel: StoredChannel): Promise<string>;
  /** What signs the messages of a webhook channel. */
  secretOf(channelId: string): string;
  readonly random: (digits: number) => string;
}
interface Ports {
  readonly alerts?: AlertPorts | undefined;
  readonly nowMs: () => number;
}

const CHANNELS_MAX = 50;
const ID_DIGITS = 12;
const PAGE = 100;
const PAGE_MAX = 500;
const WINDOW_S_MAX = 6 * 3_600;
const DAY_S = 86_400;

const AlertView = z
  .object({
    alert_id: z.string(),
    rule: z.string(),
    tenant: z.string().describe("*: of the node."),
    subject: z.string().describe("The trunk, group, file … that it is about."),
    severity: z.enum(["warning", "critical"]),
    detail: z.string(),
    raised_at: z.string(),
    cleared_at: z.string().nullable().describe("null: it is open."),
  })
  .meta({ id: "Alert" });
const settings = {
  enabled: z.boolean(),
  severity: z.enum(["warning", "critical"]),
  threshold: z.number().min(0).max(1_000_000),
  window_s: z.int().min(0).max(WINDOW_S_MAX),
  calls_min: z.int().min(0).max(1_000_000).describe("Below so many calls within the window nothing is said."),
  raise_after_s: z.int().min(0).max(DAY_S).describe("It must be bad for so long."),
  clear_after_s: z.int().min(0).max(DAY_S).describe("And good for so long."),
};
const RuleView = z.object({ rule: z.string(), title: z.string(), threshold_unit: z.string(), ...settings }).meta({ id: "AlertRule" });
const RuleWish = z.strictObject(settings).partial().meta({ id: "AlertRuleChange" });
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
const alertView = ({ id, rule, tenant, subject, severity, detail, raisedAtMs, clearedAtMs }: StoredAlert): z.infer<typeof AlertView> => ({
  alert_id: id,
  rule,
  tenant,
  subject,
  severity: severity === "critical" ? "critical" : "warning",
  detail,
  raised_at: iso(raisedAtMs),
  cleared_at: clearedAtMs === undefined ? null : iso(clearedAtMs),
});

/** Rules and channels are of the whole node. @throws ApiProblem */
function demandNode({ reach, name }: Principal): void {
  if (reach !== EVERY_TENANT)
    throw new ApiProblem("FORBIDDEN", `rules and channels of alerts are of the whole node, and ${name} is of tenant ${reach}`);
}

export const alertRoutes =
  ({ alerts, nowMs }: Ports): FastifyPluginAsyncZod =>
  async (app) => {
    if (alerts === undefined) return;
    const { store } = alerts;
    const tags = ["alerts"];
    const read = { scope: "alerts:read" } as const;
    const write = { scope: "alerts:write" } as const;
    const Id = z.object({ channel_id: z.string().max(64) });

    const view = ({ id, kind, name, active, body, createdAtMs }: StoredChannel): z.infer<typeof ChannelView> => {
      const last = alerts.standing(id);
      return {
        channel_id: id,
        name,
        kind,
        active,
        settings: publicSettings(JSON.parse(body) as ChannelSettings),
        created_at: iso(createdAtMs),
        last_sent_at: last === undefined ? null : iso(last.atMs),
        last_problem: last?.problem ?? "",
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
      "/api/alerts",
      {
        config: read,
        schema: {
          operationId: "listAlerts",
          tags,
          summary: "Newest first: what is wrong, or with state=all what was, too",
          querystring: z.strictObject({
            state: z.enum(["open", "all"]).default("open"),
            limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE),
            cursor: z.string().min(1).max(64).optional(),
          }),
          response: { 200: z.object({ items: z.array(AlertView), next: z.string().nullable() }), ...REFUSALS },
        },
      },
      async (request) => {
        const { state, limit, cursor: before } = request.query;
        const found = await store.alerts({ tenant: principalOf(request).reach, open: state === "open", before, limit });
        return { items: found.map(alertView), next: found.length < limit ? null : (found.at(-1)?.id ?? null) };
      },
    );
    app.get(
      "/api/alerts/rules",
      {
        config: read,
        schema: {
          operationId: "listAlertRules",
          tags,
          summary: "What raises an alert",
          response: { 200: z.object({ items: z.array(RuleView) }), ...REFUSALS },
        },
      },
      async () => ({ items: [...alerts.rules()] }),
    );
    app.put(
      "/api/alerts/rules/:rule",
      {
        config: write,
        schema: {
          operationId: "changeAlertRule",
          tags,
          summary: "Changes what is said and leaves the rest",
          params: z.object({ rule: z.string().max(64) }),
          body: RuleWish,
          response: { 200: RuleView, ...REFUSALS },
        },
      },
      async (request) => {
        demandNode(principalOf(request));
        const { rule } = request.params;
        const named = (): AlertRuleReport | undefined => alerts.rules().find((one) => one.rule === rule);
        if (named() === undefined)
          throw new ApiProblem(
            "NOT_FOUND",
            `there is no rule ${rule}; there are ${alerts
              .rules()
              .map((one) => one.rule)
              .join(", ")}`,
          );
        await alerts.changeRule(rule, request.body);
        return named()!;
      },
    );
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
    function settingsAfter(former: StoredChannel, given: Readonly<Record<string, unknown>>): ChannelSettings {
      const before = JSON.parse(former.body) as Record<string, unknown>;
      const kept = Object.fromEntries(SECRETS.filter((field) => before[field] !== undefined).map((field) => [field, before[field]]));
      const read = ChannelSettings.safeParse({ ...kept, ...given, kind: former.kind });
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
