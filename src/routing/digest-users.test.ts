import assert from "node:assert/strict";
import { test } from "node:test";
import { DIGEST_ALGORITHMS, type DigestAlgorithm, Secret } from "./accounts.ts";
import { createDigestUsers } from "./digest-users.ts";
import { createIdentifier } from "./identify.ts";
import { makeGateway, makeListener, makeSnapshot, makeTrunk } from "./testing.ts";

const digest = (username: string, realm?: string, algorithms: readonly DigestAlgorithm[] = DIGEST_ALGORITHMS) => ({
  username,
  passwords: [new Secret(`pw of ${username}`)],
  realm,
  algorithms,
});
const register = {
  registrar: "sip:carrier.test",
  user: "100",
  domain: "carrier.test",
  contactParameters: [],
  expiresS: 600,
  listener: "main",
};
const snapshot = makeSnapshot({
  listeners: [
    makeListener("main", { domains: ["pbx.test"] }),
    makeListener("private", { address: "10.0.0.1" }),
    makeListener("all", { address: "0.0.0.0" }),
  ],
  trunks: [makeTrunk("carrier", { addresses: ["198.51.100.1"] }), makeTrunk("provider", { register })],
  gateways: [
    makeGateway("open", { digest: digest("open") }),
    makeGateway("named", { digest: digest("named"), domains: ["tenant.test"] }),
    makeGateway("fixed", { listener: "private", digest: digest("fixed", "fixed.realm") }),
    makeGateway("any", { listener: "all", digest: digest("any") }),
  ],
});
const users = createDigestUsers(snapshot);

test("a stranger is asked for a user of the domain that he called, where it has digest users on that listener", () => {
  assert.equal(users.realmFor("main", ["PBX.test", "x"]), "pbx.test");
  assert.equal(users.realmFor("main", ["192.0.2.1"]), "192.0.2.1");
  assert.equal(users.realmFor("main", ["x", "tenant.test"]), "tenant.test");
  assert.equal(users.realmFor("main", ["elsewhere.test"]), undefined);
  assert.equal(users.realmFor("private", ["pbx.test"]), undefined);
  assert.equal(users.realmFor("private", ["10.0.0.1"]), "fixed.realm");
  assert.equal(users.realmFor("all", ["203.0.113.7"]), "203.0.113.7");
  assert.equal(users.realmFor("all", ["a.test"]), undefined);
});

test("a user's password counts in his realm alone", () => {
  assert.equal(users.userOf("open", "pbx.test")?.passwords[0]?.reveal(), "pw of open");
  assert.equal(users.userOf("open", "carrier.test"), undefined);
  assert.equal(users.userOf("fixed", "fixed.realm")?.username, "fixed");
  assert.equal(users.userOf("fixed", "10.0.0.1"), undefined);
  assert.equal(users.userOf("nobody", "pbx.test"), undefined);
  assert.equal(createDigestUsers(makeSnapshot({})).none, true);
});

test("a realm offers what all its users know", () => {
  const shared = (a: readonly DigestAlgorithm[], b: readonly DigestAlgorithm[]) =>
    createDigestUsers(
      makeSnapshot({ gateways: [makeGateway("a", { digest: digest("a", "r", a) }), makeGateway("b", { digest: digest("b", "r", b) })] }),
    ).algorithmsOf("main", "r");
  assert.deepEqual(shared(DIGEST_ALGORITHMS, ["SHA-256", "MD5"]), ["SHA-256", "MD5"]);
  assert.deepEqual(shared(["MD5"], DIGEST_ALGORITHMS), ["MD5"]);
  assert.deepEqual(shared(["SHA-256"], ["MD5"]), ["SHA-256"]);
  assert.deepEqual(users.algorithmsOf("private", "fixed.realm"), DIGEST_ALGORITHMS);
});

test("flow and digest prove before the address, on their own listener", () => {
  const identifier = createIdentifier(snapshot);
  const facts = {
    listener: "main",
    transport: "UDP",
    address: "198.51.100.1",
    port: 5060,
    requestUser: "x",
    requestHost: "h",
    toHost: "h",
    fromUser: "",
    fromHost: "",
    testTicketFor: undefined,
  } as const;
  const told = (more: object): string => {
    const found = identifier.identify({ ...facts, ...more });
    return found.type === "peer" ? `${found.peer.name} by ${found.by}` : found.type;
  };
  assert.equal(told({}), "carrier by address");
  assert.equal(told({ digestUser: "open" }), "open by digest");
  assert.equal(told({ registeredTrunk: "provider", digestUser: "open" }), "provider by flow");
  assert.equal(told({ digestUser: "fixed" }), "carrier by address");
  assert.equal(told({ listener: "private", address: "203.0.113.99", registeredTrunk: "provider" }), "unknown");
});
