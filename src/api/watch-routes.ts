/** /health, /ready, /metrics: for machines that watch. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { GatewaysReport, StatusReport, TrunkReport } from "#call/control.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { reaches } from "./access.ts";
import { METRICS_TYPE, renderMetrics } from "./metrics.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const ALERTS_MAX = 1_000;

export const watchRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    const tags = ["watching"];
    app.get(
      "/health",
      {
        config: { open: true },
        schema: {
          operationId: "health",
          tags,
          summary: "The API answers",
          response: { 200: z.object({ status: z.literal("ok"), version: z.string() }), ...REFUSALS },
        },
      },
      async () => ({ status: "ok" as const, version: ports.version }),
    );
    app.get(
      "/ready",
      {
        config: { open: true },
        schema: {
          operationId: "ready",
          tags,
          summary: "The switch takes calls: signalling answers and has its media",
          response: { 200: z.object({ status: z.literal("ready") }), ...REFUSALS },
        },
      },
      async () => {
        const { media } = await ports.ask<StatusReport>({ type: "status" });
        if (!media.up) throw new ApiProblem("SWITCH_UNAVAILABLE", "the media engine is not connected");
        return { status: "ready" as const };
      },
    );
    app.get(
      "/metrics",
      {
        config: { scope: "metrics:read" },
        schema: { operationId: "metrics", tags, summary: "Prometheus text", response: { 200: z.string(), ...REFUSALS } },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const [status, trunks, { gateways, groups }, alerts, deliveries] = await Promise.all([
          ports.ask<StatusReport>({ type: "status" }),
          ports.ask<readonly TrunkReport[]>({ type: "trunks" }),
          ports.ask<GatewaysReport>({ type: "gateways" }),
          ports.alerts?.store.alerts({ tenant: principal.reach, open: true, before: undefined, limit: ALERTS_MAX }) ?? [],
          ports.webhooks?.store.counts() ?? [],
        ]);
        const text = await renderMetrics({
          status,
          trunks: trunks.filter(({ tenant }) => reaches(principal, tenant)),
          gateways: gateways.filter(({ tenant }) => reaches(principal, tenant)),
          groups: groups.filter(({ tenant }) => reaches(principal, tenant)),
          alerts,
          deliveries,
          listeners: ports.live.listeners,
          wholeNode: principal.reach === EVERY_TENANT,
        });
        return reply.type(METRICS_TYPE).serializer(String).send(text);
      },
    );
  };
