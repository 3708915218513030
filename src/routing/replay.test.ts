import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { PeerHealth } from "./decision.ts";
import { type DecisionInput, SEEN_HEALTH_MAX, differences, planAgain, planSeen, readSeen } from "./replay.ts";
import { GROUP_ALGORITHMS } from "./snapshot.ts";
import { makeDid, makeGateway, makeSnapshot, makeTrunk, tenant } from "./testing.ts";

const CARRIER = makeTrunk("carrier");
const NAMES = ["g0", "g1", "g2", "g3", "g4"];
const UP: PeerHealth = { up: true, calls: 0, restsUntilMs: 0 };
type World = {
  readonly algorithm: (typeof GROUP_ALGORITHMS)[number];
  readonly health: readonly PeerHealth[];
  readonly priorities: readonly number[];
};

function inputOf({ algorithm, health, priorities }: World, more: Partial<DecisionInput> = {}): DecisionInput {
  const members = NAMES.map((gateway, i) => ({ gateway, priority: priorities[i]!, weight: i + 1 }));
  return {
    snapshot: makeSnapshot({
      trunks: [CARRIER],
      gateways: NAMES.map((name) => makeGateway(name, { callsMax: 4 })),
      groups: [{ name: "ai", tenant: tenant("default"), algorithm, members }],
      dids: [makeDid("+15551234567", { targets: [{ type: "group", group: "ai" }] })],
    }),
    source: CARRIER,
    calledUser: "+15551234567",
    callerUser: "+4930123456",
    healthOf: (name) => health[NAMES.indexOf(name)],
    nowMs: 1_000,
    seed: "call",
    ...more,
  };
}
const seenOf = (input: DecisionInput) => {
  const plan = planSeen(input);
  // As it comes back out of the CDR.
  const seen = readSeen(JSON.parse(JSON.stringify(plan.seen)))!;
  return { plan, seen };
};

test("whatever a decision saw, it is the same when it is taken again from its CDR", () => {
  const world = fc.record({
    algorithm: fc.constantFrom(...GROUP_ALGORITHMS),
    health: fc.array(
      fc.record({
        up: fc.boolean(),
        calls: fc.nat(6),
        outboundCalls: fc.nat(3),
        restsUntilMs: fc.constantFrom(0, 999, 1_001),
        draining: fc.boolean(),
      }),
      { minLength: 5, maxLength: 5 },
    ),
    priorities: fc.array(fc.nat(2), { minLength: 5, maxLength: 5 }),
  });
  fc.assert(
    fc.property(world, fc.string(), fc.nat(1_000), (one, seed, turn) => {
      const input = inputOf(one, { seed, sipCallId: `${seed}@x`, turn: () => turn });
      const { plan, seen } = seenOf(input);
      const again = planAgain(input.snapshot, seen, { callId: seed, sipCallId: `${seed}@x` })!;
      assert.deepEqual(differences(seen, plan, again), []);
    }),
  );
});

test("another configuration shows where the decision would differ", () => {
  const all = { algorithm: "strict_priority", health: NAMES.map(() => UP), priorities: [1, 2, 3, 4, 5] } as const;
  const { plan, seen } = seenOf(inputOf(all));
  const other = inputOf({ ...all, priorities: [5, 4, 3, 2, 1] });
  const call = { callId: "call", sipCallId: "" };
  assert.deepEqual(differences(seen, plan, planAgain(other.snapshot, seen, call)!), [
    { what: "gateways", before: "g0, g1, g2, g3, g4", now: "g4, g3, g2, g1, g0" },
  ]);
  const empty = makeSnapshot({ trunks: [CARRIER] });
  assert.deepEqual(
    differences(seen, plan, planAgain(empty, seen, call)!).map(({ what }) => what),
    ["route", "refusal", "gateways"],
  );
  assert.equal(planAgain(makeSnapshot({}), seen, call), undefined, "nobody calls");
});

test("what hunting passed over is no difference, what was skipped for another reason is", () => {
  const { plan, seen } = seenOf(
    inputOf({ algorithm: "strict_priority", health: [{ ...UP, up: false }, UP, UP, UP, UP], priorities: [1, 1, 1, 1, 1] }),
  );
  const again = planAgain(inputOf({ algorithm: "strict_priority", health: [], priorities: [1, 1, 1, 1, 1] }).snapshot, seen, {
    callId: "call",
    sipCallId: "",
  })!;
  const passedOver = { ...plan, skipped: [...plan.skipped, { peer: "g4", reason: "backup of g1 for timeout only" }] };
  assert.deepEqual(differences(seen, passedOver, again), []);
  assert.deepEqual(differences(seen, { ...plan, skipped: [{ peer: "g0", reason: "draining" }] }, again), [
    { what: "g0 skipped", before: "draining", now: "down" },
  ]);
});

test("only what is unusual is kept, and not without end", () => {
  const { seen } = seenOf(
    inputOf({ algorithm: "weighted", health: [UP, { ...UP, calls: 2 }, UP, { ...UP, up: false }, UP], priorities: [1, 1, 1, 1, 1] }),
  );
  assert.deepEqual(
    seen.health?.toSorted((a, b) => a.peer.localeCompare(b.peer)),
    [
      { peer: "g1", calls: 2 },
      { peer: "g3", down: true },
    ],
  );
  assert.equal(seen.turns, undefined);
  const many = Array.from({ length: SEEN_HEALTH_MAX + 100 }, (_, i) => `m${i}`);
  const big = inputOf({ algorithm: "weighted", health: [], priorities: [1, 1, 1, 1, 1] });
  const groups = new Map([
    ["ai", { name: "ai", tenant: tenant("default"), members: many.map((gateway) => ({ gateway, priority: 1, weight: 1 })) }],
  ]);
  const gateways = new Map(many.map((name) => [name, makeGateway(name)]));
  const kept = seenOf({ ...big, snapshot: { ...big.snapshot, groups, gateways }, healthOf: () => ({ ...UP, up: false }) });
  assert.equal(kept.seen.health?.length, SEEN_HEALTH_MAX);
});

test("what is no decision is not taken for one", () => {
  for (const value of [
    undefined,
    null,
    7,
    "x",
    [],
    {},
    { atMs: 1 },
    { atMs: "1", configHash: "", source: "", calledUser: "", callerUser: "", dialled: [] },
  ])
    assert.equal(readSeen(value), undefined);
});
