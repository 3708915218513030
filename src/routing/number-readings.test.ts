/** What is denied stays denied, however somebody writes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { destinationDenied } from "./limits.ts";
import { readingsOf } from "./number-readings.ts";
import { planCall } from "./plan-dial.ts";
import { makeGateway, makeRule, makeSnapshot, makeTrunk } from "./testing.ts";

const SATELLITE = [
  "00881612345678",
  "011881612345678",
  "0011881612345678",
  "810881612345678",
  "000881612345678",
  "881612345678",
  "+00881612345678",
  "+8/816123/45678",
  "+881.6123456780000000",
  "*31#00881612345678",
  "*67011881612345678",
  "#31#+881612345678",
];

test("a satellite is denied in every writing that a carrier may take", () => {
  for (const number of SATELLITE) assert.match(destinationDenied({}, number, "tenant t") ?? "", /satellite/, number);
  for (const number of SATELLITE) assert.match(destinationDenied({ deniedPrefixes: ["+8816"] }, number, "t") ?? "", /^denied:/, number);
});

test("a whole number is read as it is, and so are names, service codes and national numbers", () => {
  assert.deepEqual(readingsOf("+18701234567"), ["+18701234567"]);
  for (const number of ["ai", "112", "*100", "8701234567", "03012345678", "00123"])
    assert.equal(destinationDenied({}, number, "t"), undefined, number);
});

test("what is allowed must be written whole", () => {
  assert.equal(destinationDenied({ allowedCountries: ["DE"] }, "+4930123456", "t"), undefined);
  assert.match(destinationDenied({ allowedCountries: ["DE"] }, "004930123456", "t") ?? "", /^denied:/);
});

test("a national premium number is denied where the trunk says which country's it is", () => {
  const numbers = { countryCode: "49", nationalPrefix: "0", internationalPrefix: "00", write: "national" } as const;
  const snapshot = makeSnapshot({
    trunks: [makeTrunk("carrier", { numbers })],
    gateways: [makeGateway("ai", { blockedPrefixes: ["+882"] })],
    outbound: [makeRule("out", { targets: [{ type: "trunk", trunk: "carrier" }] })],
  });
  const plan = (calledUser: string) =>
    planCall({
      snapshot,
      source: snapshot.gateways.get("ai")!,
      calledUser,
      callerUser: "+4930",
      healthOf: () => undefined,
      nowMs: 0,
      dice: () => 0,
    });
  const statusOf = (calledUser: string): number => {
    const planned = plan(calledUser);
    return planned.type === "reject" ? planned.status : 200;
  };
  assert.deepEqual(["0900123456", "030123456", "0088212345678"].map(statusOf), [403, 200, 403]);
});
