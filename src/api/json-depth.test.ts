import assert from "node:assert/strict";
import { test } from "node:test";
import { DEPTH_MAX, isTooDeep } from "./json-depth.ts";

test("brackets are counted, those in strings are not", () => {
  const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assert.deepEqual(
    [isTooDeep(deep(DEPTH_MAX)), isTooDeep(deep(DEPTH_MAX + 1)), isTooDeep(`{"a":${deep(DEPTH_MAX)}}`)],
    [false, true, true],
  );
  assert.equal(isTooDeep(JSON.stringify({ a: `\\"${"[".repeat(1_000)}`, b: ["}"] })), false);
  assert.equal(isTooDeep('"unfinished'), false);
});
