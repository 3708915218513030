import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TenantId } from "#base/ids.ts";
import { DidTable, prefixLengthsOf } from "./did-table.ts";
import { patchSnapshot } from "./patch-snapshot.ts";
import type { Did, Gateway, Snapshot } from "./snapshot.ts";

const didOf = (number: string, mark = 0): Did =>
  ({
    number,
    tenant: "default" as TenantId,
    trunks: [],
    targets: [{ type: "reject", status: 400 + mark, reason: "" }],
    hunt: {},
  }) as unknown as Did;
const number = fc.oneof(
  fc.constantFrom("+1", "+1*", "ai", "a*", "+4930*"),
  fc.integer({ min: 0, max: 60 }).map((n) => `+49${n}`),
);
const step = fc.record({
  upserts: fc.array(fc.tuple(number, fc.nat(9)), { maxLength: 8 }),
  removals: fc.array(number, { maxLength: 6 }),
});

test("a table of DIDs does what a map does, and the tables before it stay as they were", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let table = DidTable.of([]);
      let model = new Map<string, Did>();
      const past: (readonly [DidTable, Map<string, Did>])[] = [];
      for (const { upserts, removals } of steps) {
        past.push([table, model]);
        const dids = upserts.map(([one, mark]) => didOf(one, mark));
        table = table.with(dids, removals);
        model = new Map(model);
        for (const one of removals) model.delete(one);
        for (const did of dids) model.set(did.number, did);
      }
      for (const [made, wanted] of [...past, [table, model] as const]) {
        assert.equal(made.size, wanted.size);
        assert.deepEqual(new Map(made), wanted);
        assert.deepEqual(prefixLengthsOf(made), prefixLengthsOf(wanted));
        for (const key of wanted.keys()) assert.ok(made.get(key) === wanted.get(key) && made.has(key));
        assert.equal([...made.keys()].length, [...made.values()].length);
      }
    }),
    { numRuns: 200 },
  );
});

test("a change to one DID of many copies one shard", () => {
  const table = DidTable.of(Array.from({ length: 20_000 }, (_, i) => didOf(`+1${2_000_000_000 + i * 17}`)));
  const next = table.with([didOf("+12000000017", 1)], []);
  assert.equal(next.shards.filter((shard, i) => shard !== table.shards[i]).length, 1);
  const sizes = table.shards.map((shard) => shard.size);
  assert.ok(Math.max(...sizes) < 200, `evenly spread: the fullest of ${sizes.length} shards has ${Math.max(...sizes)}`);
});

test("a patched snapshot shares what did not change", () => {
  const before = Object.freeze({
    generation: 1,
    hash: "a",
    listeners: new Map(),
    trunks: new Map(),
    gateways: new Map([["a", { name: "a" } as Gateway]]),
    groups: new Map(),
    dids: DidTable.of([didOf("+1")]),
    outbound: [],
  }) as Snapshot;
  const none = { trunks: [], gateways: [], groups: [], dids: [] };
  const after = patchSnapshot(before, {
    ...none,
    generation: 2,
    hash: "b",
    gateways: [{ name: "b" } as Gateway],
    outbound: undefined,
    removed: { ...none, gateways: ["a"] },
  });
  assert.deepEqual([...after.gateways.keys()], ["b"]);
  assert.deepEqual([...before.gateways.keys()], ["a"]);
  assert.ok(after.dids === before.dids && after.outbound === before.outbound && after.trunks === before.trunks);
  assert.equal(after.generation, 2);
});
