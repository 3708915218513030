/**
 * One HTTP request to somebody else's server, for webhooks and alerts: bounded in time, the answer's body thrown away,
 * redirects not followed, private addresses refused unless allowed. Never throws.
 */
import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { publicLookup, urlProblem } from "./private-address.ts";

export interface OutwardRequest {
  readonly method: "POST" | "GET";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `status` 0: none came, and `problem` says why. */
export interface OutwardAnswer {
  readonly status: number;
  readonly problem: string;
}

export interface CallOut {
  (request: OutwardRequest): Promise<OutwardAnswer>;
  close(): void;
}

export interface CallOutOptions {
  readonly allowPrivate: boolean;
  readonly timeoutMs?: number;
  readonly lookup?: Parameters<typeof publicLookup>[1];
}

const TIMEOUT_MS = 10_000;
/** Above it the connection is not worth keeping for the next request. */
const ANSWER_BYTES_MAX = 64 << 10;
const SOCKETS_PER_HOST_MAX = 16;
const SOCKETS_IDLE_MAX = 8;

export function createCallOut({ allowPrivate, timeoutMs = TIMEOUT_MS, lookup }: CallOutOptions): CallOut {
  const keeping = { keepAlive: true, maxSockets: SOCKETS_PER_HOST_MAX, maxFreeSockets: SOCKETS_IDLE_MAX };
  const agents = { http: new http.Agent(keeping), https: new https.Agent(keeping) };
  const judged: LookupFunction = publicLookup(allowPrivate, lookup);
  const call = (wish: OutwardRequest): Promise<OutwardAnswer> =>
    new Promise((resolve) => {
      const problem = urlProblem(wish.url, allowPrivate);
      if (problem !== undefined) return resolve({ status: 0, problem });
      const secure = wish.url.startsWith("https:");
      const options: https.RequestOptions = {
        method: wish.method,
        agent: secure ? agents.https : agents.http,
        lookup: judged,
        headers: { ...wish.headers, ...(wish.body === "" ? {} : { "content-length": Buffer.byteLength(wish.body) }) },
      };
      const request = (secure ? https : http).request(wish.url, options);
      const late = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      const settle = (answer: OutwardAnswer): void => {
        clearTimeout(late);
        resolve(answer);
      };
      request.on("response", (response) => {
        const status = response.statusCode ?? 0;
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES_MAX) request.destroy();
        });
        response.on("error", () => {});
        // The status is the answer; whoever drips a body keeps nothing waiting.
        response.on("close", () => clearTimeout(late));
        resolve({ status, problem: status >= 300 && status < 400 ? "redirects are not followed" : "" });
      });
      request.on("error", (error) => settle({ status: 0, problem: error.message || "the connection failed" }));
      request.end(wish.body);
    });
  return Object.assign(call, {
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  });
}
