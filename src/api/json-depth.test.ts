import assert from "node:assert/strict";
import { test } from "node:test";
import { DEPTH_MAX, FILE_PARTS_MAX, VALUES_MAX, hasTooManyParts, whyNotRead } from "./json-depth.ts";

const isTooDeep = (json: string): boolean => whyNotRead(json)?.includes("deep") === true;

test("brackets are counted, those in strings are not", () => {
  const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assert.deepEqual(
    [isTooDeep(deep(DEPTH_MAX)), isTooDeep(deep(DEPTH_MAX + 1)), isTooDeep(`{"a":${deep(DEPTH_MAX)}}`)],
    [false, true, true],
  );
  assert.equal(whyNotRead(JSON.stringify({ a: `\\"${"[".repeat(1_000)}`, b: ["}"] })), undefined);
  assert.equal(whyNotRead('"unfinished'), undefined);
});

test("values are counted before they are objects", () => {
  for (const one of ["{},", "[],", "1,", "{"]) assert.notEqual(whyNotRead(`[${one.repeat(VALUES_MAX)}`), undefined, one);
  assert.equal(whyNotRead(`[${"1,".repeat(VALUES_MAX - 10)}1]`), undefined);
  assert.equal(whyNotRead(JSON.stringify(",".repeat(2 * VALUES_MAX))), undefined);
});

test("a file of resources has so many lines and values", () => {
  assert.equal(hasTooManyParts("- {}\n".repeat(FILE_PARTS_MAX / 2 + 1)), true);
  assert.equal(hasTooManyParts("x".repeat(2 * FILE_PARTS_MAX)), false);
});
