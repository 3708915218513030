import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { patchSnapshot } from "#routing/patch-snapshot.ts";
import { fileEntries } from "./file-entries.ts";
import { loadText } from "./load.ts";
import { Standing } from "./standing.ts";
import { LastChanges, patchTo, takeBatch } from "./write-batch.ts";
import type { WriteWish } from "./write-apart.ts";

const INPUT = { env: {}, readFile: () => "", uid: 1000, hostname: "test" };
const FILE = 'listeners: [{ name: public, address: 192.0.2.200 }]\ngateways: [{ name: g1, uri: "sip:192.0.2.1" }]\n';

function standing(): Standing {
  const loaded = loadText(FILE, "tandem.yaml", INPUT);
  assert.ok(loaded.ok);
  const file = fileEntries(FILE, "tandem.yaml");
  const surroundings = { ...INPUT, callsMax: 5_000, listeners: file.listeners };
  return new Standing(loaded.config.snapshot, { generation: 0, hash: "", records: [] }, file, surroundings);
}
const gateway = (name: string, more: object = {}): WriteWish["sections"] => ({ gateways: [{ name, uri: "sip:192.0.2.2", ...more }] });
const wish = (sections: WriteWish["sections"], more: Partial<WriteWish> = {}): WriteWish => ({
  sections,
  remove: [],
  tenant: undefined,
  expectedGeneration: 0,
  file: "request",
  ...more,
});

test("wishes of one batch build on each other, and one that is refused leaves the others alone", () => {
  const { outcomes, changes } = takeBatch(
    [
      wish(gateway("a")),
      wish({ groups: [{ name: "all", gateways: ["a", "nobody"] }] }),
      wish({ groups: [{ name: "all", gateways: ["a", "g1"] }] }),
      wish({}, { remove: [{ kind: "gateway", name: "a" }] }),
    ],
    standing(),
    new LastChanges(0),
    1,
  );
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? "ok" : outcome.code)),
    ["ok", "CONFIGURATION", "ok", "CONFIGURATION"],
    "the last would leave the group without its gateway",
  );
  assert.deepEqual(
    changes.map(({ change, kind, name }) => `${change} ${kind} ${name}`),
    ["add gateway a", "add group all"],
  );
});

test("who worked a change out from something older than what it touches is told so; others don't disturb him", () => {
  const held = standing();
  const last = new LastChanges(5);
  const codes = (generation: number, ...wishes: readonly WriteWish[]): readonly string[] =>
    takeBatch(wishes, held, last, generation).outcomes.map((outcome) => (outcome.ok ? "ok" : outcome.code));
  assert.deepEqual(codes(6, wish(gateway("a"), { expectedGeneration: 5 }), wish(gateway("b"), { expectedGeneration: 5 })), ["ok", "ok"]);
  const changed = (name: string, expectedGeneration: number | undefined) => wish(gateway(name, { calls_max: 7 }), { expectedGeneration });
  assert.deepEqual(codes(7, changed("a", 5), changed("a", 6), changed("b", 4)), ["CONFLICT", "ok", "CONFLICT"]);
  assert.deepEqual(codes(8, changed("b", undefined), wish({}, { remove: [{ kind: "gateway", name: "a" }], expectedGeneration: 6 })), [
    "ok",
    "CONFLICT",
  ]);
  assert.deepEqual(codes(9, wish({}, { remove: [{ kind: "gateway", name: "a" }], expectedGeneration: 8 })), ["ok"]);
  assert.deepEqual(codes(10, changed("a", 8)), ["CONFLICT"], "it is gone since");
});

test("the patch of a batch brings signalling to what the thread holds", () => {
  const names = fc.constantFrom("a", "b", "c");
  const one = fc.oneof(
    fc.tuple(names, fc.nat(5)).map(([name, calls]) => wish(gateway(name, { calls_max: calls + 1 }), { expectedGeneration: undefined })),
    names.map((name) => wish({}, { remove: [{ kind: "gateway", name }], expectedGeneration: undefined })),
    names.map((name) => wish({ dids: [{ number: `+${name}`, to: "gateway g1" }] }, { expectedGeneration: undefined })),
    names.map((name) => wish({ outbound: [{ name, to: "reject 404" }] }, { expectedGeneration: undefined })),
  );
  fc.assert(
    fc.property(fc.array(fc.array(one, { maxLength: 5 }), { maxLength: 6 }), (batches) => {
      const held = standing();
      let inForce = held.snapshot;
      const last = new LastChanges(0);
      for (const [i, wishes] of batches.entries()) {
        const { changes } = takeBatch(wishes, held, last, i + 1);
        if (changes.length === 0) continue;
        held.rename(i + 2, `h${i}`);
        inForce = patchSnapshot(inForce, patchTo(held.snapshot, changes));
        assert.deepEqual({ ...inForce, dids: new Map(inForce.dids) }, { ...held.snapshot, dids: new Map(held.snapshot.dids) });
      }
    }),
    { numRuns: 100 },
  );
});
