/** /api/calls: what is up, one call while it is up or after, and hanging up. Records by what is asked: cdr-routes.ts. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { CallSummary } from "#call/control.ts";
import { type Principal, reaches } from "./access.ts";
import { CallRecord, iso, maybeIso, record, trunksOf } from "./call-record.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const CALL_ID_CHARS_MAX = 64;

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
const Named = z.object({ call_id: z.string().min(1).max(CALL_ID_CHARS_MAX) });

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
        return { active: null, record: record(found, await trunksOf(ports, principal)) };
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
