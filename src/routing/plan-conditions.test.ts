import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "#base/random.ts";
import type { DialPlan, PeerHealth } from "./decision.ts";
import { type PlanInput, planCall } from "./plan-dial.ts";
import { GROUP_ALGORITHMS, type GatewayGroup, type RouteTarget, type TimeWindow } from "./snapshot.ts";
import { type Records, makeDid, makeGateway, makeRule, makeSnapshot, makeTrunk, tenant } from "./testing.ts";

const CARRIER = makeTrunk("carrier");
const NUMBER = "+15551234567";
const MORNING = Date.parse("2025-01-15T08:00Z");
const EVENING = Date.parse("2025-01-15T20:00Z");
const OFFICE: TimeWindow = { days: [], fromMinute: 420, toMinute: 1_080, timezone: "UTC" };
const to = (gateway: string, conditions: Pick<RouteTarget, "when" | "callers"> = {}): RouteTarget => ({
  type: "gateway",
  gateway,
  ...conditions,
});

function plan(records: Records, input: Partial<PlanInput> = {}): DialPlan {
  return planCall({
    snapshot: makeSnapshot(records),
    source: CARRIER,
    calledUser: NUMBER,
    callerUser: "+4930123456",
    healthOf: () => undefined,
    nowMs: MORNING,
    dice: () => 0.5,
    ...input,
  });
}
const dialled = (result: DialPlan): string[] => (result.type === "dial" ? result.attempts.map(({ peer }) => peer.name) : []);
const refused = (result: DialPlan): readonly [status: number, reason: string] => {
  assert.ok(result.type === "reject", "not refused");
  return [result.status, result.reason];
};
const GATEWAYS = { trunks: [CARRIER], gateways: ["day", "night", "vip"].map((name) => makeGateway(name)) };

test("targets by time of day and caller, in order", () => {
  const targets = [to("vip", { callers: ["+1*"] }), to("day", { when: [OFFICE] }), to("night")];
  const records: Records = { ...GATEWAYS, dids: [makeDid(NUMBER, { targets })] };
  assert.deepEqual(dialled(plan(records)), ["day", "night"]);
  assert.deepEqual(dialled(plan(records, { nowMs: EVENING })), ["night"]);
  assert.deepEqual(dialled(plan(records, { nowMs: EVENING, callerUser: "+1555" })), ["vip", "night"]);
  assert.deepEqual(plan(records, { nowMs: EVENING }).skipped, [
    { peer: "vip", reason: "not for caller +4930123456" },
    { peer: "day", reason: "only daily 07:00–18:00 UTC" },
  ]);
});

test("a DID with no target now is 480 for the time and 403 for the caller, not a failure of ours", () => {
  const only = (target: RouteTarget): Records => ({ ...GATEWAYS, dids: [makeDid(NUMBER, { targets: [target] })] });
  assert.deepEqual(refused(plan(only(to("day", { when: [OFFICE] })), { nowMs: EVENING })), [
    480,
    "no target now: day only daily 07:00–18:00 UTC",
  ]);
  assert.equal(refused(plan(only(to("vip", { callers: ["+1*"] }))))[0], 403);
});

test("where a DID's conditions don't hold, the shorter prefix has the call, else it is refused with why", () => {
  const dids = [
    makeDid(NUMBER, { targets: [to("day")], when: [OFFICE] }),
    makeDid("+1555*", { targets: [to("night")], callers: ["+49*"] }),
  ];
  assert.deepEqual(dialled(plan({ ...GATEWAYS, dids })), ["day"]);
  assert.deepEqual(dialled(plan({ ...GATEWAYS, dids }, { nowMs: EVENING })), ["night"]);
  assert.deepEqual(refused(plan({ ...GATEWAYS, dids }, { nowMs: EVENING, callerUser: "+7" })), [
    480,
    `DID ${NUMBER} only daily 07:00–18:00 UTC`,
  ]);
});

test("blocked callers and blocked prefixes are 403", () => {
  const blocked: Records = { ...GATEWAYS, dids: [makeDid(NUMBER, { targets: [to("day")], blockedCallers: ["+4930*", "anonymous"] })] };
  assert.deepEqual(refused(plan(blocked)), [403, `DID ${NUMBER} blocks caller +4930123456`]);
  assert.equal(refused(plan(blocked, { callerUser: "" }))[0], 403);
  assert.deepEqual(dialled(plan(blocked, { callerUser: "+331" })), ["day"]);

  const rules: Records = {
    trunks: [CARRIER],
    outbound: [makeRule("any", { targets: [{ type: "trunk", trunk: "carrier" }], blockedPrefixes: ["+883"] })],
  };
  const ai = makeGateway("ai");
  assert.deepEqual(refused(plan(rules, { source: ai, calledUser: "+88312345678" })), [403, "outbound any blocks +883…"]);
  assert.deepEqual(dialled(plan(rules, { source: ai })), ["carrier"]);
  assert.deepEqual(refused(plan(rules, { source: { ...ai, blockedPrefixes: ["+1"] } })), [403, "ai may not call +1…"]);
});

test("an outbound rule of the same prefix for another time takes over", () => {
  const trunk = (name: string): RouteTarget => ({ type: "trunk", trunk: name });
  const records: Records = {
    trunks: [makeTrunk("cheap"), makeTrunk("other")],
    outbound: [
      makeRule("cheap hours", { prefix: "+1", when: [OFFICE], targets: [trunk("cheap"), trunk("other")] }),
      makeRule("else", { targets: [trunk("other")] }),
    ],
  };
  const source = makeGateway("ai");
  assert.deepEqual(dialled(plan(records, { source })), ["cheap", "other"], "fallbacks in order");
  assert.deepEqual(dialled(plan(records, { source, nowMs: EVENING })), ["other"]);
  const alone: Records = { ...records, outbound: records.outbound!.slice(0, 1) };
  assert.match(refused(plan(alone, { source, nowMs: EVENING }))[1], /takes \+15551234567 from ai; cheap hours only daily/);
});

test("draining and maintenance take no new calls, and maintenance sends none", () => {
  const gateways = [makeGateway("a", { drain: true }), makeGateway("b", { maintenance: true }), makeGateway("c"), makeGateway("d")];
  const dids = [makeDid(NUMBER, { targets: ["a", "b", "c", "d"].map((name) => to(name)) })];
  const result = plan(
    { trunks: [CARRIER], gateways, dids },
    { healthOf: (name) => ({ up: true, calls: 0, restsUntilMs: 0, draining: name === "c" }) },
  );
  assert.deepEqual(dialled(result), ["d"]);
  assert.deepEqual(
    result.skipped.map(({ reason }) => reason),
    ["draining", "in maintenance", "draining"],
  );
  assert.deepEqual(refused(plan({ dids }, { source: { ...CARRIER, maintenance: true } })), [503, "carrier is in maintenance"]);
});

test("a group is full when its gateways together are", () => {
  const group: GatewayGroup = {
    name: "ai",
    tenant: tenant("default"),
    callsMax: 5,
    members: [
      { gateway: "day", priority: 1, weight: 1 },
      { gateway: "night", priority: 1, weight: 1 },
    ],
  };
  const records: Records = {
    ...GATEWAYS,
    groups: [group],
    dids: [makeDid(NUMBER, { targets: [{ type: "group", group: "ai" }, to("vip")] })],
  };
  const calls = (each: number) => ({ healthOf: (): PeerHealth => ({ up: true, calls: each, restsUntilMs: 0 }) });
  assert.equal(dialled(plan(records, calls(2)))[0] === "vip", false);
  const full = plan(records, calls(3));
  assert.deepEqual(dialled(full), ["vip"]);
  assert.deepEqual(full.skipped, [{ peer: "ai", reason: "group full, 6/5" }]);
});

test("whatever the algorithm, a plan never has a gateway that is down, full, draining, or another tenant's, and takes the same decision again", () => {
  const names = ["a", "b", "c", "d"];
  const world = fc.record({
    algorithm: fc.constantFrom(...GROUP_ALGORITHMS),
    members: fc.uniqueArray(
      fc.record({ gateway: fc.constantFrom(...names), priority: fc.nat(1), weight: fc.integer({ min: 1, max: 9 }) }),
      { selector: ({ gateway }) => gateway },
    ),
    health: fc.array(
      fc.record({ up: fc.boolean(), calls: fc.nat(3), restsUntilMs: fc.constantFrom(0, MORNING + 1), draining: fc.boolean() }),
      { minLength: 4, maxLength: 4 },
    ),
    tenants: fc.array(fc.constantFrom("default", "acme"), { minLength: 4, maxLength: 4 }),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(world, ({ algorithm, members, health, tenants, seed }) => {
      const records: Records = {
        trunks: [CARRIER],
        gateways: names.map((name, i) => makeGateway(name, { tenant: tenant(tenants[i]!), callsMax: 2 })),
        groups: [{ name: "ai", tenant: tenant("default"), algorithm, members }],
        dids: [makeDid(NUMBER, { targets: [{ type: "group", group: "ai" }] })],
      };
      const of = (name: string): PeerHealth => health[names.indexOf(name)]!;
      const once = (): DialPlan =>
        plan(records, { healthOf: of, dice: seededRandom(seed).fraction, sipCallId: String(seed), turn: () => Math.abs(seed) });
      const result = once();
      assert.deepEqual(once(), result);
      const usable = members.filter(({ gateway }) => {
        const { up, calls, restsUntilMs, draining } = of(gateway);
        return up && calls < 2 && restsUntilMs === 0 && draining !== true && tenants[names.indexOf(gateway)] === "default";
      });
      assert.deepEqual(dialled(result).sort(), usable.map(({ gateway }) => gateway).sort());
    }),
  );
});
