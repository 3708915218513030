import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { blockingPrefix, describeWindow, isWithin, matchesCaller, whyNotNow } from "./conditions.ts";
import type { TimeWindow } from "./snapshot.ts";

const OFFICE: TimeWindow = { days: [1, 2, 3, 4, 5], fromMinute: 480, toMinute: 1_080, timezone: "Europe/Berlin" };
const NIGHT: TimeWindow = { days: [5], fromMinute: 1_320, toMinute: 360, timezone: "UTC" };
const at = (text: string): number => Date.parse(text);

test("a window is local time, and daylight saving moves it", () => {
  // A Wednesday in January (UTC+1) and one in July (UTC+2).
  assert.deepEqual(
    ["2025-01-15T06:59Z", "2025-01-15T07:00Z", "2025-01-15T16:59Z", "2025-01-15T17:00Z"].map((time) => isWithin(OFFICE, at(time))),
    [false, true, true, false],
  );
  assert.deepEqual(
    ["2025-07-16T05:59Z", "2025-07-16T06:00Z", "2025-07-16T16:00Z"].map((time) => isWithin(OFFICE, at(time))),
    [false, true, false],
  );
  assert.equal(isWithin(OFFICE, at("2025-01-18T10:00Z")), false, "a Saturday");
});

test("a window over midnight belongs to the day it begins on", () => {
  assert.deepEqual(
    ["2025-01-17T21:59Z", "2025-01-17T22:00Z", "2025-01-18T05:59Z", "2025-01-18T06:00Z", "2025-01-17T03:00Z"].map((time) =>
      isWithin(NIGHT, at(time)),
    ),
    [false, true, true, false, false],
  );
});

test("equal ends mean the whole day, and no days mean every day", () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) =>
      isWithin({ days: [], fromMinute: 0, toMinute: 0, timezone: "Asia/Tashkent" }, date.getTime()),
    ),
  );
});

test("of all minutes of a week a window holds as many as it says", () => {
  const monday = at("2025-03-03T00:00Z");
  fc.assert(
    fc.property(fc.nat(1_439), fc.nat(1_439), fc.uniqueArray(fc.nat(6), { minLength: 1 }), (fromMinute, toMinute, days) => {
      let held = 0;
      const step = 31;
      for (let minute = 0; minute < 7 * 1_440; minute += step)
        if (isWithin({ days, fromMinute, toMinute, timezone: "UTC" }, monday + minute * 60_000)) held++;
      const wanted = days.length * (fromMinute === toMinute ? 1_440 : (toMinute - fromMinute + 1_440) % 1_440);
      assert.ok(Math.abs(held * step - wanted) <= step * (2 * days.length + 1), `${held * step} of ${wanted}`);
    }),
    { numRuns: 30 },
  );
});

test("callers match exactly, by prefix, or withheld", () => {
  assert.equal(matchesCaller(["+4930*"], "+49301234567"), true);
  assert.equal(matchesCaller(["+4930"], "+49301234567"), false);
  assert.equal(matchesCaller(["anonymous"], ""), true);
  assert.equal(matchesCaller(["anonymous"], "anonymous"), true);
  assert.equal(matchesCaller(["+1*", "anonymous"], "+49"), false);
});

test("what doesn't hold is said in words", () => {
  assert.equal(whyNotNow({}, "", 0), undefined);
  assert.deepEqual(whyNotNow({ callers: ["+1*"] }, "", 0), { by: "caller", reason: "not for caller anonymous" });
  assert.deepEqual(whyNotNow({ when: [OFFICE, NIGHT] }, "", at("2025-01-18T10:00Z")), {
    by: "time",
    reason: "only Mon, Tue, Wed, Thu, Fri 08:00–18:00 Europe/Berlin and Fri 22:00–06:00 UTC",
  });
  assert.equal(describeWindow({ ...OFFICE, days: [], toMinute: 480 }), "daily Europe/Berlin");
  assert.equal(blockingPrefix(["+883", "+979"], "+97912345"), "+979");
  assert.equal(blockingPrefix(undefined, "+97912345"), undefined);
});
