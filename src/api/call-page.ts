/** /api/calls/{call_id}: what a person asks about one call: who was tried, how it sounded, its ladder, and what went wrong. */
import { setTimeout as wait } from "node:timers/promises";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { type CallId, callIdTimeMs } from "#base/ids.ts";
import type { CallSummary, LegQuality } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import type { Principal } from "./access.ts";
import { CallRecord, iso, record, trunksOf } from "./call-record.ts";
import { ActiveCall, CallNamed, active, liveCall, noCall } from "./call-routes.ts";
import type { TracedCall } from "./insight.ts";
import type { ApiPorts } from "./ports.ts";
import { REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

const CallFinding = z
  .object({
    code: z.string().describe("Stays the same between versions."),
    severity: z.enum(["error", "warning", "note"]),
    title: z.string(),
    evidence: z.array(z.object({ text: z.string(), message: z.int().nullable().describe("Its number in the ladder.") })),
    advice: z.string(),
  })
  .meta({ id: "CallFinding" });
const CallAttempt = z
  .object({
    number: z.int().nullable().describe("null: it was skipped."),
    peer: z.string(),
    target: z.string(),
    status: z.int().describe("0: no final response."),
    q850: z.int().nullable(),
    outcome: z.string(),
    reason: z.string(),
    duration_ms: z.number().nullable(),
    skipped: z.boolean(),
  })
  .meta({ id: "CallAttempt" });
const CallQuality = z
  .object({
    leg: z.string(),
    peer: z.string(),
    codec: z.string(),
    packets_received: z.number(),
    packets_sent: z.number(),
    packets_lost: z.number(),
    loss_percent: z.number(),
    jitter_ms: z.number(),
    strays: z.number().describe("Packets from an address that may not send; nothing of them is passed on."),
    silent: z.boolean().describe("It was answered, and no packet came from this side."),
  })
  .meta({ id: "CallQuality" });
const CallPage = z.object({
  active: ActiveCall.nullable(),
  record: CallRecord.nullable(),
  attempts: z.array(CallAttempt),
  quality: z.array(CallQuality).describe("By leg: so far, or of the whole call."),
  findings: z.array(CallFinding).describe("What went wrong, worst first; none in a clean call."),
});
const Message = z
  .object({
    kind: z.literal("message"),
    number: z.int(),
    at: z.string(),
    offset_ms: z.number(),
    from: z.int().describe("Place in `parties`."),
    to: z.int(),
    summary: z.string(),
    status: z.int().describe("0: a request."),
    retransmission: z.boolean(),
    transport: z.string(),
    listener: z.string(),
    text: z.string().describe("The whole message, without the answers to challenges."),
  })
  .meta({ id: "LadderMessage" });
const Note = z
  .object({ kind: z.literal("note"), at: z.string(), offset_ms: z.number(), type: z.string(), text: z.string() })
  .meta({ id: "LadderNote" });
const Ladder = z.object({
  call_id: z.string(),
  is_active: z.boolean(),
  parties: z.array(z.object({ name: z.string(), is_us: z.boolean() })),
  entries: z.array(z.discriminatedUnion("kind", [Message, Note])),
});

/** A call that ends is in the journal at once and in the store with the next pass: whoever watched it looks in between. */
const LOOKS = 4;
const LOOK_MS = 100;
const CALL_MS_MAX = 86_400_000;
const mayJustHaveEnded = (callId: string, nowMs: number): boolean => {
  const ageMs = nowMs - callIdTimeMs(callId as CallId);
  return ageMs >= 0 && ageMs < CALL_MS_MAX;
};

const NOTHING_TRACED: TracedCall = { ladder: { parties: [], entries: [] }, findings: [], attempts: [], skipped: [] };

export const callPage =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    const tags = ["calls"];
    app.get(
      "/api/calls/:call_id",
      {
        config: { scope: "calls:read" },
        schema: {
          operationId: "getCall",
          tags,
          summary: "One call, while it is up or after: attempts, quality, findings",
          params: CallNamed,
          response: { 200: CallPage, ...REFUSALS },
        },
      },
      async (request) => {
        const { call_id } = request.params;
        const principal = principalOf(request);
        const { live, cdr } = await find(principal, call_id);
        const trunks = await trunksOf(ports, principal);
        const traced = (await ports.insight?.traced(call_id, cdr, trunks)) ?? NOTHING_TRACED;
        return {
          active: live === undefined ? null : active(live),
          record: cdr === undefined ? null : record(cdr, trunks),
          attempts: attemptsOf(cdr, traced),
          quality: cdr === undefined ? await qualityNow(call_id) : qualityOf(cdr.legs, cdr.answeredAtMs !== undefined),
          findings: traced.findings.map(({ evidence, ...finding }) => ({
            ...finding,
            evidence: evidence.map(({ text, message }) => ({ text, message: message ?? null })),
          })),
        };
      },
    );
    app.get(
      "/api/calls/:call_id/ladder",
      {
        config: { scope: "calls:read" },
        schema: {
          operationId: "getCallLadder",
          tags,
          summary: "Its messages and decisions in order of time",
          description: "Of a call that is long over only what was kept: failed calls, and a sample of the others.",
          params: CallNamed,
          response: { 200: Ladder, ...REFUSALS },
        },
      },
      async (request) => {
        const { call_id } = request.params;
        const { live, cdr } = await find(principalOf(request), call_id);
        const { ladder } = (await ports.insight?.traced(call_id, cdr, [])) ?? NOTHING_TRACED;
        return {
          call_id,
          is_active: live !== undefined,
          parties: ladder.parties.map(({ name, isUs }) => ({ name, is_us: isUs })),
          entries: ladder.entries.map(({ atMs, offsetMs, ...entry }) => ({ ...entry, at: iso(atMs), offset_ms: offsetMs })),
        };
      },
    );

    /** It may end meanwhile. */
    const qualityNow = async (callId: string): Promise<z.infer<typeof CallQuality>[]> =>
      qualityOf(await ports.ask<readonly LegQuality[]>({ type: "quality", callId }).catch(() => []), false);

    /** @throws ApiProblem also where it is another tenant's */
    async function find(
      principal: Principal,
      callId: string,
    ): Promise<{ readonly live: CallSummary | undefined; readonly cdr: Cdr | undefined }> {
      const live = await liveCall(ports, principal, callId);
      if (live !== undefined) return { live, cdr: undefined };
      for (let looks = 1; ; looks++) {
        const [cdr] = await ports.cdrs.list({ tenant: principal.reach, callId, limit: 1 });
        if (cdr?.callId === callId) return { live, cdr };
        if (looks === LOOKS || !mayJustHaveEnded(callId, ports.nowMs())) throw noCall(callId);
        await wait(LOOK_MS);
      }
    }
  };

function attemptsOf(cdr: Cdr | undefined, traced: TracedCall): z.infer<typeof CallAttempt>[] {
  const tried = cdr?.attempts ?? traced.attempts.map((one) => ({ ...one, q850: undefined, durationMs: undefined }));
  const skipped = cdr?.skipped ?? traced.skipped;
  return [
    ...tried.map(({ number, peer, target, status, q850, outcome, reason, durationMs }) => ({
      number,
      peer,
      target,
      status,
      q850: q850 ?? null,
      outcome,
      reason,
      duration_ms: durationMs ?? null,
      skipped: false,
    })),
    ...skipped.map(({ peer, reason }) => ({
      number: null,
      peer,
      target: "",
      status: 0,
      q850: null,
      outcome: "",
      reason,
      duration_ms: null,
      skipped: true,
    })),
  ];
}

const qualityOf = (legs: readonly LegQuality[], isAnswered: boolean): z.infer<typeof CallQuality>[] =>
  legs.map(({ leg, peer, codec, packetsReceived, packetsSent, packetsLost, jitterMs, strays }) => {
    const expected = packetsReceived + packetsLost;
    return {
      leg,
      peer,
      codec,
      packets_received: packetsReceived,
      packets_sent: packetsSent,
      packets_lost: packetsLost,
      loss_percent: expected === 0 ? 0 : Math.round((packetsLost / expected) * 10_000) / 100,
      jitter_ms: jitterMs,
      strays,
      silent: isAnswered && packetsReceived === 0,
    };
  });
