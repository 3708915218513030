import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_TENANT } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import { type OrderFacts, inTryOrder } from "./groups.ts";
import { GROUP_ALGORITHMS, type GatewayGroup, type GroupAlgorithm } from "./snapshot.ts";

const group = (
  algorithm: GroupAlgorithm,
  ...members: readonly (readonly [gateway: string, priority?: number, weight?: number])[]
): GatewayGroup => ({
  name: "ai",
  tenant: DEFAULT_TENANT,
  algorithm,
  members: members.map(([gateway, priority = 1, weight = 1]) => ({ gateway, priority, weight })),
});
const facts = (fields: Partial<OrderFacts> = {}): OrderFacts => ({
  dice: () => 0.5,
  usable: () => true,
  caller: "+49301234567",
  sipCallId: "a@b",
  turn: () => 0,
  callsOf: () => 0,
  ...fields,
});
const order = (ofGroup: GatewayGroup, fields: Partial<OrderFacts> = {}): string[] =>
  inTryOrder(ofGroup, facts(fields)).map(({ gateway }) => gateway);

/** Shares of the first tries over many calls. */
function shares(ofGroup: GatewayGroup, factsOf: (call: number) => Partial<OrderFacts>, calls = 20_000): Record<string, number> {
  const first: Record<string, number> = {};
  for (let call = 0; call < calls; call++) {
    const [name] = order(ofGroup, factsOf(call));
    first[name!] = (first[name!] ?? 0) + 1 / calls;
  }
  return first;
}
const near = (actual: Record<string, number>, wanted: Record<string, number>): void => {
  for (const [name, share] of Object.entries(wanted))
    assert.ok(Math.abs((actual[name] ?? 0) - share) < 0.02, `${name}: ${actual[name]}, wanted ${share}`);
};

test("weighted, hash_caller and hash_call_id converge to the weights", () => {
  const { fraction } = seededRandom(3);
  const members = [
    ["a", 1, 6],
    ["b", 1, 3],
    ["c", 1, 1],
  ] as const;
  const wanted = { a: 0.6, b: 0.3, c: 0.1 };
  near(
    shares(group("weighted", ...members), () => ({ dice: fraction })),
    wanted,
  );
  near(
    shares(group("hash_caller", ...members), (call) => ({ caller: `+4930${call}` })),
    wanted,
  );
  near(
    shares(group("hash_call_id", ...members), (call) => ({ sipCallId: `${call}-17@192.0.2.1` })),
    wanted,
  );
  near(
    shares(group("hash_caller", ...members), (call) => ({ caller: "", sipCallId: `${call}` })),
    wanted,
  );
});

test("a hash moves only the calls of the gateway that is gone", () => {
  const all = group("hash_caller", ["a"], ["b"], ["c"]);
  const without = group("hash_caller", ["a"], ["c"]);
  for (let call = 0; call < 500; call++) {
    const caller = `+4930${call}`;
    const [before] = order(all, { caller });
    if (before !== "b") assert.equal(order(without, { caller })[0], before);
  }
});

test("round_robin goes round those that can take a call", () => {
  const ai = group("round_robin", ["a"], ["b"], ["c"], ["backup", 2]);
  const first = (call: number, usable?: OrderFacts["usable"]): string => order(ai, { turn: () => call, ...(usable && { usable }) })[0]!;
  assert.deepEqual(
    [0, 1, 2, 3].map((call) => first(call)),
    ["a", "b", "c", "a"],
  );
  assert.deepEqual(
    [0, 1, 2, 3].map((call) => first(call, (name) => name !== "b")),
    ["a", "c", "a", "c"],
  );
  assert.deepEqual(order(ai, { turn: () => 1 }), ["b", "c", "a", "backup"]);
});

test("strict_priority keeps the configured order within a priority", () => {
  assert.deepEqual(order(group("strict_priority", ["z", 2], ["c"], ["a"], ["b"])), ["c", "a", "b", "z"]);
});

test("least_calls takes the gateway with the fewest calls for its weight, and draws among equals", () => {
  const ai = group("least_calls", ["a", 1, 2], ["b", 1, 1]);
  const first = (a: number, b: number): string => order(ai, { callsOf: (name) => (name === "a" ? a : b) })[0]!;
  assert.deepEqual([first(3, 1), first(1, 1), first(5, 2)], ["b", "a", "b"]);
  const { fraction } = seededRandom(5);
  near(
    shares(group("least_calls", ["a"], ["b"]), () => ({ dice: fraction })),
    { a: 0.5, b: 0.5 },
  );
});

test("least_calls spreads a load by weight when calls stay", () => {
  const calls = { a: 0, b: 0, c: 0 };
  const { fraction } = seededRandom(9);
  const ai = group("least_calls", ["a", 1, 5], ["b", 1, 3], ["c", 1, 2]);
  for (let call = 0; call < 1_000; call++) calls[order(ai, { dice: fraction, callsOf: (name) => calls[name as "a"] })[0] as "a"]++;
  assert.deepEqual(calls, { a: 500, b: 300, c: 200 });
});

test("whatever the algorithm, all members stand once, by priority, and the same facts give the same order", () => {
  const member = fc.record({
    gateway: fc.constantFrom("a", "b", "c", "d", "e", "f"),
    priority: fc.nat(2),
    weight: fc.integer({ min: 1, max: 100 }),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...GROUP_ALGORITHMS),
      fc.uniqueArray(member, { selector: ({ gateway }) => gateway }),
      fc.array(fc.constantFrom<string>("a", "b", "c", "d", "e", "f")),
      fc.nat(1e9),
      fc.string(),
      (algorithm, members, down, turn, key) => {
        const ofGroup = { ...group(algorithm), members };
        const once = (): readonly { readonly gateway: string; readonly priority: number }[] =>
          inTryOrder(
            ofGroup,
            facts({
              dice: seededRandom(turn).fraction,
              turn: () => turn,
              usable: (name) => !down.includes(name),
              sipCallId: key,
              caller: key,
              callsOf: (name) => name.charCodeAt(0) % 3,
            }),
          );
        const ordered = once();
        assert.deepEqual(once(), ordered);
        assert.deepEqual(ordered.map(({ gateway }) => gateway).sort(), members.map(({ gateway }) => gateway).sort());
        for (const [i, { priority }] of ordered.entries()) if (i > 0) assert.ok(priority >= ordered[i - 1]!.priority);
      },
    ),
  );
});
