import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cdr } from "#cdr/record.ts";
import type { KeptLadder } from "./kept-ladders.ts";
import { LadderKeeper } from "./ladder-keeper.ts";

const cdr = (callId: string, outcome: string, endedAtMs: number): Cdr =>
  ({ callId, tenant: "default", outcome, endedAtMs, durationMs: 0, legs: [] }) as unknown as Cdr;
const EVENT = { at: 1, sequence: 1, event: { type: "call-ringing" } } as const;

function keeperThatReadsIn(readMs: number) {
  const time = { ms: 0 };
  const kept: string[] = [];
  const keeper = new LadderKeeper({
    nowMs: () => time.ms,
    read: () => {
      time.ms += readMs;
      return [EVENT];
    },
    keep: async ({ callId }: KeptLadder) => void kept.push(callId),
    dropOld: async () => 0,
  });
  return { keeper, kept, time };
}

test("failed calls are kept once their last messages are in, before those that are a sample", async () => {
  const { keeper, kept } = keeperThatReadsIn(1);
  keeper.note([
    cdr("sampled00", "answered", 1_000),
    cdr("well11", "answered", 1_000),
    cdr("failed1", "failed", 1_000),
    cdr("late", "timeout", 9_000),
  ]);
  await keeper.run(3_000);
  assert.deepEqual(kept, []);
  await keeper.run(5_000);
  assert.deepEqual(kept, ["failed1", "sampled00"]);
  assert.equal(keeper.pending, 1);
});

test("what a search costs is a hundredth of the time at most", async () => {
  const { keeper, kept, time } = keeperThatReadsIn(50);
  keeper.note(Array.from({ length: 100 }, (_, i) => cdr(`failed${i}`, "failed", 0)));
  for (let wallMs = 10_000; wallMs < 70_000; wallMs += 50) await keeper.run(wallMs);
  assert.equal(kept.length, 12);
  assert.ok(time.ms <= 600, `${time.ms} ms of 60 s`);
});

test("a flood of failing calls waits in a bounded line", () => {
  const { keeper } = keeperThatReadsIn(1);
  for (let i = 0; i < 5_000; i++) keeper.note([cdr(`failed${i}`, "failed", 0)]);
  assert.equal(keeper.pending, 500);
});

test("the sample costs a thousandth, and of a line that grows the youngest are in it", async () => {
  const { keeper, kept, time } = keeperThatReadsIn(50);
  for (let wallMs = 0; wallMs < 120_000; wallMs += 250) {
    if (wallMs % 2_000 === 0) keeper.note([cdr(`call${wallMs}-00`, "answered", wallMs)]);
    await keeper.run(wallMs);
  }
  assert.deepEqual(kept, ["call0-00", "call40000-00", "call92000-00"]);
  assert.equal(time.ms, 150);
  assert.equal(keeper.pending, 8);
});

test("a call that failed does not wait for the sample", async () => {
  const { keeper, kept } = keeperThatReadsIn(50);
  keeper.note([cdr("one-00", "answered", 0), cdr("two-00", "answered", 0)]);
  await keeper.run(5_000);
  keeper.note([cdr("failed", "failed", 6_000)]);
  await keeper.run(10_000);
  assert.deepEqual(kept, ["one-00", "failed"]);
});
