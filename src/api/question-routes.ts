/** Questions about what would happen: where a call would go, whether a trunk would work, how gateways are. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { GatewayReport, GatewaysReport, RefusalReport, TrunkReport } from "#call/control.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { type Principal, reaches } from "./access.ts";
import { iso } from "./call-record.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const NUMBER_CHARS_MAX = 64;
const Number64 = z.string().max(NUMBER_CHARS_MAX);
const Name = z.string().min(1).max(64);
const RouteQuestion = z
  .strictObject({
    to: Number64.min(1).describe("The number or name called, as it would come."),
    from: Number64.optional().describe("The caller's number."),
    trunk: Name.optional().describe("Trunk or gateway that the call comes from; without it and source: the first trunk."),
    source: z.union([z.ipv4(), z.ipv6()]).optional().describe("In its place the address that the call comes from."),
    at: z.iso.datetime({ offset: true }).optional().describe("As if it were this time; health and counts are those of now."),
  })
  .refine(({ trunk, source }) => trunk === undefined || source === undefined, {
    path: ["source"],
    message: "trunk or source, not both: a source is recognised as a call's would be",
  });
/** As call/simulate.ts reports it. */
interface RouteReport {
  readonly from: string;
  readonly identifiedBy: string;
  readonly outcome: "dial" | "reject";
  readonly tenant: string;
  readonly route: string;
  readonly called: string;
  readonly caller: string;
  readonly status: number;
  readonly reason: string;
  readonly attempts: readonly {
    readonly peer: string;
    readonly kind: "trunk" | "gateway";
    readonly listener: string;
    readonly requestUri: string;
    readonly caller: string;
    readonly when: string;
  }[];
  readonly skipped: readonly { readonly peer: string; readonly reason: string }[];
}
const RouteDecision = z
  .object({
    outcome: z.enum(["dial", "reject"]),
    from_peer: z.string().describe("Empty: nobody is recognised, and such a caller gets silence."),
    identified_by: z.string(),
    tenant: z.string(),
    route: z.string(),
    from_number: z.string(),
    to_number: z.string(),
    sip_status: z.int().describe("Of a refusal; 0: none, or silence."),
    reason: z.string(),
    attempts: z.array(
      z.object({
        peer: z.string(),
        kind: z.enum(["trunk", "gateway"]),
        listener: z.string(),
        request_uri: z.string(),
        from_number: z.string(),
        when: z.string().describe("Empty: once those before it have failed."),
      }),
    ),
    skipped: z.array(z.object({ peer: z.string(), reason: z.string() })),
  })
  .meta({ id: "RouteDecision" });

const Preflight = z.object({
  ok: z.boolean(),
  steps: z.array(z.object({ step: z.string(), result: z.enum(["pass", "fail", "skip"]), found: z.string(), advice: z.string() })),
});

const Refusal = z
  .object({ address: z.string(), listener: z.string(), reason: z.string(), count: z.int(), last_at: z.string() })
  .meta({ id: "Refusal" });

const GatewayStatus = z
  .object({
    name: z.string(),
    kind: z.enum(["gateway", "trunk"]),
    tenant: z.string(),
    state: z.string(),
    reason: z.string(),
    active_calls: z.int(),
    max_concurrent_calls: z.int(),
    is_probed: z.boolean(),
    targets: z.array(
      z.object({
        target: z.string(),
        is_up: z.boolean(),
        cause: z.string(),
        rests_until: z.string().nullable(),
        probe: z.object({ at: z.string(), status: z.int(), rtt_ms: z.number(), detail: z.string() }).nullable(),
        samples: z.int().describe("Of the last calls and probes."),
        succeeded: z.int(),
      }),
    ),
    history: z
      .array(z.object({ at: z.string(), target: z.string(), is_up: z.boolean(), reason: z.string() }))
      .describe("When it went up and down, newest first."),
  })
  .meta({ id: "GatewayStatus" });

export const questionRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      "/api/route",
      {
        config: { scope: "calls:read", audit: false },
        schema: {
          operationId: "simulateRoute",
          tags: ["calls"],
          summary: "Where a call would go, and what would be skipped and why",
          description: "The decision that a call gets, by the configuration and health of now; nothing is called.",
          body: RouteQuestion,
          response: { 200: RouteDecision, ...REFUSALS },
        },
      },
      async (request) => {
        const { to, from, trunk, source, at } = request.body;
        const principal = principalOf(request);
        const origin = source === undefined ? (trunk ?? (await firstTrunk(principal))) : undefined;
        const atMs = at === undefined ? undefined : Date.parse(at);
        const answer = await ports.ask<RouteReport>({ type: "route", number: to, from: origin, caller: from, address: source, atMs });
        // Whose an address is, is nothing that another tenant learns: it is a stranger's to him.
        if (principal.reach !== EVERY_TENANT && !reaches(principal, answer.tenant)) {
          if (source === undefined) throw noPeer(trunk ?? "");
          return decision({ ...STRANGER, called: to, caller: from ?? "" });
        }
        return decision(answer);
      },
    );
    app.post(
      "/api/trunks/:trunk_id/preflight",
      {
        config: { scope: "trunks:write" },
        schema: {
          operationId: "preflightTrunk",
          tags: ["trunks"],
          summary: "Everything between us and a trunk, step by step",
          description: "DNS, source address, port, OPTIONS, REGISTER that only asks, digest, codecs, numbers. Takes some seconds.",
          params: z.object({ trunk_id: Name }),
          response: { 200: Preflight, ...REFUSALS },
        },
      },
      async (request) => {
        const { trunk_id } = request.params;
        const trunks = await ports.ask<readonly TrunkReport[]>({ type: "trunks" });
        if (!trunks.some(({ name, tenant }) => name === trunk_id && reaches(principalOf(request), tenant))) throw noPeer(trunk_id);
        if (ports.insight === undefined) throw new ApiProblem("SWITCH_UNAVAILABLE", "no preflight here");
        const { ok, steps } = await ports.insight.preflight(trunk_id);
        return { ok, steps: steps.map(({ step, verdict, found, remedy }) => ({ step, result: verdict, found, advice: remedy })) };
      },
    );
    app.get(
      "/api/gateways/status",
      {
        config: { scope: "trunks:read" },
        schema: {
          operationId: "listGatewayStatus",
          tags: ["gateways"],
          summary: "How all gateways are, and trunks that calls can go to",
          response: { 200: z.object({ items: z.array(GatewayStatus) }), ...REFUSALS },
        },
      },
      async (request) => ({ items: (await gatewaysFor(principalOf(request))).map(statusOf) }),
    );
    app.get(
      "/api/gateways/:name/status",
      {
        config: { scope: "trunks:read" },
        schema: {
          operationId: "getGatewayStatus",
          tags: ["gateways"],
          summary: "How one is: each of its addresses, last probes, when it went up and down",
          params: z.object({ name: Name }),
          response: { 200: GatewayStatus, ...REFUSALS },
        },
      },
      async (request) => {
        const { name } = request.params;
        const found = (await gatewaysFor(principalOf(request))).find((one) => one.name === name);
        if (found === undefined) throw noPeer(name);
        return statusOf(found);
      },
    );

    app.get(
      "/api/refusals",
      {
        config: { scope: "calls:read" },
        schema: {
          operationId: "listRefusals",
          tags: ["calls"],
          summary: "Addresses that asked for a call lately and were not let in",
          description: "Since the start, the last one first, at most 256. Only for whoever runs the deployment: others see none.",
          response: { 200: z.object({ items: z.array(Refusal) }), ...REFUSALS },
        },
      },
      async (request) => {
        if (principalOf(request).reach !== EVERY_TENANT) return { items: [] };
        const found = await ports.ask<readonly RefusalReport[]>({ type: "refusals" });
        return { items: found.map(({ lastAtMs, ...one }) => ({ ...one, last_at: iso(lastAtMs) })) };
      },
    );

    const gatewaysFor = async (principal: Principal): Promise<readonly GatewayReport[]> =>
      (await ports.ask<GatewaysReport>({ type: "gateways" })).gateways.filter(({ tenant }) => reaches(principal, tenant));
    async function firstTrunk(principal: Principal): Promise<string> {
      const first = (await ports.ask<readonly TrunkReport[]>({ type: "trunks" })).find(({ tenant }) => reaches(principal, tenant));
      if (first === undefined) throw new ApiProblem("NOT_FOUND", "there is no trunk that a call could come from: name trunk or source");
      return first.name;
    }
  };

const STRANGER: RouteReport = {
  from: "",
  identifiedBy: "",
  outcome: "reject",
  tenant: "",
  route: "none",
  called: "",
  caller: "",
  status: 0,
  reason: "not let in: no peer of this tenant has the address",
  attempts: [],
  skipped: [],
};
const noPeer = (name: string): ApiProblem => new ApiProblem("NOT_FOUND", `there is no trunk or gateway ${name}`);

const decision = (report: RouteReport): z.infer<typeof RouteDecision> => ({
  outcome: report.outcome,
  from_peer: report.from,
  identified_by: report.identifiedBy,
  tenant: report.tenant,
  route: report.route,
  from_number: report.caller,
  to_number: report.called,
  sip_status: report.status,
  reason: report.reason,
  attempts: report.attempts.map(({ requestUri, caller, ...one }) => ({ ...one, request_uri: requestUri, from_number: caller })),
  skipped: report.skipped.map(({ peer, reason }) => ({ peer, reason })),
});

const statusOf = (one: GatewayReport): z.infer<typeof GatewayStatus> => ({
  name: one.name,
  kind: one.kind,
  tenant: one.tenant,
  state: one.state,
  reason: one.reason,
  active_calls: one.calls,
  max_concurrent_calls: one.callsMax,
  is_probed: one.probed,
  targets: one.targets.map(({ target, up, cause, restsUntilMs, probe, samples, succeeded }) => ({
    target,
    is_up: up,
    cause,
    rests_until: restsUntilMs > 0 ? iso(restsUntilMs) : null,
    probe:
      probe === undefined || probe === null
        ? null
        : { at: iso(probe.atMs), status: probe.status, rtt_ms: probe.rttMs, detail: probe.detail },
    samples,
    succeeded,
  })),
  history: one.history.map(({ atMs, target, up, reason }) => ({ at: iso(atMs), target, is_up: up, reason })),
});
