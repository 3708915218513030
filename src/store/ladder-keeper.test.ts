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
