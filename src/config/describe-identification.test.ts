import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDid, makeGateway, makeListener, makeSnapshot, makeTrunk, tenant } from "#routing/testing.ts";
import { describeIdentification, renderIdentification } from "./describe-identification.ts";

const snapshot = makeSnapshot({
  listeners: [makeListener("main"), makeListener("empty", { address: "192.0.2.2" })],
  trunks: [
    makeTrunk("acme", { tenant: tenant("acme"), addresses: ["198.51.100.1"] }),
    makeTrunk("zeta", { tenant: tenant("zeta"), addresses: ["198.51.100.1"] }),
    makeTrunk("a", { addresses: ["198.51.100.2"], domains: ["a.example.com"] }),
    makeTrunk("b", { addresses: ["198.51.100.2"], domains: ["b.example.com"] }),
  ],
  gateways: [
    makeGateway("one", { addresses: ["203.0.113.1"], uri: "sip:203.0.113.1:7001" }),
    makeGateway("two", { addresses: ["203.0.113.1"], uri: "sip:203.0.113.1:7002" }),
    makeGateway("left", { addresses: ["203.0.113.2"] }),
    makeGateway("right", { addresses: ["203.0.113.2"] }),
    makeGateway("cloud"),
  ],
  dids: [makeDid("+1555", { tenant: tenant("acme") }), makeDid("+1556", { tenant: tenant("zeta") })],
});

test("each source says who it is and by which means, and what nothing tells apart", () => {
  const [main] = describeIdentification(snapshot).listeners;
  assert.deepEqual(
    main?.sources.map(({ network, peers, by, ambiguous }) => [network, peers.map(({ name }) => name).join(), by, ambiguous.join()]),
    [
      ["198.51.100.1", "acme,zeta", "DID", ""],
      ["198.51.100.2", "a,b", "domain", ""],
      ["203.0.113.1", "one,two", "port", ""],
      ["203.0.113.2", "left,right", "", "left,right"],
    ],
  );
  assert.deepEqual(main?.unrecognised, ["cloud"]);
});

test("a trunk and a gateway of one address are not told apart by the DID: other numbers would pass as the gateway's", () => {
  const mixed = makeSnapshot({
    trunks: [makeTrunk("carrier", { addresses: ["198.51.100.1"] })],
    gateways: [makeGateway("ai", { addresses: ["198.51.100.1"] })],
    dids: [makeDid("+1555")],
  });
  assert.deepEqual(
    describeIdentification(mixed).listeners[0]?.sources[0]?.ambiguous,
    ["ai", "carrier"].sort((a, b) => (a === "carrier" ? -1 : b === "carrier" ? 1 : 0)),
  );
});

test("the table names the order, the means and the ambiguous", () => {
  const shown = renderIdentification(describeIdentification(snapshot)).join("\n");
  assert.match(shown, /1\. listener/);
  assert.match(shown, /3\. certificate +TLS client certificate/);
  assert.match(shown, /198\.51\.100\.1 {2}trunk acme \(acme\), trunk zeta \(zeta\) {2}by DID/);
  assert.match(shown, /AMBIGUOUS: left, right/);
  assert.match(shown, /nothing proves cloud/);
  assert.match(shown, /listener empty {2}192\.0\.2\.2:5060 UDP TCP\n {2}nobody is recognised here/);
});
