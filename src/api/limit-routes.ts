/** /api/limits: what tenants, trunks, gateways and sources have in use and may have, and locks after what looked like fraud. */
import type { FastifyRequest } from "fastify";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { LimitReport } from "#call/control.ts";
import { COUNTRY_CODES } from "#config/limit-fields.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { type Principal, reaches } from "./access.ts";
import { noteAudit } from "./audit.ts";
import { iso } from "./call-record.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const LIST_MAX = 500;
const Prefix = z.string().regex(/^\+[1-9][0-9]{0,14}$/, "a plus and digits, e.g. +49900");
const Country = z
  .string()
  .transform((value) => value.toUpperCase())
  .refine((value) => COUNTRY_CODES.has(value), "two letters of ISO 3166, e.g. DE");
const Fraud = z.strictObject({
  calls: z.int().min(3).max(500),
  window_s: z.int().min(1).max(3_600),
  short_s: z.int().min(1).max(600),
  lock_s: z.int().min(1).max(604_800),
});
const LimitFields = z
  .strictObject({
    calls_max: z.int().min(0).max(1_000_000),
    calls_per_second: z.int().min(1).max(10_000),
    minutes_per_day: z.int().min(0).max(100_000_000),
    allowed_prefixes: z.array(Prefix).max(LIST_MAX),
    denied_prefixes: z.array(Prefix).max(LIST_MAX),
    allowed_countries: z.array(Country).max(LIST_MAX),
    denied_countries: z.array(Country).max(LIST_MAX),
    premium: z.enum(["deny", "allow"]),
    fraud: z.union([Fraud, z.literal(false)]),
  })
  .partial();
const Shown = z.object({
  calls_max: z.int().nullable(),
  calls_per_second: z.int().nullable(),
  minutes_per_day: z.int().nullable(),
  allowed_prefixes: z.array(z.string()),
  denied_prefixes: z.array(z.string()),
  allowed_countries: z.array(z.string()),
  denied_countries: z.array(z.string()),
  premium: z.enum(["deny", "allow"]),
  fraud: z.union([Fraud, z.boolean()]).describe("true: watched as by default."),
});
const Limit = z
  .object({
    subject: z.enum(["tenant", "trunk", "gateway", "source"]),
    name: z.string(),
    tenant: z.string().nullable().describe("null: the deployment's."),
    active_calls: z.int(),
    minutes_today: z.number().describe("Talked, calls under way included; the day is UTC's."),
    limits: Shown,
    is_set: z.boolean().describe("Some of it was set here, above tandem.yaml."),
    locked_until: z.string().nullable(),
    lock_reason: z.string(),
  })
  .meta({ id: "Limit" });
const Named = z.object({ subject: z.enum(["tenant", "trunk", "gateway", "source"]), name: z.string().min(1).max(64) });

export const limitRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    const tags = ["limits"];
    app.get(
      "/api/limits",
      {
        config: { scope: "resources:read" },
        schema: {
          operationId: "listLimits",
          tags,
          summary: "What is in use, and what may be",
          querystring: z.strictObject({ subject: Named.shape.subject.optional(), name: Named.shape.name.optional() }),
          response: { 200: z.object({ items: z.array(Limit) }), ...REFUSALS },
        },
      },
      async (request) => {
        const { subject, name } = request.query;
        const items = (await ports.ask<readonly LimitReport[]>({ type: "limits" })).filter(
          (one) => sees(principalOf(request), one) && (subject ?? one.subject) === one.subject && (name ?? one.name) === one.name,
        );
        return { items: items.map(shown) };
      },
    );
    app.put(
      "/api/limits/:subject/:name",
      {
        config: { scope: "resources:write" },
        schema: {
          operationId: "setLimits",
          tags,
          summary: "Limits above those of tandem.yaml",
          description:
            "Fields that are said here come before the file's; all that were set here before are replaced. Only for whoever runs the deployment.",
          params: Named,
          body: LimitFields,
          response: { 200: Limit, ...REFUSALS },
        },
      },
      async (request) => {
        const { subject, name } = await deployments(request.params, principalOf(request));
        return noted(request, await ports.ask<LimitReport>({ type: "limit-set", subject, name, limits: taken(request.body) }));
      },
    );
    app.delete(
      "/api/limits/:subject/:name",
      {
        config: { scope: "resources:write" },
        schema: {
          operationId: "resetLimits",
          tags,
          summary: "As tandem.yaml says again",
          params: Named,
          response: { 200: Limit, ...REFUSALS },
        },
      },
      async (request) => {
        const { subject, name } = await deployments(request.params, principalOf(request));
        return noted(request, await ports.ask<LimitReport>({ type: "limit-set", subject, name, limits: null }));
      },
    );
    app.post(
      "/api/limits/:subject/:name/unlock",
      {
        config: { scope: "resources:write" },
        schema: {
          operationId: "unlockLimit",
          tags,
          summary: "Lets calls out again after a lock",
          params: Named,
          response: { 200: Limit, ...REFUSALS },
        },
      },
      async (request) => {
        const { subject, name } = await deployments(request.params, principalOf(request));
        return noted(request, await ports.ask<LimitReport>({ type: "limit-unlock", subject, name }));
      },
    );

    /** Limits bind a tenant: he doesn't lift his own. @throws ApiProblem */
    async function deployments(named: z.infer<typeof Named>, principal: Principal): Promise<z.infer<typeof Named>> {
      if (principal.reach === EVERY_TENANT) return named;
      const all = await ports.ask<readonly LimitReport[]>({ type: "limits" });
      const own = all.some((one) => one.subject === named.subject && one.name === named.name && sees(principal, one));
      if (!own) throw new ApiProblem("NOT_FOUND", `there is no ${named.subject} ${named.name}`);
      throw new ApiProblem("FORBIDDEN", "limits are set, and locks are ended, by whoever runs the deployment");
    }
  };

function noted(request: FastifyRequest, report: LimitReport): z.infer<typeof Limit> {
  const { subject, name, tenant, limits } = report;
  noteAudit(request, {
    kind: "limit",
    name: `${subject} ${name}`,
    tenant: tenant === "" ? EVERY_TENANT : tenant,
    before: undefined,
    after: limits,
  });
  return shown(report);
}

const sees = (principal: Principal, { tenant }: LimitReport): boolean =>
  tenant === "" ? principal.reach === EVERY_TENANT : reaches(principal, tenant);

function shown({ subject, name, tenant, calls, minutesToday, limits, isSet, lock }: LimitReport): z.infer<typeof Limit> {
  const { fraud } = limits;
  return {
    subject,
    name,
    tenant: tenant === "" ? null : tenant,
    active_calls: calls,
    minutes_today: minutesToday,
    limits: {
      calls_max: limits.callsMax ?? null,
      calls_per_second: limits.callsPerSecond ?? null,
      minutes_per_day: limits.minutesPerDay ?? null,
      allowed_prefixes: [...(limits.allowedPrefixes ?? [])],
      denied_prefixes: [...(limits.deniedPrefixes ?? [])],
      allowed_countries: [...(limits.allowedCountries ?? [])],
      denied_countries: [...(limits.deniedCountries ?? [])],
      premium: limits.premium ?? "deny",
      fraud:
        fraud === undefined || fraud === false
          ? fraud === undefined && subject === "tenant"
          : { calls: fraud.calls, window_s: fraud.windowMs / 1_000, short_s: fraud.shortMs / 1_000, lock_s: fraud.lockMs / 1_000 },
    },
    is_set: isSet,
    locked_until: lock === undefined || lock === null ? null : iso(lock.untilMs),
    lock_reason: lock?.reason ?? "",
  };
}

function taken(body: z.infer<typeof LimitFields>): LimitReport["limits"] {
  const { fraud } = body;
  return {
    ...(body.calls_max !== undefined && { callsMax: body.calls_max }),
    ...(body.calls_per_second !== undefined && { callsPerSecond: body.calls_per_second }),
    ...(body.minutes_per_day !== undefined && { minutesPerDay: body.minutes_per_day }),
    ...(body.allowed_prefixes !== undefined && { allowedPrefixes: body.allowed_prefixes }),
    ...(body.denied_prefixes !== undefined && { deniedPrefixes: body.denied_prefixes }),
    ...(body.allowed_countries !== undefined && { allowedCountries: body.allowed_countries }),
    ...(body.denied_countries !== undefined && { deniedCountries: body.denied_countries }),
    ...(body.premium !== undefined && { premium: body.premium }),
    ...(fraud !== undefined && {
      fraud: fraud && {
        calls: fraud.calls,
        windowMs: fraud.window_s * 1_000,
        shortMs: fraud.short_s * 1_000,
        lockMs: fraud.lock_s * 1_000,
      },
    }),
  };
}
