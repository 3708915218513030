import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseRtp, writeRtp } from "./rtp-packet.ts";

test("a packet written is read again (RFC 3550 §5.1)", () => {
  fc.assert(
    fc.property(
      fc.nat(127),
      fc.boolean(),
      fc.nat(65_535),
      fc.nat(0xffffffff),
      fc.nat(0xffffffff),
      fc.uint8Array({ maxLength: 200 }),
      (payloadType, marker, sequence, timestampTicks, ssrc, payload) => {
        const packet = parseRtp(writeRtp({ payloadType, marker, sequence, timestampTicks, ssrc, payload }));
        assert.ok(packet.ok);
        assert.deepEqual(
          { ...packet.value, payload: [...packet.value.payload] },
          { payloadType, marker, sequence, timestampTicks, ssrc, payload: [...payload] },
        );
      },
    ),
  );
});

test("contributing sources, extension and padding are skipped (§5.1, §5.3.1)", () => {
  const packet = Buffer.concat([
    Buffer.of(0xb1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3),
    Buffer.alloc(4),
    Buffer.of(0xbe, 0xde, 0, 1, 1, 2, 3, 4),
    Buffer.from("voice"),
    Buffer.of(0, 0, 3),
  ]);
  const read = parseRtp(packet);
  assert.ok(read.ok);
  assert.equal(Buffer.from(read.value.payload).toString(), "voice");
});

test("no bytes throw", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void parseRtp(Buffer.from(bytes))));
});
