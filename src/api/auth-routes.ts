/** /api/auth: logging in, and one's own password. */
import { randomBytes } from "node:crypto";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { type IdentityStore, type StoredUser, identityId } from "#store/identity-store.ts";
import type { Role } from "./access.ts";
import { noteAudit } from "./audit.ts";
import { LoginLimit } from "./login-limit.ts";
import { hashPassword, verifyPassword } from "./passwords.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, REFUSALS } from "./problem.ts";
import { addressOf, principalOf } from "./sessions.ts";
import { UsedRefreshes } from "./used-refreshes.ts";
import { REFRESH_LIFETIME_MS, TOKEN_LIFETIME_S, USER_PREFIX, hashOfSecret, newSecret, signToken } from "./tokens.ts";

export const Password = z.string().min(10, "at least 10 characters").max(200);

const Tokens = z
  .object({
    access_token: z.string(),
    token_type: z.literal("Bearer"),
    expires_in: z.int().describe("Seconds."),
    refresh_token: z.string().describe("Good once."),
  })
  .meta({ id: "Tokens" });

export const newIdentityId = (nowMs: number): string => identityId(nowMs, randomBytes(8).toString("hex"));

/** The first user of a deployment, when there is none. @param tell keeps the password, before it becomes good */
export async function ensureOwner(identities: IdentityStore, nowMs: number, tell: (password: string) => void): Promise<void> {
  if ((await identities.users("*")).length > 0) return;
  const password = newSecret();
  tell(password);
  await identities.addUser({
    id: newIdentityId(nowMs),
    tenant: "*",
    name: "owner",
    role: "owner",
    passwordHash: await hashPassword(password),
    createdAtMs: nowMs,
    disabled: false,
    tokensFromMs: 0,
  });
}

export const authRoutes =
  (ports: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    const { identities, nowMs } = ports;
    const limit = new LoginLimit();
    const used = new UsedRefreshes();
    const auth = ["auth"];

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
        const keys = [`address ${addressOf(request)}`, `user ${username}`];
        const waitS = limit.waitS(keys, nowMs());
        if (waitS > 0) throw new ApiProblem("TOO_MANY_LOGINS", `wrong too often; try again in ${waitS} s`, { retryAfterS: waitS });
        // Counted before it is looked at: many at once are many.
        limit.failed(keys, nowMs());
        const user = await identities.userNamed(username);
        // Who is disabled learns no more than who guesses.
        if (!(await verifyPassword(password, user?.passwordHash)) || user === undefined || user.disabled)
          throw new ApiProblem("LOGIN_FAILED", "user or password is wrong");
        limit.succeeded(keys);
        noteAudit(request, { kind: "user", name: user.name, tenant: user.tenant, who: USER_PREFIX + user.name });
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
        const hash = hashOfSecret(request.body.refresh_token);
        const found = await identities.takeRefresh(hash, nowMs());
        if (found !== undefined) used.note(hash, found.userName, nowMs());
        else await endStolen(used.userOf(hash, nowMs()));
        const user = found === undefined ? undefined : await identities.userNamed(found.userName);
        if (user === undefined || user.disabled)
          throw new ApiProblem("UNAUTHENTICATED", "this refresh token was used or is too old; log in again");
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

    app.post(
      "/api/auth/password",
      {
        config: { scope: "known" },
        schema: {
          operationId: "changePassword",
          tags: auth,
          summary: "One's own password; every token from before is good for nothing then",
          body: z.strictObject({ password: z.string().min(1).max(200), new_password: Password }),
          response: { 200: Tokens, ...REFUSALS },
        },
      },
      async (request) => {
        const { name } = principalOf(request);
        const { password, new_password } = request.body;
        const user = name.startsWith(USER_PREFIX) ? await identities.userNamed(name.slice(USER_PREFIX.length)) : undefined;
        if (user === undefined) throw new ApiProblem("FORBIDDEN", `${name} has no password: only users have one`);
        const keys = [`address ${addressOf(request)}`, `user ${user.name}`];
        const waitS = limit.waitS(keys, nowMs());
        if (waitS > 0) throw new ApiProblem("TOO_MANY_LOGINS", `wrong too often; try again in ${waitS} s`, { retryAfterS: waitS });
        limit.failed(keys, nowMs());
        if (!(await verifyPassword(password, user.passwordHash))) throw new ApiProblem("LOGIN_FAILED", "the password is wrong");
        limit.succeeded(keys);
        await identities.changeUser(user.name, { passwordHash: await hashPassword(new_password), tokensFromMs: nowMs() });
        noteAudit(request, { kind: "user", name: user.name, tenant: user.tenant });
        return tokensFor(user);
      },
    );

    /** Two have the same token, and one of them has new ones: whoever is the user logs in again (RFC 9700 §4.14.2). */
    async function endStolen(userName: string | undefined): Promise<void> {
      const user = userName === undefined ? undefined : await identities.userNamed(userName);
      // As a change of the password does, which stays.
      if (user !== undefined) await identities.changeUser(user.name, { passwordHash: user.passwordHash, tokensFromMs: nowMs() });
    }

    async function tokensFor(user: StoredUser): Promise<z.infer<typeof Tokens>> {
      const refresh = newSecret();
      await identities.addRefresh({
        id: newIdentityId(nowMs()),
        tenant: user.tenant,
        userName: user.name,
        hash: hashOfSecret(refresh),
        expiresAtMs: nowMs() + REFRESH_LIFETIME_MS,
      });
      const token = await signToken(ports.key, { name: USER_PREFIX + user.name, role: user.role as Role, tenant: user.tenant }, nowMs());
      return { access_token: token, token_type: "Bearer", expires_in: TOKEN_LIFETIME_S, refresh_token: refresh };
    }
  };
