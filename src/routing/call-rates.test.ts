import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CallRates } from "./call-rates.ts";

test("a second's calls start at once, the next one a second after the first", () => {
  const rates = new CallRates();
  const turn = (nowMs: number, waitMaxMs = 5000) => rates.turn("a", "out", 2, waitMaxMs, nowMs);
  assert.deepEqual([turn(0), turn(100), turn(200), turn(300)], [0, 0, 800, 800]);
  assert.equal(turn(400, 1000), undefined, "it would be the fifth, at 2000");
  assert.equal(turn(1000), 1000);
  assert.equal(rates.turn("a", "in", 2, 0, 0), 0, "the other way counts for itself");
  assert.equal(rates.turn("b", "out", 2, 0, 0), 0, "and so does another peer");
});

test("whatever comes when, no second has more starts than the limit, and none starts before it came", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 0, max: 3000 }),
      fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 }),
      (perSecond, waitMaxMs, gaps) => {
        const rates = new CallRates();
        const starts: number[] = [];
        let nowMs = 0;
        for (const gap of gaps) {
          nowMs += gap;
          const waitMs = rates.turn("a", "out", perSecond, waitMaxMs, nowMs);
          if (waitMs === undefined) continue;
          assert.ok(waitMs >= 0 && waitMs <= waitMaxMs);
          starts.push(nowMs + waitMs);
        }
        for (let i = perSecond; i < starts.length; i++) assert.ok(starts[i]! - starts[i - perSecond]! >= 1000);
      },
    ),
  );
});
