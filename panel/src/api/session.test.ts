import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { ApiError, ask } from "./client.ts";
import { isLoggedIn, logOut, takeTokens } from "./session.ts";

/** An API that knows one refresh token at a time and the access tokens "a1", "a2", …. */
class FakeApi {
  refreshes = 0;
  good = "a0";
  refreshStatus = 200;
  readonly answer = async (
    url: string,
    { headers, body }: { readonly headers: Readonly<Record<string, string>>; readonly body?: string },
  ): Promise<Response> => {
    if (url !== "/api/auth/refresh") {
      if (headers["authorization"] === `Bearer ${this.good}`) return Response.json({ ok: true });
      return Response.json({ code: "UNAUTHENTICATED" }, { status: 401 });
    }
    if (this.refreshStatus !== 200) return Response.json({ code: "STORE_UNAVAILABLE" }, { status: this.refreshStatus });
    if ((JSON.parse(body ?? "") as { readonly refresh_token: string }).refresh_token !== `r${this.refreshes}`)
      return Response.json({}, { status: 401 });
    this.refreshes++;
    this.good = `a${this.refreshes}`;
    return Response.json({ access_token: this.good, expires_in: 900, refresh_token: `r${this.refreshes}` });
  };
}

const REPLACED = ["fetch", "sessionStorage"] as const;
const before = REPLACED.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
// Other tests of the process want theirs.
after(() => {
  for (const [i, name] of REPLACED.entries()) {
    const had = before[i];
    if (had === undefined) Reflect.deleteProperty(globalThis, name);
    else Object.defineProperty(globalThis, name, had);
  }
});

let api = new FakeApi();
beforeEach(() => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  Object.defineProperty(globalThis, "sessionStorage", { value: storage, configurable: true });
  api = new FakeApi();
  Object.defineProperty(globalThis, "fetch", { value: (url: string, how: never) => api.answer(url, how), configurable: true });
  logOut();
});

const logIn = (expiresS: number): void => takeTokens({ access_token: "a0", expires_in: expiresS, refresh_token: "r0" });

test("requests at the same time share one refresh, whose token is good once", async () => {
  logIn(0);
  await Promise.all([ask("get", "/api/x"), ask("get", "/api/y"), ask("get", "/api/z")]);
  assert.equal(api.refreshes, 1);
  await ask("get", "/api/x");
  assert.equal(api.refreshes, 1);
});

test("a token that the API refuses is renewed once, and the request asked again", async () => {
  logIn(900);
  api.good = "another";
  assert.deepEqual(await ask("get", "/api/x"), { ok: true });
  assert.equal(api.refreshes, 1);
});

test("whose refresh is refused is logged out; who can't be asked stays", async () => {
  logIn(0);
  api.refreshStatus = 503;
  await assert.rejects(ask("get", "/api/x"), (error: unknown) => error instanceof ApiError && error.status === 0);
  assert.equal(isLoggedIn(), true);
  api.refreshStatus = 200;
  api.refreshes = 7;
  await assert.rejects(ask("get", "/api/x"), (error: unknown) => error instanceof ApiError && error.status === 401);
  assert.equal(isLoggedIn(), false);
});
