/** /api/calls: what is up, and hanging up. One call: call-page.ts; records by what is asked: cdr-routes.ts. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { CallSummary } from "#call/control.ts";
import { type Principal, reaches } from "./access.ts";
import { iso, maybeIso } from "./call-record.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const CALL_ID_CHARS_MAX = 64;

export const ActiveCall = z
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
export const CallNamed = z.object({ call_id: z.string().min(1).max(CALL_ID_CHARS_MAX) });

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
    app.delete(
      "/api/calls/:call_id",
      {
        config: { scope: "calls:write" },
        schema: { operationId: "hangUpCall", tags, summary: "Hangs up", params: CallNamed, response: { 204: z.null(), ...REFUSALS } },
      },
      async (request, reply) => {
        const { call_id } = request.params;
        const principal = principalOf(request);
        if ((await liveCall(ports, principal, call_id)) === undefined) throw noCall(call_id);
        await ports.ask({ type: "hangup", callId: call_id, reason: `hung up by ${principal.name}` });
        return reply.code(204).send(null);
      },
    );
  };

/** While it is up, if the principal may see it. */
export const liveCall = async (ports: Pick<ApiPorts, "ask">, principal: Principal, callId: string): Promise<CallSummary | undefined> =>
  (await ports.ask<readonly CallSummary[]>({ type: "calls" })).find((call) => call.callId === callId && reaches(principal, call.tenant));

export const noCall = (callId: string): ApiProblem => new ApiProblem("NOT_FOUND", `there is no call ${callId}`);

export const active = (call: CallSummary): z.infer<typeof ActiveCall> => ({
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
