/** /api/trunks: what a tenant has of trunks, with the fields of the users' guides. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { DEFAULT_TENANT } from "#base/ids.ts";
import type { StatusReport } from "#call/control.ts";
import type { Entry, StoredRecord } from "#config/stored-resources.ts";
import { tenantFor } from "./access.ts";
import { noteRecord } from "./audit.ts";
import { assertMatch, etagOf } from "./entry-schemas.ts";
import { LIMIT_MAX, pageFields } from "./page.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import type { ResourceDesk } from "./resource-desk.ts";
import { listResources } from "./resource-lists.ts";
import { IdempotencyKey, IfMatch } from "./resource-routes.ts";
import { principalOf } from "./sessions.ts";
import { NewTrunk, TrunkChange, TrunkView, apiField, changedEntry, trunkErrors, viewOfRecord } from "./trunk-fields.ts";

const Named = z.object({ trunk_id: z.string().max(64) });
const Question = z.strictObject({
  ...pageFields,
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_MAX),
  tenant: z.string().min(1).max(64).optional(),
  q: z.string().min(1).max(200).optional().describe("In the trunk_id, name, provider or address."),
});

export const trunkRoutes =
  (ports: ApiPorts, desk: ResourceDesk): FastifyPluginAsyncZod =>
  async (app) => {
    const tags = ["trunks"];
    app.get(
      "/api/trunks",
      {
        config: { scope: "trunks:read" },
        schema: {
          operationId: "listTrunks",
          tags,
          summary: "All trunks",
          querystring: Question,
          response: { 200: z.object({ items: z.array(TrunkView), next: z.string().nullable() }), ...REFUSALS },
        },
      },
      async (request) => {
        const { tenant, q, limit, cursor } = request.query;
        const wish = { kind: "trunk", tenant, q, limit, cursor } as const;
        const { records, next } = await listResources(principalOf(request), wish, await desk.file(), ports.pages);
        return { items: records.map(viewOfRecord), next };
      },
    );
    app.post(
      "/api/trunks",
      {
        config: { scope: "trunks:write" },
        schema: {
          operationId: "createTrunk",
          tags,
          summary: "A new trunk, in force at once",
          headers: IdempotencyKey,
          body: NewTrunk,
          response: { 201: TrunkView, ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { trunk_id, tenant: wanted, ...given } = request.body;
        const principal = principalOf(request);
        const tenant = tenantFor(principal, wanted);
        const listener = given.listener ?? (await usualListener());
        const asked = { name: trunk_id, provider: trunk_id, ...given, listener };
        const entry = changedEntry({ name: trunk_id, ...(tenant === DEFAULT_TENANT ? {} : { tenant }) }, asked);
        assertFits(given, entry);
        await desk.commit(principal, async () => ({
          generation: await desk.assertFree("trunk", trunk_id, "TRUNK_ID_TAKEN"),
          tenant,
          sections: { trunks: [entry] },
          remove: [],
          rename: apiField,
        }));
        return answer(request, reply.code(201).header("location", `/api/trunks/${trunk_id}`), trunk_id, undefined);
      },
    );
    app.get(
      "/api/trunks/:trunk_id",
      {
        config: { scope: "trunks:read" },
        schema: { operationId: "getTrunk", tags, summary: "One trunk", params: Named, response: { 200: TrunkView, ...REFUSALS } },
      },
      async (request, reply) => {
        const record = await desk.find(principalOf(request), "trunk", request.params.trunk_id);
        reply.header("etag", etagOf(record));
        return viewOfRecord(record);
      },
    );
    app.put(
      "/api/trunks/:trunk_id",
      {
        config: { scope: "trunks:write" },
        schema: {
          operationId: "updateTrunk",
          tags,
          summary: "Changes what is said, leaves the rest",
          params: Named,
          headers: IfMatch,
          body: TrunkChange,
          response: { 200: TrunkView, ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { trunk_id } = request.params;
        const { trunk_id: said, ...change } = request.body;
        if (said !== undefined && said !== trunk_id)
          throw new ApiProblem("BODY_INVALID", "a trunk keeps its trunk_id", {
            errors: [{ field: "trunk_id", message: `is ${trunk_id}` }],
          });
        return changeTrunk(request, reply, (entry) => changedEntry(entry, change), change);
      },
    );
    app.delete(
      "/api/trunks/:trunk_id",
      {
        config: { scope: "trunks:write" },
        schema: {
          operationId: "deleteTrunk",
          tags,
          summary: "Takes it out; running calls go on",
          params: Named,
          headers: IfMatch,
          response: { 204: z.null(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { trunk_id } = request.params;
        const principal = principalOf(request);
        let former: StoredRecord | undefined;
        await desk.commit(principal, async () => {
          const { generation, record } = await desk.owned(principal, "trunk", trunk_id);
          assertMatch(request.headers["if-match"], record);
          former = record;
          return { generation, tenant: record.tenant, sections: {}, remove: [{ kind: "trunk", name: trunk_id }], refusal: "IN_USE" };
        });
        noteRecord(request, former, undefined);
        return reply.code(204).send(null);
      },
    );
    for (const [verb, active] of [
      ["activate", true],
      ["deactivate", false],
    ] as const)
      app.post(
        `/api/trunks/:trunk_id/${verb}`,
        {
          config: { scope: "trunks:write" },
          schema: {
            operationId: `${verb}Trunk`,
            tags,
            summary: active ? "Takes calls, both ways" : "Takes no new calls; running ones go on",
            params: Named,
            response: { 200: TrunkView, ...REFUSALS },
          },
        },
        async (request, reply) => changeTrunk(request, reply, (entry) => ({ ...entry, maintenance: active ? undefined : "yes" }), {}),
      );

    async function changeTrunk(
      request: FastifyRequest<{ readonly Params: { readonly trunk_id: string } }>,
      reply: FastifyReply,
      next: (entry: Entry) => Entry,
      change: TrunkChange,
    ): Promise<TrunkView> {
      const { trunk_id } = request.params;
      const principal = principalOf(request);
      let former: StoredRecord | undefined;
      await desk.commit(principal, async () => {
        const { generation, record } = await desk.owned(principal, "trunk", trunk_id);
        assertMatch(request.headers["if-match"], record);
        former = record;
        const entry = next(JSON.parse(record.body) as Entry);
        assertFits(change, entry);
        return { generation, tenant: record.tenant, sections: { trunks: [entry] }, remove: [], rename: apiField };
      });
      return answer(request, reply, trunk_id, former);
    }

    async function answer(
      request: FastifyRequest,
      reply: FastifyReply,
      trunkId: string,
      former: StoredRecord | undefined,
    ): Promise<TrunkView> {
      const record = await desk.find(principalOf(request), "trunk", trunkId);
      noteRecord(request, former, record);
      reply.header("etag", etagOf(record));
      return viewOfRecord(record);
    }

    async function usualListener(): Promise<string | null> {
      const { listeners } = await ports.ask<StatusReport>({ type: "status" });
      return (listeners.find(({ name }) => name === "public") ?? listeners[0])?.name ?? null;
    }
  };

function assertFits(change: TrunkChange, entry: Entry): void {
  const errors = trunkErrors(change, entry);
  if (errors.length > 0) throw new ApiProblem("BODY_INVALID", `${errors[0]!.field}: ${errors[0]!.message}`, { errors });
}
