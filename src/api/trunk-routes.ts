/** /api/trunks: what a tenant has of trunks, and how they are. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { GatewayReport, GatewaysReport, StatusReport, TrunkReport } from "#call/control.ts";
import type { Entry, StoredRecord } from "#config/stored-resources.ts";
import { type Principal, reaches, tenantFor } from "./access.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { REQUEST_FILE } from "./resource-desk.ts";
import { principalOf } from "./sessions.ts";
import {
  NewTrunk,
  TrunkChange,
  type TrunkView,
  TrunkView as TrunkAnswer,
  changedEntry,
  fieldErrors,
  trunkErrors,
  viewOfRecord,
  viewOfReport,
} from "./trunk-fields.ts";

/** Somebody changes something else at the same time: worked out anew, so often. */
const TRIES = 5;

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

export const trunkRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    const tags = ["trunks"];
    app.get(
      "/api/trunks",
      {
        config: { scope: "trunks:read" },
        schema: {
          operationId: "listTrunks",
          tags,
          summary: "All trunks",
          response: { 200: z.object({ items: z.array(TrunkAnswer) }), ...REFUSALS },
        },
      },
      async (request) => ({ items: await viewsFor(principalOf(request)) }),
    );
    app.post(
      "/api/trunks",
      {
        config: { scope: "trunks:write" },
        schema: {
          operationId: "createTrunk",
          tags,
          summary: "A new trunk, in force at once",
          body: NewTrunk,
          response: { 201: TrunkAnswer, ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { trunk_id, tenant: wanted, ...given } = request.body;
        const tenant = tenantFor(principalOf(request), wanted);
        const asked = { name: trunk_id, provider: trunk_id, ...given };
        for (let tries = 1; ; tries++) {
          const { generation, records } = ports.trunks();
          await assertFree(trunk_id, records);
          const listener = given.listener ?? (await usualListener());
          const entry = changedEntry({ name: trunk_id, ...(tenant === "default" ? {} : { tenant }) }, { ...asked, listener });
          if (await commit(entry, given, tenant, generation, tries)) return reply.code(201).send(view(trunk_id));
        }
      },
    );
    app.get(
      "/api/trunks/:trunk_id",
      {
        config: { scope: "trunks:read" },
        schema: { operationId: "getTrunk", tags, summary: "One trunk", params: Named, response: { 200: TrunkAnswer, ...REFUSALS } },
      },
      async (request) => {
        const found = (await viewsFor(principalOf(request))).find(({ trunk_id }) => trunk_id === request.params.trunk_id);
        return found ?? missing(request.params.trunk_id);
      },
    );
    app.put(
      "/api/trunks/:trunk_id",
      {
        config: { scope: "trunks:write" },
        schema: {
          operationId: "updateTrunk",
          tags,
          summary: "Changes what is said, leaves the rest",
          params: Named,
          body: TrunkChange,
          response: { 200: TrunkAnswer, ...REFUSALS },
        },
      },
      async (request) => {
        const { trunk_id } = request.params;
        const { trunk_id: said, ...change } = request.body;
        if (said !== undefined && said !== trunk_id)
          throw new ApiProblem("BODY_INVALID", "a trunk keeps its trunk_id", {
            errors: [{ field: "trunk_id", message: `is ${trunk_id}` }],
          });
        return changeTrunk(principalOf(request), trunk_id, (entry) => changedEntry(entry, change), change);
      },
    );
    app.delete(
      "/api/trunks/:trunk_id",
      {
        config: { scope: "trunks:write" },
        schema: {
          operationId: "deleteTrunk",
          tags,
          summary: "Takes it out; running calls go on",
          params: Named,
          response: { 204: z.null(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { trunk_id } = request.params;
        for (let tries = 1; ; tries++) {
          const { generation, record } = await owned(principalOf(request), trunk_id);
          const outcome = await ports.change({
            sections: {},
            remove: [{ kind: "trunk", name: trunk_id }],
            tenant: record.tenant,
            expectedGeneration: generation,
          });
          if (outcome.ok) return reply.code(204).send(null);
          if (outcome.code === "CONFIGURATION")
            throw new ApiProblem("IN_USE", outcome.message, { errors: fieldErrors(outcome.problems, REQUEST_FILE) });
          refuse(outcome, tries);
        }
      },
    );
    for (const [verb, active] of [
      ["activate", true],
      ["deactivate", false],
    ] as const)
      app.post(
        `/api/trunks/:trunk_id/${verb}`,
        {
          config: { scope: "trunks:write" },
          schema: {
            operationId: `${verb}Trunk`,
            tags,
            summary: active ? "Takes calls, both ways" : "Takes no new calls; running ones go on",
            params: Named,
            response: { 200: TrunkAnswer, ...REFUSALS },
          },
        },
        async (request) =>
          changeTrunk(
            principalOf(request),
            request.params.trunk_id,
            (entry) => ({ ...entry, maintenance: active ? undefined : "yes" }),
            {},
          ),
      );
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

    const reports = async (principal: Principal): Promise<readonly TrunkReport[]> =>
      (await ports.ask<readonly TrunkReport[]>({ type: "trunks" })).filter(({ tenant }) => reaches(principal, tenant));

    /** Those that the API or a file declared in the store, then those of tandem.yaml. */
    async function viewsFor(principal: Principal): Promise<TrunkView[]> {
      const stored = ports.trunks().records;
      const names = new Set(stored.map(({ name }) => name));
      const inFile = (await reports(principal)).filter(({ name }) => !names.has(name));
      return [...stored.filter(({ tenant }) => reaches(principal, tenant)).map(viewOfRecord), ...inFile.map(viewOfReport)];
    }

    function view(trunkId: string): TrunkView {
      const record = ports.trunks().records.find(({ name }) => name === trunkId);
      return record === undefined ? missing(trunkId) : viewOfRecord(record);
    }

    /** Names are the deployment's: that one is taken says nothing of whose it is. */
    async function assertFree(trunkId: string, records: readonly StoredRecord[]): Promise<void> {
      const taken =
        records.some(({ name }) => name === trunkId) ||
        (await ports.ask<readonly TrunkReport[]>({ type: "trunks" })).some(({ name }) => name === trunkId);
      if (taken) throw new ApiProblem("TRUNK_ID_TAKEN", `trunk_id ${trunkId} is taken; PUT changes one`);
    }

    async function owned(principal: Principal, trunkId: string): Promise<{ readonly generation: number; readonly record: StoredRecord }> {
      const { generation, records } = ports.trunks();
      const record = records.find(({ name, tenant }) => name === trunkId && reaches(principal, tenant));
      if (record !== undefined) return { generation, record };
      if ((await reports(principal)).some(({ name }) => name === trunkId))
        throw new ApiProblem("MANAGED_BY_FILE", `${trunkId} stands in tandem.yaml: change it there, then tandem reload`);
      return missing(trunkId);
    }

    async function changeTrunk(
      principal: Principal,
      trunkId: string,
      next: (entry: Entry) => Entry,
      change: TrunkChange,
    ): Promise<TrunkView> {
      for (let tries = 1; ; tries++) {
        const { generation, record } = await owned(principal, trunkId);
        if (await commit(next(JSON.parse(record.body) as Entry), change, record.tenant, generation, tries)) return view(trunkId);
      }
    }

    /** False: somebody was quicker, and it is worth another try. */
    async function commit(entry: Entry, change: TrunkChange, tenant: string, generation: number, tries: number): Promise<boolean> {
      const errors = trunkErrors(change, entry);
      if (errors.length > 0) throw new ApiProblem("BODY_INVALID", `${errors[0]!.field}: ${errors[0]!.message}`, { errors });
      const outcome = await ports.change({ sections: { trunks: [entry] }, remove: [], tenant, expectedGeneration: generation });
      if (!outcome.ok) refuse(outcome, tries);
      return outcome.ok;
    }

    async function usualListener(): Promise<string | null> {
      const { listeners } = await ports.ask<StatusReport>({ type: "status" });
      return (listeners.find(({ name }) => name === "public") ?? listeners[0])?.name ?? null;
    }

    async function statuses(principal: Principal): Promise<z.infer<typeof TrunkStatus>[]> {
      const [trunks, { gateways }] = await Promise.all([reports(principal), ports.ask<GatewaysReport>({ type: "gateways" })]);
      const health = new Map(gateways.map((report) => [report.name, report]));
      return trunks.map((trunk) => statusOf(trunk, health.get(trunk.name)));
    }
  };

const missing = (trunkId: string): never => {
  throw new ApiProblem("NOT_FOUND", `there is no trunk ${trunkId}`);
};

/** @throws ApiProblem unless it is worth another try */
function refuse(outcome: Exclude<Awaited<ReturnType<ApiPorts["change"]>>, { readonly ok: true }>, tries: number): void {
  switch (outcome.code) {
    case "CONFLICT":
      if (tries >= TRIES) throw new ApiProblem("CONFLICT", "others change resources all the time; try again");
      return;
    case "CONFIGURATION": {
      const errors = fieldErrors(outcome.problems, REQUEST_FILE);
      throw new ApiProblem("BODY_INVALID", errors.length === 0 ? outcome.message : `${errors[0]!.field}: ${errors[0]!.message}`, {
        errors,
      });
    }
    case "NEEDS_RESTART":
      throw new ApiProblem("NEEDS_RESTART", outcome.message);
    case "SPOOL":
    case "STORE":
      throw new ApiProblem("STORE_UNAVAILABLE", outcome.message);
  }
}

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
