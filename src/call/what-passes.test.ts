import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { callerOf } from "./caller-identity.ts";
import { parseInfoDtmf, writeInfoDtmf } from "./info-dtmf.ts";
import { ownOffer } from "./own-offer.ts";
import { passedHeaders } from "./pass-headers.ts";
import { reasonAcross } from "./reason-across.ts";
import { readSections } from "./recovery.ts";
import { sdpBodyOf } from "./sdp-body.ts";

function request(headers: readonly string[], body = "", contentType = ""): ReceivedRequest {
  const lines = [
    "INVITE sip:b@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
    ...(headers.some((line) => line.startsWith("From:")) ? [] : ["From: <sip:a@example.com>;tag=1"]),
    "To: <sip:b@example.net>",
    "Call-ID: 1",
    "CSeq: 1 INVITE",
    ...headers,
    ...(contentType === "" ? [] : [`Content-Type: ${contentType}`]),
    `Content-Length: ${body.length}`,
  ];
  const parsed = parseMessage(`${lines.join("\r\n")}\r\n\r\n${body}`);
  assert.ok(parsed.ok && parsed.value.kind === "request");
  return parsed.value;
}

describe("headers by policy", () => {
  const names = (pass: readonly string[], ...headers: string[]): string[] =>
    passedHeaders(request(headers), pass).map(([name, value]) => `${name}: ${value}`);

  test("only what is listed, in its order, compact forms in full", () => {
    assert.deepEqual(names(["x-b", "subject"], "X-A: 1", "s: two", "X-B: 3"), ["Subject: two", "X-B: 3"]);
    assert.deepEqual(names(["x-*"], "X-A: 1", "Y-A: 2", "x-b: 3"), ["X-A: 1", "x-b: 3"]);
    assert.deepEqual(names([], "X-A: 1"), []);
  });
  test("what a dialog, a hop or an account owns never passes", () => {
    assert.deepEqual(names(["*"], "m: <sip:x@y>", "Route: <sip:r>", "Authorization: Digest x", "k: timer", "Privacy: id", "X-A: 1"), [
      "X-A: 1",
    ]);
  });
  test("number and length are bounded", () => {
    assert.equal(names(["x-*"], ...Array.from({ length: 60 }, (_, i) => `X-${i}: v`)).length, 32);
    assert.deepEqual(names(["x-*"], `X-A: ${"v".repeat(3000)}`), []);
  });
});

describe("the caller's identity", () => {
  test("an anonymous From with an assertion: the number is the asserted one", () => {
    const caller = callerOf(
      request(['From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', "P-Asserted-Identity: <tel:+4930111;ext=7>"]),
    );
    assert.deepEqual([caller.user, caller.anonymous, caller.displayName], ["+4930111", true, undefined]);
  });
  test("an assertion without a number, or one that doesn't parse, is none", () => {
    assert.equal(callerOf(request(["P-Asserted-Identity: <sip:example.com>"])).asserted, undefined);
    assert.equal(callerOf(request(["P-Asserted-Identity: <<<"])).asserted, undefined);
  });
  test("only known privacy tokens", () => {
    assert.equal(callerOf(request(["Privacy: ID;user; 10.9.8.7 ;id"])).privacy, "id;user");
  });
});

describe("Reason", () => {
  test("protocol and cause pass, the text does not, one of each protocol", () => {
    const fields = reasonAcross(
      request(['Reason: SIP;cause=486;text="10.9.8.7", q.850;cause=17;text="x"', "Reason: Q.850;cause=16", "Reason: preemption;cause=1"]),
    );
    assert.deepEqual(fields, [
      ["Reason", "SIP;cause=486"],
      ["Reason", "Q.850;cause=17"],
    ]);
  });
  test("causes out of range are none", () => {
    assert.deepEqual(reasonAcross(request(["Reason: Q.850;cause=0, SIP;cause=99, Q.850"])), []);
  });
});

describe("DTMF in INFO", () => {
  test("both types, with what senders make of them", () => {
    assert.deepEqual(parseInfoDtmf("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), {
      type: "application/dtmf-relay",
      digit: "5",
      durationMs: 160,
    });
    assert.deepEqual(parseInfoDtmf("application/dtmf-relay", "signal= 11\nduration =99999"), {
      type: "application/dtmf-relay",
      digit: "#",
      durationMs: 10_000,
    });
    assert.deepEqual(parseInfoDtmf("application/dtmf", "*"), { type: "application/dtmf", digit: "*", durationMs: 0 });
    assert.deepEqual(parseInfoDtmf("application/dtmf", "Signal=d\r\n"), { type: "application/dtmf", digit: "D", durationMs: 0 });
  });
  test("what is no key is none", () => {
    for (const body of ["", "Signal=", "Signal=55", "Signal=x", "hello", "5".repeat(300)])
      assert.equal(parseInfoDtmf("application/dtmf-relay", body), undefined);
    assert.equal(parseInfoDtmf("text/plain", "5"), undefined);
  });
  test("what is written is read the same", () => {
    for (const type of ["application/dtmf", "application/dtmf-relay"] as const) {
      for (const digit of "0123456789*#ABCD!")
        assert.deepEqual(parseInfoDtmf(type, writeInfoDtmf({ type, digit, durationMs: 0 })), { type, digit, durationMs: 0 });
    }
  });
  test("no body throws", () => {
    fc.assert(fc.property(fc.string(), (body) => void parseInfoDtmf("application/dtmf-relay", body)));
  });
});

describe("the description in a body", () => {
  const part = (type: string, text: string): string => `--b\r\nContent-Type: ${type}\r\n\r\n${text}\r\n`;
  test("plain, in a multipart, or absent", () => {
    assert.deepEqual(sdpBodyOf(request([], "v=0\r\n", "application/sdp")), { type: "sdp", text: "v=0\r\n" });
    assert.deepEqual(sdpBodyOf(request([])), { type: "none" });
    const body = `${part("application/isup", "x")}${part("Application/SDP; charset=utf-8", "v=0\r\n")}--b--\r\n`;
    assert.deepEqual(sdpBodyOf(request([], body, 'multipart/mixed; boundary="b"')), { type: "sdp", text: "v=0\r\n" });
  });
  test("a multipart without one, without a boundary or after its end is something else", () => {
    for (const [body, type] of [
      [`${part("text/plain", "v=0")}--b--\r\n`, "multipart/mixed;boundary=b"],
      [part("application/sdp", "v=0"), "multipart/mixed"],
      [`--b--\r\n${part("application/sdp", "v=0")}`, "multipart/mixed;boundary=b"],
    ] as const) {
      assert.deepEqual(sdpBodyOf(request([], body, type)), { type: "other" });
    }
  });
});

test("our own offer: the gateway's codecs that we can describe, else those that everybody has", () => {
  const at = { sessionId: "1", sessionVersion: "1", address: "192.0.2.1" };
  const local = { address: "192.0.2.1", port: 4000, rtcpPort: 4001 };
  const formats = (...names: string[]): readonly string[] | undefined => ownOffer(names, at, local).media[0]?.formats;
  assert.deepEqual(formats(), ["0", "8", "101"]);
  assert.deepEqual(formats("G722", "pcma"), ["9", "8"]);
  assert.deepEqual(formats("opus", "telephone-event"), ["0", "8", "101"]);
});

test("no journal sections throw, whatever a former process wrote", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("core", "incoming", "attempt", "answered", "dialogA", "dialogB", "media", "ended"), fc.jsonValue()),
      (sections) => void readSections(sections),
    ),
  );
});
