import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { anyByteString, anyOutgoingRequest, anyOutgoingResponse } from "./arbitraries.ts";
import { HEADERS_MAX, MESSAGE_BYTES_MAX } from "./limits.ts";
import type { ReceivedMessage, ReceivedRequest, ReceivedResponse } from "./message.ts";
import { parseMessage } from "./parse-message.ts";
import { ownText } from "./received-message.ts";
import { serializeRequest, serializeResponse, toOutgoing } from "./serialize.ts";

const message = (...lines: string[]): ReceivedMessage => {
  const read = parseMessage(`${lines.join("\r\n")}\r\n\r\n`);
  assert.ok(read.ok, read.ok ? "" : read.reason);
  return read.value;
};
const request = (...lines: string[]): ReceivedRequest => {
  const read = message(...lines);
  assert.equal(read.kind, "request");
  return read as ReceivedRequest;
};
const refused = (wire: string): string => {
  const read = parseMessage(wire);
  assert.ok(!read.ok);
  return read.reason;
};

test("a request line and a status line are read (RFC 3261 §7.1, §7.2)", () => {
  const invite = request("INVITE sip:bob@example.com SIP/2.0", "To: x");
  assert.deepEqual([invite.method, invite.requestUri, invite.version], ["INVITE", "sip:bob@example.com", "SIP/2.0"]);
  const busy = message("SIP/2.0 486 Busy Here", "To: x") as ReceivedResponse;
  assert.deepEqual([busy.status, busy.reasonPhrase], [486, "Busy Here"]);
  assert.equal((message("SIP/2.0 200") as ReceivedResponse).reasonPhrase, "");
});

test("compact forms, any case, and several values name the same header (§7.3)", () => {
  const read = request("OPTIONS sip:a SIP/2.0", "v: SIP/2.0/UDP one, SIP/2.0/UDP two", "VIA : SIP/2.0/UDP three", "x-Odd: 1", "X-ODD: 2");
  assert.deepEqual(read.headerLines("Via"), ["SIP/2.0/UDP one, SIP/2.0/UDP two", "SIP/2.0/UDP three"]);
  assert.deepEqual(read.headerValues("via"), ["SIP/2.0/UDP one", "SIP/2.0/UDP two", "SIP/2.0/UDP three"]);
  assert.equal(read.headerCount("v"), 2);
  assert.deepEqual(read.headerLines("X-Odd"), ["1", "2"]);
  assert.equal(read.header("Subject"), undefined);
  const vias = read.vias();
  assert.ok(vias.ok && vias.value.map((via) => via.host).join() === "one,two,three");
});

test("a continued line is one value with a space (§7.3.1)", () => {
  const read = request("OPTIONS sip:a SIP/2.0", "Subject: I know\r\n   you're there,  \r\n\tpick up", "To:\r\n <sip:x@y>");
  assert.equal(read.header("s"), "I know you're there, pick up");
  assert.equal(read.header("To"), "<sip:x@y>");
});

test("empty lines before the start line are skipped (§7.5)", () => {
  const read = parseMessage("\r\n\r\nOPTIONS sip:a SIP/2.0\r\nTo: x\r\n\r\n");
  assert.ok(read.ok && read.value.header("To") === "x");
});

test("the body ends at Content-Length; without one it is all the rest (§18.3)", () => {
  const read = (head: string): string => {
    const parsed = parseMessage(`OPTIONS sip:a SIP/2.0\r\n${head}\r\nhello`);
    return parsed.ok ? parsed.value.body : "";
  };
  assert.equal(read("Content-Length: 2\r\n"), "he");
  assert.equal(read("l: 99\r\n"), "hello");
  assert.equal(read("To: x\r\n"), "hello");
});

test("what cannot be a message is refused with a reason", () => {
  assert.match(refused(""), /start line/);
  assert.match(refused("GET / HTTP/1.1\r\n\r\n"), /neither/);
  assert.match(refused("OPTIONS sip:a SIP/2.0\nTo: x\n\n"), /start line/);
  assert.match(refused("OPTIONS sip:a SIP/2.0\r\nTo: x\n\r\n"), /CRLF/);
  assert.match(refused("OPTIONS sip:a SIP/2.0\r\nTo: x\r\n"), /empty line/);
  assert.match(refused("OPTIONS sip:a SIP/2.0\r\nno colon\r\n\r\n"), /colon/);
  assert.match(refused("OPTIONS sip:a SIP/2.0\r\n folded\r\n\r\n"), /continuation/);
  assert.match(refused("SIP/2.0 4294967301 no\r\n\r\n"), /status/);
  assert.match(refused("SIP/2.0 99 no\r\n\r\n"), /status/);
  assert.match(refused(`OPTIONS sip:a SIP/2.0\r\n${"a: b\r\n".repeat(HEADERS_MAX + 1)}\r\n`), /more than/);
  assert.match(refused(`OPTIONS sip:a SIP/2.0\r\n\r\n${"x".repeat(MESSAGE_BYTES_MAX)}`), /longer/);
});

test("parse after serialize is the identity on requests and responses", () => {
  fc.assert(
    fc.property(anyOutgoingRequest, (outgoing) => {
      const read = parseMessage(serializeRequest(outgoing));
      assert.ok(read.ok && read.value.kind === "request");
      assert.deepEqual(toOutgoing(read.value), outgoing);
    }),
  );
  fc.assert(
    fc.property(anyOutgoingResponse, (outgoing) => {
      const read = parseMessage(Buffer.from(serializeResponse(outgoing), "latin1"));
      assert.ok(read.ok && read.value.kind === "response");
      assert.deepEqual(toOutgoing(read.value), outgoing);
    }),
  );
});

test("serialize after parse changes nothing when done again, whatever was parsed", () => {
  fc.assert(
    fc.property(fc.array(anyByteString), (lines) => {
      const read = parseMessage(`INVITE sip:a SIP/2.0\r\n${lines.map((line) => `X: ${line}\r\n`).join("")}\r\n`);
      if (!read.ok || read.value.kind !== "request") return;
      const wire = serializeRequest(toOutgoing(read.value));
      const again = parseMessage(wire);
      assert.ok(again.ok && again.value.kind === "request");
      assert.equal(serializeRequest(toOutgoing(again.value)), wire);
    }),
  );
});

test("a line break in a value of ours becomes a space and makes no header", () => {
  const wire = serializeRequest({
    method: "OPTIONS",
    requestUri: "sip:a\r\nEvil: 1",
    headers: [
      ["X", "a\r\nEvil: 2"],
      ["Y\nEvil", "3"],
    ],
    body: "",
  });
  assert.equal(wire, "OPTIONS sip:a Evil: 1 SIP/2.0\r\nX: a Evil: 2\r\nY Evil: 3\r\nContent-Length: 0\r\n\r\n");
});

test("ownText equals its source", () => {
  assert.equal(ownText("Stra\xdfe"), "Stra\xdfe");
});
