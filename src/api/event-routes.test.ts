import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import type { LiveEvent } from "#observe/event.ts";
import { apiAlone } from "../../test/kit/api-alone.ts";

let numbers = 0;
const event = (type: LiveEvent["type"], tenant: string, detail = ""): LiveEvent => {
  const place = `b.${++numbers}`;
  const secretUrl = "https://hidden.example/only-for-the-call";
  return { id: place, place, type, atMs: 1, tenant, callId: "c1", webhookUrl: secretUrl, data: { call_id: "c1", detail } };
};

/** Reads a stream until the text has what is looked for. */
async function listen(url: string, token: string, more: Record<string, string> = {}) {
  const abort = new AbortController();
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}`, ...more }, signal: abort.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    response,
    async until(part: string): Promise<string> {
      while (!text.includes(part)) {
        const { value, done } = await reader.read();
        assert.equal(done, false, `the stream ended before "${part}": ${text}`);
        text += value;
      }
      return text;
    },
    close: () => abort.abort(),
  };
}

test("a listener gets its tenant's events of the types that it asked for, and goes on after its last one", async (t) => {
  const { live, url, tokenOf } = await apiAlone(t, {});
  const stream = await listen(`${url}/api/events?types=call`, tokenOf("viewer", "acme"));
  assert.equal(stream.response.headers.get("content-type"), "text/event-stream");
  await stream.until("retry:");
  const [theirs, first, trunk, second] = [
    event("call.started", "other"),
    event("call.started", "acme"),
    event("trunk.registered", "acme"),
    event("call.ended", "acme"),
  ];
  live.tell([theirs, first, trunk, second]);
  const text = await stream.until(`id: ${second.place}`);
  assert.match(text, new RegExp(`id: ${first.place}\\nevent: call.started\\ndata: {"id":"${first.id}"`));
  assert.doesNotMatch(text, /trunk\.registered|other|hidden\.example/);
  stream.close();

  const back = await listen(`${url}/api/events`, tokenOf("viewer", "acme"), { "last-event-id": first.place });
  const rest = await back.until(`id: ${second.place}`);
  assert.equal(rest.includes(`id: ${first.place}\n`), false);
  assert.match(rest, /event: trunk\.registered/);
  back.close();

  const late = await listen(`${url}/api/events`, tokenOf("viewer"), { "last-event-id": "b.0" });
  await late.until("event: missed");
  late.close();
});

test("whoever may not read calls hears nothing", async (t) => {
  const { url } = await apiAlone(t, {});
  assert.equal((await fetch(`${url}/api/events`)).status, 401);
});

test("a listener that does not read is let go with a last word, and holds up nobody", async (t) => {
  const { live, url, tokenOf } = await apiAlone(t, {});
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  t.after(() => socket.destroy());
  socket.write(`GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenOf("viewer")}\r\n\r\n`);
  await new Promise((resolve) => socket.once("readable", resolve));
  assert.equal(live.listeners, 1);
  const long = "x".repeat(4_000);
  for (let i = 0; i < 5_000 && live.listeners > 0; i++) live.tell([event("call.started", "acme", long)]);
  assert.equal(live.listeners, 0);
  let text = "";
  for await (const chunk of socket) text = (text + String(chunk)).slice(-2_000);
  assert.match(text, /event: dropped\ndata: {"detail":"this listener reads too slowly/);
});
