/** /api/auth, /api/users, /api/keys: logging in, and who may. */
import { randomBytes } from "node:crypto";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { type IdentityStore, type StoredUser, identityId } from "#store/identity-store.ts";
import { type Principal, ROLES, type Role, SCOPES, reaches, tenantFor } from "./access.ts";
import { LoginLimit } from "./login-limit.ts";
import { hashPassword, verifyPassword } from "./passwords.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { principalOf } from "./sessions.ts";
import { REFRESH_LIFETIME_MS, TOKEN_LIFETIME_S, hashOfSecret, newKey, newSecret, signToken } from "./tokens.ts";

const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, "1 to 64 letters, digits, . _ @ or -");
const Password = z.string().min(10, "at least 10 characters").max(200);
const Tenant = z.string().regex(/^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$/, "a tenant's name, or * for all");

const Tokens = z
  .object({
    access_token: z.string(),
    token_type: z.literal("Bearer"),
    expires_in: z.int().describe("Seconds."),
    refresh_token: z.string().describe("Good once."),
  })
  .meta({ id: "Tokens" });
const User = z.object({ name: z.string(), tenant: z.string(), role: z.string(), created_at: z.string() }).meta({ id: "User" });
const Key = z
  .object({
    key_id: z.string(),
    name: z.string(),
    tenant: z.string(),
    scopes: z.array(z.string()),
    created_by: z.string(),
    created_at: z.string(),
  })
  .meta({ id: "ApiKey" });

export const newIdentityId = (nowMs: number): string => identityId(nowMs, randomBytes(8).toString("hex"));

/** The first user of a deployment, when there is none. @param tell keeps the password, before it becomes good */
export async function ensureOwner(identities: IdentityStore, nowMs: number, tell: (password: string) => void): Promise<void> {
  if (identities.users("*").length > 0) return;
  const password = newSecret();
  tell(password);
  identities.addUser({
    id: newIdentityId(nowMs),
    tenant: "*",
    name: "owner",
    role: "owner",
    passwordHash: await hashPassword(password),
    createdAtMs: nowMs,
  });
}

export const authRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    const { identities, nowMs } = ports;
    const limit = new LoginLimit();
    const auth = ["auth"];
    const access = ["access"];

    app.post(
      "/api/auth/login",
      {
        config: { open: true },
        schema: {
          operationId: "login",
          tags: auth,
          summary: "A token for a user and password",
          body: z.strictObject({ username: z.string().min(1).max(64), password: z.string().min(1).max(200) }),
          response: { 200: Tokens, ...REFUSALS },
        },
      },
      async (request) => {
        const { username, password } = request.body;
        const keys = [`address ${request.ip}`, `user ${username}`];
        const waitS = limit.waitS(keys, nowMs());
        if (waitS > 0) throw new ApiProblem("TOO_MANY_LOGINS", `wrong too often; try again in ${waitS} s`, { retryAfterS: waitS });
        // Counted before it is looked at: many at once are many.
        limit.failed(keys, nowMs());
        const user = identities.userNamed(username);
        if (!(await verifyPassword(password, user?.passwordHash)) || user === undefined)
          throw new ApiProblem("LOGIN_FAILED", "user or password is wrong");
        limit.succeeded(keys);
        return tokensFor(user);
      },
    );
    app.post(
      "/api/auth/refresh",
      {
        config: { open: true },
        schema: {
          operationId: "refresh",
          tags: auth,
          summary: "New tokens for a refresh token, which is then used up",
          body: z.strictObject({ refresh_token: z.string().min(1).max(200) }),
          response: { 200: Tokens, ...REFUSALS },
        },
      },
      async (request) => {
        const found = identities.takeRefresh(hashOfSecret(request.body.refresh_token), nowMs());
        const user = found === undefined ? undefined : identities.userNamed(found.userName);
        if (user === undefined) throw new ApiProblem("UNAUTHENTICATED", "this refresh token was used or is too old; log in again");
        return tokensFor(user);
      },
    );
    app.get(
      "/api/auth/me",
      {
        config: { scope: "known" },
        schema: {
          operationId: "whoAmI",
          tags: auth,
          summary: "Whom a token stands for",
          response: { 200: z.object({ name: z.string(), tenant: z.string(), scopes: z.array(z.string()) }), ...REFUSALS },
        },
      },
      async (request) => {
        const { name, reach, scopes } = principalOf(request);
        return { name, tenant: reach, scopes: [...scopes] };
      },
    );

    app.get(
      "/api/users",
      {
        config: { scope: "access:write" },
        schema: {
          operationId: "listUsers",
          tags: access,
          summary: "Users",
          response: { 200: z.object({ items: z.array(User) }), ...REFUSALS },
        },
      },
      async (request) => ({ items: identities.users(principalOf(request).reach).map(userView) }),
    );
    app.post(
      "/api/users",
      {
        config: { scope: "access:write" },
        schema: {
          operationId: "createUser",
          tags: access,
          summary: "A new user",
          body: z.strictObject({ name: Name, password: Password, role: z.enum(ROLES), tenant: Tenant.optional() }),
          response: { 201: User, ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { name, password, role, tenant } = request.body;
        const user: StoredUser = {
          id: newIdentityId(nowMs()),
          tenant: tenantFor(principalOf(request), tenant),
          name,
          role,
          passwordHash: await hashPassword(password),
          createdAtMs: nowMs(),
        };
        if (!identities.addUser(user)) throw new ApiProblem("NAME_TAKEN", `the name ${name} is taken`);
        return reply.code(201).send(userView(user));
      },
    );
    app.delete(
      "/api/users/:name",
      {
        config: { scope: "access:write" },
        schema: {
          operationId: "deleteUser",
          tags: access,
          summary: "Takes a user out; a token of his is good for minutes yet",
          params: z.object({ name: z.string().max(64) }),
          response: { 204: z.null(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { name } = request.params;
        const principal = principalOf(request);
        const user = identities.userNamed(name);
        if (user === undefined || !reaches(principal, user.tenant)) throw new ApiProblem("NOT_FOUND", `there is no user ${name}`);
        const owners = identities.users(user.tenant).filter(({ role, tenant }) => role === "owner" && tenant === user.tenant);
        if (user.role === "owner" && owners.length === 1) throw new ApiProblem("LAST_OWNER", `${name} is the last owner of ${user.tenant}`);
        identities.removeUser(name);
        return reply.code(204).send(null);
      },
    );

    app.get(
      "/api/keys",
      {
        config: { scope: "access:write" },
        schema: {
          operationId: "listKeys",
          tags: access,
          summary: "API keys, without the keys themselves",
          response: { 200: z.object({ items: z.array(Key) }), ...REFUSALS },
        },
      },
      async (request) => ({ items: keysOf(principalOf(request)).map(keyView) }),
    );
    app.post(
      "/api/keys",
      {
        config: { scope: "access:write" },
        schema: {
          operationId: "createKey",
          tags: access,
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
        const kept = {
          id: newIdentityId(nowMs()),
          tenant: tenantFor(principal, tenant),
          name,
          scopes: [...new Set(scopes)],
          hash: hashOfSecret(key),
          createdBy: principal.name,
          createdAtMs: nowMs(),
        };
        identities.addKey(kept);
        return reply.code(201).send({ ...keyView(kept), key });
      },
    );
    app.delete(
      "/api/keys/:key_id",
      {
        config: { scope: "access:write" },
        schema: {
          operationId: "deleteKey",
          tags: access,
          summary: "Good for nothing from now on",
          params: z.object({ key_id: z.string().max(64) }),
          response: { 204: z.null(), ...REFUSALS },
        },
      },
      async (request, reply) => {
        const { key_id } = request.params;
        if (!keysOf(principalOf(request)).some(({ id }) => id === key_id)) throw new ApiProblem("NOT_FOUND", `there is no key ${key_id}`);
        identities.removeKey(key_id);
        return reply.code(204).send(null);
      },
    );

    const keysOf = ({ reach }: Principal) => identities.keys(reach);

    async function tokensFor(user: StoredUser): Promise<z.infer<typeof Tokens>> {
      const refresh = newSecret();
      identities.addRefresh({
        id: newIdentityId(nowMs()),
        tenant: user.tenant,
        userName: user.name,
        hash: hashOfSecret(refresh),
        expiresAtMs: nowMs() + REFRESH_LIFETIME_MS,
      });
      const token = await signToken(ports.key, { name: `user ${user.name}`, role: user.role as Role, tenant: user.tenant }, nowMs());
      return { access_token: token, token_type: "Bearer", expires_in: TOKEN_LIFETIME_S, refresh_token: refresh };
    }
  };

const userView = ({ name, tenant, role, createdAtMs }: StoredUser): z.infer<typeof User> => ({
  name,
  tenant,
  role,
  created_at: new Date(createdAtMs).toISOString(),
});
const keyView = ({ id, name, tenant, scopes, createdBy, createdAtMs }: ReturnType<IdentityStore["keys"]>[number]): z.infer<typeof Key> => ({
  key_id: id,
  name,
  tenant,
  scopes: [...scopes],
  created_by: createdBy,
  created_at: new Date(createdAtMs).toISOString(),
});
