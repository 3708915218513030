import assert from "node:assert/strict";
import { test } from "node:test";
import { claimsOf, machineFieldsOf, sharedClaim } from "./tenant-bounds.ts";

const shared = (own: object, other: object): string | undefined => sharedClaim(claimsOf({ ...own }), claimsOf({ ...other }))?.field;

test("what an entry names on the machine is found, in digest too", () => {
  assert.deepEqual(
    [...machineFieldsOf({ name: "t", password_file: "/etc/shadow", digest: { username: "u", password_env: "PATH" } }).keys()],
    ["password_file", "digest.password_env"],
  );
  assert.equal(machineFieldsOf({ name: "t", password: "p", tls_key: null }).size, 0);
});

test("addresses that overlap are shared, whichever is the smaller, and however they are written", () => {
  const carrier = { addresses: ["198.51.100.0/28"] };
  assert.equal(shared({ addresses: "198.51.100.7" }, carrier), "addresses");
  assert.equal(shared({ addresses: ["192.0.2.1", "0.0.0.0/0"] }, carrier), "addresses");
  assert.equal(shared({ addresses: ["::ffff:198.51.100.7"] }, carrier), "addresses");
  assert.equal(shared({ uri: "sip:198.51.100.7:5060" }, carrier), "uri");
  assert.equal(shared({ uri: "198.51.100.7" }, carrier), "uri");
  assert.equal(shared({ addresses: ["198.51.100.16"] }, carrier), undefined);
  assert.equal(shared({ addresses: ["2001:db8::1"] }, { addresses: ["2001:db8::/64"] }), "addresses");
  assert.equal(shared({ uri: "sip:198.51.100.7", digest: { username: "u" } }, carrier), undefined);
});

test("on another listener an address is another's, and a certificate's name counts in any spelling", () => {
  assert.equal(shared({ listener: "a", addresses: ["192.0.2.1"] }, { listener: "b", addresses: ["192.0.2.1"] }), undefined);
  assert.equal(shared({ tls_client_names: ["PBX.example.com."] }, { tls_client_names: ["pbx.example.com"] }), "tls_client_names");
});
