/** What a UAS refuses before it looks further (§8.2). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { DEFAULT_POLICY, inspectRequest } from "./inspect-request.ts";

const request = (line: string, headers: readonly string[] = [], body = ""): ReceivedRequest => {
  const message = parseMessage([`${line} SIP/2.0`, "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx", ...headers, "", body].join("\r\n"));
  assert.ok(message.ok && message.value.kind === "request");
  return message.value;
};
const INVITE = "INVITE sip:us@192.0.2.1";
const SDP = "Content-Type: application/sdp";
const inspect = (line: string, headers: readonly string[] = [], body = "") =>
  inspectRequest(request(line, headers, body), "UDP", DEFAULT_POLICY);
const status = (line: string, headers: readonly string[] = [], body = ""): number | undefined => inspect(line, headers, body)?.status;

test("a method that we don't serve: 405 with Allow (§8.2.1)", () => {
  const refused = inspect("SUBSCRIBE sip:us@192.0.2.1");
  assert.equal(refused?.status, 405);
  assert.deepEqual(refused.headers, [["Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"]]);
  assert.equal(status("invite sip:us@192.0.2.1"), 405);
});

test("Request-URI schemes: sip and tel, sips over TLS only (§8.2.2.1)", () => {
  assert.equal(status(INVITE), undefined);
  assert.equal(status("INVITE tel:+15551234"), undefined);
  assert.equal(status("INVITE http://example.com"), 416);
  assert.equal(status("INVITE sips:us@192.0.2.1"), 416);
  assert.equal(inspectRequest(request("INVITE sips:us@192.0.2.1"), "TLS", DEFAULT_POLICY), undefined);
});

test("hops are the business of who passes a request on", () => {
  assert.equal(status(INVITE, ["Max-Forwards: 0"]), undefined);
  assert.equal(status("OPTIONS sip:us@192.0.2.1", ["Max-Forwards: 0"]), undefined);
});

test("extensions that are required and unknown: 420 names them all (§8.2.2.3)", () => {
  const refused = inspect(INVITE, ["Require: 100rel, foo", "Require: bar", "Proxy-Require: baz"]);
  assert.equal(refused?.status, 420);
  assert.deepEqual(refused.headers, [["Unsupported", "100rel, foo, bar"]]);
  const knowing = { ...DEFAULT_POLICY, supported: ["timer"] };
  assert.equal(inspectRequest(request(INVITE, ["Require: TIMER"]), "UDP", knowing), undefined);
});

test("bodies that we can't use: 415 says what we take (§8.2.3)", () => {
  assert.equal(status(INVITE, [SDP], "v=0"), undefined);
  assert.equal(status(INVITE, ["Content-Type: multipart/mixed;boundary=x"], "--x"), undefined);
  const refused = inspect(INVITE, ["Content-Type: application/unknown"], "?");
  assert.equal(refused?.status, 415);
  assert.deepEqual(refused.headers, [["Accept", "application/sdp, multipart/mixed"]]);
  assert.deepEqual(inspect(INVITE, [SDP, "Content-Encoding: gzip"], "?")?.headers, [["Accept-Encoding", "identity"]]);
  assert.equal(status(INVITE, ["Content-Type: application/unknown"]), undefined);
  assert.equal(status("INFO sip:us@192.0.2.1", ["Content-Type: application/anything"], "?"), undefined);
});

test("handling=optional excuses any body, handling=required none that is unknown (§20.11)", () => {
  const unknown = "Content-Type: application/unknown";
  assert.equal(status(INVITE, [unknown, "Content-Disposition: signal;handling=optional"], "?"), undefined);
  assert.equal(status(INVITE, [unknown, 'Content-Disposition: signal ; handling="optional"'], "?"), undefined);
  assert.equal(status(INVITE, [SDP, "Content-Disposition: session;handling=required"], "v=0"), undefined);
  assert.equal(status(INVITE, [SDP, "Content-Disposition: signal;handling=required"], "v=0"), 415);
  assert.equal(status(INVITE, [SDP, "Content-Disposition: signal"], "v=0"), 415);
});
