import assert from "node:assert/strict";
import { test } from "node:test";
import { FloodLimit } from "./flood-limit.ts";

test("a source gets its calls a second, then refusals, then silence, and recovers", () => {
  const limit = new FloodLimit(10);
  const count = (nowMs: number, tries: number): Record<string, number> => {
    const seen: Record<string, number> = {};
    for (let i = 0; i < tries; i++) {
      const flood = limit.take("192.0.2.1", nowMs);
      seen[flood] = (seen[flood] ?? 0) + 1;
    }
    return seen;
  };
  assert.deepEqual(count(0, 100), { within: 10, over: 10, "far-over": 80 });
  assert.equal(limit.take("192.0.2.2", 0), "within", "another source is not touched");
  assert.deepEqual(count(500, 20), { within: 5, over: 5, "far-over": 10 });
  assert.deepEqual(count(10_000, 10), { within: 10 });
});

test("a million spoofed sources cost a bounded table", () => {
  const limit = new FloodLimit(10);
  for (let i = 0; i < 50_000; i++) limit.take(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, i);
  assert.equal(limit.size, 10_000);
});
