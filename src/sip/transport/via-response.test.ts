import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Flow } from "./transport.ts";
import { responseDestination, topBranch, viaOverTcp } from "./via-response.ts";

const udp: Flow = {
  transport: "UDP",
  listener: "l",
  localAddress: "10.0.0.1",
  localPort: 5060,
  remoteAddress: "10.0.0.2",
  remotePort: 40_000,
  connection: 0,
};
const response = (via: string): string => `SIP/2.0 200 OK\r\n${via}\r\nFrom: <sip:a@b>;tag=1\r\n\r\n`;
const portFor = (via: string, flow: Flow = udp): number => responseDestination(response(via), flow).port;

test("the port of a response: the source's with rport, the Via's or 5060 without", () => {
  assert.equal(portFor("Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;rport=40000;received=10.0.0.2"), 40_000);
  assert.equal(portFor("Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;rport"), 40_000);
  assert.equal(portFor("Via: SIP/2.0/UDP 10.0.0.9:5070 ; branch=z9hG4bK1 ;RPORT = 9"), 40_000);
  assert.equal(portFor("Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1"), 5070);
  assert.equal(portFor("v: SIP/2.0/UDP [2001:db8::9]:5071;branch=z9hG4bK1"), 5071);
  assert.equal(portFor("VIA : SIP / 2.0 / UDP carrier.example;branch=z9hG4bK1"), 5060);
  assert.equal(portFor("Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;rporting=7"), 5070);
});

test("only the topmost Via counts, on one line or several", () => {
  assert.equal(portFor("Via: SIP/2.0/UDP a:5070;branch=z9hG4bK1, SIP/2.0/UDP b:5080;rport=1"), 5070);
  assert.equal(portFor('Via: SIP/2.0/UDP a:5070;x="a,;rport";branch=z9hG4bK1\r\nVia: SIP/2.0/UDP b;rport=1'), 5070);
});

test("over TCP rport says nothing about a new connection, RFC 3261 §18.2.2", () => {
  assert.equal(portFor("Via: SIP/2.0/TCP 10.0.0.9:5070;branch=z9hG4bK1;rport=40000", { ...udp, transport: "TCP", connection: 7 }), 5070);
});

test("the address of a response is where the request came from, whatever received and maddr claim", () => {
  const wire = response("Via: SIP/2.0/UDP 192.0.2.1:5070;maddr=192.0.2.3;received=192.0.2.4;branch=z9hG4bK1");
  assert.deepEqual(responseDestination(wire, udp), { address: "10.0.0.2", port: 5070 });
});

test("a response without a readable Via goes back where the request came from", () => {
  assert.equal(portFor("X: y"), 40_000);
  assert.equal(portFor("Via: nonsense"), 40_000);
});

test("any text has a destination, never an exception", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { address, port } = responseDestination(response(`Via: ${text}`), udp);
      return address === "10.0.0.2" && port >= 0 && port <= 65_535 && typeof topBranch(text) === "string";
    }),
  );
});

test("the branch and the transport of the topmost Via", () => {
  const request =
    "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h:5060;rport;branch=z9hG4bKabc\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKold\r\n\r\n";
  assert.equal(topBranch(request), "z9hG4bKabc");
  assert.equal(viaOverTcp(request), request.replace("SIP/2.0/UDP h", "SIP/2.0/TCP h"));
  assert.equal(viaOverTcp(request.replace("SIP/2.0/UDP h", "SIP/2.0/TLS h")), undefined);
  assert.equal(topBranch("INVITE sip:a@b SIP/2.0\r\nTo: <sip:a@b>\r\n\r\n"), "");
});
