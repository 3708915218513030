import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { FastifyInstance } from "fastify";
import type { CallSummary, ControlCommand, TrunkReport } from "#call/control.ts";
import { storedHouse } from "../../test/kit/stored-house.ts";
import { ensureOwner } from "./auth-routes.ts";
import { LiveHub } from "./live-hub.ts";
import { signLocalToken } from "./local-token.ts";
import { FAILURES_MAX } from "./login-limit.ts";
import type { ApiPorts } from "./ports.ts";
import { buildApi } from "./server.ts";

const KEY = new Uint8Array(32).fill(7);
const SECRET = "carrier-pass-9173";
const YAML = `
listeners: [{ name: private, address: 192.0.2.1 }, { name: public, address: 192.0.2.2 }]
trunks: [{ name: vodafone, listener: public, uri: "sip:198.51.100.1:5060" }]
`;
const NO_CALLS = { calls: 0, answered: 0, seconds: 0 };

describe("the API", () => {
  let nowMs = Date.UTC(2026, 10, 20, 12);
  let house: Awaited<ReturnType<typeof storedHouse>>;
  let app: FastifyInstance;
  let conflicts = 0;
  const hungUp: string[] = [];
  const mistakes: string[] = [];
  let ownerPassword = "";
  const live = new LiveHub();

  const trunkReport = (name: string, tenant: string): TrunkReport => ({
    name,
    tenant,
    listener: "public",
    uri: "sip:192.0.2.1:5060",
    calls: 1,
    callsMax: 10,
    title: name,
    provider: "vodafone",
    maintenance: false,
    totals: { inbound: { calls: 4, answered: 3, seconds: 30 }, outbound: NO_CALLS },
    registration: undefined,
  });
  const call: CallSummary = {
    callId: "0call",
    tenant: "default",
    state: "answered",
    caller: "+1555",
    called: "+1666",
    from: "vodafone",
    to: "ai",
    startedAtMs: nowMs,
    answeredAtMs: nowMs,
    held: false,
  };

  let failing = false;
  const answers = (command: ControlCommand): unknown => {
    if (failing) throw new TypeError("secret of the house");
    switch (command.type) {
      case "status":
        return {
          startedAtMs: nowMs,
          listeners: ["private", "public"].map((name) => ({ name, address: "192.0.2.1:5060", transports: ["UDP"] })),
          media: { up: true },
          counters: { "sip.in.INVITE": 3 },
          calls: 1,
          callsMax: 10,
          configGeneration: 1,
        };
      case "trunks":
        return [trunkReport("vodafone", "default")];
      case "gateways":
        return { groups: [], gateways: [] };
      case "calls":
        return [call];
      case "hangup":
        hungUp.push(command.callId);
        return { callId: command.callId };
      default:
        throw new Error(`unexpected ${command.type}`);
    }
  };
  const ends: (() => unknown)[] = [];
  before(async () => {
    house = await storedHouse({ after: (end) => void ends.push(end as () => unknown) }, YAML);
    app = await buildApi({
      ...(house.ports as ApiPorts),
      ask: async (command) => answers(command) as never,
      change: async (wish) => (conflicts-- > 0 ? { ok: false, code: "CONFLICT", message: "", problems: [] } : house.ports.change!(wish)),
      live,
      webhooks: undefined,
      key: KEY,
      nowMs: () => nowMs,
      version: "0",
      onMistake: (_, error) => mistakes.push(error.message),
    });
    await ensureOwner(house.identities, nowMs, (password) => (ownerPassword = password));
  });
  after(async () => {
    await app.close();
    for (const end of ends) await end();
  });

  const tokenOf = (role: "owner" | "operator" | "viewer", tenant = "*"): string =>
    signLocalToken(KEY, { name: "test", role, tenant }, nowMs, 600);
  const ask = async (method: string, url: string, body?: unknown, token: string | undefined = tokenOf("owner")) => {
    const {
      statusCode,
      body: text,
      headers,
    } = await app.inject({
      method: method as "GET",
      url,
      headers: token === undefined || token === "" ? {} : { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    return { status: statusCode, text, headers, json: () => JSON.parse(text) as Record<string, unknown> };
  };
  const TRUNK = { trunk_id: "skyetel_main", proxy_address: "sip.skyetel.com", proxy_port: 5060, username: "u", password: SECRET };

  test("a trunk is made, read, merged, switched and taken out; a trailing slash is no other path", async () => {
    const made = await ask("POST", "/api/trunks/", TRUNK);
    assert.equal(made.status, 201, made.text);
    assert.equal((await ask("POST", "/api/trunks", TRUNK)).json()["code"], "TRUNK_ID_TAKEN");
    conflicts = 2;
    const changed = await ask("PUT", "/api/trunks/skyetel_main", {
      max_concurrent_calls: 1000,
      calls_per_second_limit: 50,
      allowed_ips: ["192.0.2.0/24"],
    });
    assert.deepEqual(
      [changed.status, changed.json()["max_concurrent_calls"], changed.json()["username"], changed.json()["proxy_port"]],
      [200, 1000, "u", 5060],
    );
    const entry = JSON.parse((await house.resources.state()).records[0]!.body) as Record<string, unknown>;
    assert.deepEqual(
      [entry["uri"], entry["password"], entry["listener"], entry["calls_per_second_inbound"]],
      ["sip:sip.skyetel.com:5060;transport=udp", SECRET, "public", "50"],
    );
    assert.equal((await ask("PUT", "/api/trunks/skyetel_main", { transport: "TCP" })).json()["transport"], "TCP");
    assert.equal((await ask("POST", "/api/trunks/skyetel_main/deactivate")).json()["is_active"], false);
    assert.equal((await ask("POST", "/api/trunks/skyetel_main/activate")).json()["is_active"], true);
    const oneWay = await ask("PUT", "/api/trunks/skyetel_main", {
      supports_inbound: false,
      calls_per_second_limit: null,
      auth_method: "ip",
    });
    assert.deepEqual(
      ["supports_inbound", "supports_outbound", "calls_per_second_limit", "username", "has_password"].map((field) => oneWay.json()[field]),
      [false, true, null, null, false],
    );
    assert.equal((await ask("PUT", "/api/trunks/skyetel_main", { supports_inbound: true })).json()["supports_inbound"], true);
    const empty = await app.inject({
      method: "POST",
      url: "/api/trunks/skyetel_main/activate",
      headers: { authorization: `Bearer ${tokenOf("owner")}`, "content-type": "application/json" },
    });
    assert.equal(empty.statusCode, 200, empty.body);
    assert.equal((await ask("GET", "/api/trunks")).text.includes(SECRET), false);
    assert.equal((await ask("DELETE", "/api/trunks/skyetel_main")).status, 204);
    assert.equal((await ask("GET", "/api/trunks/skyetel_main")).json()["code"], "NOT_FOUND");
    assert.equal((await ask("PUT", "/api/trunks/vodafone", { name: "x" })).json()["code"], "MANAGED_BY_FILE");
  });

  test("what is wrong is named by field, all of it at once", async () => {
    const { status, headers, json } = await ask("POST", "/api/trunks", { trunk_id: "status", proxy_port: "5060", colour: "red" });
    assert.deepEqual([status, headers["content-type"], json()["code"]], [422, "application/problem+json", "BODY_INVALID"]);
    const fields = (json()["errors"] as readonly { field: string }[]).map(({ field }) => field);
    assert.deepEqual(fields.sort(), ["colour", "proxy_address", "proxy_port", "trunk_id"]);
    assert.equal((await ask("POST", "/api/trunks", { ...TRUNK, username: null, password: null, auth_method: "digest" })).status, 422);
    assert.equal((await ask("GET", "/api/calls/cdr?limit=0")).status, 422);
    assert.equal((await ask("GET", "/api/nothing")).json()["code"], "NO_SUCH_ROUTE");
    const broken = await app.inject({
      method: "POST",
      url: "/api/trunks",
      headers: { authorization: `Bearer ${tokenOf("owner")}`, "content-type": "application/json" },
      payload: "{",
    });
    assert.deepEqual([broken.statusCode, (JSON.parse(broken.body) as { code: string }).code], [400, "BODY_UNREADABLE"]);
  });

  test("a password gives tokens, a refresh token is good once, and whoever guesses has to wait", async () => {
    const login = await ask("POST", "/api/auth/login", { username: "owner", password: ownerPassword }, "");
    assert.equal(login.status, 200, login.text);
    const { access_token, refresh_token } = login.json() as { access_token: string; refresh_token: string };
    assert.equal((await ask("GET", "/api/auth/me", undefined, access_token)).json()["name"], "user owner");
    const again = await ask("POST", "/api/auth/refresh", { refresh_token }, "");
    assert.equal(again.status, 200);
    assert.equal((await ask("POST", "/api/auth/refresh", { refresh_token }, "")).status, 401);
    nowMs += 901_000;
    assert.equal((await ask("GET", "/api/auth/me", undefined, access_token)).status, 401);
    for (let i = 0; i < FAILURES_MAX; i++)
      assert.equal((await ask("POST", "/api/auth/login", { username: "nobody", password: "x" }, "")).status, 401);
    const limited = await ask("POST", "/api/auth/login", { username: "nobody", password: "x" }, "");
    assert.deepEqual([limited.status, Number(limited.headers["retry-after"]) > 0], [429, true]);
    assert.equal((await ask("DELETE", "/api/users/owner")).json()["code"], "LAST_OWNER");
  });

  test("a key may do what its scopes say, in its tenant, until it is taken out", async () => {
    const { key, key_id } = (await ask("POST", "/api/keys", { name: "nightly", scopes: ["calls:read"], tenant: "default" })).json() as {
      key: string;
      key_id: string;
    };
    assert.equal((await ask("GET", "/api/calls/active", undefined, key)).json()["total"], 1);
    assert.equal((await ask("GET", "/api/trunks", undefined, key)).json()["code"], "FORBIDDEN");
    assert.equal((await ask("GET", "/api/keys")).text.includes(key), false);
    assert.equal((await ask("DELETE", `/api/keys/${key_id}`)).status, 204);
    assert.equal((await ask("GET", "/api/calls/active", undefined, key)).status, 401);
  });

  test("a viewer looks, an operator acts, an owner says who may", async () => {
    assert.equal((await ask("GET", "/api/trunks", undefined, tokenOf("viewer"))).status, 200);
    assert.equal((await ask("DELETE", "/api/calls/0call", undefined, tokenOf("viewer"))).status, 403);
    assert.equal((await ask("DELETE", "/api/calls/0call", undefined, tokenOf("operator"))).status, 204);
    assert.deepEqual(hungUp, ["0call"]);
    assert.equal((await ask("GET", "/api/users", undefined, tokenOf("operator"))).status, 403);
  });

  test("metrics have the guides' names", async () => {
    const { text, headers } = await ask("GET", "/metrics");
    assert.match(String(headers["content-type"]), /^text\/plain/);
    assert.match(text, /^sip_calls_total\{provider="vodafone",status="success"\} 3$/m);
    assert.match(text, /^sip_calls_total\{provider="vodafone",status="failed"\} 1$/m);
    assert.match(text, /^sip_call_duration_seconds\{provider="vodafone"\} 10$/m);
    assert.doesNotMatch((await ask("GET", "/metrics", undefined, tokenOf("viewer", "other"))).text, /vodafone|tandem_/);
  });

  test("a mistake of ours says only that it is one, and stands in the log", async () => {
    failing = true;
    const { status, text, json } = await ask("GET", "/api/calls/active");
    failing = false;
    assert.deepEqual([status, json()["code"]], [500, "INTERNAL"]);
    assert.doesNotMatch(text, /secret of the house/);
    assert.deepEqual(mistakes, ["secret of the house"]);
  });

  test("the reader of the documentation asks nothing of the internet", async () => {
    const { body } = await app.inject({ method: "GET", url: "/docs/" });
    assert.doesNotMatch(body, /src="https?:|href="https?:/);
    assert.equal((await app.inject({ method: "GET", url: "/docs/js/scalar.js" })).statusCode, 200);
  });
});
