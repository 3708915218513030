import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import * as fc from "fast-check";
import { addressKey, buildAddressTable, parseAddress, parseNetwork, sameAddress } from "./addresses.ts";

test("every address that Node takes is parsed, in any way to write it", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      assert.notEqual(isIP(text), 0);
      const address = parseAddress(text);
      assert.ok(address !== undefined, text);
      assert.ok(sameAddress(text, text.toUpperCase()));
    }),
  );
});

test("what is no address is none", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.x",
    ":",
    ":::",
    "1::2::3",
    "12345::",
    "::1.2.3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7",
    "[::1]",
    "host",
  ]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});

test("an IPv4-mapped address is IPv4, and a zone is cut", () => {
  assert.ok(sameAddress("::ffff:192.0.2.1", "192.0.2.1"));
  assert.ok(sameAddress("fe80::1%eth0", "fe80::1"));
  assert.ok(!sameAddress("192.0.2.1", "192.0.2.2"));
});

test("keys differ exactly when addresses do", () => {
  assert.equal(addressKey(parseAddress("2001:db8:0:0::1")!), addressKey(parseAddress("2001:0DB8::0001")!));
  assert.notEqual(addressKey(parseAddress("::1")!), addressKey(parseAddress("0.0.0.1")!));
});

test("a network has a prefix that its family allows", () => {
  assert.equal(parseNetwork("10.0.0.0/33"), undefined);
  assert.equal(parseNetwork("10.0.0.0/"), undefined);
  assert.equal(parseNetwork("10.0.0.0/-1"), undefined);
  assert.equal(parseNetwork("2001:db8::/129"), undefined);
  assert.equal(parseNetwork("10.0.0.1")?.prefixBits, 32);
  assert.equal(parseNetwork("::/0")?.prefixBits, 0);
});

test("the table finds hosts and networks of both families, the most specific first", () => {
  const table = buildAddressTable([
    ["10.0.0.0/8", "eight"],
    ["10.0.0.0/24", "twenty-four"],
    ["10.0.0.7", "host"],
    ["2001:db8::/32", "doc"],
    ["2001:db8::1", "six"],
    ["nonsense", "never"],
  ]);
  const names = (address: string): string[] => table.find(address).map(({ value }) => value);
  assert.deepEqual(names("10.0.0.7"), ["host", "twenty-four", "eight"]);
  assert.deepEqual(names("::ffff:10.0.0.7"), ["host", "twenty-four", "eight"]);
  assert.deepEqual(names("10.9.9.9"), ["eight"]);
  assert.deepEqual(names("2001:DB8:0::1"), ["six", "doc"]);
  assert.deepEqual(names("192.0.2.1"), []);
  assert.deepEqual(names("garbage"), []);
});

test("membership agrees with arithmetic for every prefix length", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (network, address, bits) => {
      const value = (text: string): bigint => text.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
      const shift = BigInt(32 - bits);
      const expected = value(network) >> shift === value(address) >> shift;
      assert.equal(buildAddressTable([[`${network}/${bits}`, true]]).find(address).length === 1, expected);
    }),
  );
});
