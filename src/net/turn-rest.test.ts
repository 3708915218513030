import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnRest } from "./turn-rest.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));

/** How often it slept while each of so many turns read so many datagrams. */
async function slept(turns: number, read: number, maxUs: number): Promise<number> {
  let sleeps = 0;
  let before = 0;
  const rest = new TurnRest(
    { noDelayBelow: 1_000, fullDelayFrom: 2_000, maxUs },
    () => void before++,
    () => void sleeps++,
  );
  for (let i = 0; i < turns; i++) {
    for (let n = 0; n < read; n++) rest.noted();
    await turn();
  }
  assert.equal(before, sleeps);
  return sleeps;
}

test("a thread that reads much rests once a turn", async () => {
  // The first turn opens the window of measure, which is far in the past.
  const sleeps = await slept(20_000, 100, 1_000_000);
  assert.ok(sleeps > 100 && sleeps <= 20_000, `${sleeps}`);
});
test("a turn without a datagram, and a thread told not to, never rest", async () => {
  assert.equal(await slept(2_000, 0, 1_000_000), 0);
  assert.equal(await slept(2_000, 100, 0), 0);
});
