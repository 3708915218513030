import assert from "node:assert/strict";
import { test } from "node:test";
import { SEQUENCE_WORDS, countSequence, jitterMsOf, lostOf } from "./sequence.ts";

const TICKS = 160;
const AT = SEQUENCE_WORDS;

/** A table of three streams, of which the middle one is used: the others must stay untouched. */
const table = (): Int32Array => new Int32Array(3 * SEQUENCE_WORDS);

function feed(words: Int32Array, sequences: readonly number[], ssrc = 7): void {
  sequences.forEach((sequence, i) => countSequence(words, AT, ssrc, sequence & 0xffff, i * TICKS, i * TICKS));
}

test("a stream without gaps across the wrap has no loss (RFC 3550 §A.1)", () => {
  const words = table();
  feed(
    words,
    Array.from({ length: 70_000 }, (_, i) => 65_400 + i),
  );
  assert.equal(lostOf(words, AT), 0);
  assert.equal(jitterMsOf(words, AT, 8000), 0);
  assert.ok(words.subarray(0, AT).every((word) => word === 0) && words.subarray(AT + SEQUENCE_WORDS).every((word) => word === 0));
});

test("missing numbers are lost, late ones are not, duplicates never make it negative (§A.3)", () => {
  const words = table();
  feed(words, [1, 2, 5, 4, 6]);
  assert.equal(lostOf(words, AT), 1);
  feed(words, [6, 6, 6]);
  assert.equal(lostOf(words, AT), 0);
});

test("a late packet from before the wrap is no new cycle", () => {
  const words = table();
  feed(words, [65_534, 0, 65_535, 1]);
  assert.equal(lostOf(words, AT), 0);
});

test("a new SSRC starts a new count and keeps the loss of the old one", () => {
  const words = table();
  feed(words, [1, 3]);
  feed(words, [40_000, 40_001], 9);
  assert.equal(lostOf(words, AT), 1);
});

test("a sender that restarts far away is no loss", () => {
  const words = table();
  feed(words, [1, 2, 30_000, 30_001]);
  assert.equal(lostOf(words, AT), 0);
});

test("packets alternately 10 ms early and late approach 20 ms of jitter (§A.8)", () => {
  const words = table();
  for (let i = 0; i < 400; i++) countSequence(words, AT, 7, i, i * TICKS, i * TICKS + (i & 1 ? 80 : -80));
  assert.ok(Math.abs(jitterMsOf(words, AT, 8000) - 20) < 1, `${jitterMsOf(words, AT, 8000)}`);
});

test("a timestamp that wraps 32 bits is no jitter", () => {
  const words = table();
  for (let i = 0; i < 100; i++) countSequence(words, AT, 7, i, (0xffff_ff00 + i * TICKS) >>> 0, i * TICKS);
  assert.equal(jitterMsOf(words, AT, 8000), 0);
});
