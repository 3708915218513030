import assert from "node:assert/strict";
import { test } from "node:test";
import { Coalescing } from "./coalescing.ts";

/** The delay after a second at this rate, with 1 ms wake-ups. */
function settled(coalescing: Coalescing, packetsPerSecond: number): number {
  let delayUs = 0;
  for (let nowMs = 0; nowMs < 1000; nowMs++) delayUs = coalescing.delayUs(packetsPerSecond / 1000, nowMs);
  return delayUs;
}

test("a few calls are forwarded at once", () => assert.equal(settled(new Coalescing(1000), 3_000), 0));
test("many calls wait for the full delay, in between a part of it", () => {
  assert.equal(settled(new Coalescing(1000), 50_000), 1000);
  const half = settled(new Coalescing(1000), 10_000);
  assert.ok(half > 300 && half < 700, `${half}`);
});
test("zero switches it off", () => assert.equal(settled(new Coalescing(0), 100_000), 0));
