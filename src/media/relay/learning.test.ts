import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalAddress, endpoint, endpointText, mayLearn, reachable, sameEndpoint } from "./learning.ts";

const remote = endpoint("192.0.2.10", 4000)!;
const strict = { nat: false, signallingAddress: "192.0.2.5", remote };

test("the SDP's address may be learned from any port, and the signalling peer's", () => {
  assert.ok(mayLearn(strict, endpoint("192.0.2.10", 4000)!));
  assert.ok(mayLearn(strict, endpoint("192.0.2.10", 61_000)!));
  assert.ok(mayLearn(strict, endpoint("192.0.2.5", 4000)!));
});

test("another address is a stray, unless the trunk says nat", () => {
  const stranger = endpoint("203.0.113.9", 4000)!;
  assert.ok(!mayLearn(strict, stranger));
  assert.ok(mayLearn({ ...strict, nat: true }, stranger));
});

test("the place that a stream has just left is not learned again, unless the SDP names it or the trunk says nat", () => {
  const left = endpoint("192.0.2.5", 7000)!;
  assert.ok(!mayLearn({ ...strict, left }, left));
  assert.ok(mayLearn({ ...strict, left }, endpoint("192.0.2.5", 7002)!));
  assert.ok(mayLearn({ ...strict, left, nat: true }, left));
  assert.ok(mayLearn({ ...strict, left: remote }, remote));
});

test("nothing is learned before the peer's SDP is known", () => {
  assert.ok(!mayLearn({ nat: true, signallingAddress: "192.0.2.5", remote: undefined }, endpoint("192.0.2.5", 1)!));
});

test("IPv6 addresses compare in one spelling (RFC 5952)", () => {
  assert.equal(canonicalAddress("2001:DB8:0:0:0::1"), "2001:db8::1");
  assert.ok(sameEndpoint(endpoint("2001:db8:0::1", 9), endpoint("2001:0db8::0001", 9)));
  assert.equal(endpointText(endpoint("2001:db8::1", 9)!), "[2001:db8::1]:9");
});

test("names, zones and impossible ports are no endpoints", () => {
  for (const [address, port] of [
    ["sip.example", 1],
    ["1.2.3", 1],
    ["fe80::1%eth0", 1],
    ["1.2.3.4", 70_000],
    ["1.2.3.4", 1.5],
  ] as const)
    assert.equal(endpoint(address, port), undefined);
});

test("a refused stream and the old hold address are not sent to (RFC 3264 §6, §8.4)", () => {
  assert.ok(!reachable(endpoint("192.0.2.1", 0)!));
  assert.ok(!reachable(endpoint("0.0.0.0", 4000)!));
  assert.ok(reachable(remote));
});
