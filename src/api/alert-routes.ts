/** /api/alerts: what is wrong and was, and the rules that say so. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { AlertStore, StoredAlert, StoredChannel } from "#store/alert-store.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import type { Principal } from "./access.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

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
export interface Ports {
  readonly alerts?: AlertPorts | undefined;
  readonly nowMs: () => number;
}

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
export function demandNode({ reach, name }: Principal): void {
  if (reach !== EVERY_TENANT)
    throw new ApiProblem("FORBIDDEN", `rules and channels of alerts are of the whole node, and ${name} is of tenant ${reach}`);
}

export const alertRoutes =
  ({ alerts }: Ports): FastifyPluginAsyncZod =>
  async (app) => {
    if (alerts === undefined) return;
    const { store } = alerts;
    const tags = ["alerts"];
    const read = { scope: "alerts:read" } as const;
    const write = { scope: "alerts:write" } as const;

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
  };
