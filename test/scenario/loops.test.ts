/** Calls that come back to us: refused with 482 or 483, with the reason in the record, and the first call unharmed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_TENANT } from "#base/ids.ts";
import { audio, CARRIER, NUMBER, OUTSIDE, Stage } from "./stage.ts";

const statusOf = (call: ReturnType<Stage["dial"]>): number => (call.failure?.type === "response" ? call.failure.response.status : 0);

test("a gateway that forwards the call that it is being offered back to us: 482", async () => {
  const stage = new Stage();
  const call = stage.dial();
  await stage.wait(10);
  const back = stage.dialOut(1, { requestUri: `sip:${NUMBER}@${OUTSIDE}`, localUri: `<sip:+4930111@${CARRIER}>` });
  await stage.wait(10);
  assert.equal(statusOf(back), 482);
  assert.deepEqual([stage.cdr.sipStatus, stage.cdr.outcome, stage.cdr.endedBy], [482, "failed", "us"]);
  assert.match(stage.cdr.endReason, /^loop: g1 is being offered this call \(\w+\) and calls \S+ in turn$/);
  stage.gateway(1).answer(audio(stage.gateway(1).address, 6000));
  await stage.wait(10);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("a call that carries our own token and meets the same rule again: 482", async () => {
  const stage = new Stage();
  const call = stage.dial();
  await stage.wait(10);
  const sipCallId = stage.gateway(1).lastInvite.request.callId();
  const back = stage.dial({ sipCallId, localTag: "x", branchPrefix: "y" });
  await stage.wait(10);
  assert.equal(statusOf(back), 482);
  assert.match(stage.cdr.endReason, /^loop: our own call \w+ came back by carrier to did /);
  call.invite.cancel();
  assert.deepEqual(await stage.quiet(), []);
});

test("once the gateway answered, it may call the same number, and any other one at any time", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  const same = stage.dialOut(1, { requestUri: `sip:${NUMBER}@${OUTSIDE}`, localUri: `<sip:+4930111@${CARRIER}>` });
  await stage.wait(10);
  stage.carrier.answer(audio(CARRIER, 4400));
  await stage.wait(10);
  assert.ok(same.dialog !== undefined);
  same.dialog.bye();
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("no hop left: 483 with a record", async () => {
  const stage = new Stage();
  const call = stage.dial({ maxForwards: 0 });
  await stage.wait(10);
  assert.equal(statusOf(call), 483);
  assert.match(stage.cdr.endReason, /Max-Forwards is 0/);
  assert.deepEqual(await stage.quiet(), []);
});

test("a group that is full when its turn comes is passed over, as its gateways together carry what it may", async () => {
  const group = {
    name: "ai",
    tenant: DEFAULT_TENANT,
    callsMax: 1,
    members: [
      { gateway: "g1", priority: 1, weight: 1 },
      { gateway: "g2", priority: 1, weight: 1 },
    ],
  };
  const stage = new Stage({
    gateways: 3,
    plan: (plan) => ({ ...plan, attempts: plan.attempts.map((attempt, i) => (i < 2 ? { ...attempt, group } : attempt)) }),
  });
  const first = await stage.answered();
  const second = stage.dial();
  await stage.wait(10);
  stage.gateway(3).answer(audio(stage.gateway(3).address, 6000));
  await stage.wait(10);
  second.dialog!.bye();
  await stage.wait(10);
  assert.deepEqual(
    stage.cdr.attempts.map(({ peer, reason }) => [peer, reason]),
    [
      ["g1", "group ai full, 1 of 1 calls"],
      ["g2", "group ai full, 1 of 1 calls"],
      ["g3", "answered"],
    ],
  );
  first.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});
