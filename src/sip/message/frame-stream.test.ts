import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { type Framed, StreamFramer } from "./frame-stream.ts";
import { HEADER_SECTION_BYTES_MAX, MESSAGE_BYTES_MAX } from "./limits.ts";

const message = (body: string, length = `Content-Length : ${body.length}`): string =>
  `OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n${length}\r\nTo: <sip:x@y>\r\n\r\n${body}`;
const STREAM = `\r\n\r\n${message("hello")}\r\n\r\n${message("")}${message("x\r\n\r\ny")}\r\n${message("", "l:\r\n 0")}\r\n\r\n\r\n\r\n`;

function frame(pieces: readonly string[]): { framed: Framed[]; framer: StreamFramer } {
  const framer = new StreamFramer();
  return { framed: pieces.flatMap((piece) => framer.push(Buffer.from(piece, "latin1"))), framer };
}
const WHOLE = frame([STREAM]).framed;

test("messages and keep-alives come out of a stream (RFC 3261 §18.3, RFC 5626 §4.4.1)", () => {
  assert.deepEqual(
    WHOLE.map((one) => (one.type === "message" ? one.wire : one.type)),
    ["ping", message("hello"), "ping", message(""), message("x\r\n\r\ny"), message("", "l:\r\n 0"), "ping", "ping"],
  );
});

test("where the stream is split makes no difference", () => {
  for (let at = 0; at <= STREAM.length; at++)
    assert.deepEqual(frame([STREAM.slice(0, at), STREAM.slice(at)]).framed, WHOLE, `split at ${at}`);
  assert.deepEqual(frame([...STREAM]).framed, WHOLE);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: STREAM.length })), (cuts) => {
      const sorted = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      assert.deepEqual(frame(sorted.slice(1).map((end, i) => STREAM.slice(sorted[i], end))).framed, WHOLE);
    }),
  );
});

test("a part of a message is told of", () => {
  assert.equal(frame([STREAM]).framer.partial, false);
  assert.equal(frame(["OPTIONS "]).framer.partial, true);
  assert.equal(frame([message("abc").slice(0, -1)]).framer.partial, true);
});

test("a stream whose messages have no sure end is broken, once", () => {
  for (const bad of ["X: y", "Content-Length: -1", "Content-Length: 1x", "Content-Length: 1\r\nl: 2", "Content-Length: 99999999999"]) {
    const { framed } = frame([message("", bad), message("")]);
    assert.deepEqual(
      framed.map(({ type }) => type),
      ["broken"],
      bad,
    );
  }
  assert.equal(frame([message("", `l: ${MESSAGE_BYTES_MAX}`)]).framed[0]!.type, "broken");
});

test("a header section without end costs bounded memory", () => {
  const { framed, framer } = frame(Array.from({ length: 100 }, () => "a".repeat(HEADER_SECTION_BYTES_MAX / 50)));
  assert.deepEqual(
    framed.map(({ type }) => type),
    ["broken"],
  );
  assert.equal(framer.partial, false);
});
