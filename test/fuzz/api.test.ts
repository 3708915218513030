import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzApi } from "./api.ts";

test("3,000 hostile requests find no mistake of ours, no secret and nothing of another tenant", async () => {
  const { faults, statuses } = await fuzzApi({ count: 3_000, seed: 11 });
  assert.deepEqual(faults, []);
  assert.ok(Number(statuses["200"]) > 100 && Number(statuses["201"]) > 5, JSON.stringify(statuses));
});
