import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { answerable } from "./answerable.ts";
import { anyByteString, anyFieldText, anyHost, anyParameters, anyPort, anyToken } from "./arbitraries.ts";
import type { NameAddr, Uri, Via } from "./message.ts";
import { parseCSeq } from "./parse-cseq.ts";
import { parseMessage } from "./parse-message.ts";
import { parseNameAddr, writeNameAddr } from "./parse-name-addr.ts";
import { parseUri, writeUri } from "./parse-uri.ts";
import { parseVia, writeVia } from "./parse-via.ts";
import { quote, unquote } from "./quoted-string.ts";
import { parseReason, reasonsOf } from "./reason.ts";
import { splitHeaderValues } from "./split-header-values.ts";

const uri = (text: string): Uri => {
  const read = parseUri(text);
  assert.ok(read.ok, `${text}: ${read.ok ? "" : read.reason}`);
  return read.value;
};
const nameAddr = (text: string): NameAddr => {
  const read = parseNameAddr(text);
  assert.ok(read.ok, `${text}: ${read.ok ? "" : read.reason}`);
  return read.value;
};
const via = (text: string): Via => {
  const read = parseVia(text);
  assert.ok(read.ok, `${text}: ${read.ok ? "" : read.reason}`);
  return read.value;
};

test("every part of a sip URI is read (RFC 3261 §19.1)", () => {
  const read = uri("SIPS:alice;day=tuesday:secret%21@[2001:db8::9:1]:5061;Transport=TCP;lr?subject=project&priority=urgent");
  assert.deepEqual(
    [read.scheme, read.user, read.password, read.host, read.port],
    ["sips", "alice;day=tuesday", "secret!", "2001:db8::9:1", 5061],
  );
  assert.deepEqual(
    [...read.parameters],
    [
      ["transport", "TCP"],
      ["lr", undefined],
    ],
  );
  assert.equal(read.headers, "subject=project&priority=urgent");
});

test("tel: URIs keep number and parameters; other schemes keep their text (RFC 3966)", () => {
  const read = uri("tel:+1-201-555-0123;phone-context=example.com");
  assert.deepEqual([read.user, read.host, read.parameters.get("phone-context")], ["+1-201-555-0123", "", "example.com"]);
  assert.equal(uri("isbn:2983792873").opaque, "2983792873");
  assert.equal(writeUri(uri("tel:%23123")), "tel:#123");
});

test("a URI that is none is refused", () => {
  for (const text of [
    "",
    "sip",
    ":x",
    "sip:",
    "sip:@h",
    "sip:a@",
    "sip:h:",
    "sip:h:0",
    "sip:h:65536",
    "sip:2001:db8::10",
    "sip:[::1",
    "sip:[zz]",
    "sip:[fe80::1%25eth0]",
    "sip:a b@h",
    "sip:%Z1@h",
    "sip:h;;a",
    "sip:h;=a",
    "sip:h/x",
    "tel:",
    "<sip:h>",
    "sip:h\r\nX: y",
    "1x:y",
  ]) {
    assert.ok(!parseUri(text).ok, text);
  }
});

test("three colons before an IPv4 tail are read as two (RFC 5118 §4.10)", () => {
  assert.equal(uri("sip:user@[2001:db8:::192.0.2.1]").host, "2001:db8::192.0.2.1");
});

test("written and read again a URI is the same, whatever bytes its user holds", () => {
  fc.assert(
    fc.property(
      fc.option(
        anyByteString.filter((user) => user !== ""),
        { nil: undefined },
      ),
      fc.option(anyByteString, { nil: undefined }),
      anyHost,
      anyPort,
      anyParameters,
      (user, password, host, port, parameters) => {
        const made: Uri = {
          scheme: "sip",
          user,
          password: user === undefined ? undefined : password,
          host,
          port,
          parameters,
          headers: undefined,
          opaque: undefined,
        };
        assert.deepEqual(uri(writeUri(made)), made);
      },
    ),
  );
});

test("name-addr with quoted, plain and no display name, and addr-spec (§20.10)", () => {
  assert.deepEqual(nameAddr('"Bell, \\"A\\"" <sip:a@b;lr>;tag=1').displayName, 'Bell, "A"');
  assert.equal(nameAddr("A. Bell <sip:a@b>").displayName, "A. Bell");
  assert.equal(nameAddr("caller<sip:a@b>").displayName, "caller");
  assert.equal(nameAddr("<sip:a@b;x=1>;y=2").parameters.get("y"), "2");
  const bare = nameAddr("sip:a@b;tag=7");
  assert.deepEqual([bare.uriText, bare.parameters.get("tag"), bare.uri.parameters.size], ["sip:a@b", "7", 0]);
  assert.equal(nameAddr('<sip:a@b>;+g.3gpp.icsi-ref="urn%3Aurn-7"').parameters.get("+g.3gpp.icsi-ref"), '"urn%3Aurn-7"');
  for (const bad of [
    "",
    '"x <sip:a@b>',
    "< sip:a@b >",
    "Bell, A <sip:a@b>",
    "<sip:a@b",
    "sip:a@b?x=y",
    "<sip:a@b>;;tag=1",
    "<sip:a@b> x",
    "sip:a@b;tag=1,2",
  ]) {
    assert.ok(!parseNameAddr(bad).ok, bad);
  }
});

test("written and read again a name-addr is the same", () => {
  fc.assert(
    fc.property(fc.option(anyFieldText, { nil: undefined }), anyHost, anyParameters, (displayName, host, parameters) => {
      const uriText = `sip:x@${host.includes(":") ? `[${host}]` : host}`;
      const read = nameAddr(writeNameAddr({ displayName, uriText, parameters }));
      assert.deepEqual([read.displayName, read.uriText, [...read.parameters]], [displayName, uriText, [...parameters]]);
    }),
  );
});

test("Via with every spacing, IPv6, rport and received with or without brackets (§20.42, RFC 3581, RFC 5118 §4.5)", () => {
  const read = via("SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8");
  assert.deepEqual(
    [read.transport, read.host, read.port, read.branch, read.rport],
    ["TCP", "spindle.example.com", undefined, "z9hG4bK9ikj8", "absent"],
  );
  assert.equal(via("SIP/2.0/UDP h;rport").rport, "requested");
  assert.equal(via("SIP/2.0/UDP h;rport=5080").rport, 5080);
  assert.equal(via("SIP/2.0/udp [2001:db8::9:1]:5062;received=[2001:db8::9:255]").received, "2001:db8::9:255");
  assert.equal(via("SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255").received, "2001:db8::9:255");
  assert.equal(via('SIP/2.0/UDP 10.0.0.1;x="a;b";branch=z9hG4bK1').branch, "z9hG4bK1");
  for (const bad of [
    "",
    "SIP/2.0/UDP",
    "SIP/3.0/UDP h",
    "SIP/2.0/ h",
    "SIP/2.0/UDP h:99999",
    "SIP/2.0/UDP h;;",
    "SIP/2.0/UDP h;rport=x",
    "SIP/2.0/UDP h x",
  ]) {
    assert.ok(!parseVia(bad).ok, bad);
  }
});

test("written and read again a Via is the same", () => {
  fc.assert(
    fc.property(fc.constantFrom("UDP", "TCP", "WSS"), anyHost, anyPort, anyParameters, (transport, host, port, parameters) => {
      const read = via(writeVia({ transport, host, port, parameters }));
      assert.deepEqual([read.transport, read.host, read.port, [...read.parameters]], [transport, host, port, [...parameters]]);
    }),
  );
});

test("CSeq is a number below 2^31 and a method (§8.1.1.5)", () => {
  assert.deepEqual(parseCSeq("0009 INVITE"), { ok: true, value: { number: 9, method: "INVITE" } });
  assert.ok(parseCSeq("2147483647 BYE").ok);
  for (const bad of ["", "INVITE", "1", "1 ", "1INVITE", "2147483648 BYE", "1 IN VITE", "-1 BYE", "9".repeat(500)])
    assert.ok(!parseCSeq(bad).ok, bad);
});

test("commas inside quotes, brackets and comments divide nothing (§7.3.1)", () => {
  assert.deepEqual(splitHeaderValues('"a, b" <sip:x,y@z>;q=1, <sip:c@d> , e (f, g) h,,'), [
    '"a, b" <sip:x,y@z>;q=1',
    "<sip:c@d>",
    "e (f, g) h",
  ]);
  assert.deepEqual(splitHeaderValues('"open, <sip:a'), ['"open, <sip:a']);
  assert.deepEqual(splitHeaderValues("a(b, c"), ["a(b", "c"]);
  assert.deepEqual(splitHeaderValues(" , "), []);
});

test("quoted strings lose nothing but line breaks", () => {
  fc.assert(fc.property(anyByteString, (text) => assert.equal(unquote(quote(text)), text.replace(/[\r\n]/g, " "))));
});

test("Reason gives protocol, cause and text (RFC 3326)", () => {
  assert.deepEqual(parseReason('Q.850;cause=16;text="Normal call clearing"'), {
    ok: true,
    value: { protocol: "Q.850", cause: 16, text: "Normal call clearing" },
  });
  assert.ok(!parseReason("Q.850;cause=x").ok);
});

test("no value parser throws, on any bytes", () => {
  fc.assert(
    fc.property(anyByteString, anyToken, (bytes, token) => {
      for (const text of [
        bytes,
        `sip:${bytes}`,
        `<sip:${bytes}>`,
        `"${bytes}`,
        `${token}:${bytes}`,
        `SIP/2.0/UDP ${bytes}`,
        `tel:${bytes}`,
      ]) {
        parseUri(text);
        parseNameAddr(text);
        parseVia(text);
        parseCSeq(text);
        parseReason(text);
        splitHeaderValues(text);
      }
    }),
  );
});

test("the longest message costs milliseconds, whatever it repeats", () => {
  const long = 60_000;
  const cases = [" ", "(", ")", "(<", '"', "\\", "<", ">", ";", ",", "%", ":", "=", "@", "a=;", "\r\n ", "\t", "a", "\r", "[", "0"];
  for (const piece of cases) {
    const filling = piece.repeat(long / piece.length);
    const lines = ["Via: SIP/2.0/UDP h", "From: x", "To: <sip:a@b", "Contact: ", "Reason: Q.850;", "Content-Type: "].map(
      (head) => `${head}${filling}\r\n x\r\n`,
    );
    const startMs = performance.now();
    for (const line of lines) {
      const read = parseMessage(`INVITE sip:a SIP/2.0\r\n${line}\r\n`);
      if (!read.ok) continue;
      read.value.vias();
      read.value.from();
      read.value.to();
      read.value.contacts();
      read.value.contentType();
      reasonsOf(read.value);
      answerable(read.value.wire);
    }
    const elapsedMs = performance.now() - startMs;
    assert.ok(elapsedMs < 200, `${JSON.stringify(piece)}: ${elapsedMs} ms`);
  }
});
