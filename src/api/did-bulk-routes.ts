/** /api/dids/bulk and /api/dids.csv: many numbers at once, in one change that holds whole or not at all. */
import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { keyOf } from "#config/one-entry.ts";
import { type Entry, SECTION_OF_KIND } from "#config/stored-resources.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { type Principal, tenantFor } from "./access.ts";
import { noteAudit } from "./audit.ts";
import { CSV_HEADING, didLine, readDidCsv } from "./did-csv.ts";
import { entryErrors, entryOf, entrySchemas, joined, viewOf } from "./entry-schemas.ts";
import { LIMIT_MAX } from "./page.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, type FieldError, REFUSALS } from "./problem.ts";
import type { ResourceDesk } from "./resource-desk.ts";
import { listResources } from "./resource-lists.ts";
import { IdempotencyKey } from "./resource-routes.ts";
import { principalOf } from "./sessions.ts";

export const BULK_MAX = 10_000;
const CSV_ROWS_MAX = 100_000;
const BODY_BYTES_MAX = 32 * 1024 * 1024;
const ERRORS_MAX = 1_000;
/** So many are read in a few milliseconds. */
const BETWEEN = 500;
const CSV_TYPE = "text/csv; charset=utf-8";

const OnExisting = z.enum(["fail", "replace"]).describe("What to do with a number that is there already.");
const Result = z
  .object({ generation: z.int(), added: z.int(), changed: z.int(), removed: z.int(), unchanged: z.int() })
  .meta({ id: "BulkResult" });

interface BulkWish {
  readonly entries: readonly Entry[];
  readonly remove: readonly string[];
  readonly replace: boolean;
  readonly tenant: string | undefined;
  readonly placeOf: (index: number) => string;
}

export const didBulkRoutes =
  (ports: ApiPorts, desk: ResourceDesk): FastifyPluginAsyncZod =>
  async (app) => {
    const tags = ["dids"];
    const item = z.looseObject({}).meta({ ...entrySchemas("did", "BulkDid").created.meta(), id: "BulkDid" });
    // Only here: everywhere else a body is JSON.
    app.addContentTypeParser("text/csv", { parseAs: "string" }, (_request, body, done) => done(null, body));

    app.post(
      "/api/dids/bulk",
      {
        config: { scope: "resources:write" },
        bodyLimit: BODY_BYTES_MAX,
        schema: {
          operationId: "changeDids",
          tags,
          summary: `Up to ${BULK_MAX} numbers in one change: all or nothing`,
          headers: IdempotencyKey,
          body: z.strictObject({
            items: z.array(item).max(BULK_MAX).default([]),
            delete: z.array(z.string().min(1).max(100)).max(BULK_MAX).default([]).describe("Numbers to take out."),
            on_existing: OnExisting.default("fail"),
            tenant: z.string().min(1).max(64).optional().describe("Of items that name none."),
          }),
          response: { 200: Result, ...REFUSALS },
        },
      },
      async (request) => {
        const { items, delete: remove, on_existing, tenant } = request.body;
        const placeOf = (index: number): string => `items[${index}]`;
        const result = await commit(principalOf(request), { entries: items, remove, replace: on_existing === "replace", tenant, placeOf });
        noteAudit(request, {
          kind: "did",
          name: `${items.length + remove.length} numbers`,
          ...audited(principalOf(request), tenant),
          after: result,
        });
        return result;
      },
    );
    app.get(
      "/api/dids.csv",
      {
        config: { scope: "resources:read" },
        schema: {
          operationId: "exportDids",
          tags,
          summary: "All numbers as CSV, which POST takes back",
          querystring: z.strictObject({ tenant: z.string().min(1).max(64).optional(), q: z.string().min(1).max(200).optional() }),
          response: { 200: z.string(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { tenant, q } = request.query;
        reply.type(CSV_TYPE).header("content-disposition", 'attachment; filename="dids.csv"');
        return reply.send(Readable.from(csvOf(principalOf(request), tenant, q), { objectMode: false }) as never);
      },
    );
    app.post(
      "/api/dids.csv",
      {
        config: { scope: "resources:write" },
        bodyLimit: BODY_BYTES_MAX,
        schema: {
          operationId: "importDids",
          tags,
          summary: `Up to ${CSV_ROWS_MAX} numbers as CSV (text/csv) in one change; every bad line is named`,
          headers: IdempotencyKey,
          querystring: z.strictObject({ on_existing: OnExisting.default("replace"), tenant: z.string().min(1).max(64).optional() }),
          body: z
            .string()
            .meta({ description: "A heading of number, tenant, to, trunks, callers, blocked_callers, when, hunt; then a number a line." }),
          consumes: ["text/csv"],
          response: { 200: Result, ...REFUSALS },
        },
      },
      async (request) => {
        const { on_existing, tenant } = request.query;
        const { entries, lines, errors } = readDidCsv(request.body, CSV_ROWS_MAX);
        const placeOf = (index: number): string => `line ${lines[index]}`;
        const principal = principalOf(request);
        const wish = { entries, remove: [], replace: on_existing === "replace", tenant, placeOf };
        if (errors.length > 0) throw invalid([...errors, ...(await errorsOf(principal, wish))]);
        const result = await commit(principal, wish);
        noteAudit(request, { kind: "did", name: `${entries.length} numbers`, ...audited(principal, tenant), after: result });
        return result;
      },
    );

    async function* csvOf(principal: Principal, tenant: string | undefined, q: string | undefined): AsyncGenerator<string> {
      yield CSV_HEADING;
      const file = await desk.file();
      for (let cursor: string | undefined; ; ) {
        const { records, next } = await listResources(principal, { kind: "did", tenant, q, limit: LIMIT_MAX, cursor }, file, ports.pages);
        if (records.length > 0) yield records.map((record) => didLine(viewOf(record))).join("");
        if (next === null) return;
        cursor = next;
      }
    }

    async function commit(principal: Principal, wish: BulkWish): Promise<z.infer<typeof Result>> {
      const { placeOf } = wish;
      const entries = wish.entries.map((entry) => ownEntry(principal, entry, wish.tenant));
      const remove = wish.remove.map((name) => ({ kind: "did", name: keyOf("did", name) }));
      const { generation, added, changed, removed, unchanged } = await desk.commit(principal, async () => {
        const before = await ports.pages.generation();
        const errors = await errorsOf(principal, wish);
        if (errors.length > 0) throw invalid(errors);
        const tenant = principal.reach === EVERY_TENANT ? undefined : principal.reach;
        return { generation: before, tenant, sections: { [SECTION_OF_KIND.did]: entries }, remove, placeOf };
      });
      return { generation, added, changed, removed, unchanged };
    }

    /** What can be said of each by itself, and of what is there already: all of it at once. */
    async function errorsOf(principal: Principal, { entries, remove, replace, tenant, placeOf }: BulkWish): Promise<readonly FieldError[]> {
      const errors: FieldError[] = [];
      const names: (string | undefined)[] = [];
      const seen = new Map<string, number>();
      for (const [index, entry] of entries.entries()) {
        // Others of this thread come in between.
        if (index % BETWEEN === BETWEEN - 1) await nextTurn();
        const own = entryErrors("did", ownEntry(principal, entry, tenant), placeOf(index));
        errors.push(...own);
        const name = own.length === 0 ? keyOf("did", String(entry["number"])) : undefined;
        names.push(name);
        if (name === undefined) continue;
        const twin = seen.get(name);
        if (twin !== undefined)
          errors.push({ field: joined(placeOf(index), "number"), message: `${name} stands in ${placeOf(twin)}, too` });
        seen.set(name, index);
        if (errors.length > ERRORS_MAX) return errors.slice(0, ERRORS_MAX);
      }
      const gone = remove.map((name) => keyOf("did", name));
      const [there, file] = await Promise.all([ports.pages.among("did", [...seen.keys(), ...gone]), desk.file()]);
      const mine = (name: string): boolean => there.has(name) && (principal.reach === EVERY_TENANT || there.get(name) === principal.reach);
      for (const [index, name] of names.entries()) {
        if (name === undefined) continue;
        const field = joined(placeOf(index), "number");
        if (file.named("did", name) !== undefined) errors.push({ field, message: `${name} is taken: it stands in tandem.yaml` });
        else if (there.has(name) && !(replace && mine(name))) errors.push({ field, message: `${name} is taken` });
      }
      for (const [index, name] of gone.entries())
        if (!mine(name)) errors.push({ field: `delete[${index}]`, message: `there is no ${name} that could be taken out` });
        else if (seen.has(name)) errors.push({ field: `delete[${index}]`, message: `${name} stands in ${placeOf(seen.get(name)!)}, too` });
      return errors.slice(0, ERRORS_MAX);
    }
  };

const ownEntry = (principal: Principal, entry: Entry, tenant: string | undefined): Entry =>
  entryOf(entry, tenantFor(principal, typeof entry["tenant"] === "string" ? entry["tenant"] : tenant));

const audited = ({ reach }: Principal, tenant: string | undefined): { readonly tenant: string } => ({
  tenant: reach === EVERY_TENANT ? (tenant ?? reach) : reach,
});

const invalid = (errors: readonly FieldError[]): ApiProblem =>
  new ApiProblem("BODY_INVALID", `nothing was changed; ${errors[0]!.field}: ${errors[0]!.message}`, {
    errors: errors.slice(0, ERRORS_MAX),
  });
