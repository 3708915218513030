import assert from "node:assert/strict";
import { test } from "node:test";
import type { SourceFacts } from "./decision.ts";
import { IDENTIFICATION_ORDER, createIdentifier } from "./identify.ts";
import { type Records, makeDid, makeGateway, makeListener, makeSnapshot, makeTrunk, tenant } from "./testing.ts";

const FACTS: SourceFacts = {
  listener: "main",
  transport: "UDP",
  address: "198.51.100.1",
  port: 5060,
  requestUser: "+15551234567",
  requestHost: "192.0.2.1",
  toHost: "192.0.2.1",
  fromUser: "+4930123456",
  fromHost: "198.51.100.1",
  testTicketFor: undefined,
};
const identify = (records: Records, facts: Partial<SourceFacts> = {}) =>
  createIdentifier(makeSnapshot(records)).identify({ ...FACTS, ...facts });
const CARRIER = ["198.51.100.1"];

/** "name by step", or what else came out. */
function told(result: ReturnType<typeof identify>): string {
  if (result.type === "peer") return `${result.peer.name} by ${result.by}`;
  return result.type === "ambiguous" ? `ambiguous: ${result.candidates.join(", ")}` : result.type;
}

test("the order is data, with the steps of the design in their places", () => {
  assert.deepEqual(
    IDENTIFICATION_ORDER.map(({ name }) => name),
    ["listener", "test ticket", "certificate", "flow", "digest", "domain", "trunk group", "address and DID", "address"],
  );
  assert.deepEqual(
    IDENTIFICATION_ORDER.filter(({ built }) => !built).map(({ name }) => name),
    [],
  );
});

test("a client certificate proves the peer that lists one of its names, before any address", () => {
  const tls = { verify: true, wildcards: false, ca: undefined, own: undefined };
  const records = {
    trunks: [
      makeTrunk("carrier", { addresses: CARRIER }),
      makeTrunk("pbx", { tls: { ...tls, clientNames: ["pbx.example.net", "old.example.net"] } }),
      makeTrunk("left", { tls: { ...tls, clientNames: ["shared.example.net"] }, domains: ["left.example"] }),
      makeTrunk("right", { tls: { ...tls, clientNames: ["shared.example.net"] }, domains: ["right.example"] }),
    ],
  };
  assert.equal(told(identify(records, { certificateNames: ["old.example.net"] })), "pbx by certificate");
  assert.equal(told(identify(records, { certificateNames: ["who.example.net"] })), "carrier by address");
  assert.equal(told(identify(records, { certificateNames: ["shared.example.net"], toHost: "right.example" })), "right by domain");
  assert.equal(told(identify(records, { certificateNames: ["shared.example.net"] })), "ambiguous: left, right");
});

test("an address that one peer has is that peer", () => {
  assert.equal(told(identify({ trunks: [makeTrunk("carrier", { addresses: CARRIER })] })), "carrier by address");
});

test("a network proves its addresses, also of IPv6", () => {
  const records = { gateways: [makeGateway("ai", { addresses: ["2001:db8::/64", "203.0.113.0/24"] })] };
  assert.equal(told(identify(records, { address: "2001:db8::77" })), "ai by address");
  assert.equal(told(identify(records, { address: "203.0.113.200" })), "ai by address");
  assert.equal(told(identify(records, { address: "2001:db8:1::1" })), "unknown");
});

test("a peer is only known on its own listener, and the log says where it belongs", () => {
  const result = identify({
    listeners: [makeListener("main"), makeListener("private")],
    trunks: [makeTrunk("carrier", { listener: "private", addresses: CARRIER })],
  });
  assert.equal(result.type, "unknown");
  assert.match(result.type === "unknown" ? (result.detail ?? "") : "", /carrier \(listener private\)/);
});

test("a test ticket stands for its trunk, and a ticket for nobody is none", () => {
  const records = { trunks: [makeTrunk("carrier", { addresses: CARRIER })] };
  assert.equal(told(identify(records, { address: "127.0.0.1", testTicketFor: "carrier" })), "carrier by test ticket");
  assert.equal(told(identify(records, { address: "203.0.113.9", testTicketFor: "gone" })), "unknown");
});

test("trunks of one carrier address are told apart by the DID that is called", () => {
  const records = {
    trunks: [
      makeTrunk("acme", { addresses: CARRIER, tenant: tenant("acme") }),
      makeTrunk("zeta", { addresses: CARRIER, tenant: tenant("zeta") }),
    ],
    dids: [makeDid("+15551234567", { tenant: tenant("zeta") }), makeDid("+15557654321", { tenant: tenant("acme") })],
  };
  assert.equal(told(identify(records)), "zeta by address and DID");
  assert.equal(told(identify(records, { requestUser: "+15557654321" })), "acme by address and DID");
  assert.equal(told(identify(records, { requestUser: "+15550000000" })), "ambiguous: acme, zeta");
});

test("each trunk reads the called number by its own rules before asking whose DID it is", () => {
  const numbers = { countryCode: "1", nationalPrefix: "1", internationalPrefix: "011", write: "+e164" } as const;
  const records = {
    trunks: [makeTrunk("raw", { addresses: CARRIER }), makeTrunk("us", { addresses: CARRIER, numbers })],
    dids: [makeDid("+15551234567")],
  };
  assert.equal(told(identify(records, { requestUser: "5551234567" })), "us by address and DID");
});

test("domain and trunk group narrow what the address proved", () => {
  const records = {
    trunks: [
      makeTrunk("a", { addresses: CARRIER, domains: ["a.example.com"], trunkGroup: "tg1" }),
      makeTrunk("b", { addresses: CARRIER, domains: ["b.example.com"], trunkGroup: "tg2" }),
    ],
  };
  assert.equal(told(identify(records, { requestHost: "B.example.com" })), "b by domain");
  assert.equal(told(identify(records, { toHost: "a.example.com" })), "a by domain");
  assert.equal(told(identify(records, { trunkGroup: "tg2" })), "b by trunk group");
  assert.equal(told(identify(records, { trunkGroup: "tg3" })), "ambiguous: a, b");
});

test("domain and trunk group let nobody in from an address that nobody has", () => {
  const records = { trunks: [makeTrunk("a", { addresses: CARRIER, domains: ["a.example.com"], trunkGroup: "tg1" })] };
  assert.equal(told(identify(records, { address: "203.0.113.66", requestHost: "a.example.com", trunkGroup: "tg1" })), "unknown");
});

test("peers on one machine are told apart by the port of their uri", () => {
  const records = {
    gateways: [
      makeGateway("one", { addresses: ["127.0.0.1"], uri: "sip:127.0.0.1:7001" }),
      makeGateway("two", { addresses: ["127.0.0.1"], uri: "sip:127.0.0.1:7002;transport=tcp" }),
    ],
  };
  assert.equal(told(identify(records, { address: "127.0.0.1", port: 7002 })), "two by address");
  assert.equal(told(identify(records, { address: "127.0.0.1", port: 40_000 })), "ambiguous: one, two");
});

test("the smallest network wins when nothing else narrows", () => {
  const records = { trunks: [makeTrunk("wide", { addresses: ["198.51.100.0/24"] }), makeTrunk("narrow", { addresses: CARRIER })] };
  assert.equal(told(identify(records)), "narrow by address");
  assert.equal(told(identify(records, { address: "198.51.100.2" })), "wide by address");
});

test("a peer that lists an address twice is one candidate", () => {
  assert.equal(
    told(identify({ trunks: [makeTrunk("carrier", { addresses: ["198.51.100.0/24", "198.51.100.1"] })] })),
    "carrier by address",
  );
});

test("an address that a container, a proxy or our own machine put there is called rewritten", () => {
  const records = { trunks: [makeTrunk("carrier", { addresses: CARRIER })] };
  for (const address of ["172.17.0.1", "::ffff:172.18.0.1", "192.0.2.1", "127.0.0.1", "::1"])
    assert.equal(told(identify(records, { address })), "rewritten", address);
  for (const address of ["172.17.0.2", "203.0.113.1", "10.0.0.1"]) assert.equal(told(identify(records, { address })), "unknown", address);
});

test("a container's gateway that a peer lists is that peer", () => {
  assert.equal(
    told(identify({ gateways: [makeGateway("ai", { addresses: ["172.17.0.1"] })] }, { address: "172.17.0.1" })),
    "ai by address",
  );
});

test("a listener that the snapshot lacks knows nobody", () => {
  assert.equal(told(identify({ trunks: [makeTrunk("carrier", { addresses: CARRIER })] }, { listener: "gone" })), "unknown");
});
