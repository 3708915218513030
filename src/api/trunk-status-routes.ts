/** /api/trunks/…/status and the summary: how trunks are, and what passed over them since the start. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { GatewayReport, GatewaysReport, StatusReport, TrunkReport } from "#call/control.ts";
import { type Principal, reaches } from "./access.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const Named = z.object({ trunk_id: z.string().max(64) });

const CallCounts = z.object({
  total: z.int(),
  successful: z.int(),
  failed: z.int(),
  success_rate: z.number().nullable().describe("0 to 1; null: there were none."),
  duration_seconds: z.number(),
});
const TrunkStatus = z
  .object({
    trunk_id: z.string(),
    provider: z.string(),
    is_active: z.boolean(),
    state: z
      .enum(["up", "unknown", "down", "resting", "draining", "maintenance", "inbound_only"])
      .describe("unknown: neither probed nor called so far, which is usable."),
    reason: z.string(),
    active_calls: z.int(),
    max_concurrent_calls: z.int(),
    registration: z
      .object({
        status: z.enum(["registered", "registering", "failed", "unregistered"]),
        since: z.string(),
        next_at: z.string().nullable(),
        reason: z.string(),
        failures: z.int(),
      })
      .nullable()
      .describe("null: none is wanted."),
    targets: z.array(
      z.object({
        target: z.string(),
        is_up: z.boolean(),
        cause: z.string(),
        probe_status: z.int().nullable(),
        probe_rtt_ms: z.number().nullable(),
      }),
    ),
    last_errors: z.array(z.object({ at: z.string(), target: z.string(), reason: z.string() })),
    calls: CallCounts.describe("Since the switch started."),
  })
  .meta({ id: "TrunkStatus" });
const Summary = z
  .object({
    since: z.string(),
    trunks: z.object({ total: z.int(), active: z.int(), up: z.int(), registered: z.int(), registration_failed: z.int() }),
    active_calls: z.int(),
    calls: CallCounts,
    by_trunk: z.array(CallCounts.extend({ trunk_id: z.string(), provider: z.string(), active_calls: z.int() })),
  })
  .meta({ id: "TrunkSummary" });

export const trunkStatusRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    const tags = ["trunks"];
    app.get(
      "/api/trunks/:trunk_id/status",
      {
        config: { scope: "trunks:read" },
        schema: {
          operationId: "getTrunkStatus",
          tags,
          summary: "How one trunk is",
          params: Named,
          response: { 200: TrunkStatus, ...REFUSALS },
        },
      },
      async (request) => {
        const found = (await statuses(principalOf(request))).find(({ trunk_id }) => trunk_id === request.params.trunk_id);
        return found ?? missing(request.params.trunk_id);
      },
    );
    app.get(
      "/api/trunks/status",
      {
        config: { scope: "trunks:read" },
        schema: {
          operationId: "listTrunkStatus",
          tags,
          summary: "How all trunks are",
          response: { 200: z.object({ items: z.array(TrunkStatus) }), ...REFUSALS },
        },
      },
      async (request) => ({ items: await statuses(principalOf(request)) }),
    );
    app.get(
      "/api/trunks/stats/summary",
      {
        config: { scope: "trunks:read" },
        schema: {
          operationId: "getTrunkSummary",
          tags,
          summary: "Calls and trunks in numbers, since the switch started",
          response: { 200: Summary, ...REFUSALS },
        },
      },
      async (request) => {
        const [list, { startedAtMs }] = await Promise.all([statuses(principalOf(request)), ports.ask<StatusReport>({ type: "status" })]);
        return summaryOf(list, startedAtMs);
      },
    );

    async function statuses(principal: Principal): Promise<z.infer<typeof TrunkStatus>[]> {
      const [reports, { gateways }] = await Promise.all([
        ports.ask<readonly TrunkReport[]>({ type: "trunks" }),
        ports.ask<GatewaysReport>({ type: "gateways" }),
      ]);
      const health = new Map(gateways.map((report) => [report.name, report]));
      return reports.filter(({ tenant }) => reaches(principal, tenant)).map((trunk) => statusOf(trunk, health.get(trunk.name)));
    }
  };

const missing = (trunkId: string): never => {
  throw new ApiProblem("NOT_FOUND", `there is no trunk ${trunkId}`);
};

type Counts = z.infer<typeof CallCounts>;
const counted = (total: number, successful: number, seconds: number): Counts => ({
  total,
  successful,
  failed: total - successful,
  success_rate: total === 0 ? null : successful / total,
  duration_seconds: Math.round(seconds * 1000) / 1000,
});
const iso = (ms: number): string => new Date(ms).toISOString();

function statusOf(trunk: TrunkReport, health: GatewayReport | undefined): z.infer<typeof TrunkStatus> {
  const { name, provider, maintenance, calls, callsMax, registration, totals } = trunk;
  const { inbound, outbound } = totals;
  return {
    trunk_id: name,
    provider,
    is_active: !maintenance,
    state: health?.state ?? (maintenance ? "maintenance" : "inbound_only"),
    reason: health?.reason ?? "",
    active_calls: calls,
    max_concurrent_calls: callsMax,
    registration:
      registration === undefined
        ? null
        : {
            status: registration.standing,
            since: iso(registration.sinceMs),
            next_at: typeof registration.nextAtMs === "number" ? iso(registration.nextAtMs) : null,
            reason: registration.reason,
            failures: registration.failures,
          },
    targets: (health?.targets ?? []).map(({ target, up, cause, probe }) => ({
      target,
      is_up: up,
      cause,
      probe_status: probe?.status ?? null,
      probe_rtt_ms: probe?.rttMs ?? null,
    })),
    last_errors: (health?.history ?? [])
      .filter(({ up }) => !up)
      .slice(0, 10)
      .map(({ atMs, target, reason }) => ({ at: iso(atMs), target, reason })),
    calls: counted(inbound.calls + outbound.calls, inbound.answered + outbound.answered, inbound.seconds + outbound.seconds),
  };
}

function summaryOf(list: readonly z.infer<typeof TrunkStatus>[], startedAtMs: number): z.infer<typeof Summary> {
  const sum = (of: (one: z.infer<typeof TrunkStatus>) => number): number => list.reduce((total, one) => total + of(one), 0);
  return {
    since: iso(startedAtMs),
    trunks: {
      total: list.length,
      active: sum(({ is_active }) => Number(is_active)),
      up: sum(({ state }) => Number(state === "up" || state === "unknown")),
      registered: sum(({ registration }) => Number(registration?.status === "registered")),
      registration_failed: sum(({ registration }) => Number(registration?.status === "failed")),
    },
    active_calls: sum(({ active_calls }) => active_calls),
    calls: counted(
      sum(({ calls }) => calls.total),
      sum(({ calls }) => calls.successful),
      sum(({ calls }) => calls.duration_seconds),
    ),
    by_trunk: list.map(({ trunk_id, provider, active_calls, calls }) => ({ trunk_id, provider, active_calls, ...calls })),
  };
}
