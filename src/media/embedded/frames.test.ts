import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameReader, encodeFrame } from "./frames.ts";

test("frames are read whole wherever the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (values, cuts) => {
      const stream = Buffer.concat(values.map(encodeFrame));
      const reader = new FrameReader(1 << 20);
      const read: unknown[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = cuts[i % cuts.length]!;
        const frames = reader.push(stream.subarray(at, at + size));
        assert.ok(frames.ok);
        read.push(...frames.values);
        at += size;
      }
      assert.equal(JSON.stringify(read), JSON.stringify(values));
    }),
  );
});

test("an oversized length is refused before its bytes are waited for", () => {
  const frames = new FrameReader(100).push(Buffer.from([0, 0, 1, 0]));
  assert.ok(!frames.ok && frames.reason.includes("256"));
});

test("text that is no JSON is refused, never thrown", () => {
  assert.deepEqual(new FrameReader(100).push(Buffer.from([0, 0, 0, 2, 0x7b, 0xff])), { ok: false, reason: "frame is not JSON" });
});
