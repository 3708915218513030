import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { openSqliteWebhooks } from "#store/sqlite/sqlite-webhooks.ts";
import { apiAlone } from "../../test/kit/api-alone.ts";

async function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "tandem-webhooks-"));
  const file = join(folder, "tandem.db");
  await (await openSqliteStore(file)).close();
  const store = openSqliteWebhooks(file);
  const callOut = Object.assign(async () => ({ status: 204, problem: "" }), { close: () => {} });
  let ids = 0;
  const api = await apiAlone(t, {
    webhooks: { store, callOut, allowPrivate: false, changed: async () => {}, random: (digits) => String(++ids).padStart(digits, "0") },
  });
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return { ...api, store };
}

test("a webhook is made, read, changed and taken out; its secret is shown once, and again when it is another", async (t) => {
  const { ask } = await setUp(t);
  const made = await ask("POST", "/api/webhooks", { url: "https://example.com/x", events: ["call.ended"] });
  assert.equal(made.status, 201, made.text);
  const { webhook_id: id, secret } = made.json as { webhook_id: string; secret: string };
  assert.match(secret, /^whsec_/);
  const read = await ask("GET", `/api/webhooks/${id}`);
  assert.deepEqual([read.json["url"], read.json["tenant"], read.json["secret"]], ["https://example.com/x", "default", undefined]);
  const changed = await ask("PUT", `/api/webhooks/${id}`, { active: false });
  assert.deepEqual([changed.json["active"], changed.json["events"], changed.json["url"]], [false, ["call.ended"], "https://example.com/x"]);
  const rotated = await ask("POST", `/api/webhooks/${id}/rotate-secret`);
  assert.notEqual(rotated.json["secret"], secret);
  assert.deepEqual((await ask("POST", `/api/webhooks/${id}/test`)).json, { status: 204, problem: "" });
  assert.equal((await ask("DELETE", `/api/webhooks/${id}`)).status, 204);
  assert.equal((await ask("GET", `/api/webhooks/${id}`)).status, 404);
});

test("a URL of a private network, and an event that nobody knows, are refused by field", async (t) => {
  const { ask } = await setUp(t);
  for (const url of ["http://169.254.169.254/latest/meta-data", "http://localhost.:99999/", "ftp://example.com/"]) {
    const refused = await ask("POST", "/api/webhooks", { url });
    assert.deepEqual([refused.status, (refused.json["errors"] as { field: string }[])[0]?.field], [422, "url"], refused.text);
  }
  const { status, text } = await ask("POST", "/api/webhooks", { url: "https://example.com/", events: ["call.nonsense"] });
  assert.equal(status, 422);
  assert.match(text, /events\[0\]/);
});

test("a stranger sees, changes and replays nothing of another tenant's", async (t) => {
  const { ask, tokenOf, store } = await setUp(t);
  const { webhook_id: id } = (await ask("POST", "/api/webhooks", { url: "https://secret.example/", tenant: "acme" })).json as {
    webhook_id: string;
  };
  const delivery = {
    tenant: "acme",
    id: "1-1",
    webhookId: id,
    eventId: "e",
    eventType: "call.ended",
    callId: "c",
    lane: "l",
    target: id,
  } as const;
  const rest = {
    url: "https://secret.example/",
    body: "{}",
    state: "dead",
    attempts: 1,
    createdAtMs: 1,
    nextAtMs: 1,
    endedAtMs: 1,
    status: 0,
    problem: "",
  } as const;
  await store.enqueue(
    [
      { ...delivery, ...rest },
      { ...delivery, ...rest, id: "1-2", webhookId: "call" },
    ],
    undefined,
  );
  const stranger = tokenOf("owner", "stranger");
  for (const [method, path, body] of [
    ["GET", ""],
    ["PUT", "", { active: false }],
    ["DELETE", ""],
    ["POST", "/test"],
    ["POST", "/rotate-secret"],
    ["GET", "/deliveries"],
    ["POST", "/deliveries/1-1/replay"],
  ] as const) {
    const { status, text } = await ask(method, `/api/webhooks/${id}${path}`, body, stranger);
    assert.equal(status, 404, `${method} ${path}`);
    assert.doesNotMatch(text, /secret\.example/);
  }
  assert.deepEqual((await ask("GET", "/api/webhooks", undefined, stranger)).json, { items: [], next: null });
  assert.deepEqual((await ask("GET", "/api/webhooks/call/deliveries", undefined, stranger)).json["items"], []);
  assert.equal((await ask("POST", "/api/webhooks/call/deliveries/1-2/replay", undefined, stranger)).status, 404);
  assert.equal((await ask("GET", "/api/webhooks/call-secret?tenant=acme", undefined, stranger)).status, 403);
  assert.equal((await ask("GET", "/api/webhooks", undefined, tokenOf("viewer"))).status, 403);
  const own = tokenOf("operator", "acme");
  const { items } = (await ask("GET", `/api/webhooks/${id}/deliveries?state=dead`, undefined, own)).json as { items: { state: string }[] };
  assert.equal(items.length, 1);
  assert.equal((await ask("POST", `/api/webhooks/${id}/deliveries/1-1/replay`, undefined, own)).status, 202);
});
