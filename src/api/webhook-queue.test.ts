import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { LiveEvent } from "#observe/event.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { openSqliteWebhooks } from "#store/sqlite/sqlite-webhooks.ts";
import type { Webhook } from "#store/webhook-store.ts";
import { VirtualClock } from "../../test/kit/virtual-clock.ts";
import type { OutwardAnswer, OutwardRequest } from "./call-out.ts";
import { WebhookQueue } from "./webhook-queue.ts";
import { GIVE_UP_MS, afterAttempt, retryDelayMs } from "./webhook-retry.ts";
import { callSecret, webhookSecret } from "./webhook-signature.ts";

const KEY = new Uint8Array(32).fill(3);
const START_MS = Date.UTC(2026, 10, 20);
const webhook = (id: string, more: Partial<Webhook> = {}): Webhook => ({
  id,
  tenant: "acme",
  url: `https://${id}.example/hook`,
  events: [],
  active: true,
  secretVersion: 1,
  createdAtMs: 0,
  hearsFromMs: 0,
  ...more,
});
const event = (type: LiveEvent["type"], callId: string, more: Partial<LiveEvent> = {}): LiveEvent => ({
  id: `${callId}.${type}`,
  place: "b.1",
  type,
  atMs: START_MS,
  tenant: "acme",
  callId,
  webhookUrl: undefined,
  data: { call_id: callId, from_peer: "vodafone" },
  ...more,
});

async function setUp(t: TestContext, webhooks: readonly Webhook[]) {
  const folder = mkdtempSync(join(tmpdir(), "tandem-webhooks-"));
  const file = join(folder, "tandem.db");
  await (await openSqliteStore(file)).close();
  const clock = new VirtualClock(START_MS);
  const sent: (OutwardRequest & { readonly call: string; readonly what: string })[] = [];
  let answer: (request: OutwardRequest) => OutwardAnswer = () => ({ status: 200, problem: "" });
  const open = async () => {
    const store = openSqliteWebhooks(file);
    const callOut = Object.assign(
      async (request: OutwardRequest) => {
        const { type, data } = JSON.parse(request.body) as { type: string; data: { call_id: string } };
        sent.push({ ...request, call: data.call_id, what: type });
        return answer(request);
      },
      { close: () => {} },
    );
    const queue = new WebhookQueue({
      store,
      callOut,
      clock,
      random: { fraction: () => 1, integer: () => 0 },
      key: KEY,
      version: "0",
      onProblem: (text) => assert.fail(text),
    });
    return { store, queue };
  };
  let { store, queue } = await open();
  for (const one of webhooks) await store.save(one);
  await queue.start();
  t.after(async () => {
    queue.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const rest = async () => {
    for (let i = 0; i < 40; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const settle = async (ms = 0) => {
    await rest();
    // Results are stored a moment after they came.
    for (let left = ms + 100; left > 0; left -= 50) {
      await clock.settle(Math.min(50, left));
      if (left % 500 < 150) await rest();
    }
  };
  return {
    sent,
    clock,
    settle,
    answers: (next: typeof answer) => (answer = next),
    get store() {
      return store;
    },
    get queue() {
      return queue;
    },
    /** As after a kill: what was in memory is gone. */
    async restart() {
      queue.close();
      await store.close();
      ({ store, queue } = await open());
      return queue.start();
    },
  };
}

test("an event goes to each webhook of its tenant that wants it, signed as the documentation says, once", async (t) => {
  const { queue, sent, settle, store } = await setUp(t, [
    webhook("all"),
    webhook("ends", { events: ["call.ended"] }),
    webhook("theirs", { tenant: "other" }),
    webhook("node", { tenant: "*", events: ["call"] }),
    webhook("off", { active: false }),
    webhook("later", { hearsFromMs: START_MS + 1 }),
  ]);
  queue.take([event("call.started", "c1")], "b.1");
  queue.take([event("call.started", "c1")], "b.1");
  await settle();
  assert.deepEqual(sent.map(({ url }) => new URL(url).host).sort(), ["all.example", "node.example"]);
  const { headers, body } = sent.find(({ url }) => url.includes("all."))!;
  const { t: time = "", v1 } = Object.fromEntries(headers["x-tandem-signature"]!.split(",").map((part) => part.split("="))) as Record<
    string,
    string
  >;
  assert.equal(Number(time), START_MS / 1000);
  assert.equal(
    v1,
    createHmac("sha256", webhookSecret(KEY, "all", 1))
      .update(`${time}.${body}`)
      .digest("hex"),
  );
  assert.equal(await store.place(), "b.1");
});

test("events of a call keep their order through failures, and another call does not wait for it", async (t) => {
  const { queue, sent, settle, answers } = await setUp(t, [webhook("w")]);
  let failures = 3;
  answers(({ body }) => (body.includes('"c1"') && failures-- > 0 ? { status: 500, problem: "" } : { status: 204, problem: "" }));
  queue.take([event("call.started", "c1"), event("call.ringing", "c1"), event("call.started", "c2")]);
  await settle();
  queue.take([event("call.ended", "c1"), event("call.ended", "c2")]);
  await settle(20_000);
  const of = (call: string) => sent.filter((one) => one.call === call).map(({ what }) => what.slice(5));
  assert.deepEqual(of("c1"), ["started", "started", "started", "started", "ringing", "ended"]);
  assert.deepEqual(of("c2"), ["started", "ended"]);
});

test("what waits is sent by the next process, with the same delivery id", async (t) => {
  const lab = await setUp(t, [webhook("w")]);
  lab.answers(() => ({ status: 0, problem: "connection refused" }));
  lab.queue.take([event("call.started", "c1")], "b.7");
  await lab.settle();
  assert.equal(lab.sent.length, 1);
  lab.answers(() => ({ status: 200, problem: "" }));
  assert.equal(await lab.restart(), "b.7");
  await lab.settle(3_000);
  assert.equal(lab.sent.length, 2);
  assert.equal(lab.sent[0]!.headers["x-tandem-delivery"], lab.sent[1]!.headers["x-tandem-delivery"]);
  // Told again after the restart, it is the same event.
  lab.queue.take([event("call.started", "c1")]);
  await lab.settle(1_000);
  assert.equal(lab.sent.length, 2);
});

test("a webhook that stays silent for a day gets its delivery into the dead letters, from where it is replayed", async (t) => {
  const lab = await setUp(t, [webhook("w")]);
  lab.answers(() => ({ status: 503, problem: "" }));
  lab.queue.take([event("call.started", "c1")]);
  await lab.settle();
  for (let hours = 0; hours < 25; hours++) {
    lab.clock.advance(3_600_000);
    await lab.settle(1_000);
  }
  const [dead] = await lab.store.deliveries({ tenant: "acme", webhookId: "w", state: "dead", before: undefined, limit: 10 });
  assert.deepEqual([dead?.status, dead?.problem, (dead?.attempts ?? 0) > 20], [503, "answered 503", true]);
  lab.answers(() => ({ status: 200, problem: "" }));
  await lab.store.settle([{ ...dead!, state: "pending", attempts: 0, endedAtMs: undefined }]);
  lab.queue.wake("w");
  await lab.settle(1_000);
  assert.equal((await lab.store.delivery("acme", "w", dead!.id))?.state, "delivered");
});

test("410 says that the receiver is gone for good", async (t) => {
  const lab = await setUp(t, [webhook("w")]);
  lab.answers(() => ({ status: 410, problem: "" }));
  lab.queue.take([event("call.started", "c1")]);
  await lab.settle(5_000);
  assert.equal(lab.sent.length, 1);
});

test("a call's own URL gets its events, after a restart of the switch too, signed with its tenant's secret", async (t) => {
  const { queue, sent, settle } = await setUp(t, []);
  const webhookUrl = "https://caller.example/x";
  queue.take([event("call.started", "c1", { webhookUrl })]);
  await settle();
  queue.take([event("call.ended", "c1", { data: { call_id: "c1", from_peer: null } }), event("call.ended", "c2")]);
  await settle();
  assert.deepEqual(
    sent.map(({ url, call, what }) => [url, call, what]),
    [
      [webhookUrl, "c1", "call.started"],
      [webhookUrl, "c1", "call.ended"],
    ],
  );
  const { headers, body } = sent[1]!;
  const time = /t=(\d+)/.exec(headers["x-tandem-signature"]!)?.[1] ?? "";
  const expected = createHmac("sha256", callSecret(KEY, "acme")).update(`${time}.${body}`).digest("hex");
  assert.ok(headers["x-tandem-signature"]!.endsWith(`v1=${expected}`));
});

test("retries come later and later, never at the same time for all, and never after a day", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempts, fraction) => {
      const delay = retryDelayMs(attempts, fraction);
      assert.ok(delay >= 500 && delay <= 15 * 60_000);
      assert.ok(retryDelayMs(attempts + 1, fraction) >= delay);
    }),
  );
  const delivery = { tenant: "acme", id: "1", lane: "w c", attempts: 60, createdAtMs: 0 } as Parameters<typeof afterAttempt>[0];
  assert.equal(afterAttempt(delivery, { status: 500, problem: "" }, GIVE_UP_MS - 1, 0).state, "dead");
  assert.equal(afterAttempt(delivery, { status: 500, problem: "" }, 1_000, 1).state, "pending");
});
