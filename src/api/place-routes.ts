/**
 * /api/calls/initiate and /api/calls/{call_id}/transfer: calls that Tandem places or moves for whoever asks. Only a
 * number of one's own may be shown.
 */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { CallSummary, OriginateReport, PlaceName, TransferReport } from "#call/control.ts";
import { reaches, tenantAsked } from "./access.ts";
import { noteAudit } from "./audit.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, Problem, type ProblemCode, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";
import { checkWebhookUrl } from "./webhook-routes.ts";

const NAME_CHARS_MAX = 64;
const URL_CHARS_MAX = 2048;
const RING_S_MIN = 5;
const RING_S_MAX = 300;

const URI = /^(sips?|tel):[^@;?]+/i;
/** Of a URI, unescaped: what can stand in a Request-URI and in a log. */
const USER = /^[\x21-\x7e]{1,64}$/;
const UriText = z
  .string()
  .max(URL_CHARS_MAX)
  .regex(URI, "sip:number@host or tel:number")
  .refine((uri) => USER.test(userOf(uri)), "its number is 1 to 64 printable characters");
const Dialled = z
  .string()
  .min(1)
  .max(NAME_CHARS_MAX)
  .regex(/^[+0-9A-Za-z*#._ ()/-]+$/, "a phone number, e.g. +15551234567");
const PeerName = z.string().min(1).max(NAME_CHARS_MAX);
/** Where a call is connected. */
export const Place = z
  .strictObject({
    group: PeerName.optional(),
    gateway: PeerName.optional(),
    number: Dialled.optional().describe("By the outbound rules."),
    uri: UriText.optional().describe("Its number goes by the outbound rules; the host is not called."),
  })
  .refine((place) => Object.values(place).filter((one) => one !== undefined).length === 1, "one of group, gateway, number, uri");

const Wish = z
  .strictObject({
    from_number: Dialled.describe("Shown to who is called: a number (DID) of one's own."),
    to_number: Dialled,
    webhook_url: z
      .url({ protocol: /^https?$/ })
      .max(URL_CHARS_MAX)
      .optional()
      .describe("Gets this call's events."),
    trunk: PeerName.optional().describe("A trunk_id, its backup trunks behind it; without: as the outbound rules say."),
    timeout_s: z.int().min(RING_S_MIN).max(RING_S_MAX).optional().describe("How long to_number may ring."),
    connect: Place.optional().describe("Who talks to to_number when it has answered; without: where calls to from_number go."),
  })
  .meta({ id: "CallWish" });
const Placed = z.object({ call_id: z.string(), status: z.literal("initiated"), from_number: z.string(), to_number: z.string() });

const CALL_ID_CHARS_MAX = 64;
const Move = z
  .strictObject({
    to: z.union([Dialled, UriText, Place]).describe("A number, a URI, or where."),
    leg: z.enum(["caller", "callee"]).optional().describe("Who is replaced; without: the gateway's side, else who was called."),
  })
  .meta({ id: "CallMove" });
const Moving = z.object({ call_id: z.string(), status: z.literal("transferring") });

const PROBLEM_OF = {
  NOT_ANSWERED: "CONFLICT",
  BUSY: "CONFLICT",
  FROM_NOT_OWN: "NOT_YOUR_NUMBER",
  UNKNOWN: "BODY_INVALID",
  NO_ROUTE: "NO_ROUTE",
  OVERLOADED: "OVERLOADED",
  NOT_SUPPORTED: "NOT_SUPPORTED",
} as const satisfies Readonly<Record<string, ProblemCode>>;

export const placeRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      "/api/calls/initiate",
      {
        config: { scope: "calls:write" },
        schema: {
          operationId: "initiateCall",
          tags: ["calls"],
          summary: "Calls to_number, and when it has answered connects it",
          body: Wish,
          response: { 202: Placed, ...REFUSALS, 501: Problem },
        },
      },
      async (request, reply) => {
        const { from_number, to_number, webhook_url, trunk, timeout_s, connect } = request.body;
        if (webhook_url !== undefined) checkWebhookUrl("webhook_url", webhook_url, ports.webhooks?.allowPrivate === true);
        const report = await ports.ask<OriginateReport>({
          type: "originate",
          tenant: tenantAsked(principalOf(request)),
          fromNumber: from_number,
          toNumber: to_number,
          trunk,
          connect: connect === undefined ? undefined : placeOf(connect),
          timeoutMs: timeout_s === undefined ? undefined : timeout_s * 1000,
          webhookUrl: webhook_url,
        });
        if ("refused" in report) throw problemOf(report.refused);
        noteAudit(request, { kind: "call", name: report.callId, after: { from_number, to_number, trunk, connect } });
        return reply
          .code(202)
          .header("location", `/api/calls/${report.callId}`)
          .send({ call_id: report.callId, status: "initiated" as const, from_number, to_number });
      },
    );
    app.post(
      "/api/calls/:call_id/transfer",
      {
        config: { scope: "calls:write" },
        schema: {
          operationId: "transferCall",
          tags: ["calls"],
          summary: "Replaces one side of a running call by whoever answers there",
          params: z.object({ call_id: z.string().min(1).max(CALL_ID_CHARS_MAX) }),
          body: Move,
          response: { 202: Moving, ...REFUSALS, 501: Problem },
        },
      },
      async (request, reply) => {
        const { call_id } = request.params;
        const { to, leg } = request.body;
        const principal = principalOf(request);
        const calls = await ports.ask<readonly CallSummary[]>({ type: "calls" });
        const call = calls.find(({ callId, tenant }) => callId === call_id && reaches(principal, tenant));
        if (call === undefined) throw new ApiProblem("NOT_FOUND", `there is no call ${call_id}`);
        const place = placeOf(typeof to !== "string" ? to : URI.test(to) ? { uri: to } : { number: to });
        const report = await ports.ask<TransferReport>({ type: "transfer", callId: call_id, place, leg });
        if ("refused" in report) throw problemOf(report.refused);
        noteAudit(request, { kind: "call", name: call_id, tenant: call.tenant, after: { to, leg } });
        return reply.code(202).send({ call_id, status: "transferring" as const });
      },
    );
  };

/** What the switch said no to. */
export function problemOf({
  code,
  field,
  message,
}: {
  readonly code: keyof typeof PROBLEM_OF;
  readonly field?: string | undefined;
  readonly message: string;
}): ApiProblem {
  return new ApiProblem(PROBLEM_OF[code], message, field === undefined ? {} : { errors: [{ field, message }] });
}

/** RFC 3966, RFC 3261 §19.1: of a URI the number alone counts. */
export function placeOf({ group, gateway, number, uri }: z.infer<typeof Place>): PlaceName {
  if (group !== undefined) return { kind: "group", name: group };
  if (gateway !== undefined) return { kind: "gateway", name: gateway };
  return { kind: "number", name: number ?? userOf(uri ?? "") };
}
const userOf = (uri: string): string => decoded(/^[a-z]+:([^@;?]+)/i.exec(uri)?.[1] ?? "");
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
