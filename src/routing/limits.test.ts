import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNTRIES, costlyRange, countryOf } from "./countries.ts";
import { NO_LIMITS, destinationDenied, limitsOf } from "./limits.ts";

test("numbers have their countries, within the North American plan by area code", () => {
  const of = (number: string) => countryOf(number);
  assert.deepEqual(
    [
      "+4930123456",
      "+12125551234",
      "+14165551234",
      "+18765551234",
      "+79161234567",
      "+77272123456",
      "+998711234567",
      "+447700900123",
      "+441534123456",
    ].map(of),
    ["DE", "US", "CA", "JM", "RU", "KZ", "UZ", "GB", "JE"],
  );
  assert.deepEqual(
    ["ai", "", "+", "112", "+999123", "+8816123456"].map(of),
    Array.from({ length: 6 }, () => undefined),
  );
  assert.ok(COUNTRIES.size > 220, String(COUNTRIES.size));
});

test("premium, satellite and international networks are known, mobile and free numbers are not among them", () => {
  const kind = (number: string) => costlyRange(number)?.kind;
  assert.deepEqual(
    [
      "+881612345678",
      "+870773123456",
      "+882161234567",
      "+883510012345",
      "+979123456789",
      "+19005551234",
      "+449061234567",
      "+4990012345",
    ].map(kind),
    ["satellite", "satellite", "satellite", "international network", "premium rate", "premium rate", "premium rate", "premium rate"],
  );
  for (const number of [
    "+385911234567",
    "+33800123456",
    "+35315501234",
    "+12125551234",
    "+447700900123",
    "+4915112345678",
    "+421903123456",
    "+79091234567",
  ])
    assert.equal(kind(number), undefined, number);
});

test("premium is denied unless it is allowed; the longer prefix wins; a choice excludes the rest", () => {
  const denied = (limits: Parameters<typeof destinationDenied>[0], number: string) => destinationDenied(limits, number, "trunk t");
  assert.equal(denied({}, "+881612345678"), "denied: +881… is satellite, for trunk t");
  assert.equal(denied({ premium: "allow" }, "+881612345678"), undefined);
  assert.equal(denied({ allowedPrefixes: ["+881"] }, "+881612345678"), undefined);
  assert.match(denied({ allowedPrefixes: ["+88"] }, "+881612345678") ?? "", /satellite/);
  assert.equal(denied({ deniedPrefixes: ["+49"], allowedPrefixes: ["+4930"] }, "+4930123456"), undefined);
  assert.match(denied({ deniedPrefixes: ["+4930"], allowedPrefixes: ["+49"] }, "+4930123456") ?? "", /^denied: \+4930… by limits/);
  assert.equal(denied({ allowedCountries: ["DE"] }, "+4930123456"), undefined);
  assert.equal(denied({ allowedCountries: ["DE"] }, "+4312345678"), "denied: AT is not among what limits of trunk t allow");
  assert.match(denied({ allowedCountries: ["DE"] }, "112") ?? "", /the number is not among/);
  assert.match(denied({ deniedCountries: ["KP"] }, "+850212345") ?? "", /KP/);
  assert.equal(denied({}, "+4930123456"), undefined);
  assert.equal(denied({}, "ai"), undefined);
});

test("one's own words come before those of the kind, field by field", () => {
  const policy = {
    defaults: { tenant: { callsMax: 5, minutesPerDay: 9 } },
    named: { ...NO_LIMITS.named, tenant: new Map([["a", { callsMax: 1 }]]) },
  };
  assert.deepEqual(limitsOf(policy, "tenant", "a"), { callsMax: 1, minutesPerDay: 9 });
  assert.deepEqual(limitsOf(policy, "tenant", "b"), { callsMax: 5, minutesPerDay: 9 });
  assert.deepEqual(limitsOf(policy, "trunk", "b"), {});
});
