/** Every route there is, asked by who must not get through: nobody, another tenant's owner, and who may too little. */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import type { CallSummary } from "#call/control.ts";
import { apiAlone } from "../../test/kit/api-alone.ts";
import { storedHouse } from "../../test/kit/stored-house.ts";
import { watchingPorts } from "../../test/kit/watching-ports.ts";
import { walkRoutes } from "../../test/kit/walk-routes.ts";

const YAML = `
listeners: [{ name: public, address: 192.0.2.1 }]
gateways: [{ name: canary-file, listener: public, uri: "sip:canary.example.com" }]
`;
/** In everything that tenant default has. */
const CANARY = /canary|77001/i;
const PASSWORD = "canary-password";

const CALL: CallSummary = {
  callId: "0canary",
  tenant: "default",
  state: "answered",
  caller: "+77001",
  called: "+77002",
  from: "canary-trunk",
  to: "canary-gateway",
  startedAtMs: 1,
  answeredAtMs: 1,
  held: false,
};
/** Commands that change nothing. */
const READING: ReadonlySet<string> = new Set([
  "status",
  "calls",
  "call",
  "trunks",
  "gateways",
  "route",
  "cdr",
  "trace",
  "limits",
  "quality",
]);

const FILL = {
  call_id: "0canary",
  trunk_id: "canary-trunk",
  number: "+77001",
  name: "canary-outbound",
  "name@/api/gateways/{name}": "canary-gateway",
  "name@/api/gateways/{name}/status": "canary-gateway",
  "name@/api/groups/{name}": "canary-group",
  "name@/api/users/{name}": "canary-user",
  tenant: "default",
};
/** What would be taken if it were another's to do. */
const BODIES = {
  "PUT /api/gateways/{name}": { drain: true },
  "PUT /api/trunks/{trunk_id}": { name: "mine now" },
  "PUT /api/users/{name}": { role: "viewer" },
  "POST /api/users": { name: "eve", password: "0123456789", role: "owner", tenant: "*" },
  "POST /api/keys": { name: "eve", scopes: ["trunks:read"], tenant: "default" },
  "POST /api/gateways": { name: "eve", uri: "sip:203.0.113.9", tenant: "default" },
  "POST /api/dids/bulk": { items: [{ number: "+77001", to: "reject 486" }], on_existing: "replace" },
  "POST /api/webhooks": { url: "https://eve.example.com/", tenant: "default" },
  "PUT /api/webhooks/{webhook_id}": { active: false },
  "POST /api/alerts/channels": { name: "eve", settings: { kind: "webhook", url: "https://eve.example.com/" } },
  "PUT /api/alerts/channels/{channel_id}": { active: false },
  "PUT /api/alerts/rules/{rule}": { enabled: false },
  "POST /api/apply": { text: 'dids: [{ number: "+77001", tenant: default, to: reject 486 }]', commit: true },
};

async function setUp(t: TestContext) {
  const house = await storedHouse(t, YAML);
  const done: string[] = [];
  const { webhooks, alerts, changes } = await watchingPorts(t);
  const api = await apiAlone(t, {
    ...house.ports,
    webhooks,
    alerts,
    // A command of a stranger that isn't about what is his would be seen here.
    ask: async (command) => {
      if (command.type === "calls") return [CALL] as never;
      if (!READING.has(command.type) && !JSON.stringify(command).includes('"tenant":"other"')) done.push(command.type);
      return (await house.ports.ask!(command)) as never;
    },
  });
  const { ask } = api;
  const made = async (path: string, body: unknown): Promise<string> => {
    const { status, text } = await ask("POST", path, body);
    assert.equal(status, 201, text);
    return text;
  };
  await made("/api/trunks", { trunk_id: "canary-trunk", proxy_address: "canary.example.com", listener: "public" });
  await made("/api/gateways", { name: "canary-gateway", uri: "sip:canary.example.com", username: "u", password: PASSWORD });
  await made("/api/groups", { name: "canary-group", gateways: ["canary-gateway"] });
  await made("/api/dids", { number: "+77001", to: "group canary-group" });
  await made("/api/outbound", { name: "canary-outbound", to: "trunk canary-trunk" });
  await made("/api/users", { name: "canary-user", password: PASSWORD, role: "owner", tenant: "default" });
  const key = JSON.parse(await made("/api/keys", { name: "canary-key", scopes: ["trunks:read"] })) as { readonly key_id: string };
  await made("/api/tenants", { name: "canary-tenant" });
  const hook = { url: "https://canary.example.com/hook", tenant: "default" };
  const { webhook_id } = JSON.parse(await made("/api/webhooks", hook)) as { readonly webhook_id: string };
  const settings = { kind: "telegram", bot_token: "canary-token", chat_id: "@canary" };
  const { channel_id } = JSON.parse(await made("/api/alerts/channels", { name: "canary-channel", settings })) as {
    readonly channel_id: string;
  };
  const alert = {
    tenant: "default",
    rule: "group_down",
    subject: "canary-group",
    severity: "critical",
    detail: "",
    raisedAtMs: 1,
  } as const;
  await alerts.store.save([{ ...alert, id: "1", clearedAtMs: undefined }]);
  const delivery = {
    tenant: "default",
    id: "1-1",
    webhookId: webhook_id,
    eventId: "e",
    eventType: "call.ended",
    callId: "0canary",
  } as const;
  const dead = {
    lane: "l",
    target: "t",
    state: "dead",
    attempts: 1,
    createdAtMs: 1,
    nextAtMs: 1,
    endedAtMs: 1,
    status: 0,
    problem: "",
  } as const;
  await webhooks.store.enqueue([{ ...delivery, ...dead, url: hook.url, body: "canary" }], undefined);
  const openApi = JSON.parse((await api.app.inject({ url: "/docs/openapi.json" })).body) as unknown;
  const asking = async (method: string, path: string, body: unknown, token: string | undefined) => {
    const response = await fetch(api.url + path, {
      method,
      signal: AbortSignal.timeout(5_000),
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    // A stream never ends: what it begins with is enough.
    if (response.headers.get("content-type")?.startsWith("text/event-stream") === true) {
      await response.body?.cancel();
      return { status: response.status, body: "" };
    }
    return { status: response.status, body: await response.text() };
  };
  const contents = async () =>
    JSON.stringify([
      done,
      (await house.resources.state()).records.filter(({ tenant }) => tenant !== "other"),
      await house.identities.users("*"),
      await house.identities.keys("*"),
      await house.records.tenants(),
      await webhooks.store.webhooks("default"),
      await webhooks.store.deliveries({ tenant: "default", webhookId: webhook_id, state: undefined, before: undefined, limit: 10 }),
      await alerts.store.channels(),
      changes,
      (await house.records.audit({ tenant: "default", limit: 1_000 })).length,
    ]);
  const walk = (token: string | undefined) =>
    walkRoutes(
      openApi,
      asking,
      token,
      { ...FILL, key_id: key.key_id, webhook_id, channel_id, delivery_id: "1-1", rule: "disk_full" },
      BODIES,
    );
  return { ...api, walk, contents };
}

describe("strangers", () => {
  test("without a token no route but the open ones answers", async (t) => {
    const { walk, contents } = await setUp(t);
    const before = await contents();
    const walked = await walk(undefined);
    assert.ok(walked.length >= 50, String(walked.length));
    for (const { route, open, answer } of walked) if (!open) assert.equal(answer.status, 401, route);
    assert.equal(await contents(), before);
  });

  test("another tenant's owner finds nothing, changes nothing, and learns no name", async (t) => {
    const { walk, contents, tokenOf } = await setUp(t);
    const before = await contents();
    for (const { route, answer } of await walk(tokenOf("owner", "other"))) {
      assert.doesNotMatch(
        answer.body.replace(/"request_id":"[^"]*"|(e\.g\.|is missing)[^}]*/g, ""),
        asSaid(route),
        `${route}: ${answer.body}`,
      );
      assert.doesNotMatch(answer.body, /canary-password|canary\.example/, route);
      if (/^(PUT|DELETE) .*\}/.test(route))
        assert.ok([401, 403, 404, 422].includes(answer.status), `${route}: ${answer.status} ${answer.body}`);
    }
    assert.equal(await contents(), before);
  });

  test("a viewer of the tenant changes nothing and is shown no password", async (t) => {
    const { walk, contents, tokenOf } = await setUp(t);
    const before = await contents();
    for (const { route, open, answer } of await walk(tokenOf("viewer", "default"))) {
      assert.doesNotMatch(answer.body, /canary-password/, route);
      if (!open && !route.startsWith("GET ") && !/ \/api\/(auth|route)\b/.test(route))
        assert.ok([403, 404].includes(answer.status), `${route}: ${answer.status} ${answer.body}`);
    }
    assert.equal(await contents(), before);
  });

  test("a key for metrics alone is shown no other thing, of its own tenant either", async (t) => {
    const { walk, contents, ask } = await setUp(t);
    const { key } = (await ask("POST", "/api/keys", { name: "scraper", scopes: ["metrics:read"], tenant: "default" })).json as {
      key: string;
    };
    const before = await contents();
    for (const { route, open, answer } of await walk(key))
      if (!open && !KNOWN_IS_ENOUGH.has(route)) assert.ok([403, 422].includes(answer.status), `${route}: ${answer.status} ${answer.body}`);
    assert.equal(await contents(), before);
  });
});

/** Any token may ask who it is, and of its own tenant. */
const KNOWN_IS_ENOUGH: ReadonlySet<string> = new Set([
  "GET /metrics",
  "GET /api/auth/me",
  "POST /api/auth/password",
  "GET /api/tenants",
  "GET /api/tenants/{tenant}",
]);

/** What a stranger named himself may stand in the answer. */
const asSaid = (route: string): RegExp => (/\{|^POST/.test(route) ? /canary-(file|key)/ : CANARY);
