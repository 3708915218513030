import assert from "node:assert/strict";
import { test } from "node:test";
import { SequenceTracker } from "./sequence.ts";

const TICKS = 160;

function feed(tracker: SequenceTracker, sequences: readonly number[], ssrc = 7): void {
  sequences.forEach((sequence, i) => tracker.count(ssrc, sequence & 0xffff, i * TICKS, i * TICKS));
}

test("a stream without gaps across the wrap has no loss (RFC 3550 §A.1)", () => {
  const tracker = new SequenceTracker();
  feed(tracker, Array.from({ length: 300 }, (_, i) => 65_400 + i));
  assert.equal(tracker.lost, 0);
  assert.equal(tracker.jitterMs(8000), 0);
});

test("missing numbers are lost, late ones are not, duplicates never make it negative (§A.3)", () => {
  const tracker = new SequenceTracker();
  feed(tracker, [1, 2, 5, 4, 6]);
  assert.equal(tracker.lost, 1);
  feed(tracker, [6, 6, 6]);
  assert.equal(tracker.lost, 0);
});

test("a new SSRC starts a new count and keeps the loss of the old one", () => {
  const tracker = new SequenceTracker();
  feed(tracker, [1, 3]);
  feed(tracker, [40_000, 40_001], 9);
  assert.equal(tracker.lost, 1);
});

test("a sender that restarts far away is no loss", () => {
  const tracker = new SequenceTracker();
  feed(tracker, [1, 2, 30_000, 30_001]);
  assert.equal(tracker.lost, 0);
});

test("packets alternately 10 ms early and late approach 20 ms of jitter (§A.8)", () => {
  const tracker = new SequenceTracker();
  for (let i = 0; i < 400; i++) tracker.count(7, i, i * TICKS, i * TICKS + (i & 1 ? 80 : -80));
  assert.ok(Math.abs(tracker.jitterMs(8000) - 20) < 1, `${tracker.jitterMs(8000)}`);
});

test("a timestamp that wraps 32 bits is no jitter", () => {
  const tracker = new SequenceTracker();
  for (let i = 0; i < 100; i++) tracker.count(7, i, (0xffff_ff00 + i * TICKS) >>> 0, i * TICKS);
  assert.equal(tracker.jitterMs(8000), 0);
});
