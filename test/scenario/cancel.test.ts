/** The caller who changes its mind, and BYE in every order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { audio, Stage } from "./stage.ts";

const NONE = { headers: [], body: "" };

test("CANCEL before any answer of the gateway: nothing of the call is left", async () => {
  const stage = new Stage();
  stage.network.fault = (packet) => (packet.from === "g1" && packet.atMs < 1000 ? "drop" : undefined);
  const call = stage.dial();
  await stage.wait(100);
  call.invite.cancel([["Reason", 'SIP;cause=200;text="elsewhere"']]);
  await stage.wait(3000);
  assert.deepEqual(call.failure?.type === "response" ? call.failure.response.status : 0, 487);
  assert.ok(stage.received("g1").includes("CANCEL"));
  assert.match(stage.wireTo("g1", "CANCEL"), /Reason: SIP;cause=200\r\n/);
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual([stage.cdr.outcome, stage.cdr.endedBy, stage.cdr.sipStatus], ["cancelled", "caller", 487]);
});

test("CANCEL while ports are being opened: the INVITE never leaves", async () => {
  const stage = new Stage();
  const prepare = stage.media.prepare.bind(stage.media);
  let open: () => void = () => undefined;
  stage.media.prepare = async (session, sides) => {
    await new Promise<void>((resolve) => (open = resolve));
    return prepare(session, sides);
  };
  const call = stage.dial();
  await stage.wait(10);
  call.invite.cancel();
  await stage.wait(10);
  open();
  await stage.wait(10);
  assert.equal(stage.gateway(1).invites.length, 0);
  // The session came to life after its call; the engine's own timeout ends it, or its next hello.
  stage.media.onEvent?.({ type: "up", bootId: "x", sessions: [...stage.media.sessions.keys()] });
  assert.deepEqual(await stage.quiet(), []);
});

test("CANCEL after 180", async () => {
  const stage = new Stage();
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(1).lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(100);
  call.invite.cancel();
  await stage.wait(100);
  assert.ok(stage.gateway(1).heard.includes("CANCEL"));
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.attempts[0]?.outcome, "cancelled");
});

test("CANCEL that crosses the gateway's 200: the gateway gets ACK and BYE", async () => {
  const stage = new Stage();
  stage.network.link("g1", "tandem", { delayMs: 50 });
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(1).lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(100);
  stage.gateway(1).answer(audio(stage.gateway(1).address, 6000));
  call.invite.cancel();
  await stage.wait(1000);
  assert.deepEqual(stage.gateway(1).heard.slice(-2), ["ACK", "BYE"]);
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "cancelled");
});

test("CANCEL that crosses our 200 to the caller: the call stands and ends by the caller's BYE", async () => {
  const stage = new Stage();
  stage.network.link("tandem", "carrier", { delayMs: 50 });
  const call = stage.dial();
  await stage.wait(200);
  stage.gateway(1).answer(audio(stage.gateway(1).address, 6000));
  await stage.wait(10);
  call.invite.cancel();
  await stage.wait(1000);
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "answered");
});

test("BYE from the callee reaches the caller, with its cause and not its words", async () => {
  const stage = new Stage();
  await stage.answered();
  stage.gateway(1).dialog!.bye([["Reason", 'Q.850;cause=31;text="gw.internal"']]);
  await stage.wait(10);
  assert.ok(stage.carrier.heard.includes("BYE"));
  assert.match(stage.wireTo("carrier", "BYE"), /Reason: Q\.850;cause=31\r\n/);
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual([stage.cdr.endedBy, stage.cdr.q850], ["callee", 31]);
});

test("BYE from both sides at once: one CDR", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  call.dialog!.bye();
  stage.gateway(1).dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdrs.length, 1);
});

test("the caller never ACKs: BYE to both after 64*T1 (RFC 3261 §13.3.1.4)", async () => {
  const stage = new Stage();
  stage.dial({}, false);
  await stage.wait(10);
  stage.gateway(1).answer(audio(stage.gateway(1).address, 6000));
  await stage.wait(33_000);
  assert.ok(stage.gateway(1).heard.includes("BYE"));
  assert.equal(stage.cdr.endReason, "no ACK from the caller");
});

test("the callee hangs up before the caller's ACK came: the caller's BYE waits for it (RFC 3261 §15)", async () => {
  const stage = new Stage();
  stage.network.link("carrier", "tandem", { delayMs: 100 });
  stage.dial();
  await stage.wait(200);
  stage.gateway(1).answer(audio(stage.gateway(1).address, 6000));
  await stage.wait(5);
  stage.gateway(1).dialog!.bye();
  await stage.wait(1000);
  assert.ok(stage.carrier.heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
});
