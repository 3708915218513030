/**
 * GET /api/events: live events as Server-Sent Events (WHATWG HTML §9.2). A listener that reads too slowly is told so in
 * its last event and let go; it comes back with Last-Event-ID and misses nothing that the ring still has.
 */
import type { ServerResponse } from "node:http";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { LiveEvent, LiveEventType } from "#observe/event.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { type Principal, reaches } from "./access.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";

export const LIVE_EVENT_TYPES = [
  "call.started",
  "call.ringing",
  "call.answered",
  "call.transferred",
  "call.ended",
  "trunk.registered",
  "trunk.unregistered",
  "gateway.up",
  "gateway.down",
  "alert.raised",
  "alert.cleared",
] as const satisfies readonly LiveEventType[];

export const EVENT_STREAM = "text/event-stream";
const LISTENERS_MAX = 500;
/** So that one tenant leaves room for others, and for who runs the deployment. */
const LISTENERS_OF_TENANT_MAX = 100;
const HEARTBEAT_MS = 15_000;
/** A token that was taken back or ran out ends here at the latest. */
const STREAM_MS_MAX = 15 * 60_000;
const BACKLOG_BYTES_MAX = 1 << 20;
/** The last event of a slow listener waits for it so long. */
const FAREWELL_MS = 5_000;
const RETRY_MS = 2_000;

/** As listeners and webhooks get it. */
export const LiveEventBody = z
  .object({
    id: z.string().describe("The same when an event is told again."),
    type: z.enum(LIVE_EVENT_TYPES),
    at: z.string(),
    tenant: z.string(),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  })
  .meta({ id: "LiveEvent" });

export const liveEventBody = ({ id, type, atMs, tenant, data }: LiveEvent): z.infer<typeof LiveEventBody> => ({
  id,
  type,
  at: new Date(atMs).toISOString(),
  tenant,
  data: { ...data },
});

const Question = z.strictObject({
  types: z
    .string()
    .max(300)
    .optional()
    .describe(`Only these, with commas between: ${LIVE_EVENT_TYPES.join(", ")}; or their beginnings: call, trunk, gateway, alert.`),
  call_id: z.string().min(1).max(64).optional().describe("Only of this call."),
});

const frame = (event: string, data: unknown, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** Written out once for all who listen. */
const written = new WeakMap<LiveEvent, string>();
function textOf(event: LiveEvent): string {
  let text = written.get(event);
  if (text === undefined) written.set(event, (text = frame(event.type, liveEventBody(event), event.place)));
  return text;
}

interface Wish {
  readonly principal: Principal;
  readonly types: readonly string[] | undefined;
  readonly callId: string | undefined;
}

/** What belongs to no tenant is for who runs the deployment. */
const isWanted = (event: LiveEvent, { principal, types, callId }: Wish): boolean =>
  reaches(principal, event.tenant) &&
  (callId === undefined || event.callId === callId) &&
  (types === undefined || types.some((type) => event.type === type || event.type.startsWith(`${type}.`)));

class Stream {
  readonly #raw: ServerResponse;
  readonly #wish: Wish;
  readonly #endings: (() => void)[] = [];
  #over = false;

  constructor(raw: ServerResponse, wish: Wish) {
    this.#raw = raw;
    this.#wish = wish;
    raw.on("close", () => this.#end());
    raw.on("error", () => this.#end());
    const heartbeat = setInterval(() => this.#write(": still here\n\n"), HEARTBEAT_MS);
    const last = setTimeout(() => this.#farewell("reconnect", "the stream is renewed; come back with Last-Event-ID"), STREAM_MS_MAX);
    this.atEnd(() => {
      clearInterval(heartbeat);
      clearTimeout(last);
    });
  }

  atEnd(run: () => void): void {
    if (this.#over) run();
    else this.#endings.push(run);
  }

  say(event: string, data: unknown): void {
    this.#write(frame(event, data));
  }

  tell(events: readonly LiveEvent[]): void {
    let text = "";
    for (const event of events) if (isWanted(event, this.#wish)) text += textOf(event);
    if (text !== "") this.#write(text);
  }

  #write(text: string): void {
    if (this.#over) return;
    if (this.#raw.writableLength > BACKLOG_BYTES_MAX)
      return this.#farewell("dropped", "this listener reads too slowly; come back with Last-Event-ID");
    this.#raw.write(text);
  }

  #farewell(event: string, detail: string): void {
    if (this.#over) return;
    this.#raw.end(frame(event, { detail }));
    setTimeout(() => this.#raw.destroy(), FAREWELL_MS).unref();
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const run of this.#endings) run();
  }
}

export const eventRoutes =
  ({ live }: Pick<ApiPorts, "live">): FastifyPluginAsyncZod =>
  async (app) => {
    let open = 0;
    const ofTenant = new Map<string, number>();
    const listening = (reach: string, by: 1 | -1): void => {
      open += by;
      const left = (ofTenant.get(reach) ?? 0) + by;
      if (left === 0) ofTenant.delete(reach);
      else ofTenant.set(reach, left);
    };
    app.get(
      "/api/events",
      {
        // Whoever asks for the head alone would wait for the end of the stream.
        exposeHeadRoute: false,
        config: { scope: "calls:read" },
        schema: {
          operationId: "events",
          tags: ["watching"],
          summary: "Live events as Server-Sent Events; Last-Event-ID goes on after a break",
          produces: [EVENT_STREAM],
          querystring: Question,
          response: { 200: z.string(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        if (open >= LISTENERS_MAX)
          throw new ApiProblem("TOO_MANY_LISTENERS", `${LISTENERS_MAX} listen already; close some, or share one`, { retryAfterS: 30 });
        const { reach } = principalOf(request);
        if (reach !== EVERY_TENANT && (ofTenant.get(reach) ?? 0) >= LISTENERS_OF_TENANT_MAX)
          throw new ApiProblem("TOO_MANY_LISTENERS", `${LISTENERS_OF_TENANT_MAX} of ${reach} listen already; close some, or share one`, {
            retryAfterS: 30,
          });
        const { types, call_id: callId } = request.query;
        const stream = new Stream(reply.raw, {
          principal: principalOf(request),
          types: types?.split(",").map((type) => type.trim()),
          callId,
        });
        listening(reach, 1);
        stream.atEnd(() => listening(reach, -1));
        reply.hijack();
        reply.raw.writeHead(200, {
          "content-type": EVENT_STREAM,
          "cache-control": "no-store",
          "x-accel-buffering": "no",
          connection: "close",
          "x-content-type-options": "nosniff",
          "x-request-id": request.id,
        });
        reply.raw.write(`retry: ${RETRY_MS}\n\n`);
        const last = request.headers["last-event-id"];
        if (typeof last === "string" && last !== "") {
          const missed = live.since(last);
          if (missed === undefined) stream.say("missed", { detail: "what came since is not kept any more; read the state again" });
          else stream.tell(missed);
        }
        stream.atEnd(live.listen((events) => stream.tell(events)));
      },
    );
  };
