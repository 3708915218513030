import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { bareNumber, formatNumber, toCanonical } from "./numbers.ts";
import type { NumberFormat } from "./snapshot.ts";
import { AS_IT_IS } from "./testing.ts";

const GERMANY: NumberFormat = { countryCode: "49", nationalPrefix: "0", internationalPrefix: "00", write: "+e164" };
const RUSSIA: NumberFormat = { countryCode: "7", nationalPrefix: "8", internationalPrefix: "810", write: "+e164" };
const AMERICA: NumberFormat = { countryCode: "1", nationalPrefix: "1", internationalPrefix: "011", write: "+e164" };
const ITALY: NumberFormat = { countryCode: "39", nationalPrefix: "", internationalPrefix: "00", write: "national" };

test("scheme, separators and parameters are cut (RFC 3966 §3, RFC 3261 §19.1.6)", () => {
  assert.equal(bareNumber("tel:+1-555-123-4567;ext=7"), "+15551234567");
  assert.equal(bareNumber("+1(555)123.4567;phone-context=example.com"), "+15551234567");
  assert.equal(bareNumber("*100#"), "*100#");
});

test("a name stays, in lower case and with its own dots and dashes", () => {
  assert.equal(toCanonical("AI", GERMANY), "ai");
  assert.equal(toCanonical("sales-desk.2", GERMANY), "sales-desk.2");
  assert.equal(toCanonical("", GERMANY), "");
});

test("a German trunk's numbers become E.164", () => {
  for (const written of ["+4930123456", "030123456", "004930123456", "4930123456", "(030) 123-456"]) {
    assert.equal(toCanonical(written, GERMANY), "+4930123456", written);
  }
  assert.equal(toCanonical("0015551234567", GERMANY), "+15551234567");
});

test("a Russian trunk's numbers become E.164 with 8, with 7 and bare", () => {
  for (const written of ["+79161234567", "89161234567", "79161234567", "9161234567"])
    assert.equal(toCanonical(written, RUSSIA), "+79161234567", written);
  assert.equal(toCanonical("81049301234567", RUSSIA), "+49301234567");
});

test("an American trunk's numbers become E.164 with 1, bare and abroad", () => {
  for (const written of ["15551234567", "5551234567", "+1 555 123 4567"])
    assert.equal(toCanonical(written, AMERICA), "+15551234567", written);
  assert.equal(toCanonical("0114930123456", AMERICA), "+4930123456");
});

test("service codes get no country code", () => {
  for (const code of ["112", "911", "110", "*31#"])
    for (const format of [GERMANY, RUSSIA, AMERICA]) assert.equal(toCanonical(code, format), code);
});

test("without a country code digits stay as they are, and a plus is a plus", () => {
  assert.equal(toCanonical("15551234567", AS_IT_IS), "15551234567");
  assert.equal(toCanonical("+15551234567", AS_IT_IS), "+15551234567");
});

test("who is written E.164 without plus sends it so", () => {
  assert.equal(toCanonical("15551234567", { ...AS_IT_IS, write: "e164" }), "+15551234567");
});

test("numbers are written as the peer wants them", () => {
  const written = (write: NumberFormat["write"]): string => formatNumber("+4930123456", { ...GERMANY, write }, "0 30-123456");
  assert.deepEqual((["+e164", "e164", "national", "00e164", "as-received"] as const).map(written), [
    "+4930123456",
    "4930123456",
    "030123456",
    "004930123456",
    "030123456",
  ]);
  assert.equal(formatNumber("+15551234567", { ...GERMANY, write: "national" }, ""), "0015551234567");
  assert.equal(formatNumber("ai", { ...GERMANY, write: "national" }, "AI"), "ai");
});

const format = fc
  .record({
    format: fc.constantFrom(GERMANY, RUSSIA, AMERICA, ITALY, AS_IT_IS),
    write: fc.constantFrom<NumberFormat["write"][]>("+e164", "e164", "national", "00e164"),
  })
  .map(({ format: rules, write }): NumberFormat => ({ ...rules, write }));
/** Real plans: ten digits behind +1 and +7, whose first is never a trunk prefix; no number begins with 0 behind the code. */
const e164 = fc
  .oneof(
    fc.tuple(fc.constantFrom("+1", "+7"), fc.stringMatching(/^[2-79][0-9]{9}$/)),
    fc.tuple(fc.constantFrom("+49", "+39", "+44", "+998"), fc.stringMatching(/^[1-9][0-9]{7,10}$/)),
  )
  .map(([code, rest]) => code + rest);

test("what a format writes, it reads as the same number", () => {
  fc.assert(
    fc.property(e164, format, (number, rules) => {
      assert.equal(toCanonical(formatNumber(number, rules, number), rules), number);
    }),
    { numRuns: 1_000 },
  );
});

test("canonical is stable: reading it again changes nothing", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), e164, fc.stringMatching(/^[+0-9*#().; -]{0,20}$/)), format, (user, rules) => {
      const once = toCanonical(user, rules);
      // Digits that were left alone (a service code) stay so; what became E.164 stays E.164.
      assert.equal(toCanonical(once, rules), once);
    }),
    { numRuns: 1_000 },
  );
});
