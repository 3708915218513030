import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { ShortHmac, TEXT_BYTES_MAX } from "./hmac.ts";

const hex = (words: Int32Array): string => Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");

test("RFC 4231 §4.2, §4.3", () => {
  assert.equal(
    hex(new ShortHmac(Buffer.alloc(20, 0x0b)).words("Hi There")),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  );
  assert.equal(
    hex(new ShortHmac(Buffer.from("Jefe")).words("what do ya want for nothing?")),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

test("it is node:crypto's HMAC-SHA256 for every key and text of the sizes that it takes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.string({ maxLength: TEXT_BYTES_MAX, unit: "grapheme-ascii" }), (key, text) => {
      assert.equal(hex(new ShortHmac(key).words(text)), createHmac("sha256", key).update(text, "latin1").digest("hex"));
    }),
  );
});

test("what does not fit a block is refused", () => {
  assert.throws(() => new ShortHmac(Buffer.alloc(65)), RangeError);
  assert.throws(() => new ShortHmac(Buffer.alloc(32)).words("x".repeat(56)), RangeError);
});
