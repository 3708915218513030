/**
 * Who changed what: each request that is meant to change something and succeeds leaves an entry before its answer
 * goes. A handler may say more than the path does; secrets never stand in it. Deliberately not here: what came by
 * `tandem apply` on the machine itself, which the log of resource changes has.
 */
import { randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { HIDDEN, withoutPasswords } from "#config/canonical-entry.ts";
import type { Entry, StoredRecord } from "#config/stored-resources.ts";
import { identityId } from "#store/identity-store.ts";
import type { ApiPorts } from "./ports.ts";
import { REFUSALS } from "./problem.ts";
import { addressOf, principalOf } from "./sessions.ts";

/** Older entries are taken out when the API starts. */
export const AUDIT_KEPT_MS = 400 * 86_400_000;
const PAGE = 100;
const LIST_MAX = 1_000;
const TEXT_CHARS_MAX = 20_000;

export interface AuditNote {
  readonly kind: string;
  readonly name: string;
  /** Whose it is; absent: who asks. */
  readonly tenant?: string;
  readonly before?: unknown;
  readonly after?: unknown;
  /** Where nobody is known yet: a login. */
  readonly who?: string;
}

const notes = new WeakMap<FastifyRequest, AuditNote>();
/** Nothing was changed after all, e.g. an answer came out of the drawer. */
const silent = new WeakSet<FastifyRequest>();

/** What a request changed. Fields that hold secrets are hidden by their names. */
export const noteAudit = (request: FastifyRequest, note: AuditNote): void => void notes.set(request, note);
export const silenceAudit = (request: FastifyRequest): void => void silent.add(request);

export const noteRecord = (request: FastifyRequest, before: StoredRecord | undefined, after: StoredRecord | undefined): void => {
  const { kind, name, tenant } = (after ?? before)!;
  noteAudit(request, { kind, name, tenant, before: bodyOf(before), after: bodyOf(after) });
};
const bodyOf = (record: StoredRecord | undefined): unknown =>
  record === undefined ? undefined : withoutPasswords(JSON.parse(record.body) as Entry);

const SECRET_NAME = /password|secret|token|^key$|authorization/i;
const textOf = (value: unknown): string => {
  if (value === undefined) return "";
  const text =
    JSON.stringify(value, (name, inner: unknown) => (SECRET_NAME.test(name) && typeof inner !== "object" ? HIDDEN : inner)) ?? "";
  return text.length > TEXT_CHARS_MAX ? JSON.stringify(`${text.slice(0, TEXT_CHARS_MAX)}…`) : text;
};

/** Before the answers that idempotency keeps, so that a repeated answer leaves no second entry. */
export function auditing(app: FastifyInstance, ports: Pick<ApiPorts, "records" | "nowMs" | "onMistake">): void {
  /** Entries of one millisecond keep their order. */
  let made = 0;
  const newId = (atMs: number): string =>
    identityId(atMs, `${String(++made % 1_000_000).padStart(6, "0")}${randomBytes(4).toString("hex")}`);
  app.addHook("onSend", async (request, reply) => {
    if (request.method === "GET" || request.method === "HEAD" || reply.statusCode >= 400 || silent.has(request)) return;
    const note = notes.get(request);
    const open = request.routeOptions.config.open === true;
    if (request.routeOptions.config.audit === false || (open && note === undefined)) return;
    const action = (request.routeOptions.schema as { readonly operationId?: string } | undefined)?.operationId ?? request.method;
    const principal = open ? undefined : principalOf(request);
    const atMs = ports.nowMs();
    try {
      await ports.records.addAudit({
        id: newId(atMs),
        tenant: note?.tenant ?? principal?.reach ?? "*",
        atMs,
        who: note?.who ?? principal?.name ?? "",
        address: addressOf(request),
        action,
        kind: note?.kind ?? "",
        name: note?.name ?? request.url.split("?")[0]!.slice(0, 200),
        before: textOf(note?.before),
        after: textOf(note?.after),
        requestId: request.id,
      });
    } catch (error) {
      ports.onMistake(request.id, error instanceof Error ? error : new Error(String(error)));
    }
  });
}

const Entry = z
  .object({
    id: z.string(),
    at: z.string(),
    tenant: z.string(),
    who: z.string(),
    address: z.string(),
    action: z.string().describe("The operation, as this file names it."),
    kind: z.string(),
    name: z.string(),
    before: z.unknown().describe("null: it wasn't there, or the action has none."),
    after: z.unknown(),
    request_id: z.string(),
  })
  .meta({ id: "AuditEntry" });
const Question = z.strictObject({
  who: z.string().min(1).max(100).optional(),
  kind: z.string().min(1).max(64).optional(),
  name: z.string().min(1).max(200).optional(),
  tenant: z.string().min(1).max(64).optional(),
  limit: z.coerce.number().int().min(1).max(LIST_MAX).default(PAGE),
  cursor: z.string().min(1).max(64).optional().describe("`next` of the page before."),
});

/** Of a page; what stands in it before and after may be long. */
const PAGE_CHARS_MAX = 4 << 20;
function withinChars<T extends { readonly before: string; readonly after: string }>(found: readonly T[]): readonly T[] {
  let chars = 0;
  const end = found.findIndex(({ before, after }) => (chars += before.length + after.length) > PAGE_CHARS_MAX);
  return end < 0 ? found : found.slice(0, Math.max(1, end));
}
const parsed = (text: string): unknown => (text === "" ? null : (JSON.parse(text) as unknown));

export const auditRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      "/api/audit",
      {
        config: { scope: "audit:read" },
        schema: {
          operationId: "listAudit",
          tags: ["access"],
          summary: "Who changed what, newest first",
          querystring: Question,
          response: { 200: z.object({ items: z.array(Entry), next: z.string().nullable() }), ...REFUSALS },
        },
      },
      async (request) => {
        const { who, kind, name, tenant, limit, cursor } = request.query;
        const { reach } = principalOf(request);
        if (reach !== "*" && tenant !== undefined && tenant !== reach) return { items: [], next: null };
        const found = await ports.records.audit({ tenant: tenant ?? reach, who, kind, name, before: cursor, limit });
        const shown = withinChars(found);
        const items = shown.map((entry) => ({
          id: entry.id,
          at: new Date(entry.atMs).toISOString(),
          tenant: entry.tenant,
          who: entry.who,
          address: entry.address,
          action: entry.action,
          kind: entry.kind,
          name: entry.name,
          before: parsed(entry.before),
          after: parsed(entry.after),
          request_id: entry.requestId,
        }));
        return { items, next: shown.length === found.length && found.length < limit ? null : shown.at(-1)!.id };
      },
    );
  };
