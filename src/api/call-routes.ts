/** /api/calls: what is up, what was, and hanging up. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { CallSummary, TrunkReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { LIST_MAX } from "#store/cdr-store.ts";
import { type Principal, reaches } from "./access.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const CALL_ID_CHARS_MAX = 64;
const PAGE = 100;

const ActiveCall = z
  .object({
    call_id: z.string(),
    tenant: z.string(),
    status: z.enum(["routing", "hunting", "ringing", "answered", "ending"]),
    from_number: z.string(),
    to_number: z.string(),
    from_peer: z.string().describe("Trunk or gateway that it came from."),
    to_peer: z.string().describe("Where it goes; empty while that isn't decided."),
    started_at: z.string(),
    answered_at: z.string().nullable(),
    on_hold: z.boolean(),
  })
  .meta({ id: "ActiveCall" });
const Attempt = z.object({
  number: z.int(),
  peer: z.string(),
  target: z.string(),
  status: z.int(),
  q850: z.int().nullable(),
  outcome: z.string(),
  reason: z.string(),
  duration_ms: z.number(),
});
const Leg = z.object({
  leg: z.string(),
  direction: z.string(),
  peer: z.string(),
  remote_address: z.string(),
  codec: z.string(),
  packets_received: z.number(),
  packets_sent: z.number(),
  packets_lost: z.number(),
  jitter_ms: z.number(),
});
const CallRecord = z
  .object({
    call_id: z.string(),
    tenant: z.string(),
    direction: z.enum(["inbound", "outbound"]),
    provider: z.string().nullable().describe("Of the trunk that it came from or went to; null: none is known any more."),
    from_number: z.string(),
    to_number: z.string(),
    route: z.string(),
    started_at: z.string(),
    answered_at: z.string().nullable(),
    ended_at: z.string(),
    setup_ms: z.number(),
    duration_seconds: z.number(),
    outcome: z.string(),
    sip_status: z.int(),
    q850: z.int().nullable(),
    ended_by: z.string(),
    end_reason: z.string(),
    attempts: z.array(Attempt),
    legs: z.array(Leg),
    skipped: z.array(z.object({ peer: z.string(), reason: z.string() })),
  })
  .meta({ id: "CallRecord" });
type CallRecord = z.infer<typeof CallRecord>;

const Question = z.strictObject({
  provider: z.string().min(1).max(64).optional().describe("Provider or trunk_id."),
  number: z.string().min(1).max(64).optional().describe("Caller or called."),
  limit: z.coerce.number().int().min(1).max(LIST_MAX).default(PAGE),
  cursor: z.string().min(1).max(CALL_ID_CHARS_MAX).optional().describe("`next` of the page before."),
});
const Named = z.object({ call_id: z.string().min(1).max(CALL_ID_CHARS_MAX) });
const iso = (ms: number): string => new Date(ms).toISOString();
const maybeIso = (ms: number | null | undefined): string | null => (typeof ms === "number" ? iso(ms) : null);

export const callRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    const tags = ["calls"];
    app.get(
      "/api/calls/active",
      {
        config: { scope: "calls:read" },
        schema: {
          operationId: "listActiveCalls",
          tags,
          summary: "What is up now",
          response: { 200: z.object({ total: z.int(), items: z.array(ActiveCall) }), ...REFUSALS },
        },
      },
      async (request) => {
        const items = (await ports.ask<readonly CallSummary[]>({ type: "calls" }))
          .filter(({ tenant }) => reaches(principalOf(request), tenant))
          .map(active);
        return { total: items.length, items };
      },
    );
    app.get(
      "/api/calls/cdr",
      {
        config: { scope: "calls:read" },
        schema: {
          operationId: "listCallRecords",
          tags,
          summary: "Calls that are over, newest first",
          querystring: Question,
          response: { 200: z.object({ items: z.array(CallRecord), next: z.string().nullable() }), ...REFUSALS },
        },
      },
      async (request) => {
        const { provider, number, limit, cursor } = request.query;
        const principal = principalOf(request);
        const trunks = await trunksFor(principal);
        const peers =
          provider === undefined
            ? undefined
            : trunks.filter((one) => one.provider === provider || one.name === provider).map(({ name }) => name);
        const found = await ports.cdrs.list({ tenant: principal.reach, peers, number, limit, before: cursor });
        return { items: found.map((cdr) => record(cdr, trunks)), next: found.length < limit ? null : found.at(-1)!.callId };
      },
    );
    app.get(
      "/api/calls/:call_id",
      {
        config: { scope: "calls:read" },
        schema: {
          operationId: "getCall",
          tags,
          summary: "One call, while it is up or after",
          params: Named,
          response: { 200: z.object({ active: ActiveCall.nullable(), record: CallRecord.nullable() }), ...REFUSALS },
        },
      },
      async (request) => {
        const { call_id } = request.params;
        const principal = principalOf(request);
        const live = await liveCall(principal, call_id);
        if (live !== undefined) return { active: active(live), record: null };
        const [found] = await ports.cdrs.list({ tenant: principal.reach, callId: call_id, limit: 1 });
        if (found === undefined || found.callId !== call_id) throw noCall(call_id);
        return { active: null, record: record(found, await trunksFor(principal)) };
      },
    );
    app.delete(
      "/api/calls/:call_id",
      {
        config: { scope: "calls:write" },
        schema: { operationId: "hangUpCall", tags, summary: "Hangs up", params: Named, response: { 204: z.null(), ...REFUSALS } },
      },
      async (request, reply) => {
        const { call_id } = request.params;
        const principal = principalOf(request);
        if ((await liveCall(principal, call_id)) === undefined) throw noCall(call_id);
        await ports.ask({ type: "hangup", callId: call_id, reason: `hung up by ${principal.name}` });
        return reply.code(204).send(null);
      },
    );

    const trunksFor = async (principal: Principal): Promise<readonly TrunkReport[]> =>
      (await ports.ask<readonly TrunkReport[]>({ type: "trunks" })).filter(({ tenant }) => reaches(principal, tenant));
    const liveCall = async (principal: Principal, callId: string): Promise<CallSummary | undefined> =>
      (await ports.ask<readonly CallSummary[]>({ type: "calls" })).find(
        (call) => call.callId === callId && reaches(principal, call.tenant),
      );
  };

const noCall = (callId: string): ApiProblem => new ApiProblem("NOT_FOUND", `there is no call ${callId}`);

const active = (call: CallSummary): z.infer<typeof ActiveCall> => ({
  call_id: call.callId,
  tenant: call.tenant,
  status: call.state,
  from_number: call.caller,
  to_number: call.called,
  from_peer: call.from,
  to_peer: call.to,
  started_at: iso(call.startedAtMs),
  answered_at: maybeIso(call.answeredAtMs),
  on_hold: call.held,
});

function record(cdr: Cdr, trunks: readonly TrunkReport[]): CallRecord {
  const touched = new Set([...cdr.legs, ...cdr.attempts].map(({ peer }) => peer));
  return {
    call_id: cdr.callId,
    tenant: cdr.tenant,
    direction: cdr.direction,
    provider: trunks.find(({ name }) => touched.has(name))?.provider ?? null,
    from_number: cdr.caller,
    to_number: cdr.called,
    route: cdr.route,
    started_at: iso(cdr.startedAtMs),
    answered_at: maybeIso(cdr.answeredAtMs),
    ended_at: iso(cdr.endedAtMs),
    setup_ms: cdr.setupMs,
    duration_seconds: cdr.durationMs / 1000,
    outcome: cdr.outcome,
    sip_status: cdr.sipStatus,
    q850: cdr.q850 ?? null,
    ended_by: cdr.endedBy,
    end_reason: cdr.endReason,
    attempts: cdr.attempts.map(({ number, peer, target, status, q850, outcome, reason, durationMs }) => ({
      number,
      peer,
      target,
      status,
      q850: q850 ?? null,
      outcome,
      reason,
      duration_ms: durationMs,
    })),
    legs: cdr.legs.map((leg) => ({
      leg: leg.leg,
      direction: leg.direction,
      peer: leg.peer,
      remote_address: leg.remoteAddress,
      codec: leg.codec,
      packets_received: leg.packetsReceived,
      packets_sent: leg.packetsSent,
      packets_lost: leg.packetsLost,
      jitter_ms: leg.jitterMs,
    })),
    skipped: cdr.skipped.map(({ peer, reason }) => ({ peer, reason })),
  };
}
