/** Too many calls, no ports, no journal: each costs the new call only, with the right status. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_TENANT } from "#base/ids.ts";
import { audio, Stage } from "./stage.ts";

const statusOf = (call: ReturnType<Stage["dial"]>): number => (call.failure?.type === "response" ? call.failure.response.status : 0);

test("the node is full: 503 with Retry-After, and the running call goes on", async () => {
  const stage = new Stage({ callsMax: 1 });
  const call = await stage.answered();
  const second = stage.dial();
  await stage.wait(10);
  assert.equal(statusOf(second), 503);
  assert.match(stage.wireTo("carrier", "503 INVITE"), /Retry-After: \d+/);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdrs.length, 1);
});

test("the trunk is full: 503, with a CDR that says capacity", async () => {
  const stage = new Stage({ carrier: { callsMax: 1 } });
  const call = await stage.answered();
  const second = stage.dial();
  await stage.wait(10);
  assert.equal(statusOf(second), 503);
  assert.equal(stage.cdr.outcome, "capacity");
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("a gateway is full: skipped with the reason", async () => {
  const stage = new Stage({ gateways: 2, each: [{ callsMax: 1 }] });
  const first = await stage.answered();
  const second = stage.dial();
  await stage.wait(10);
  stage.gateway(2).answer(audio(stage.gateway(2).address, 6000));
  await stage.wait(10);
  second.dialog!.bye();
  await stage.wait(10);
  assert.match(stage.cdr.attempts[0]!.reason, /full, 1 of 1 calls/);
  first.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("a drain refuses new calls and waits for the last", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  let drained = false;
  void stage.calls.drain().then(() => (drained = true));
  const second = stage.dial();
  await stage.wait(10);
  assert.equal(statusOf(second), 503);
  assert.equal(drained, false);
  call.dialog!.bye();
  await stage.wait(10);
  assert.equal(drained, true);
});

for (const code of ["PORTS_EXHAUSTED", "DESCRIPTORS_EXHAUSTED", "ENGINE_GONE"] as const) {
  test(`${code}: 503 at once, no gateway is tried, and a line says so`, async () => {
    const stage = new Stage({ gateways: 2 });
    stage.media.refusal = code;
    const call = stage.dial();
    await stage.wait(10);
    assert.equal(statusOf(call), 503);
    assert.match(stage.wireTo("carrier", "503 INVITE"), /Retry-After/);
    assert.equal(stage.gateway(1).invites.length + stage.gateway(2).invites.length, 0);
    assert.ok(stage.events.some((event) => event.type === "limit" && event.detail.includes(code)));
    assert.deepEqual(await stage.quiet(), []);
    assert.equal(stage.cdr.outcome, "capacity");
    stage.media.refusal = undefined;
    const next = stage.dial();
    await stage.wait(10);
    assert.equal(stage.gateway(1).invites.length, 1);
    next.invite.cancel();
    assert.deepEqual(await stage.quiet(), []);
  });
}

test("the journal can't be written: new calls hear 503, running ones go on", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  stage.journal.degraded = true;
  const second = stage.dial();
  await stage.wait(10);
  assert.equal(statusOf(second), 503);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("a plan that rejects, an offer without audio, a body that is no description", async () => {
  const rejecting = new Stage({
    plan: ({ called, caller }) => ({
      type: "reject",
      tenant: DEFAULT_TENANT,
      route: "",
      called,
      caller,
      status: 404,
      reasonPhrase: "Not Found",
      reason: "nobody has this number",
      skipped: [],
    }),
  });
  const unknown = rejecting.dial();
  await rejecting.wait(10);
  assert.equal(statusOf(unknown), 404);
  assert.deepEqual(await rejecting.quiet(), []);
  assert.deepEqual([rejecting.cdr.outcome, rejecting.cdr.endReason], ["invalid_number", "nobody has this number"]);

  for (const [contentType, body, status] of [
    ["application/sdp", "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n", 488],
    ["application/sdp", "this is not SDP", 488],
    ["application/sdp", audio("10.0.0.9", 4000, { formats: "96", lines: "a=rtpmap:96 SECRET/8000\r\n" }).body, 488],
    ["multipart/mixed;boundary=b", "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n", 415],
  ] as const) {
    const stage = new Stage();
    const call = stage.dial({ contentType, body });
    await stage.wait(10);
    assert.equal(statusOf(call), status);
    assert.equal(stage.gateway(1).invites.length, 0);
    assert.deepEqual(await stage.quiet(), []);
    assert.equal(stage.cdr.outcome, "media_failed");
  }
});

test("a gateway calls out through the carrier", async () => {
  const stage = new Stage();
  const call = stage.dialOut(1);
  await stage.wait(10);
  assert.equal(stage.carrier.lastInvite.request.requestUri, "sip:+4930222@10.0.0.9");
  stage.carrier.answer(audio("10.0.0.9", 4000));
  await stage.wait(10);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual([stage.cdr.direction, stage.cdr.legs[0]?.peer, stage.cdr.legs[1]?.peer], ["outbound", "g1", "carrier"]);
});

test("a mistake of ours ends that call with its CDR and keeps the process", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  stage.media.commit = () => {
    throw new Error("broken");
  };
  stage.gateway(1).onReinvited = (invite) => invite.answer(audio("203.0.113.1", 6100), stage.gateway(1).dialogUser);
  stage.carrier.reinvite(call.dialog!, audio("10.0.0.9", 4100, { version: 2 }));
  await stage.wait(1000);
  assert.match(stage.cdr.endReason, /internal: broken/);
  assert.ok(stage.gateway(1).heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
});

test("a plan that throws costs that call a 500, and nothing is left of it", async () => {
  const stage = new Stage({
    plan: () => {
      throw new Error("broken rule");
    },
  });
  const call = stage.dial();
  await stage.wait(10);
  assert.equal(statusOf(call), 500);
  assert.deepEqual(await stage.quiet(), []);
  assert.ok(stage.events.some((event) => event.type === "process" && event.detail.includes("broken rule")));
});
