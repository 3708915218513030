import assert from "node:assert/strict";
import { test } from "node:test";
import { atTurnEnd } from "./turn-end.ts";

test("what was asked for several times in a turn is done once, at its end", async () => {
  let runs = 0;
  const soon = atTurnEnd(() => void runs++);
  soon();
  soon();
  assert.equal(runs, 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(runs, 1);
  soon();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(runs, 2);
});
