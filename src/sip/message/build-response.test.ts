import assert from "node:assert/strict";
import { test } from "node:test";
import { answerable } from "./answerable.ts";
import { buildResponse } from "./build-response.ts";
import { checkRequest } from "./check-request.ts";
import type { ReceivedRequest } from "./message.ts";
import { parseMessage } from "./parse-message.ts";
import { serializeResponse } from "./serialize.ts";

const HEAD = [
  "INVITE sip:bob@example.com SIP/2.0",
  "Via: SIP/2.0/UDP 10.0.0.1:5066;branch=z9hG4bKa;rport",
  "Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb",
  "Record-Route: <sip:10.0.0.1;lr>",
  "From: <sip:alice@example.com>;tag=1",
  "To: <sip:bob@example.com>",
  "Call-ID: abc",
  "CSeq: 5 INVITE",
  "Timestamp: 54",
  "Max-Forwards: 70",
];
function request(lines = HEAD): ReceivedRequest {
  const read = parseMessage(`${lines.join("\r\n")}\r\n\r\n`);
  assert.ok(read.ok && read.value.kind === "request");
  return read.value;
}
const replaced = (header: string, line: string): string[] => HEAD.map((old) => (old.startsWith(`${header}:`) ? line : old));

test("a 180 copies Via, From, To, Call-ID, CSeq and Record-Route (RFC 3261 §8.2.6.2, §12.1.1)", () => {
  const wire = serializeResponse(
    buildResponse(request(), 180, undefined, { toTag: "2", received: { address: "192.0.2.7", rport: 40000 }, headers: [["X", "y"]] }),
  );
  assert.equal(
    wire,
    [
      "SIP/2.0 180 Ringing",
      "Via: SIP/2.0/UDP 10.0.0.1:5066;branch=z9hG4bKa;rport=40000;received=192.0.2.7",
      "Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb",
      "From: <sip:alice@example.com>;tag=1",
      "To: <sip:bob@example.com>;tag=2",
      "Call-ID: abc",
      "CSeq: 5 INVITE",
      "Record-Route: <sip:10.0.0.1;lr>",
      "X: y",
      "Content-Length: 0",
      "\r\n",
    ].join("\r\n"),
  );
});

test("a 100 has no To tag of ours and repeats Timestamp (§8.2.6.1)", () => {
  const { headers } = buildResponse(request(), 100, undefined, { toTag: "2" });
  assert.deepEqual(
    headers.filter(([name]) => name === "To" || name === "Timestamp" || name === "Record-Route"),
    [
      ["To", "<sip:bob@example.com>"],
      ["Timestamp", "54"],
    ],
  );
});

test("received is added where sent-by is another address, and replaces what the sender claimed (§18.2.1)", () => {
  const via = (line: string, address: string): string =>
    buildResponse(request(replaced("Via", line)), 200, "OK", { received: { address, rport: 9 } }).headers[0]![1];
  assert.equal(via("Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa", "10.0.0.1"), "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa");
  assert.equal(via("Via: SIP/2.0/UDP h.example;branch=z9hG4bKa", "10.0.0.1"), "SIP/2.0/UDP h.example;branch=z9hG4bKa;received=10.0.0.1");
  assert.equal(via("Via: SIP/2.0/UDP 10.0.0.1;received=1.1.1.1", "10.0.0.1"), "SIP/2.0/UDP 10.0.0.1;received=10.0.0.1");
  assert.equal(
    via("Via: SIP/2.0/UDP 10.0.0.1;rport, SIP/2.0/UDP two", "10.0.0.1"),
    "SIP/2.0/UDP 10.0.0.1;rport=9;received=10.0.0.1, SIP/2.0/UDP two",
  );
});

test("requests without what a request needs are refused (§8.1.1)", () => {
  assert.equal(checkRequest(request()), undefined);
  const verdict = (header: string, line: string): string | undefined => checkRequest(request(replaced(header, line)))?.reason;
  assert.match(verdict("From", "X: y")!, /From/);
  assert.match(verdict("Call-ID", "Call-ID: a b")!, /Call-ID/);
  assert.match(verdict("CSeq", "CSeq: 5 BYE")!, /another method/);
  assert.match(verdict("Max-Forwards", "Max-Forwards: 256")!, /Max-Forwards/);
  assert.match(verdict("Timestamp", "Contact: <sip:a")!, /Contact/);
  assert.match(verdict("Record-Route", "Record-Route: x y")!, /Route/);
  assert.match(verdict("Timestamp", "To: <sip:carol@example.com>")!, /More than one To/);
  assert.match(verdict("Timestamp", "Content-Length: 5")!, /shorter/);
  // The same text twice contradicts nothing.
  assert.equal(verdict("Timestamp", "To: <sip:bob@example.com>"), undefined);
});

test("garbage with the five headers can be answered, other garbage not", () => {
  const wire = [...HEAD.slice(0, 8), "this is no header", " \x00", "Also: fine", "\r\n"].join("\r\n");
  assert.ok(!parseMessage(wire).ok);
  const read = answerable(wire);
  assert.ok(read !== undefined);
  assert.match(
    serializeResponse(buildResponse(read, 400, undefined, { toTag: "x" })),
    /^SIP\/2\.0 400 Bad Request\r\nVia: .*\r\nVia: .*\r\nFrom: /,
  );
  // Truncated within the headers.
  assert.ok(answerable(HEAD.join("\r\n")) !== undefined);
  assert.equal(answerable(HEAD.slice(0, 5).join("\r\n")), undefined);
  assert.equal(answerable(wire.replace("INVITE sip", "ACK sip")), undefined);
  assert.equal(answerable("SIP/2.0 200 OK\r\nx"), undefined);
  assert.equal(answerable(""), undefined);
});
