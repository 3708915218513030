/** Who may be shown, and where both halves of a call go that Tandem places. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DialPlan } from "./decision.ts";
import { findOriginable, type OriginationWish, originationSource, planConnect, planFirst } from "./plan-originated.ts";
import { makeDid, makeGateway, makeRule, makeSnapshot, makeTrunk, tenant } from "./testing.ts";

const acme = tenant("acme");
const carrier = makeTrunk("carrier", { backupTrunks: ["spare"], backupOn: ["failed"] });
const snapshot = makeSnapshot({
  trunks: [carrier, makeTrunk("spare"), makeTrunk("theirs", { tenant: acme })],
  gateways: [
    makeGateway("ai1", { codecs: ["PCMA"], blockedPrefixes: ["+882"] }),
    makeGateway("ai2"),
    makeGateway("agent", { tenant: acme }),
  ],
  groups: [
    { name: "ai", tenant: makeGateway("ai1").tenant, members: ["ai1", "ai2"].map((gateway) => ({ gateway, priority: 1, weight: 1 })) },
  ],
  dids: [
    makeDid("+15551234567", { targets: [{ type: "group", group: "ai" }], trunks: ["carrier"] }),
    makeDid("+4930*", { targets: [{ type: "gateway", gateway: "ai2" }] }),
    makeDid("+998711234567", { tenant: acme, targets: [{ type: "gateway", gateway: "agent" }] }),
  ],
  outbound: [
    makeRule("of ai", { from: ["ai"], prefix: "+1", targets: [{ type: "trunk", trunk: "carrier" }] }),
    makeRule("rest", { targets: [{ type: "trunk", trunk: "spare" }] }),
  ],
});
const facts = { snapshot, healthOf: () => undefined, nowMs: 0, dice: () => 0 };
const wish = (more: Partial<OriginationWish> = {}): OriginationWish => ({
  tenant: undefined,
  fromNumber: "+15551234567",
  toNumber: "+1 (987) 654-3210",
  trunk: undefined,
  connect: undefined,
  timeoutMs: undefined,
  ...more,
});
function found(more: Partial<OriginationWish> = {}) {
  const one = findOriginable(snapshot, wish(more));
  assert.ok(one.ok, JSON.stringify(one));
  return one.value;
}
const refusal = (more: Partial<OriginationWish>): string => {
  const one = findOriginable(snapshot, wish(more));
  return one.ok ? "" : `${one.refusal.code} ${one.refusal.field}`;
};
const peers = (plan: DialPlan): readonly string[] =>
  plan.type === "dial" ? plan.attempts.map(({ peer }) => peer.name) : [String(plan.status)];

test("only a number of one's own may be shown, whatever trunk it is for", () => {
  assert.equal(found().from, "+15551234567");
  assert.equal(found({ fromNumber: "15551234567" }).from, "+15551234567");
  assert.equal(found({ fromNumber: "+49 30 123" }).from, "+4930123");
  assert.equal(refusal({ fromNumber: "+442071234567" }), "FROM_NOT_OWN from_number");
  assert.equal(refusal({ tenant: "acme" }), "FROM_NOT_OWN from_number");
  assert.equal(refusal({ tenant: "acme", fromNumber: "+4930123" }), "FROM_NOT_OWN from_number");
  assert.equal(found({ fromNumber: "+998711234567" }).tenant, "acme");
  assert.equal(found({ fromNumber: "+998711234567", tenant: "acme" }).tenant, "acme");
});

test("a DID for every number makes none one's own", () => {
  for (const number of ["+*", "*", "+1*", "+44*"]) {
    const catching = makeSnapshot({
      trunks: [carrier],
      gateways: [makeGateway("ai2")],
      dids: [makeDid(number, { targets: [{ type: "gateway", gateway: "ai2" }] })],
    });
    for (const fromNumber of ["+442071234567", "+15551234567"]) {
      const one = findOriginable(catching, wish({ fromNumber }));
      assert.equal(one.ok ? "" : one.refusal.code, "FROM_NOT_OWN", number);
    }
  }
});

test("another tenant's trunks, groups and gateways don't exist", () => {
  assert.equal(refusal({ trunk: "theirs" }), "UNKNOWN trunk");
  assert.equal(refusal({ connect: { kind: "gateway", name: "agent" } }), "UNKNOWN connect");
  assert.equal(refusal({ connect: { kind: "group", name: "none" } }), "UNKNOWN connect");
  assert.equal(refusal({ toNumber: "" }), "UNKNOWN to_number");
});

test("the number goes by the outbound rules as if the gateway had called that will be connected", () => {
  const first = planFirst(facts, found());
  assert.deepEqual(
    [first.route, first.called, first.caller, peers(first)],
    ["outbound of ai", "+19876543210", "+15551234567", ["carrier", "spare"]],
  );
  assert.deepEqual(peers(planFirst(facts, found({ toNumber: "+882123" }))), ["403"]);
  assert.equal(planFirst(facts, found({ fromNumber: "+4930123", toNumber: "+33123" })).route, "outbound rest");
});

test("a trunk that is named has its backups behind it, and the time for ringing is the whole budget", () => {
  const plan = planFirst(facts, found({ trunk: "carrier", timeoutMs: 12_000 }));
  assert.deepEqual(peers(plan), ["carrier", "spare"]);
  assert.equal(plan.type === "dial" ? plan.hunt.setupBudgetMs : 0, 12_000);
});

test("it is connected where calls to the shown number go, or where it was told to", () => {
  const to = (connect: OriginationWish["connect"]) => planConnect(facts, found({ connect }), carrier);
  const usual = to(undefined);
  assert.deepEqual(
    [usual.route, usual.called, usual.caller, peers(usual).toSorted()],
    ["did +15551234567", "+15551234567", "+19876543210", ["ai1", "ai2"]],
  );
  assert.deepEqual(peers(to({ kind: "gateway", name: "ai2" })), ["ai2"]);
  const number = to({ kind: "number", name: "+33123" });
  assert.deepEqual([number.route, number.called, number.caller, peers(number)], ["outbound rest", "+33123", "+15551234567", ["spare"]]);
});

test("the codecs of whoever is connected are what the number is offered", () => {
  const plan = planConnect(facts, found({ connect: { kind: "gateway", name: "ai1" } }), carrier);
  assert.deepEqual(originationSource(carrier.tenant, plan).codecs, ["PCMA"]);
});
