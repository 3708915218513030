/**
 * The one door: each request proves itself before its handler runs. A route says in its `config` which scope it
 * needs, or that it is open; one that says neither is refused at start.
 */
import { isIP } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type AccessScope, type Principal, demand } from "./access.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem } from "./problem.ts";
import { type RequestLimit, requestLimit } from "./request-limit.ts";
import { readBearer } from "./tokens.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the route needs; "known": any token. */
    scope?: AccessScope | "known";
    /** Everybody may ask. */
    open?: boolean;
    /** false: it changes nothing, though it is no GET. */
    audit?: false;
  }
}

const principals = new WeakMap<FastifyRequest, Principal>();

/** Who asks, on a route that is not open. */
export function principalOf(request: FastifyRequest): Principal {
  const found = principals.get(request);
  if (found === undefined) throw new ApiProblem("UNAUTHENTICATED", "send a token: Authorization: Bearer …");
  return found;
}

/** Whom a request comes from: what a proxy on this machine says, where that is an address. */
export const addressOf = ({ ip, socket }: FastifyRequest): string => (isIP(ip) === 0 ? (socket.remoteAddress ?? "") : ip);

export function guard(app: FastifyInstance, ports: ApiPorts, limit: RequestLimit = requestLimit()): void {
  app.addHook("onRoute", ({ url, config }) => {
    if (config?.scope === undefined && config?.open !== true) throw new Error(`route ${url} says neither its scope nor that it is open`);
  });
  /** Of what everybody may ask, by address. */
  const open = requestLimit();
  app.addHook("onRequest", async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) {
      const openS = open.waitS(addressOf(request), ports.nowMs());
      if (openS > 0)
        throw new ApiProblem("TOO_MANY_REQUESTS", `more requests than may come in a second; go on in ${openS} s`, { retryAfterS: openS });
      return;
    }
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? request.headers["x-api-key"];
    if (typeof bearer !== "string" || bearer === "")
      throw new ApiProblem(
        "UNAUTHENTICATED",
        "send a token: Authorization: Bearer …; tandem token prints one, POST /api/auth/login gives one",
      );
    const principal = await readBearer(ports.key, bearer, ports.identities, ports.nowMs());
    const waitS = limit.waitS(
      principal === undefined ? `address ${addressOf(request)}` : `${principal.reach} ${principal.name}`,
      ports.nowMs(),
    );
    if (waitS > 0)
      throw new ApiProblem("TOO_MANY_REQUESTS", `more requests than may come in a second; go on in ${waitS} s`, { retryAfterS: waitS });
    if (principal === undefined) throw new ApiProblem("UNAUTHENTICATED", "this token is not ours, or its time is over");
    if (scope !== "known") demand(principal, scope);
    principals.set(request, principal);
  });
}
