/**
 * /api/gateways, /api/groups, /api/dids, /api/outbound: the resources of tandem.yaml by its own field names, changed
 * by the same path as `tandem apply`. One table, the same five routes for each. Trunks have routes of their own, with
 * the fields of the users' guides; the rest of a trunk's fields are at /api/trunks/{trunk_id}/entry.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { keyOf } from "#config/one-entry.ts";
import { type Entry, type ResourceKind, SECTION_OF_KIND, type StoredRecord } from "#config/stored-resources.ts";
import { type AccessScope, tenantFor } from "./access.ts";
import { noteRecord } from "./audit.ts";
import {
  type EntrySchemas,
  type EntryView,
  assertMatch,
  entryErrors,
  entryOf,
  entrySchemas,
  etagOf,
  keyOfKind,
  mergedEntry,
  viewOf,
} from "./entry-schemas.ts";
import { pageFields } from "./page.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import type { ResourceDesk } from "./resource-desk.ts";
import { listResources } from "./resource-lists.ts";
import { principalOf } from "./sessions.ts";

interface ResourcePath {
  readonly kind: ResourceKind;
  readonly path: string;
  /** As operations and schemas name one and all. */
  readonly one: string;
  readonly all: string;
  readonly summary: string;
}

const PATHS: readonly ResourcePath[] = [
  {
    kind: "gateway",
    path: "/api/gateways",
    one: "Gateway",
    all: "Gateways",
    summary: "AI platforms and PBXs that calls go to and come from",
  },
  { kind: "group", path: "/api/groups", one: "Group", all: "Groups", summary: "Gateways that stand in for each other" },
  { kind: "did", path: "/api/dids", one: "Did", all: "Dids", summary: "Numbers, and where their calls go" },
  {
    kind: "outbound",
    path: "/api/outbound",
    one: "OutboundRule",
    all: "OutboundRules",
    summary: "Where calls from gateways go; the first rule that fits",
  },
];

const Question = z.strictObject({
  ...pageFields,
  tenant: z.string().min(1).max(64).optional(),
  q: z.string().min(1).max(200).optional().describe("In the name, title, provider, uri or targets."),
});
export const IfMatch = z.looseObject({
  "if-match": z.string().max(1_000).optional().describe("An ETag: only if it is still so, else 412."),
});
export const IdempotencyKey = z.looseObject({
  "idempotency-key": z.string().max(255).optional().describe("The same key with the same request: the same answer, done once."),
});
const Key = z.string().min(1).max(100);

export const resourceRoutes =
  (ports: ApiPorts, desk: ResourceDesk): FastifyPluginAsyncZod =>
  async (app) => {
    for (const { kind, path, one, all, summary } of PATHS) {
      const schemas = entrySchemas(kind, one);
      const key = keyOfKind(kind);
      const named = z.object({ [key]: Key }) as unknown as z.ZodType<Readonly<Record<string, string>>>;
      const tags = [path.split("/").at(-1)!];
      const nameIn = (request: FastifyRequest): string => keyOf(kind, (request.params as Readonly<Record<string, string>>)[key]!);

      app.get(
        path,
        {
          config: { scope: "resources:read" },
          schema: {
            operationId: `list${all}`,
            tags,
            summary,
            querystring: Question,
            response: { 200: z.object({ items: z.array(schemas.view), next: z.string().nullable() }), ...REFUSALS },
          },
        },
        async (request) => {
          const { tenant, q, limit, cursor } = request.query;
          const wish = { kind, tenant, q, limit, cursor };
          const { records, next } = await listResources(principalOf(request), wish, await desk.file(), ports.pages);
          return { items: records.map(viewOf), next };
        },
      );
      app.post(
        path,
        {
          config: { scope: "resources:write" },
          schema: {
            operationId: `create${one}`,
            tags,
            summary: "A new one, in force at once",
            headers: IdempotencyKey,
            body: schemas.created,
            response: { 201: schemas.view, ...REFUSALS },
          },
        },
        async (request, reply) => {
          const principal = principalOf(request);
          const body = request.body;
          const tenant = tenantFor(principal, tenantIn(body));
          const entry = entryOf(body, tenant);
          assertReads(kind, entry);
          const name = keyOf(kind, String(entry[key]));
          await desk.commit(principal, async () => ({
            generation: await desk.assertFree(kind, name),
            tenant,
            sections: { [SECTION_OF_KIND[kind]]: [entry] },
            remove: [],
          }));
          return answer(request, reply.code(201).header("location", `${path}/${encodeURIComponent(name)}`), kind, name, undefined);
        },
      );
      app.get(
        `${path}/:${key}`,
        {
          config: { scope: "resources:read" },
          schema: {
            operationId: `get${one}`,
            tags,
            summary: "One, with its ETag",
            params: named,
            response: { 200: schemas.view, ...REFUSALS },
          },
        },
        async (request, reply) => {
          const record = await desk.find(principalOf(request), kind, nameIn(request));
          reply.header("etag", etagOf(record));
          return viewOf(record);
        },
      );
      app.put(
        `${path}/:${key}`,
        {
          config: { scope: "resources:write" },
          schema: changeSchema(`update${one}`, tags, named, schemas),
        },
        async (request, reply) => changeEntry(request, reply, kind, nameIn(request), request.body),
      );
      app.delete(
        `${path}/:${key}`,
        {
          config: { scope: "resources:write" },
          schema: {
            operationId: `delete${one}`,
            tags,
            summary: "Takes it out; running calls go on",
            params: named,
            headers: IfMatch,
            response: { 204: z.null(), ...REFUSALS },
          },
        },
        async (request, reply) => {
          await removeRecord(request, kind, nameIn(request));
          return reply.code(204).send(null);
        },
      );
    }

    const trunk = entrySchemas("trunk", "TrunkEntry");
    const trunkNamed = z.object({ trunk_id: Key }) as unknown as z.ZodType<Readonly<Record<string, string>>>;
    app.get(
      "/api/trunks/:trunk_id/entry",
      {
        config: { scope: "trunks:read" },
        schema: {
          operationId: "getTrunkEntry",
          tags: ["trunks"],
          summary: "All of a trunk's fields, as tandem.yaml has them",
          params: trunkNamed,
          response: { 200: trunk.view, ...REFUSALS },
        },
      },
      async (request, reply) => {
        const record = await desk.find(principalOf(request), "trunk", request.params["trunk_id"]!);
        reply.header("etag", etagOf(record));
        return viewOf(record);
      },
    );
    app.put(
      "/api/trunks/:trunk_id/entry",
      { config: { scope: "trunks:write" satisfies AccessScope }, schema: changeSchema("updateTrunkEntry", ["trunks"], trunkNamed, trunk) },
      async (request, reply) => changeEntry(request, reply, "trunk", request.params["trunk_id"]!, request.body),
    );

    async function changeEntry(
      request: FastifyRequest,
      reply: FastifyReply,
      kind: ResourceKind,
      name: string,
      change: Entry,
    ): Promise<EntryView> {
      const principal = principalOf(request);
      const key = keyOfKind(kind);
      const said = change[key];
      if (said !== undefined && keyOf(kind, String(said)) !== name)
        throw new ApiProblem("BODY_INVALID", `${key}: a ${kind} keeps it; make a new one`, {
          errors: [{ field: key, message: `is ${name}` }],
        });
      let former: StoredRecord | undefined;
      await desk.commit(principal, async () => {
        const { generation, record } = await desk.owned(principal, kind, name);
        assertMatch(request.headers["if-match"], record);
        const tenant = tenantIn(change);
        if (tenant !== undefined && tenant !== record.tenant)
          throw new ApiProblem("BODY_INVALID", `tenant: a ${kind} stays its tenant's; make a new one`, {
            errors: [{ field: "tenant", message: `is ${record.tenant}` }],
          });
        former = record;
        const entry = mergedEntry(JSON.parse(record.body) as Entry, { ...change, [key]: name });
        assertReads(kind, entry);
        return { generation, tenant: record.tenant, sections: { [SECTION_OF_KIND[kind]]: [entry] }, remove: [] };
      });
      return answer(request, reply, kind, name, former);
    }

    async function removeRecord(request: FastifyRequest, kind: ResourceKind, name: string): Promise<void> {
      const principal = principalOf(request);
      let former: StoredRecord | undefined;
      await desk.commit(principal, async () => {
        const { generation, record } = await desk.owned(principal, kind, name);
        assertMatch(request.headers["if-match"], record);
        former = record;
        return { generation, tenant: record.tenant, sections: {}, remove: [{ kind, name }], refusal: "IN_USE" };
      });
      noteRecord(request, former, undefined);
    }

    async function answer(
      request: FastifyRequest,
      reply: FastifyReply,
      kind: ResourceKind,
      name: string,
      former: StoredRecord | undefined,
    ): Promise<EntryView> {
      const record = await desk.find(principalOf(request), kind, name);
      noteRecord(request, former, record);
      reply.header("etag", etagOf(record));
      return viewOf(record);
    }
  };

const changeSchema = (
  operationId: string,
  tags: string[],
  params: z.ZodType<Readonly<Record<string, string>>>,
  { changed, view }: EntrySchemas,
) => ({
  operationId,
  tags,
  summary: "Changes what is said, leaves the rest; null takes a field out",
  params,
  headers: IfMatch,
  body: changed,
  response: { 200: view, ...REFUSALS },
});

const tenantIn = (body: Entry): string | undefined => (typeof body["tenant"] === "string" ? body["tenant"] : undefined);

function assertReads(kind: ResourceKind, entry: Entry): void {
  const errors = entryErrors(kind, entry);
  if (errors.length > 0) throw new ApiProblem("BODY_INVALID", `${errors[0]!.field}: ${errors[0]!.message}`, { errors });
}
