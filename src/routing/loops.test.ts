import assert from "node:assert/strict";
import { test } from "node:test";
import { type CallUnderWay, type LoopFacts, findLoop } from "./loops.ts";
import { makeGateway, makeTrunk } from "./testing.ts";

const AI = makeGateway("ai");
const CARRIER = makeTrunk("carrier");
const OFFERED: CallUnderWay = { callId: "c1", route: "did +1555", called: "+1555", caller: "+49301", to: ["other", "ai"], answered: false };
const loop = (facts: Partial<LoopFacts>): string | undefined =>
  findLoop({ source: AI, called: "+1555", caller: "+49301", route: "outbound world", carried: [], underWay: [], ...facts });

test("a new call is no loop", () => {
  assert.equal(loop({}), undefined);
  assert.equal(loop({ underWay: [OFFERED], caller: "+49302" }), undefined);
  assert.equal(loop({ underWay: [OFFERED], called: "+1556" }), undefined);
  assert.equal(loop({ underWay: [{ ...OFFERED, to: ["other"] }] }), undefined);
  assert.equal(loop({ underWay: [{ ...OFFERED, caller: "" }], caller: "" }), undefined, "withheld numbers say nothing");
});

test("our own call under the same rule again is a loop", () => {
  assert.match(loop({ source: CARRIER, route: "did +1555", carried: [OFFERED] }) ?? "", /came back by carrier to did \+1555/);
});

test("a gateway that returns what it is being offered is a loop, with our token or renewed", () => {
  assert.match(loop({ carried: [OFFERED] }) ?? "", /ai sent our own call c1 back/);
  assert.match(loop({ underWay: [OFFERED] }) ?? "", /ai is being offered this call \(c1\)/);
});

test("a gateway may forward to another number, and may call after it answered", () => {
  assert.equal(loop({ carried: [OFFERED], called: "+1556" }), undefined);
  assert.equal(loop({ underWay: [{ ...OFFERED, answered: true }] }), undefined);
});

test("a spiral is none: the carrier returns a gateway's call to one of our own numbers", () => {
  const out: CallUnderWay = { callId: "c2", route: "outbound world", called: "+1555", caller: "+49301", to: ["carrier"], answered: false };
  assert.equal(loop({ source: CARRIER, route: "did +1555", carried: [out], underWay: [out] }), undefined);
});
