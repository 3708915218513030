/** /api/tenants and /api/listeners: who shares the deployment, and where it listens. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { DEFAULT_TENANT } from "#base/ids.ts";
import type { StatusReport } from "#call/control.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { type Principal, reaches } from "./access.ts";
import { noteAudit } from "./audit.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import type { ResourceDesk } from "./resource-desk.ts";
import { principalOf } from "./sessions.ts";

const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "1 to 64 letters, digits, . _ or -");
const Title = z.string().min(1).max(200).describe("What people call it.");
const Named = z.object({ tenant: z.string().max(64) });
const Tenant = z
  .object({
    name: z.string(),
    title: z.string(),
    declared: z.boolean().describe("false: something belongs to it, but nobody made it."),
    created_at: z.string().nullable(),
    resources: z.int(),
    users: z.int(),
    keys: z.int(),
  })
  .meta({ id: "Tenant" });
type Tenant = z.infer<typeof Tenant>;
const Listener = z.object({ name: z.string(), address: z.string(), transports: z.array(z.string()) }).meta({ id: "Listener" });
const tags = ["access"];

export const tenantRoutes =
  (ports: ApiPorts, desk: ResourceDesk): FastifyPluginAsyncZod =>
  async (app) => {
    const { records, identities, nowMs } = ports;
    app.get(
      "/api/tenants",
      {
        config: { scope: "known" },
        schema: {
          operationId: "listTenants",
          tags,
          summary: "Tenants: declared ones, and those that something belongs to",
          response: { 200: z.object({ items: z.array(Tenant) }), ...REFUSALS },
        },
      },
      async (request) => ({ items: await tenantsFor(principalOf(request)) }),
    );
    app.post(
      "/api/tenants",
      {
        config: { scope: "access:write" },
        schema: {
          operationId: "createTenant",
          tags,
          summary: "A new tenant; only for who runs the deployment",
          body: z.strictObject({ name: Name, title: Title.optional() }),
          response: { 201: Tenant, ...REFUSALS },
        },
      },
      async (request, reply) => {
        assertHost(principalOf(request));
        const { name, title = name } = request.body;
        if (!(await records.addTenant({ name, title, createdAtMs: nowMs() })))
          throw new ApiProblem("NAME_TAKEN", `there is a tenant ${name}`);
        noteAudit(request, { kind: "tenant", name, tenant: name, after: { title } });
        return reply.code(201).send(await tenantFor(principalOf(request), name));
      },
    );
    app.get(
      "/api/tenants/:tenant",
      {
        config: { scope: "known" },
        schema: { operationId: "getTenant", tags, summary: "One tenant", params: Named, response: { 200: Tenant, ...REFUSALS } },
      },
      async (request) => tenantFor(principalOf(request), request.params.tenant),
    );
    app.put(
      "/api/tenants/:tenant",
      {
        config: { scope: "access:write" },
        schema: {
          operationId: "updateTenant",
          tags,
          summary: "Another title",
          params: Named,
          body: z.strictObject({ title: Title }),
          response: { 200: Tenant, ...REFUSALS },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        assertHost(principal);
        const { tenant } = request.params;
        const before = await tenantFor(principal, tenant);
        const { title } = request.body;
        if (before.declared) await records.retitleTenant(tenant, title);
        else await records.addTenant({ name: tenant, title, createdAtMs: nowMs() });
        noteAudit(request, { kind: "tenant", name: tenant, tenant, before: { title: before.title }, after: { title } });
        return tenantFor(principal, tenant);
      },
    );
    app.delete(
      "/api/tenants/:tenant",
      {
        config: { scope: "access:write" },
        schema: {
          operationId: "deleteTenant",
          tags,
          summary: "Takes out one that nothing belongs to any more",
          params: Named,
          response: { 204: z.null(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        assertHost(principal);
        const { name, title, resources, users, keys } = await tenantFor(principal, request.params.tenant);
        if (resources + users + keys > 0)
          throw new ApiProblem("IN_USE", `${name} has ${resources} resources, ${users} users and ${keys} keys: take those out first`);
        await records.removeTenant(name);
        noteAudit(request, { kind: "tenant", name, tenant: name, before: { title } });
        return reply.code(204).send(null);
      },
    );
    app.get(
      "/api/listeners",
      {
        config: { scope: "resources:read" },
        schema: {
          operationId: "listListeners",
          tags: ["listeners"],
          summary: "Where it listens; listeners stand in tandem.yaml",
          response: { 200: z.object({ items: z.array(Listener) }), ...REFUSALS },
        },
      },
      async () => {
        const { listeners } = await ports.ask<StatusReport>({ type: "status" });
        return { items: listeners.map(({ name, address, transports }) => ({ name, address, transports: [...transports] })) };
      },
    );

    async function tenantsFor(principal: Principal): Promise<Tenant[]> {
      const [declared, stored, file] = await Promise.all([records.tenants(), ports.pages.tenants(), desk.file()]);
      const byName = new Map(declared.map((tenant) => [tenant.name, tenant]));
      const users = Map.groupBy(await identities.users(principal.reach), ({ tenant }) => tenant);
      const keys = Map.groupBy(await identities.keys(principal.reach), ({ tenant }) => tenant);
      const names = new Set([DEFAULT_TENANT, ...byName.keys(), ...stored.keys(), ...file.tenants.keys(), ...users.keys(), ...keys.keys()]);
      // Whoever holds a token of a tenant has it.
      if (principal.reach !== EVERY_TENANT) names.add(principal.reach);
      return [...names]
        .filter((name) => name !== EVERY_TENANT && reaches(principal, name))
        .sort()
        .map((name) => {
          const own = byName.get(name);
          return {
            name,
            title: own?.title ?? name,
            declared: own !== undefined,
            created_at: own === undefined ? null : new Date(own.createdAtMs).toISOString(),
            resources: (stored.get(name) ?? 0) + (file.tenants.get(name) ?? 0),
            users: users.get(name)?.length ?? 0,
            keys: keys.get(name)?.length ?? 0,
          };
        });
    }

    async function tenantFor(principal: Principal, name: string): Promise<Tenant> {
      const found = (await tenantsFor(principal)).find((tenant) => tenant.name === name);
      if (found === undefined) throw new ApiProblem("NOT_FOUND", `there is no tenant ${name}`);
      return found;
    }
  };

function assertHost({ reach, name }: Principal): void {
  if (reach !== EVERY_TENANT) throw new ApiProblem("FORBIDDEN", `${name} is of tenant ${reach}: tenants are for who runs the deployment`);
}
