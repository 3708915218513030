import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { seededRandom } from "#base/random.ts";
import type { DialPlan, PeerHealth } from "./decision.ts";
import { explainPlan, renderExplanation } from "./explain.ts";
import { type PlanInput, planCall } from "./plan-dial.ts";
import { escapeUser } from "./request-uri.ts";
import type { RouteTarget } from "./snapshot.ts";
import { AS_IT_IS, type Records, makeDid, makeGateway, makeRule, makeSnapshot, makeTrunk, tenant } from "./testing.ts";

const CARRIER = makeTrunk("carrier");
const TO_AI: readonly RouteTarget[] = [{ type: "group", group: "ai" }];
const group = (name: string, ...members: (readonly [gateway: string, priority?: number, weight?: number])[]) => ({
  name,
  tenant: tenant("default"),
  members: members.map(([gateway, priority = 1, weight = 1]) => ({ gateway, priority, weight })),
});
const UP: PeerHealth = { up: true, calls: 0, restsUntilMs: 0 };

function plan(records: Records, input: Partial<PlanInput> = {}): DialPlan {
  return planCall({
    snapshot: makeSnapshot(records),
    source: CARRIER,
    calledUser: "+15551234567",
    callerUser: "+4930123456",
    healthOf: () => undefined,
    nowMs: 1_000,
    dice: () => 0.5,
    ...input,
  });
}
const dialled = (result: DialPlan): string[] => (result.type === "dial" ? result.attempts.map(({ peer }) => peer.name) : []);
const reasons = (result: DialPlan): Record<string, string> => Object.fromEntries(result.skipped.map(({ peer, reason }) => [peer, reason]));

test("a DID's group is tried by priority", () => {
  const result = plan({
    trunks: [CARRIER],
    gateways: [makeGateway("a"), makeGateway("b"), makeGateway("c")],
    groups: [group("ai", ["a", 3], ["b", 1], ["c", 2])],
    dids: [makeDid("+15551234567", { targets: TO_AI })],
  });
  assert.equal(result.route, "did +15551234567");
  assert.deepEqual(dialled(result), ["b", "c", "a"]);
});

test("gateways of one priority of a parallel group ring at once, those that can", () => {
  const parallel = { ...group("ai", ["a"], ["b"], ["down"], ["c", 2]), algorithm: "parallel" } as const;
  const result = plan(
    {
      trunks: [CARRIER],
      gateways: ["a", "b", "c", "d", "down"].map((name) => makeGateway(name)),
      groups: [parallel],
      dids: [makeDid("+15551234567", { targets: [...TO_AI, { type: "gateway", gateway: "d" }] })],
    },
    { healthOf: (name) => ({ ...UP, up: name !== "down" }) },
  );
  assert.ok(result.type === "dial");
  assert.deepEqual(
    result.attempts.map(({ peer, together }) => [peer.name, together]),
    [
      ["a", "ai 1"],
      ["b", "ai 1"],
      ["c", "ai 2"],
      ["d", undefined],
    ],
  );
  assert.deepEqual(
    explainPlan(result).attempts.map(({ when }) => when),
    ["at once with b", "at once with a", "", ""],
  );
});

test("targets are tried in order, and a peer named twice only once", () => {
  const targets: RouteTarget[] = [
    { type: "gateway", gateway: "b" },
    ...TO_AI,
    { type: "trunk", trunk: "other" },
    { type: "gateway", gateway: "a" },
  ];
  const result = plan({
    trunks: [CARRIER, makeTrunk("other")],
    gateways: [makeGateway("a"), makeGateway("b")],
    groups: [group("ai", ["b"], ["a"])],
    dids: [makeDid("+15551234567", { targets })],
  });
  assert.deepEqual(dialled(result), ["b", "a", "other"]);
});

test("every skipped peer has its reason", () => {
  const gateways = ["down", "full", "resting", "theirs", "mute", "good"].map((name) =>
    makeGateway(name, {
      ...(name === "theirs" ? { tenant: tenant("acme") } : {}),
      ...(name === "mute" ? { uri: undefined } : {}),
      callsMax: 5,
    }),
  );
  const health: Record<string, PeerHealth> = {
    down: { ...UP, up: false },
    full: { ...UP, calls: 5 },
    resting: { ...UP, restsUntilMs: 60_000 },
  };
  const targets: RouteTarget[] = [
    ...gateways.map(({ name }) => ({ type: "gateway", gateway: name }) as const),
    { type: "trunk", trunk: "carrier" },
    { type: "gateway", gateway: "ghost" },
    { type: "group", group: "none" },
  ];
  const result = plan({ trunks: [CARRIER], gateways, dids: [makeDid("+15551234567", { targets })] }, { healthOf: (name) => health[name] });
  assert.deepEqual(dialled(result), ["good"]);
  assert.deepEqual(reasons(result), {
    down: "down",
    full: "full, 5/5",
    resting: "resting until 1970-01-01T00:01:00.000Z",
    theirs: "of tenant acme",
    mute: "has no uri, takes no calls",
    carrier: "the call came from it",
    ghost: "not configured",
    none: "group not configured",
  });
});

test("no usable target is 502, not 503, which would make the carrier back off from us", () => {
  const result = plan(
    { trunks: [CARRIER], gateways: [makeGateway("a")], dids: [makeDid("+15551234567", { targets: [{ type: "gateway", gateway: "a" }] })] },
    { healthOf: () => ({ ...UP, up: false }) },
  );
  assert.ok(result.type === "reject");
  assert.equal(result.status, 502);
  assert.equal(result.reason, "no usable target: a down");
});

test("an unknown number is 404", () => {
  const result = plan({ trunks: [CARRIER] });
  assert.ok(result.type === "reject");
  assert.deepEqual([result.status, result.reason], [404, "no DID +15551234567 for tenant default"]);
});

test("another tenant's DID does not exist", () => {
  const result = plan({
    trunks: [CARRIER],
    gateways: [makeGateway("a")],
    dids: [makeDid("+15551234567", { tenant: tenant("acme"), targets: [{ type: "gateway", gateway: "a" }] })],
  });
  assert.ok(result.type === "reject");
  assert.deepEqual([result.status, result.reason], [404, "no DID +15551234567 for tenant default"]);
});

test("a DID of certain trunks is closed to others", () => {
  const result = plan({
    trunks: [CARRIER],
    gateways: [makeGateway("a")],
    dids: [makeDid("+15551234567", { trunks: ["other"], targets: [{ type: "gateway", gateway: "a" }] })],
  });
  assert.ok(result.type === "reject");
  assert.deepEqual([result.status, result.reason], [404, "DID +15551234567 takes calls from other only, not from carrier"]);
});

test("the exact DID wins over a prefix, and the longer prefix over the shorter", () => {
  const to = (gateway: string) => ({ targets: [{ type: "gateway", gateway } as const] });
  const records: Records = {
    trunks: [CARRIER],
    gateways: ["all", "us", "area", "one"].map((name) => makeGateway(name)),
    dids: [makeDid("*", to("all")), makeDid("+1*", to("us")), makeDid("+1555*", to("area")), makeDid("+15551234567", to("one"))],
  };
  const first = (calledUser: string): string | undefined => dialled(plan(records, { calledUser }))[0];
  assert.deepEqual(["+15551234567", "+15551234568", "+15", "+49", "ai"].map(first), ["one", "area", "us", "all", "all"]);
  assert.equal(plan(records, { calledUser: "+15551234568" }).route, "did +1555*");
});

test("digits without plus find a DID with one, and a name finds its name in any case", () => {
  const records: Records = {
    trunks: [CARRIER],
    gateways: [makeGateway("a")],
    dids: ["+15551234567", "ai"].map((number) => makeDid(number, { targets: [{ type: "gateway", gateway: "a" }] })),
  };
  assert.equal(plan(records, { calledUser: "15551234567" }).called, "+15551234567");
  assert.equal(plan(records, { calledUser: "AI" }).route, "did ai");
});

test("a reject target refuses with its status, unless candidates stand before it", () => {
  const targets: RouteTarget[] = [
    { type: "gateway", gateway: "a" },
    { type: "reject", status: 486, reason: "Busy Here" },
  ];
  const records: Records = { trunks: [CARRIER], gateways: [makeGateway("a")], dids: [makeDid("+15551234567", { targets })] };
  assert.deepEqual(dialled(plan(records)), ["a"]);
  const result = plan(records, { healthOf: () => ({ ...UP, up: false }) });
  assert.ok(result.type === "reject");
  assert.deepEqual([result.status, result.reasonPhrase, reasons(result)], [486, "Busy Here", { a: "down" }]);
});

test("from a gateway the longest prefix decides, then who may use the rule", () => {
  const ai = makeGateway("ai-1");
  const to = (trunk: string) => ({ targets: [{ type: "trunk", trunk } as const] });
  const records: Records = {
    trunks: ["any", "germany", "vip", "others"].map((name) => makeTrunk(name)),
    gateways: [ai, makeGateway("other")],
    groups: [group("ai", ["ai-1"])],
    outbound: [
      makeRule("any", to("any")),
      makeRule("germany", { prefix: "+49", ...to("germany") }),
      makeRule("vip", { prefix: "+49", from: ["ai"], ...to("vip") }),
      makeRule("others", { prefix: "+4930", from: ["other"], ...to("others") }),
    ],
  };
  const first = (calledUser: string, source = ai): string | undefined => dialled(plan(records, { calledUser, source }))[0];
  assert.equal(first("+4930123456"), "vip");
  assert.equal(first("+4930123456", makeGateway("other")), "others");
  assert.equal(first("+4940123456", makeGateway("other")), "germany");
  assert.equal(first("+15551234567"), "any");
});

test("a gateway without a rule, or of another tenant, calls nobody", () => {
  const records: Records = {
    trunks: [CARRIER],
    outbound: [makeRule("any", { targets: [{ type: "trunk", trunk: "carrier" }], tenant: tenant("acme") })],
  };
  const result = plan(records, { source: makeGateway("ai") });
  assert.ok(result.type === "reject");
  assert.equal(result.status, 404);
  assert.equal(dialled(plan(records, { source: makeGateway("ai", { tenant: tenant("acme") }) })).length, 0, "the trunk is not acme's");
});

test("numbers go out in each peer's format, escaped, with the peer's own caller number", () => {
  const numbers = { countryCode: "49", nationalPrefix: "0", internationalPrefix: "00", write: "national" } as const;
  const german = makeTrunk("german", { numbers, uri: "sip:192.0.2.9:5070;transport=tcp", callerNumber: "+49301111111" });
  const plain = makeTrunk("plain", { numbers: { ...AS_IT_IS, write: "as-received" }, uri: "sip:[2001:db8::1]:5060" });
  const result = plan(
    {
      trunks: [german, plain],
      outbound: [
        makeRule("any", {
          targets: [
            { type: "trunk", trunk: "german" },
            { type: "trunk", trunk: "plain" },
          ],
        }),
      ],
    },
    { source: makeGateway("ai"), calledUser: "+49-30-123 4567", callerUser: "bob#1" },
  );
  assert.ok(result.type === "dial");
  assert.deepEqual(
    result.attempts.map(({ requestUri, called, caller }) => [requestUri, called, caller]),
    [
      ["sip:0301234567@192.0.2.9:5070;transport=tcp", "0301234567", "0301111111"],
      ["sip:+49301234567@[2001:db8::1]:5060", "+49301234567", "bob#1"],
    ],
  );
});

test("a user is escaped so that no char of it can end it", () => {
  assert.equal(escapeUser("a b@c;d?e/f#g%h:i"), "a%20b%40c%3Bd%3Fe%2Ff%23g%25h%3Ai");
  assert.equal(escapeUser("\xc3\xbc"), "%C3%BC", "a wire string's bytes");
  fc.assert(fc.property(fc.string(), (user) => assert.match(escapeUser(user), /^[A-Za-z0-9\-_.!~*'()&=+$,%]*$/)));
});

test("a plan is explained in data and in lines", () => {
  const records: Records = {
    trunks: [CARRIER],
    gateways: [makeGateway("a"), makeGateway("long-name", { uri: undefined })],
    groups: [group("ai", ["a"], ["long-name"])],
    dids: [makeDid("+15551234567", { targets: TO_AI })],
  };
  const explanation = explainPlan(plan(records));
  assert.deepEqual(JSON.parse(JSON.stringify(explanation)), explanation);
  assert.deepEqual(renderExplanation(explanation), [
    "+4930123456 calls +15551234567",
    "  tenant default, route did +15551234567",
    "  1. a          sip:+15551234567@a.example.com  by main, as +4930123456",
    "  -  long-name  skipped: has no uri, takes no calls",
  ]);
  assert.match(renderExplanation(explainPlan(plan({ trunks: [CARRIER] }))).join("\n"), /refused with 404 Not Found: no DID/);
});

const NAMES = ["g0", "g1", "g2", "g3", "g4"];
const world = fc.record({
  members: fc.uniqueArray(fc.record({ gateway: fc.constantFrom(...NAMES), priority: fc.nat(2), weight: fc.integer({ min: 1, max: 10 }) }), {
    selector: ({ gateway }) => gateway,
  }),
  tenants: fc.array(fc.constantFrom("default", "acme"), { minLength: 5, maxLength: 5 }),
  health: fc.array(
    fc.option(fc.record({ up: fc.boolean(), calls: fc.nat(6), restsUntilMs: fc.constantFrom(0, 999, 1_001) }), { nil: undefined }),
    { minLength: 5, maxLength: 5 },
  ),
  direct: fc.subarray(NAMES),
  seed: fc.integer(),
});

test("no plan has a gateway that is down, full, resting or another tenant's, or one twice; each other one has its reason; and it is repeatable", () => {
  fc.assert(
    fc.property(world, ({ members, tenants, health, direct, seed }) => {
      const gateways = NAMES.map((name, i) => makeGateway(name, { tenant: tenant(tenants[i]!), callsMax: 4 }));
      const targets: RouteTarget[] = [...TO_AI, ...direct.map((gateway) => ({ type: "gateway", gateway }) as const)];
      const records: Records = {
        trunks: [CARRIER],
        gateways,
        groups: [{ name: "ai", tenant: tenant("default"), members }],
        dids: [makeDid("+15551234567", { targets })],
      };
      const healthOf = (name: string): PeerHealth | undefined => health[NAMES.indexOf(name)];
      const once = (): DialPlan => plan(records, { healthOf, dice: seededRandom(seed).fraction });
      const result = once();
      assert.deepEqual(result, once());
      const names = dialled(result);
      for (const name of names) {
        const now = healthOf(name);
        assert.ok(now === undefined || (now.up && now.calls < 4 && now.restsUntilMs <= 1_000));
        assert.equal(tenants[NAMES.indexOf(name)], "default");
      }
      const mentioned = [...names, ...result.skipped.map(({ peer }) => peer)];
      assert.deepEqual([...mentioned].sort(), [...new Set([...members.map(({ gateway }) => gateway), ...direct])].sort());
      assert.equal(result.type === "dial", names.length > 0);
    }),
  );
});

test("first tries converge to the weights", () => {
  const records: Records = {
    trunks: [CARRIER],
    gateways: [makeGateway("a"), makeGateway("b"), makeGateway("c")],
    groups: [group("ai", ["a", 1, 6], ["b", 1, 3], ["c", 1, 1])],
    dids: [makeDid("+15551234567", { targets: TO_AI })],
  };
  const snapshot = makeSnapshot(records);
  const { fraction } = seededRandom(7);
  const first = { a: 0, b: 0, c: 0 };
  const CALLS = 20_000;
  for (let i = 0; i < CALLS; i++) {
    const result = planCall({
      snapshot,
      source: CARRIER,
      calledUser: "+15551234567",
      callerUser: "",
      healthOf: () => undefined,
      nowMs: 0,
      dice: fraction,
    });
    first[dialled(result)[0] as "a" | "b" | "c"]++;
  }
  for (const [name, share] of [
    ["a", 0.6],
    ["b", 0.3],
    ["c", 0.1],
  ] as const)
    assert.ok(Math.abs(first[name] / CALLS - share) < 0.02, `${name} ${first[name]}`);
});
