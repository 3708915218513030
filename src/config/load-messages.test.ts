import assert from "node:assert/strict";
import { test } from "node:test";
import { DIDS_PER_BATCH, type FromLoader, LoadedParts, partsOf } from "./load-messages.ts";
import { type LoadInput, type LoadedConfig, loadText } from "./load.ts";

const INPUT: LoadInput = { env: { HOME: "/home/ann" }, uid: 1000, hostname: "host", readFile: () => "" };
const file = (dids: number): string =>
  `listeners: [{ name: main, address: 192.0.2.1 }]
trunks: [{ name: carrier, uri: "sip:192.0.2.9" }]
gateways: [{ name: a, uri: "sip:192.0.2.2" }]
dids: [${Array.from({ length: dids }, (_, i) => `{ number: "+1555${1_000_000 + i}", to: gateway a }`).join(", ")}]
`;

/** What threads do to it: a structured clone of each part. */
function handOver(loaded: LoadedConfig): { readonly whole: LoadedConfig; readonly parts: readonly FromLoader[] } {
  const parts = [...partsOf(loaded)].map((part) => structuredClone(part));
  const receiver = new LoadedParts();
  for (const [i, part] of parts.entries()) {
    const whole = receiver.take(part);
    assert.equal(whole !== undefined, i === parts.length - 1, `part ${i} of ${parts.length}`);
    if (whole !== undefined) return { whole, parts };
  }
  assert.fail("never whole");
}

test("what arrives is what was sent, frozen, whatever the number of DIDs", () => {
  for (const dids of [0, 1, DIDS_PER_BATCH, DIDS_PER_BATCH + 1]) {
    const loaded = loadText(file(dids), "t.yaml", { ...INPUT, generation: 7 });
    const { whole, parts } = handOver(loaded);
    assert.deepEqual(whole, loaded);
    assert.ok(whole.ok);
    const { snapshot } = whole.config;
    assert.equal(parts.length, 1 + Math.ceil(dids / DIDS_PER_BATCH));
    for (const record of [whole.config, snapshot, snapshot.gateways.get("a")!.numbers, snapshot.outbound, ...snapshot.dids.values()])
      assert.ok(Object.isFrozen(record));
  }
});

test("problems arrive as they are", () => {
  const loaded = loadText("gateways: [{ name: a }, 5]", "t.yaml", INPUT);
  assert.equal(loaded.ok, false);
  assert.deepEqual(handOver(loaded).whole, loaded);
});
