/** The API without a switch behind it, listening on a port of the kernel's choice: for tests of routes that stream or call out. */
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { LiveHub } from "#api/live-hub.ts";
import { signLocalToken } from "#api/local-token.ts";
import type { ApiPorts } from "#api/ports.ts";
import { buildApi } from "#api/server.ts";

const KEY = new Uint8Array(32).fill(7);
export const API_NOW_MS = Date.UTC(2026, 10, 20, 12);

/** @param ports what the routes under test need; the rest is not there */
export async function apiAlone(t: Pick<TestContext, "after">, ports: Partial<ApiPorts>) {
  const live = new LiveHub();
  const all: Partial<ApiPorts> = { live, key: KEY, nowMs: () => API_NOW_MS, version: "0", onMistake: () => {}, ...ports };
  const app = await buildApi(all as ApiPorts);
  await app.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => {
    app.server.closeAllConnections();
    return app.close();
  });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const tokenOf = (role: "owner" | "operator" | "viewer", tenant = "*"): string =>
    signLocalToken(KEY, { name: "test", role, tenant }, API_NOW_MS, 600);
  const ask = async (method: string, path: string, body?: unknown, token = tokenOf("owner")) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, json: (text.startsWith("{") ? JSON.parse(text) : {}) as Record<string, unknown> };
  };
  return { app, live: all.live ?? live, url, tokenOf, ask };
}
