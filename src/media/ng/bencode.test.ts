import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BENCODE_DEPTH_MAX, type Bencoded, type Encodable, bdecode, bencode } from "./bencode.ts";

const wireString = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
const { value: encodable } = fc.letrec<{ value: Encodable }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.integer({ min: -(10 ** 14), max: 10 ** 14 }),
    wireString,
    fc.array(tie("value")),
    fc.dictionary(
      wireString.filter((key) => key !== "__proto__"),
      tie("value"),
    ),
  ),
}));

/** As it would come back: dictionaries as maps. */
function asDecoded(value: Encodable): Bencoded {
  if (typeof value === "number" || typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(asDecoded);
  const fields = Object.entries(value as { readonly [key: string]: Encodable });
  return new Map(fields.map(([key, each]) => [key, asDecoded(each)]));
}

test("what was encoded is decoded, byte strings with any byte in them too", () => {
  fc.assert(
    fc.property(encodable, (value) => {
      assert.deepEqual(bdecode(bencode(value)), { ok: true, value: asDecoded(value) });
    }),
  );
});

test("known encodings", () => {
  assert.equal(bencode({ command: "ping" }), "d7:command4:pinge");
  assert.equal(bencode({ a: [-3, 0], b: undefined, c: {} }), "d1:ali-3ei0ee1:cdee");
});

test("no text throws; a value cut anywhere is malformed", () => {
  fc.assert(fc.property(wireString, (text) => typeof bdecode(text).ok === "boolean"));
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("d", "l", "i", "e", "-", ":", "0", "1", "9") }),
      (text) => typeof bdecode(text).ok === "boolean",
    ),
  );
  const whole = bencode({ result: "ok", tags: { a: { medias: [{ streams: [1, "x"] }] } } });
  for (let end = 0; end < whole.length; end++) assert.equal(bdecode(whole.slice(0, end)).ok, false, `cut at ${end}`);
});

test("what could hurt is refused with a reason: depth, lengths, numbers, rests", () => {
  const reason = (text: string): string => {
    const result = bdecode(text);
    return result.ok ? "ok" : result.reason;
  };
  assert.equal(reason("l".repeat(100_000)), "too deep");
  assert.equal(reason(`${"l".repeat(BENCODE_DEPTH_MAX)}i1e${"e".repeat(BENCODE_DEPTH_MAX)}`), "ok");
  assert.equal(reason("9999:x"), "string longer than what is left");
  assert.equal(reason("i12345678901234567890e"), "number too large");
  assert.equal(reason("i-e"), "not a number");
  assert.equal(reason("de1"), "something follows the value");
  assert.equal(reason("di1ei2ee"), "not a number");
});
