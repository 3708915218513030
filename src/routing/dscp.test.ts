import assert from "node:assert/strict";
import { test } from "node:test";
import { DscpMarks } from "./dscp.ts";
import { makeGateway, makeSnapshot, makeTrunk } from "./testing.ts";

test("an address gets the mark of the peer that has it, or was found there, on its own listeners", () => {
  const marks = new DscpMarks(
    makeSnapshot({
      trunks: [makeTrunk("carrier", { addresses: ["198.51.100.0/28"], dscp: 24, egressListener: "other" }), makeTrunk("plain")],
      gateways: [makeGateway("cloud", { dscp: 34 })],
    }),
  );
  assert.equal(marks.of("main", "198.51.100.3"), 24);
  assert.equal(marks.of("other", "198.51.100.3"), 24);
  assert.equal(marks.of("third", "198.51.100.3"), undefined);
  assert.equal(marks.of("main", "203.0.113.9"), undefined);
  marks.learn("cloud", ["203.0.113.9"]);
  marks.learn("plain", ["203.0.113.10"]);
  assert.equal(marks.of("main", "203.0.113.9"), 34);
  assert.equal(marks.of("main", "203.0.113.10"), undefined);
  marks.apply(makeSnapshot({ gateways: [makeGateway("cloud")] }));
  assert.equal(marks.of("main", "203.0.113.9"), undefined);
});
