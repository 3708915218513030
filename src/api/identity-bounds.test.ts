/** Nobody becomes more than he is: by a key of few scopes, a name that is free again, or a token that was used. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { API_NOW_MS, apiAlone } from "../../test/kit/api-alone.ts";
import { storedHouse } from "../../test/kit/stored-house.ts";
import { watchingPorts } from "../../test/kit/watching-ports.ts";
import { UsedRefreshes } from "./used-refreshes.ts";

const PASSWORD = "0123456789";

async function setUp(t: TestContext) {
  const house = await storedHouse(t, "listeners: [{ name: public, address: 192.0.2.1 }]\n");
  const clock = { nowMs: API_NOW_MS };
  const { alerts } = await watchingPorts(t);
  const api = await apiAlone(t, { ...house.ports, alerts, nowMs: () => clock.nowMs });
  const post = async (path: string, body: object, headers: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(api.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, json: (await response.json()) as Readonly<Record<string, string>> };
  };
  return { ...api, clock, post };
}

test("a key gives nobody a role that has more than it", async (t) => {
  const { ask, tokenOf } = await setUp(t);
  const owner = tokenOf("owner", "acme");
  await ask("POST", "/api/users", { name: "boss", password: PASSWORD, role: "owner" }, owner);
  const { json } = await ask("POST", "/api/keys", { name: "hr", scopes: ["access:write"] }, owner);
  const key = String(json["key"]);
  for (const [method, path, body] of [
    ["POST", "/api/users", { name: "eve", password: PASSWORD, role: "owner" }],
    ["POST", "/api/users", { name: "eve", password: PASSWORD, role: "viewer" }],
    ["PUT", "/api/users/boss", { password: "eve-knows-it" }],
  ] as const) {
    const { status, text } = await ask(method, path, body, key);
    assert.equal(status, 403, text);
  }
  assert.equal((await ask("PUT", "/api/users/boss", { password: "new-password" }, owner)).status, 200);
});

test("a token is no good for another user who has the name later", async (t) => {
  const { ask, tokenOf, post } = await setUp(t);
  const [evil, acme] = [tokenOf("owner", "evil"), tokenOf("owner", "acme")];
  for (const name of ["other", "joe"]) await ask("POST", "/api/users", { name, password: PASSWORD, role: "owner" }, evil);
  const { json } = await post("/api/auth/login", { username: "joe", password: PASSWORD });
  const token = json["access_token"]!;
  assert.equal((await ask("GET", "/api/auth/me", undefined, token)).json["tenant"], "evil");
  await ask("DELETE", "/api/users/joe", undefined, evil);
  assert.equal((await ask("POST", "/api/users", { name: "joe", password: PASSWORD, role: "owner" }, acme)).status, 201);
  assert.equal((await ask("GET", "/api/auth/me", undefined, token)).status, 401);
});

test("a refresh token that comes again later ends what was made of it; at the same time it is only refused", async (t) => {
  const { ask, tokenOf, post, clock } = await setUp(t);
  await ask("POST", "/api/users", { name: "ann", password: PASSWORD, role: "viewer", tenant: "acme" }, tokenOf("owner"));
  const refresh = (token: string | undefined) => post("/api/auth/refresh", { refresh_token: token });
  const first = (await post("/api/auth/login", { username: "ann", password: PASSWORD })).json["refresh_token"];
  const second = (await refresh(first)).json["refresh_token"];
  assert.equal((await refresh(first)).status, 401);
  clock.nowMs += 60_000;
  const third = await refresh(second);
  assert.equal(third.status, 200);
  clock.nowMs += 60_000;
  assert.equal((await refresh(first)).status, 401);
  assert.equal((await refresh(third.json["refresh_token"])).status, 401);
  assert.equal((await ask("GET", "/api/auth/me", undefined, third.json["access_token"]!)).status, 401);
  assert.equal((await post("/api/auth/login", { username: "ann", password: PASSWORD })).status, 200);
});

test("used refresh tokens are known for a month, once", () => {
  const used = new UsedRefreshes();
  used.note("h", "ann", 0);
  assert.deepEqual([used.userOf("x", 60_000), used.userOf("h", 60_000), used.userOf("h", 60_000)], [undefined, "ann", undefined]);
});

test("behind a proxy on this machine each address has its own tries", async (t) => {
  const { post } = await setUp(t);
  const wrong = async (from: string, username: string) =>
    (await post("/api/auth/login", { username, password: "wrong" }, { "x-forwarded-for": from })).status;
  for (let i = 0; i < 10; i++) assert.equal(await wrong("198.51.100.1", `u${i}`), 401);
  assert.equal(await wrong("198.51.100.1", "u10"), 429);
  assert.equal(await wrong("198.51.100.2", "u11"), 401);
});

test("a secret of a channel doesn't follow it to another place", async (t) => {
  const { ask } = await setUp(t);
  const settings = { kind: "telegram", bot_token: "t0ken", chat_id: "@chat" };
  const path = `/api/alerts/channels/${String((await ask("POST", "/api/alerts/channels", { name: "c", settings })).json["channel_id"])}`;
  assert.equal((await ask("PUT", path, { settings: { chat_id: "@other" } })).status, 200);
  const moved = await ask("PUT", path, { settings: { chat_id: "@other", base_url: "https://eve.example.com" } });
  assert.deepEqual([moved.status, /bot_token/.test(moved.text)], [422, true], moved.text);
});

test("one tenant's listeners leave room for others", async (t) => {
  const { url, tokenOf } = await setUp(t);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const open = async (token: string) =>
    (await fetch(`${url}/api/events`, { headers: { authorization: `Bearer ${token}` }, signal: stop.signal })).status;
  const acme = tokenOf("viewer", "acme");
  for (let i = 0; i < 100; i++) assert.equal(await open(acme), 200);
  assert.deepEqual([await open(acme), await open(tokenOf("viewer", "other")), await open(tokenOf("viewer"))], [429, 200, 200]);
});
