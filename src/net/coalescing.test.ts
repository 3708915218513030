import assert from "node:assert/strict";
import { test } from "node:test";
import { Coalescing, restUs } from "./coalescing.ts";

const of = (maxUs: number): Coalescing => new Coalescing({ noDelayBelow: 4_000, fullDelayFrom: 16_000, maxUs });

/** The delay after a second at this rate, with 1 ms wake-ups. */
function settled(coalescing: Coalescing, perSecond: number): number {
  let delayUs = 0;
  for (let nowMs = 0; nowMs < 1000; nowMs++) delayUs = coalescing.delayUs(perSecond / 1000, nowMs);
  return delayUs;
}

test("what comes rarely is read at once", () => assert.equal(settled(of(1000), 3_000), 0));
test("what comes often waits for the full delay, in between a part of it", () => {
  assert.equal(settled(of(1000), 50_000), 1000);
  const half = settled(of(1000), 10_000);
  assert.ok(half > 300 && half < 700, `${half}`);
});
test("zero switches it off", () => assert.equal(settled(of(0), 100_000), 0));
test("a batch that took long itself is followed by a shorter sleep, or none", () => {
  assert.equal(restUs(1000, 100), 1000);
  assert.equal(restUs(1000, 900), 600);
  assert.equal(restUs(1000, 1480), 0);
});

test("the more comes, the shorter is the delay once enough datagrams come in it", () => {
  const delayAt = (perSecond: number): number => {
    const coalescing = new Coalescing({ noDelayBelow: 1_000, fullDelayFrom: 3_000, maxUs: 3_000, enough: 9 });
    coalescing.delayUs(0, 1_000);
    return coalescing.delayUs(perSecond / 10, 1_100);
  };
  assert.deepEqual([500, 2_000, 3_000, 6_000, 12_000].map(delayAt), [0, 1_500, 3_000, 1_500, 750]);
});
