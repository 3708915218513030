/**
 * Live events and webhooks of calls that sipp makes: a real HTTP server hears them, signed as docs/webhooks.md says, in
 * order, and after a kill -9 too; the log of all of it has no number and no secret.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, describe, test } from "node:test";
import type { TokenReport } from "#call/control.ts";
import { fakeWeb } from "../kit/fake-web.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
/** Who sipp says is calling. */
const CALLER = "+4930123456";
const WAIT_MS = 60_000;
const NODE = { api: { port: 0 }, webhooks: { allow_private: true } };
const CALLING = uac([
  invite(),
  recv(100, { optional: true }),
  recv(180, { optional: true }),
  recv(200),
  ack(),
  pause(200),
  bye(),
  recv(200),
]);

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const endMs = performance.now() + WAIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Heard {
  readonly type: string;
  readonly callId: string;
  readonly delivery: string;
  readonly signature: string;
  readonly body: string;
}

async function receiver(t: TestContext) {
  const heard: Heard[] = [];
  let status = 200;
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const { type, data } = JSON.parse(body) as { type: string; data: { call_id: string } };
      const header = (name: string) => String(request.headers[name]);
      heard.push({ type, callId: data.call_id, delivery: header("x-tandem-delivery"), signature: header("x-tandem-signature"), body });
      response.writeHead(status).end("thank you");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { heard, url: `http://127.0.0.1:${port}/hook`, answer: (next: number) => (status = next) };
}

/** Recomputed as the documentation tells a receiver to. */
function verify({ signature, body }: Heard, secret: string): void {
  const [, time, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  assert.equal(createHmac("sha256", secret).update(`${time}.${body}`).digest("hex"), v1);
  assert.ok(Math.abs(Number(time) - Date.now() / 1000) < 60);
}

async function api(tandem: RunningTandem) {
  const { token, url } = await until("the API", async () => {
    const found = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined }).catch(() => undefined);
    return found?.url === undefined ? undefined : { token: found.token, url: found.url };
  });
  const authorization = `Bearer ${token}`;
  const send = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, json: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown> };
  };
  return { url, authorization, send };
}

async function call(lab: Lab, port: number): Promise<void> {
  const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
  const caller = await runSipp(lab, lab.carrier, CALLING, `${lab.sbcPrivate.address}:5060`, {
    service: DID,
    port,
    mediaPort: 9100 + (port % 100) * 10,
  });
  assert.equal(caller.successful, 1, caller.output);
  await gateway.finish();
}

describe("live events and webhooks", { skip: skipWithout("sipp") }, () => {
  test("a call is heard by a listener and by webhooks, in order, and what a killed process owed comes from the next", async (t) => {
    const lab = loopbackLab(t);
    const hook = await receiver(t);
    const tandem = await startTandem(t, lab, labYaml(lab, { node: { ...NODE, log_level: "debug", log_numbers: "masked" } }));
    const { url, authorization, send } = await api(tandem);
    const made = await send("POST", "/api/webhooks", { url: hook.url, events: ["call"] });
    assert.equal(made.status, 201, made.text);
    const { webhook_id: id, secret } = made.json as { webhook_id: string; secret: string };
    assert.equal((await send("GET", "/api/webhooks")).text.includes(secret), false);

    const abort = new AbortController();
    t.after(() => abort.abort());
    const stream = await fetch(`${url}/api/events?types=call`, { headers: { authorization }, signal: abort.signal });
    let streamed = "";
    void (async () => {
      for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) streamed += chunk;
    })().catch(() => {});

    await call(lab, 5070);
    const types = ["call.started", "call.ringing", "call.answered", "call.ended"];
    await until("four deliveries", () => (hook.heard.length >= 4 ? true : undefined));
    assert.deepEqual(
      hook.heard.map(({ type }) => type),
      types,
    );
    for (const one of hook.heard) verify(one, secret);
    assert.deepEqual((JSON.parse(hook.heard[3]!.body) as { data: { to_number: string; outcome: string } }).data.outcome, "answered");
    await until("the stream", () => (streamed.includes("event: call.ended") ? true : undefined));
    assert.deepEqual(
      Array.from(streamed.matchAll(/^event: (.*)$/gm), ([, type]) => type),
      types,
    );

    // Nobody takes them, and then the switch is killed.
    hook.answer(500);
    await call(lab, 5071);
    await until("a refused delivery", () => (hook.heard.length > 4 ? true : undefined));
    const refused = hook.heard[4]!;
    process.kill(tandem.pidOf("signalling"), "SIGKILL");
    hook.answer(200);
    await until("the deliveries of the call before the kill", () => {
      const later = hook.heard.slice(5).filter(({ callId, type }) => callId === refused.callId && type === "call.ended");
      return later.length > 0 ? true : undefined;
    });
    const good = new Map(hook.heard.filter(({ callId }) => callId === refused.callId).map(({ type, delivery }) => [type, delivery]));
    assert.deepEqual([...good.keys()], types);
    assert.equal(good.get("call.started"), refused.delivery);

    const again = await api(tandem);
    // The receiver has the last one before its sender has written that down.
    const items = await until("all to be written down as delivered", async () => {
      const page = (await again.send("GET", `/api/webhooks/${id}/deliveries?limit=500`)).json as {
        items: { state: string; delivery_id: string }[];
      };
      return page.items.every(({ state }) => state === "delivered") ? page.items : undefined;
    });
    const before = hook.heard.length;
    assert.equal((await again.send("POST", `/api/webhooks/${id}/deliveries/${items[0]!.delivery_id}/replay`)).status, 202);
    await until("the replay", () => (hook.heard.length > before ? true : undefined));
    assert.equal(hook.heard.at(-1)!.delivery, items[0]!.delivery_id);
    assert.equal((await again.send("DELETE", `/api/webhooks/${id}`)).status, 204);

    // At debug each message has its line, and even there no number and no secret.
    const log = tandem.child.output();
    const lines = log.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as { type?: string; msg: string }] : []));
    assert.ok(lines.some(({ type, msg }) => type === "call-started" && msg === "call from vodafone: +493***56 to +155***67"));
    assert.ok(lines.some(({ type, msg }) => type === "sip" && msg.includes("INVITE sip:+155***67@")));
    for (const hidden of [DID.slice(1), CALLER.slice(1), secret, hook.url, authorization.slice(7)])
      assert.equal(log.includes(hidden), false, `${hidden} is in the log`);
  });

  test("a call that is placed over the API has its events sent where it said", async (t) => {
    const lab = loopbackLab(t);
    const hook = await receiver(t);
    const tandem = await startTandem(t, lab, labYaml(lab, { node: NODE }));
    const { send } = await api(tandem);
    startSipp(lab, lab.carrier, ANSWERING, undefined, { calls: 1 });
    startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
    const wish = { from_number: DID, to_number: "+19876543210", webhook_url: hook.url };
    const placed = await send("POST", "/api/calls/initiate", wish);
    assert.equal(placed.status, 202, placed.text);
    const callId = String(placed.json["call_id"]);
    await until("the call's answer", () => hook.heard.find(({ type }) => type === "call.answered"));
    assert.equal((await send("DELETE", `/api/calls/${callId}`)).status, 204);
    await until("the call's end", () => hook.heard.find(({ type }) => type === "call.ended"));
    const { secret } = (await send("GET", "/api/webhooks/call-secret")).json as { secret: string };
    for (const one of hook.heard) {
      assert.equal(one.callId, callId);
      verify(one, secret);
    }
    assert.equal(hook.heard[0]?.type, "call.started");
    const { items } = (await send("GET", "/api/webhooks/call/deliveries")).json as { items: readonly unknown[] };
    assert.equal(items.length, hook.heard.length);
  });

  test("a call is a trace at the collector that node.otlp names", async (t) => {
    const lab = loopbackLab(t);
    const collector = await fakeWeb(t, () => [200, "{}"]);
    const otlp = { endpoint: collector.url, headers: ["Authorization: Bearer collector-token"] };
    const tandem = await startTandem(t, lab, labYaml(lab, { node: { ...NODE, otlp } }));
    await api(tandem);
    await call(lab, 5073);
    const sent = await until("the trace", () => collector.requests[0]);
    assert.deepEqual(
      [sent.method, sent.path, sent.headers["content-type"], sent.headers.authorization],
      ["POST", "/v1/traces", "application/json", "Bearer collector-token"],
    );
    const { resourceSpans } = JSON.parse(sent.body) as {
      resourceSpans: { scopeSpans: { spans: { name: string; traceId: string; attributes: { key: string }[] }[] }[] }[];
    };
    const { spans } = resourceSpans[0]!.scopeSpans[0]!;
    assert.deepEqual(
      spans.map(({ name }) => name),
      ["call inbound", "attempt ai1", "talk"],
    );
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    for (const hidden of [DID.slice(1), CALLER.slice(1)]) assert.equal(sent.body.includes(hidden), false);
  });

  test("without leave, no webhook reaches this machine", async (t) => {
    const lab = loopbackLab(t);
    const hook = await receiver(t);
    const tandem = await startTandem(t, lab, labYaml(lab, { node: { api: { port: 0 } } }));
    const { send } = await api(tandem);
    const refused = await send("POST", "/api/webhooks", { url: hook.url });
    assert.deepEqual([refused.status, /allow_private/.test(refused.text)], [422, true]);
    const named = await send("POST", "/api/webhooks", { url: hook.url.replace("127.0.0.1", "localhost") });
    assert.equal(named.status, 201);
    const tried = await send("POST", `/api/webhooks/${String(named.json["webhook_id"])}/test`);
    assert.match(tried.text, /private network/);
    assert.equal(hook.heard.length, 0);
  });
});
