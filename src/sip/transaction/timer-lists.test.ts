import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { GRAIN_MS, TimerLists } from "./timer-lists.ts";
import { T1_MS } from "./transactions.ts";

/** Notes when which timer ended. */
function noted() {
  const clock = new VirtualClock();
  const heard: string[] = [];
  const owner = { onTimer: (event: string): void => void heard.push(`${clock.nowMs()} ${event}`) };
  return { clock, heard, owner, timers: new TimerLists(clock) };
}

test("short timers end on time, and one timer of the clock waits for all of a duration", () => {
  const { clock, heard, owner, timers } = noted();
  timers.after(T1_MS, owner, "first");
  clock.advance(100);
  timers.after(T1_MS, owner, "second");
  timers.after(2 * T1_MS, owner, "longer");
  assert.equal(clock.pending, 2);
  clock.run();
  assert.deepEqual(heard, ["500 first", "600 second", "1100 longer"]);
});

test("what was cancelled does not end, and an empty list waits for nothing", () => {
  const { clock, heard, owner, timers } = noted();
  const first = timers.after(T1_MS, owner, "first");
  const second = timers.after(T1_MS, owner, "second");
  const third = timers.after(T1_MS, owner, "third");
  second.cancel();
  second.cancel();
  first.cancel();
  clock.advance(100);
  const fourth = timers.after(T1_MS, owner, "fourth");
  fourth.cancel();
  clock.run();
  assert.deepEqual(heard, ["500 third"]);
  third.cancel();
  timers.after(T1_MS, owner, "fifth").cancel();
  assert.equal(clock.pending, 0);
});

test("long timers never end early, and at most a grain late", () => {
  const { clock, heard, owner, timers } = noted();
  for (const event of ["0", "1", "2", "3"]) {
    timers.after(64 * T1_MS, owner, event);
    clock.advance(20);
  }
  clock.run();
  assert.deepEqual(heard, ["32000 0", `${32_000 + GRAIN_MS} 1`, `${32_000 + GRAIN_MS} 2`, `${32_000 + 2 * GRAIN_MS} 3`]);
});

test("an owner that starts, cancels or throws while timers end leaves the others as they are", () => {
  const { clock, heard, owner, timers } = noted();
  const restless = {
    onTimer: (): void => {
      timers.after(T1_MS, owner, "started");
      doomed.cancel();
      throw new Error("of the owner");
    },
  };
  timers.after(T1_MS, restless, "restless");
  const doomed = timers.after(T1_MS, owner, "doomed");
  timers.after(T1_MS, owner, "last");
  assert.throws(() => clock.run(), /of the owner/);
  clock.run();
  assert.deepEqual(heard, ["500 last", "1000 started"]);
});
