/** /api/users and /api/keys: who may do what. A change holds from the next request on, also for tokens that are out. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { IdentityStore, StoredKey, StoredUser } from "#store/identity-store.ts";
import { type Principal, ROLES, type Role, SCOPES, SCOPES_OF_ROLE, isRole, reaches, tenantFor } from "./access.ts";
import { noteAudit } from "./audit.ts";
import { Password, newIdentityId } from "./auth-routes.ts";
import { hashPassword } from "./passwords.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";
import { hashOfSecret, newKey } from "./tokens.ts";

const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, "1 to 64 letters, digits, . _ @ or -");
const Tenant = z.string().regex(/^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$/, "a tenant's name, or * for all");

const User = z
  .object({ name: z.string(), tenant: z.string(), role: z.string(), disabled: z.boolean(), created_at: z.string() })
  .meta({ id: "User" });
const Key = z
  .object({
    key_id: z.string(),
    name: z.string(),
    tenant: z.string(),
    scopes: z.array(z.string()),
    disabled: z.boolean(),
    created_by: z.string(),
    created_at: z.string(),
  })
  .meta({ id: "ApiKey" });
const UserNamed = z.object({ name: z.string().max(64) });
const KeyNamed = z.object({ key_id: z.string().max(64) });
const config = { scope: "access:write" } as const;
const tags = ["access"];

export const userRoutes =
  ({ identities, nowMs }: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      "/api/users",
      {
        config,
        schema: { operationId: "listUsers", tags, summary: "Users", response: { 200: z.object({ items: z.array(User) }), ...REFUSALS } },
      },
      async (request) => ({ items: (await identities.users(principalOf(request).reach)).map(userView) }),
    );
    app.get(
      "/api/users/:name",
      { config, schema: { operationId: "getUser", tags, summary: "One user", params: UserNamed, response: { 200: User, ...REFUSALS } } },
      async (request) => userView(await userFor(identities, principalOf(request), request.params.name)),
    );
    app.post(
      "/api/users",
      {
        config,
        schema: {
          operationId: "createUser",
          tags,
          summary: "A new user",
          body: z.strictObject({ name: Name, password: Password, role: z.enum(ROLES), tenant: Tenant.optional() }),
          response: { 201: User, ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { name, password, role, tenant } = request.body;
        demandRole(principalOf(request), role);
        const user: StoredUser = {
          id: newIdentityId(nowMs()),
          tenant: tenantFor(principalOf(request), tenant),
          name,
          role,
          passwordHash: await hashPassword(password),
          createdAtMs: nowMs(),
          disabled: false,
          tokensFromMs: 0,
        };
        if (!(await identities.addUser(user))) throw new ApiProblem("NAME_TAKEN", `the name ${name} is taken`);
        noteAudit(request, { kind: "user", name, tenant: user.tenant, after: userView(user) });
        return reply.code(201).send(userView(user));
      },
    );
    app.put(
      "/api/users/:name",
      {
        config,
        schema: {
          operationId: "updateUser",
          tags,
          summary: "Another role, a new password, disabled or not; what isn't said stays",
          params: UserNamed,
          body: z.strictObject({ role: z.enum(ROLES), password: Password, disabled: z.boolean() }).partial(),
          response: { 200: User, ...REFUSALS },
        },
      },
      async (request) => {
        const { role, password, disabled } = request.body;
        const before = await userFor(identities, principalOf(request), request.params.name);
        // Also whose password is changed: whoever knows it may what he may.
        for (const one of [role, before.role]) if (isRole(one)) demandRole(principalOf(request), one);
        if ((role ?? before.role) !== "owner" || disabled === true) await assertNotLastOwner(identities, before);
        await identities.changeUser(before.name, {
          ...(role !== undefined && { role }),
          ...(disabled !== undefined && { disabled }),
          ...(password !== undefined && { passwordHash: await hashPassword(password), tokensFromMs: nowMs() }),
        });
        const after = await userFor(identities, principalOf(request), before.name);
        const note = { ...userView(after), ...(password !== undefined && { password }) };
        noteAudit(request, { kind: "user", name: before.name, tenant: before.tenant, before: userView(before), after: note });
        return userView(after);
      },
    );
    app.delete(
      "/api/users/:name",
      {
        config,
        schema: {
          operationId: "deleteUser",
          tags,
          summary: "Takes a user out, and every token of his",
          params: UserNamed,
          response: { 204: z.null(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const user = await userFor(identities, principalOf(request), request.params.name);
        await assertNotLastOwner(identities, user);
        await identities.removeUser(user.name);
        noteAudit(request, { kind: "user", name: user.name, tenant: user.tenant, before: userView(user) });
        return reply.code(204).send(null);
      },
    );
  };

export const keyRoutes =
  ({ identities, nowMs }: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    const keyFor = async ({ reach }: Principal, id: string): Promise<StoredKey> => {
      const found = (await identities.keys(reach)).find((key) => key.id === id);
      if (found === undefined) throw new ApiProblem("NOT_FOUND", `there is no key ${id}`);
      return found;
    };
    app.get(
      "/api/keys",
      {
        config,
        schema: {
          operationId: "listKeys",
          tags,
          summary: "API keys, without the keys themselves",
          response: { 200: z.object({ items: z.array(Key) }), ...REFUSALS },
        },
      },
      async (request) => ({ items: (await identities.keys(principalOf(request).reach)).map(keyView) }),
    );
    app.post(
      "/api/keys",
      {
        config,
        schema: {
          operationId: "createKey",
          tags,
          summary: "A new API key, shown this once",
          body: z.strictObject({ name: Name, scopes: z.array(z.enum(SCOPES)).min(1), tenant: Tenant.optional() }),
          response: { 201: Key.extend({ key: z.string() }), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const { name, scopes, tenant } = request.body;
        const more = scopes.find((scope) => !principal.scopes.has(scope));
        if (more !== undefined) throw new ApiProblem("FORBIDDEN", `${principal.name} has not ${more} himself`);
        const key = newKey();
        const kept: StoredKey = {
          id: newIdentityId(nowMs()),
          tenant: tenantFor(principal, tenant),
          name,
          scopes: [...new Set(scopes)],
          hash: hashOfSecret(key),
          createdBy: principal.name,
          createdAtMs: nowMs(),
          disabled: false,
        };
        await identities.addKey(kept);
        noteAudit(request, { kind: "key", name: kept.id, tenant: kept.tenant, after: keyView(kept) });
        return reply.code(201).send({ ...keyView(kept), key });
      },
    );
    app.put(
      "/api/keys/:key_id",
      {
        config,
        schema: {
          operationId: "updateKey",
          tags,
          summary: "Another name; disabled or not",
          params: KeyNamed,
          body: z.strictObject({ name: Name, disabled: z.boolean() }).partial(),
          response: { 200: Key, ...REFUSALS },
        },
      },
      async (request) => {
        const { name, disabled } = request.body;
        const before = await keyFor(principalOf(request), request.params.key_id);
        await identities.changeKey(before.id, { ...(name !== undefined && { name }), ...(disabled !== undefined && { disabled }) });
        const after = await keyFor(principalOf(request), before.id);
        noteAudit(request, { kind: "key", name: before.id, tenant: before.tenant, before: keyView(before), after: keyView(after) });
        return keyView(after);
      },
    );
    app.delete(
      "/api/keys/:key_id",
      {
        config,
        schema: {
          operationId: "deleteKey",
          tags,
          summary: "Good for nothing from now on",
          params: KeyNamed,
          response: { 204: z.null(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const key = await keyFor(principalOf(request), request.params.key_id);
        await identities.removeKey(key.id);
        noteAudit(request, { kind: "key", name: key.id, tenant: key.tenant, before: keyView(key) });
        return reply.code(204).send(null);
      },
    );
  };

/** Nobody gives what he has not himself: a key may have fewer scopes than any role. @throws ApiProblem */
function demandRole({ name, scopes }: Principal, role: Role): void {
  const more = SCOPES_OF_ROLE[role].find((scope) => !scopes.has(scope));
  if (more !== undefined) throw new ApiProblem("FORBIDDEN", `${name} has not ${more} himself, which a user with role ${role} has`);
}

async function userFor(identities: IdentityStore, principal: Principal, name: string): Promise<StoredUser> {
  const user = await identities.userNamed(name);
  if (user === undefined || !reaches(principal, user.tenant)) throw new ApiProblem("NOT_FOUND", `there is no user ${name}`);
  return user;
}

/** Somebody must be able to log in and let others in. */
async function assertNotLastOwner(identities: IdentityStore, { name, role, tenant, disabled }: StoredUser): Promise<void> {
  if (role !== "owner" || disabled) return;
  const others = (await identities.users(tenant)).filter(
    (other) => other.role === "owner" && other.tenant === tenant && !other.disabled && other.name !== name,
  );
  if (others.length === 0) throw new ApiProblem("LAST_OWNER", `${name} is the last owner of ${tenant}`);
}

const userView = ({ name, tenant, role, disabled, createdAtMs }: StoredUser): z.infer<typeof User> => ({
  name,
  tenant,
  role,
  disabled,
  created_at: new Date(createdAtMs).toISOString(),
});
const keyView = ({ id, name, tenant, scopes, disabled, createdBy, createdAtMs }: StoredKey): z.infer<typeof Key> => ({
  key_id: id,
  name,
  tenant,
  scopes: [...scopes],
  disabled,
  created_by: createdBy,
  created_at: new Date(createdAtMs).toISOString(),
});
