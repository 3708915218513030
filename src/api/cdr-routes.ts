/** /api/calls/cdr, /api/calls/cdr.csv, /api/calls/statistics: calls that are over, by what is asked for. */
import { Readable } from "node:stream";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Outcome } from "#cdr/outcome.ts";
import { type CdrFilter, LIST_MAX } from "#store/cdr-store.ts";
import type { CallTotal } from "#store/call-totals.ts";
import { type Principal, narrowed } from "./access.ts";
import { CallRecord, iso, record, trunksOf } from "./call-record.ts";
import { csvOf } from "./cdr-csv.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const CALL_ID_CHARS_MAX = 64;
const PAGE = 100;
const DAY_MS = 86_400_000;
const STATISTICS_DAYS_MAX = 366;
const CSV_TYPE = "text/csv; charset=utf-8";

/** As a record, so that one that is new does not compile without. */
const OUTCOME: Readonly<Record<Outcome, true>> = {
  answered: true,
  busy: true,
  no_answer: true,
  rejected: true,
  invalid_number: true,
  carrier_blocked: true,
  rate_limited: true,
  capacity: true,
  auth_failed: true,
  media_failed: true,
  timeout: true,
  cancelled: true,
  failed: true,
};
const OUTCOMES = Object.keys(OUTCOME) as Outcome[];

const DAY = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;
const Moment = z
  .string()
  .max(40)
  .refine(
    (text) => /^[0-9]{4}-/.test(text) && !Number.isNaN(Date.parse(text)),
    "a day such as 2026-11-20, or a time such as 2026-11-20T13:00:00Z",
  );
const From = Moment.optional().describe("Calls that began from this time on; of a day its beginning in UTC.");
const To = Moment.optional().describe("Calls that began before this time; a day counts whole.");
const fromMsOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));
const toMsOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Date.parse(text) + (DAY.test(text) ? DAY_MS : 0);
const Tenant = z.string().min(1).max(64).optional().describe("For who sees several.");

const Filter = {
  provider: z.string().min(1).max(64).optional().describe("Provider or trunk_id: calls from, to or tried at it."),
  trunk: z.string().min(1).max(64).optional().describe("trunk_id or name of a gateway: calls from, to or tried at it."),
  number: z
    .string()
    .regex(/^[^*]{1,64}\*?$/, "a number, or its beginning and a *")
    .optional()
    .describe("Caller or called; with * at the end: how it begins. The + may be missing."),
  outcome: z
    .string()
    .max(200)
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(OUTCOMES)))
    .optional()
    .describe(`One or several, with commas: ${OUTCOMES.join(", ")}.`),
  from: From,
  to: To,
  tenant: Tenant,
};
const Question = z.strictObject({
  ...Filter,
  limit: z.coerce.number().int().min(1).max(LIST_MAX).default(PAGE),
  cursor: z.string().min(1).max(CALL_ID_CHARS_MAX).optional().describe("`next` of the page before."),
});
const CsvQuestion = z.strictObject({
  ...Filter,
  limit: z.coerce.number().int().min(1).optional().describe("The newest so many; else all."),
});
const StatisticsQuestion = z.strictObject({
  by: z.enum(["trunk", "gateway", "hour"]).default("hour"),
  from: From,
  to: To,
  tenant: Tenant,
});
const Statistic = z
  .object({
    key: z.string().describe("trunk_id, name of the gateway, or the beginning of the hour."),
    calls: z.int().describe("By hour: calls. By trunk and gateway: calls from it and attempts to it."),
    inbound: z.int(),
    outbound: z.int(),
    answered: z.int(),
    answer_rate: z.number().nullable().describe("0 to 1; null: no calls."),
    duration_seconds: z.number().describe("Talked in all."),
    mean_duration_seconds: z.number().nullable().describe("Of the answered."),
    mean_delay_ms: z.number().nullable().describe("To the answer or end of a call; to the first sign of the far end of an attempt."),
    outcomes: z.record(z.string(), z.int()),
  })
  .meta({ id: "CallStatistic" });

type Asked = z.infer<z.ZodObject<typeof Filter>>;

export const cdrRoutes =
  (ports: Pick<ApiPorts, "ask" | "cdrs" | "nowMs">): FastifyPluginAsyncZod =>
  async (app) => {
    const tags = ["calls"];
    const config = { scope: "calls:read" } as const;
    app.get(
      "/api/calls/cdr",
      {
        config,
        schema: {
          operationId: "listCallRecords",
          tags,
          summary: "Calls that are over, newest first",
          description:
            "A page may have fewer calls than `limit` and yet a `next`: where two things that are frequent alone are rare together, each page looks at a bounded number of calls.",
          querystring: Question,
          response: { 200: z.object({ items: z.array(CallRecord), next: z.string().nullable() }), ...REFUSALS },
        },
      },
      async (request) => {
        const { limit, cursor, ...asked } = request.query;
        const { filter, trunks } = await understood(asked, principalOf(request));
        const { cdrs, next } = await ports.cdrs.page({ ...filter, limit, before: cursor });
        return { items: cdrs.map((cdr) => record(cdr, trunks)), next: next ?? null };
      },
    );
    app.get(
      "/api/calls/cdr.csv",
      {
        config,
        schema: {
          operationId: "exportCallRecords",
          tags,
          summary: "The same as CSV, as long as it is",
          querystring: CsvQuestion,
          response: { 200: { description: "CSV", content: { "text/csv": { schema: z.string() } } }, ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { limit, ...asked } = request.query;
        const { filter, trunks } = await understood(asked, principalOf(request));
        const rows = csvOf(
          (of) => ports.cdrs.page(of),
          filter,
          (cdr) => record(cdr, trunks),
          limit,
        );
        reply.header("content-disposition", 'attachment; filename="calls.csv"');
        return reply.type(CSV_TYPE).send(Readable.from(rows, { objectMode: false, highWaterMark: 1 << 16 }) as never);
      },
    );
    app.get(
      "/api/calls/statistics",
      {
        config,
        schema: {
          operationId: "callStatistics",
          tags,
          summary: "Calls in numbers, by trunk, gateway or hour",
          description: "Whole hours count. Without `from` and `to`: the last 24 hours.",
          querystring: StatisticsQuestion,
          response: {
            200: z.object({ by: z.string(), from: z.string(), to: z.string(), items: z.array(Statistic) }),
            ...REFUSALS,
          },
        },
      },
      async (request) => {
        const { by, from, to, tenant } = request.query;
        const toMs = toMsOf(to) ?? ports.nowMs();
        const fromMs = fromMsOf(from) ?? toMs - DAY_MS;
        demandRange(fromMs, toMs);
        if (toMs - fromMs > STATISTICS_DAYS_MAX * DAY_MS)
          throw wrongField("from", `from and to are more than ${STATISTICS_DAYS_MAX} days apart: ask for each year`);
        const totals = await ports.cdrs.totals({ by, fromMs, toMs, tenant: narrowed(principalOf(request), tenant) });
        const groups = Map.groupBy(totals, ({ peer, hourMs }) => (by === "hour" ? iso(hourMs) : peer));
        return { by, from: iso(fromMs), to: iso(toMs), items: Array.from(groups, ([key, own]) => statistic(key, own)) };
      },
    );

    const understood = async ({ provider, trunk, number, outcome, from, to, tenant }: Asked, principal: Principal) => {
      const trunks = await trunksOf(ports, principal);
      const ofProvider =
        provider === undefined
          ? undefined
          : trunks.filter((one) => one.provider === provider || one.name === provider).map(({ name }) => name);
      const [fromMs, toMs] = [fromMsOf(from), toMsOf(to)];
      if (fromMs !== undefined && toMs !== undefined) demandRange(fromMs, toMs);
      const filter: Omit<CdrFilter, "limit" | "before"> = {
        tenant: narrowed(principal, tenant),
        ...(number?.endsWith("*") === true ? { numberPrefix: number.slice(0, -1) } : { number }),
        peers: trunk === undefined ? ofProvider : ofProvider === undefined || ofProvider.includes(trunk) ? [trunk] : [],
        outcomes: outcome,
        fromMs,
        toMs,
      };
      return { filter, trunks };
    };
  };

const wrongField = (field: string, message: string): ApiProblem =>
  new ApiProblem("BODY_INVALID", `${field}: ${message}`, { errors: [{ field, message }] });

function demandRange(fromMs: number, toMs: number): void {
  if (fromMs >= toMs) throw wrongField("to", "it must be later than from");
}

function statistic(key: string, totals: readonly CallTotal[]): z.infer<typeof Statistic> {
  const sum = (of: (total: CallTotal) => number): number => totals.reduce((before, total) => before + of(total), 0);
  const only = (value: number, when: boolean): number => (when ? value : 0);
  const calls = sum((total) => total.calls);
  const answered = sum((total) => only(total.calls, total.outcome === "answered"));
  const talkedMs = sum((total) => total.durationMs);
  const delays = sum((total) => total.delays);
  const outcomes: Record<string, number> = {};
  for (const total of totals) outcomes[total.outcome] = (outcomes[total.outcome] ?? 0) + total.calls;
  return {
    key,
    calls,
    inbound: sum((total) => only(total.calls, total.direction === "inbound")),
    outbound: sum((total) => only(total.calls, total.direction === "outbound")),
    answered,
    answer_rate: calls === 0 ? null : answered / calls,
    duration_seconds: talkedMs / 1000,
    mean_duration_seconds: answered === 0 ? null : talkedMs / 1000 / answered,
    mean_delay_ms: delays === 0 ? null : Math.round(sum((total) => total.delayMs) / delays),
    outcomes,
  };
}
