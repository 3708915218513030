/** Requests that come twice, who did what, and how many may come: what holds for every route. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { apiAlone } from "../../test/kit/api-alone.ts";
import { storedHouse } from "../../test/kit/stored-house.ts";
import { BURST_REQUESTS, REQUESTS_PER_SECOND, requestLimit } from "./request-limit.ts";

const YAML = "listeners: [{ name: public, address: 192.0.2.1 }]\n";
const PASSWORD = "gateway-pass-7711";
type Json = Readonly<Record<string, unknown>>;

async function setUp(t: TestContext) {
  const house = await storedHouse(t, YAML);
  const api = await apiAlone(t, house.ports);
  const post = async (path: string, body: unknown, key: string, token = api.tokenOf("owner")) => {
    const response = await fetch(api.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, json: (await response.json()) as Json };
  };
  return { ...house, ...api, post };
}
const GATEWAY = { name: "ai", uri: "sip:203.0.113.5", username: "u", password: PASSWORD };

test("the same Idempotency-Key gives the same answer and does it once, also after a restart", async (t) => {
  const { post, ports, records, resources } = await setUp(t);
  const first = await post("/api/gateways", GATEWAY, "k1");
  assert.equal(first.status, 201);
  const second = await post("/api/gateways", GATEWAY, "k1");
  assert.deepEqual(
    [second.status, second.headers.get("idempotency-replayed"), second.headers.get("etag")],
    [201, "true", first.headers.get("etag")],
  );
  assert.deepEqual(second.json, first.json);
  assert.equal((await resources.state()).generation, 1);
  assert.equal((await records.audit({ tenant: "*", limit: 10 })).length, 1);
  const other = await post("/api/gateways", { ...GATEWAY, name: "two" }, "k1");
  assert.deepEqual([other.status, other.json["code"]], [422, "KEY_REUSED"]);

  const again = await apiAlone(t, ports);
  const third = await fetch(`${again.url}/api/gateways`, {
    method: "POST",
    headers: { authorization: `Bearer ${again.tokenOf("owner")}`, "content-type": "application/json", "idempotency-key": "k1" },
    body: JSON.stringify(GATEWAY),
  });
  assert.deepEqual(await third.json(), first.json);
});

test("a request that failed may be sent again under its key; what was cut off is not done twice", async (t) => {
  const { post, records } = await setUp(t);
  assert.equal((await post("/api/groups", { name: "g", gateways: ["ai"] }, "k2")).status, 422);
  await post("/api/gateways", GATEWAY, "k3");
  assert.equal((await post("/api/groups", { name: "g", gateways: ["ai"] }, "k2")).status, 201);
  // As a crash leaves it: taken, and never answered.
  const claimed: string[] = [];
  const { claimAnswer } = records;
  const cut = {
    ...records,
    claimAnswer: (...args: Parameters<typeof claimAnswer>) => (claimed.push(args[1]), claimAnswer(...args)),
    keepAnswer: async () => {},
  };
  const house = await storedHouse(t, YAML);
  const crashing = await apiAlone(t, { ...house.ports, records: cut });
  const send = (url: string, token: string) =>
    fetch(`${url}/api/gateways`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": "k4" },
      body: JSON.stringify({ ...GATEWAY, name: "cut" }),
    });
  assert.equal((await send(crashing.url, crashing.tokenOf("owner"))).status, 201);
  assert.equal(claimed.length, 1);
  const after = await send(crashing.url, crashing.tokenOf("owner"));
  assert.deepEqual([after.status, ((await after.json()) as Json)["code"]], [409, "ANSWER_PENDING"]);
});

test("another's key of the same name is another key, and a kept answer is sealed", async (t) => {
  const { post, tokenOf, records } = await setUp(t);
  const made = await post("/api/keys", { name: "nightly", scopes: ["trunks:read"] }, "k5");
  assert.equal(made.status, 201);
  assert.equal((await post("/api/keys", { name: "nightly", scopes: ["trunks:read"] }, "k5")).json["key"], made.json["key"]);
  const theirs = await post("/api/keys", { name: "nightly", scopes: ["trunks:read"] }, "k5", tokenOf("owner", "acme"));
  assert.notEqual(theirs.json["key"], made.json["key"]);
  assert.equal(JSON.stringify(await records.audit({ tenant: "*", limit: 10 })).includes(String(made.json["key"])), false);
});

test("the audit log says who changed what from what to what, and no secret", async (t) => {
  const { ask, tokenOf } = await setUp(t);
  await ask("POST", "/api/gateways", GATEWAY);
  await ask("PUT", "/api/gateways/ai", { drain: true });
  await ask("DELETE", "/api/gateways/ai");
  await ask("PUT", "/api/gateways/ai", { drain: true });
  await ask("POST", "/api/users", { name: "anna", password: PASSWORD, role: "owner", tenant: "acme" });
  const { items } = (await ask("GET", "/api/audit")).json as { items: readonly Json[] };
  assert.deepEqual(
    items.map(({ action, kind, name, tenant, who }) => [action, kind, name, tenant, who]),
    [
      ["createUser", "user", "anna", "acme", "test"],
      ["deleteGateway", "gateway", "ai", "default", "test"],
      ["updateGateway", "gateway", "ai", "default", "test"],
      ["createGateway", "gateway", "ai", "default", "test"],
    ],
  );
  assert.deepEqual([(items[2]!["before"] as Json)["drain"], (items[2]!["after"] as Json)["drain"]], [undefined, "true"]);
  assert.equal(JSON.stringify(items).includes(PASSWORD), false);
  assert.deepEqual(
    ((await ask("GET", "/api/audit", undefined, tokenOf("owner", "acme"))).json["items"] as readonly Json[]).map(({ name }) => name),
    ["anna"],
  );
  assert.equal((await ask("GET", "/api/audit", undefined, tokenOf("operator"))).status, 403);
  const page = await ask("GET", "/api/audit?limit=1&kind=gateway");
  const next = await ask("GET", `/api/audit?limit=1&kind=gateway&cursor=${String(page.json["next"])}`);
  assert.equal((next.json["items"] as readonly Json[])[0]!["action"], "updateGateway");
});

test("who sends more than may come waits, and others don't", async (t) => {
  const limit = requestLimit(10, 3);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => limit.waitS("a", 0)),
    [0, 0, 0, 1],
  );
  assert.deepEqual([limit.waitS("b", 0), limit.waitS("a", 1_000)], [0, 0]);
  const { ask, app, tokenOf } = await setUp(t);
  const headers = { authorization: `Bearer ${tokenOf("viewer")}` };
  let status = 200;
  for (let i = 0; i <= BURST_REQUESTS && status === 200; i++) ({ statusCode: status } = await app.inject({ url: "/api/auth/me", headers }));
  const refused = await app.inject({ url: "/api/auth/me", headers });
  assert.deepEqual([refused.statusCode, refused.headers["retry-after"]], [429, "1"]);
  assert.ok(REQUESTS_PER_SECOND >= 500);
  assert.equal((await ask("GET", "/api/auth/me", undefined, tokenOf("viewer", "acme"))).status, 200);
});

test("a role, a password and being disabled hold from the next request on", async (t) => {
  const { ask, identities } = await setUp(t);
  await ask("POST", "/api/users", { name: "root", password: PASSWORD, role: "owner", tenant: "acme" });
  await ask("POST", "/api/users", { name: "anna", password: PASSWORD, role: "viewer", tenant: "acme" });
  const logIn = async (password: string) =>
    (await ask("POST", "/api/auth/login", { username: "anna", password })).json["access_token"] as string | undefined;
  const token = (await logIn(PASSWORD))!;
  assert.equal((await ask("GET", "/api/users", undefined, token)).status, 403);
  assert.equal((await ask("PUT", "/api/users/anna", { role: "owner" })).json["role"], "owner");
  assert.equal((await ask("GET", "/api/users", undefined, token)).status, 200);
  assert.equal(
    (await ask("POST", "/api/auth/password", { password: "wrong-password", new_password: "another-pass-1" }, token)).status,
    401,
  );
  assert.equal((await ask("POST", "/api/auth/password", { password: PASSWORD, new_password: "another-pass-1" }, token)).status, 200);
  assert.equal(await logIn(PASSWORD), undefined);
  const fresh = (await logIn("another-pass-1"))!;
  assert.equal((await ask("PUT", "/api/users/anna", { disabled: true })).json["disabled"], true);
  assert.equal((await ask("GET", "/api/auth/me", undefined, fresh)).status, 401);
  assert.equal(await logIn("another-pass-1"), undefined);
  assert.equal((await ask("PUT", "/api/users/root", { role: "viewer" })).json["code"], "LAST_OWNER");
  assert.equal((await ask("POST", "/api/auth/password", { password: "x", new_password: "another-pass-1" })).status, 403);
  assert.equal((await identities.users("acme")).length, 2);
});

test("a key is named anew and disabled; tenants are made by who runs the deployment, and stay while something is theirs", async (t) => {
  const { ask, tokenOf } = await setUp(t);
  const { key, key_id } = (await ask("POST", "/api/keys", { name: "n", scopes: ["resources:read"] })).json as {
    key: string;
    key_id: string;
  };
  assert.equal((await ask("GET", "/api/gateways", undefined, key)).status, 200);
  assert.equal((await ask("PUT", `/api/keys/${key_id}`, { disabled: true, name: "m" })).json["name"], "m");
  assert.equal((await ask("GET", "/api/gateways", undefined, key)).status, 401);

  assert.equal((await ask("POST", "/api/tenants", { name: "acme", title: "Acme Corp" })).status, 201);
  assert.equal((await ask("POST", "/api/tenants", { name: "acme" })).json["code"], "NAME_TAKEN");
  assert.equal((await ask("POST", "/api/tenants", { name: "eve" }, tokenOf("owner", "acme"))).status, 403);
  await ask("POST", "/api/users", { name: "anna", password: PASSWORD, role: "owner", tenant: "acme" });
  assert.equal((await ask("DELETE", "/api/tenants/acme")).json["code"], "IN_USE");
  const seen = (await ask("GET", "/api/tenants", undefined, tokenOf("viewer", "acme"))).json["items"] as readonly Json[];
  assert.deepEqual(
    seen.map(({ name, title, users }) => [name, title, users]),
    [["acme", "Acme Corp", 1]],
  );
  assert.equal((await ask("DELETE", "/api/users/anna")).json["code"], "LAST_OWNER");
  assert.equal(((await ask("GET", "/api/listeners")).json["items"] as readonly Json[]).length, 1);
});

test("a file is applied and exported from afar: shown first, then in force, a tenant's own only", async (t) => {
  const { ask, tokenOf, url } = await setUp(t);
  const text = `gateways: [{ name: far, uri: "sip:203.0.113.9", username: u, password: ${PASSWORD} }]`;
  const shown = await ask("POST", "/api/apply", { text });
  assert.deepEqual(
    [shown.status, (shown.json["report"] as Json)["added"], (shown.json["report"] as Json)["committed"]],
    [200, 1, false],
    shown.text,
  );
  const done = await ask("POST", "/api/apply", { text, commit: true, expected_generation: 0 });
  assert.equal((done.json["report"] as Json)["committed"], true, done.text);
  const yaml = await (await fetch(`${url}/api/export`, { headers: { authorization: `Bearer ${tokenOf("viewer")}` } })).text();
  assert.match(yaml, /name: far/);
  assert.equal(yaml.includes(PASSWORD), false);
  assert.equal((await ask("POST", "/api/apply", { text }, tokenOf("viewer"))).status, 403);
  const theirs = await ask("POST", "/api/apply", { text, commit: true }, tokenOf("owner", "acme"));
  assert.deepEqual([theirs.status, theirs.json["ok"]], [200, false]);
  assert.doesNotMatch(theirs.text, /default/);
  const wrong = await ask("POST", "/api/apply", { text: "gateways: [{ name: far, uri: nonsense here }]", file: "mine.yaml" });
  assert.match(wrong.text, /mine\.yaml/);
});
