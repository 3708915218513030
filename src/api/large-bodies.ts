/**
 * Bodies of many megabytes, a few at a time: each is in memory several times over while it is read, and a thread that
 * gets no memory ends the process with its calls.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiProblem } from "./problem.ts";

const LARGE_BYTES = 1024 * 1024;
const AT_ONCE_MAX = 2;
const RETRY_S = 2;

/** Behind the door: a stranger's body is never read. */
export function largeBodies(app: FastifyInstance): void {
  const held = new Set<FastifyRequest>();
  app.addHook("onRequest", async (request, reply) => {
    if ((request.routeOptions.bodyLimit ?? 0) <= LARGE_BYTES) return;
    // In parts of which nobody said how many: it may be large.
    const bytes = Number(request.headers["content-length"] ?? Number.POSITIVE_INFINITY);
    if (bytes <= LARGE_BYTES) return;
    if (held.size >= AT_ONCE_MAX)
      throw new ApiProblem("TOO_MANY_REQUESTS", `${AT_ONCE_MAX} large bodies are being read already; send it again in ${RETRY_S} s`, {
        retryAfterS: RETRY_S,
      });
    held.add(request);
    reply.raw.once("close", () => held.delete(request));
  });
  app.addHook("onResponse", async (request) => void held.delete(request));
}
