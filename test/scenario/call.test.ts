import assert from "node:assert/strict";
import { test } from "node:test";
import { audio, Stage } from "./stage.ts";

test("a carrier's call goes to the gateway, is answered and ended by the caller", async () => {
  const stage = new Stage();
  const call = stage.dial();
  await stage.wait(10);
  const [gateway] = [stage.gateway(1)];
  gateway.lastInvite.provisional(180, "Ringing", { headers: [], body: "" });
  await stage.wait(1000);
  gateway.answer(audio(gateway.address, 6000));
  await stage.wait(10);
  assert.ok(call.dialog);
  assert.deepEqual(
    stage.calls.list().map(({ state, to }) => [state, to]),
    [["answered", "g1"]],
  );
  assert.equal(stage.media.session?.pair, "b1");
  await stage.wait(5000);
  call.dialog.bye([["Reason", 'Q.850;cause=16;text="from switch 10.9.8.7"']]);
  await stage.wait(10);
  assert.ok(gateway.heard.includes("BYE"));
  assert.match(stage.wireTo("g1", "BYE"), /Reason: Q\.850;cause=16\r\n/);
  assert.deepEqual(await stage.quiet(), []);
  const { outcome, endedBy, sipStatus, q850, setupMs, durationMs, legs, attempts } = stage.cdr;
  assert.deepEqual({ outcome, endedBy, sipStatus, q850 }, { outcome: "answered", endedBy: "caller", sipStatus: 200, q850: 16 });
  assert.ok(setupMs >= 1000 && setupMs < 1100 && durationMs >= 5000 && durationMs < 5100);
  assert.deepEqual(
    legs.map(({ leg, peer, codec, packetsReceived }) => [leg, peer, codec, packetsReceived]),
    [
      ["a", "carrier", "PCMU", 50],
      ["b1", "g1", "PCMU", 50],
    ],
  );
  assert.deepEqual(
    attempts.map(({ peer, status, outcome: how }) => [peer, status, how]),
    [["g1", 200, "answered"]],
  );
});
