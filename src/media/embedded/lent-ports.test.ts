import assert from "node:assert/strict";
import { test } from "node:test";
import type { LocalMedia, PortPool } from "#media/engine.ts";
import { LENT_MIN, LentPorts } from "./lent-ports.ts";

const POOLS = ["in", "out"].map(
  (name): PortPool => ({ name, bindAddress: "127.0.0.1", advertisedAddress: "192.0.2.1", portMin: 10_000, portMax: 19_999 }),
);
const ports = (first: number, count: number): LocalMedia[] =>
  Array.from({ length: count }, (_, i) => ({ address: "192.0.2.1", port: first + 2 * i, rtcpPort: first + 2 * i + 1 }));

function stocked(): LentPorts {
  const lent = new LentPorts();
  lent.reset(POOLS, 0);
  for (const { name } of POOLS) {
    assert.equal(lent.missing(name, 0), LENT_MIN);
    assert.equal(lent.missing(name, 0), 0, "asked once");
    lent.add(name, ports(name === "in" ? 10_000 : 12_000, LENT_MIN), 0);
  }
  return lent;
}

test("a call takes a port of each pool, or of none", () => {
  const lent = stocked();
  const taken = Array.from({ length: LENT_MIN }, () => lent.take(["in", "out"]));
  assert.equal(new Set(taken.flat().map((local) => local!.port)).size, 2 * LENT_MIN);
  assert.equal(lent.take(["in", "out"]), undefined);
  lent.add("in", ports(14_000, 1), 0);
  assert.equal(lent.take(["in", "out"]), undefined);
  assert.equal(lent.take(["in"])![0]!.port, 14_000, "it was put back");
  assert.equal(lent.take(["unknown"]), undefined);
});

test("the stock grows whenever it ran out, and shrinks when it is calm", () => {
  const lent = stocked();
  for (let i = 0; i <= LENT_MIN; i++) lent.take(["in"]);
  assert.equal(lent.missing("in", 10), 2 * LENT_MIN);
  lent.add("in", ports(14_000, 2 * LENT_MIN), 20);
  assert.equal(lent.missing("in", 20_000), 0);
  for (let i = 0; i < 2 * LENT_MIN; i++) assert.ok(lent.take(["in"]));
  assert.equal(lent.missing("in", 40_000), LENT_MIN);
});

test("a relay that has none to lend is left alone for a while", () => {
  const lent = new LentPorts();
  lent.reset(POOLS, 0);
  assert.ok(lent.missing("in", 0) > 0);
  lent.add("in", [], 0);
  assert.equal(lent.missing("in", 500), 0);
  assert.ok(lent.missing("in", 1_000) > 0);
});
