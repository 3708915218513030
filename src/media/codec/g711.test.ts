import assert from "node:assert/strict";
import { test } from "node:test";
import { linearToUlaw, ulawToLinear } from "./g711.ts";

test("µ-law to linear and back is the same byte (ITU-T G.711), but for the two zeros", () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const back = linearToUlaw(ulawToLinear(all));
  for (const [i, byte] of back.entries()) if (i !== 0x7f) assert.equal(byte, i);
  assert.equal(back[0x7f], 0xff, "minus zero becomes plus zero");
});

test("the table's known points: silence, the largest values, and the sign", () => {
  assert.deepEqual([...ulawToLinear(Uint8Array.of(0xff, 0x7f, 0x80, 0x00))], [0, 0, 32_124, -32_124]);
  assert.deepEqual([...linearToUlaw(Int16Array.of(0, 32_767, -32_768))], [0xff, 0x80, 0x00]);
});
