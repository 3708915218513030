/** A refusal that is heard: 183 with our description, the engine's tone, then the final response. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_TENANT } from "#base/ids.ts";
import type { DialPlan } from "#routing/decision.ts";
import { audio, CARRIER, NUMBER, Stage } from "./stage.ts";

const rejecting = (): DialPlan => ({
  type: "reject",
  ...{ tenant: DEFAULT_TENANT, route: `did ${NUMBER}`, called: NUMBER, caller: "" },
  ...{ status: 486, reasonPhrase: "Busy Here", reason: "so it says", tone: "busy", skipped: [] },
});

test("the caller hears the tone, then the refusal; nothing is left", async () => {
  const stage = new Stage({ plan: rejecting });
  const call = stage.dial(audio(CARRIER, 4000, { formats: "18 8 0 101" }));
  await stage.wait(100);
  assert.match(stage.wireTo("carrier", "183 INVITE"), /m=audio 20000 RTP\/AVP 8\r\n/);
  const [play] = stage.media.plays;
  assert.deepEqual([play?.side, play?.tone, play?.encoding, play?.payloadType], ["a", "busy", "PCMA", 8]);
  assert.equal(stage.media.session!.commits.at(-1)!.remotes["a"]?.port, 4000);
  assert.ok(!stage.received("carrier").includes("486 INVITE"));
  await stage.wait(5000);
  assert.equal(call.failure?.type === "response" ? call.failure.response.status : 0, 486);
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual([stage.cdr.outcome, stage.cdr.sipStatus], ["busy", 486]);
});

test("who hangs up before is gone at once", async () => {
  const stage = new Stage({ plan: rejecting });
  const call = stage.dial();
  await stage.wait(100);
  call.invite.cancel();
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "cancelled");
});

test("an operator may end it as well", async () => {
  const stage = new Stage({ plan: rejecting });
  stage.dial();
  await stage.wait(100);
  stage.calls.hangUp(stage.calls.list()[0]!.callId, "enough");
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.endedBy, "us");
});

test("without G.711, or with a late offer, or without a port: the refusal at once", async () => {
  for (const [offer, refusal] of [
    [audio(CARRIER, 4000, { formats: "18" }), undefined],
    [{ headers: [], body: "" }, undefined],
    [audio(CARRIER, 4000), "PORTS_EXHAUSTED"],
  ] as const) {
    const stage = new Stage({ plan: rejecting });
    stage.media.refusal = refusal;
    const call = stage.dial(offer);
    await stage.wait(100);
    assert.equal(call.failure?.type === "response" ? call.failure.response.status : 0, 486);
    assert.deepEqual(await stage.quiet(), []);
  }
});

test("kill -9 while it plays: the caller hears 500, and the ports are free", async () => {
  const stage = new Stage({ plan: rejecting });
  const call = stage.dial();
  await stage.wait(100);
  stage.boot();
  stage.calls.restore([...stage.journaled.values()]);
  stage.media.onEvent?.({ type: "up", bootId: "1", sessions: [...stage.media.sessions.keys()] });
  await stage.wait(100);
  assert.equal(call.failure?.type === "response" ? call.failure.response.status : 0, 500);
  assert.deepEqual(await stage.quiet(), []);
});
