import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type LimitPolicy, type LimitSubject, type Limits, NO_LIMITS } from "#routing/limits.ts";
import { type CallLease, LimitBook, type Lock } from "./limit-book.ts";
import { policyWith, readLimitFile, writeLimitFile } from "./limit-file.ts";
import { DAY_MS, TalkMeter } from "./talk-meter.ts";

const START_MS = Date.UTC(2026, 10, 20, 12);
function bookWith(policy: LimitPolicy, time = { ms: 0 }) {
  const locked: Lock[] = [];
  const clock = { nowMs: () => time.ms, wallMs: () => START_MS + time.ms };
  const book = new LimitBook({ clock, policy: () => policy, onLock: (lock) => locked.push(lock) });
  return { book, time, locked };
}
const named = (subject: LimitSubject, name: string, limits: Limits): LimitPolicy => policyWith(NO_LIMITS, [{ subject, name, limits }]);
const isLease = (taken: ReturnType<LimitBook["admit"]>): taken is CallLease => !("said" in taken);
const OVER = { called: "", trunks: [], talkedMs: 0 };
const AI = { name: "ai", kind: "gateway" } as const;

test("whatever the order of beginnings and ends, no subject has more than it may, and every place comes back", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: 0, max: 3 }),
      fc.array(
        fc.record({
          tenant: fc.constantFrom("a", "b"),
          source: fc.constantFrom("", "192.0.2.1", "192.0.2.2"),
          end: fc.option(fc.nat(20)),
          answer: fc.boolean(),
        }),
        {
          maxLength: 60,
        },
      ),
      (tenantMax, sourceMax, steps) => {
        const { book, time } = bookWith({
          ...named("tenant", "a", { callsMax: tenantMax }),
          defaults: { source: { callsMax: sourceMax } },
        });
        const up: { lease: CallLease; tenant: string; source: string }[] = [];
        const count = (key: "tenant" | "source", name: string) => up.filter((one) => one[key] === name).length;
        for (const { tenant, source, end, answer } of steps) {
          time.ms += 500;
          if (end !== null && up.length > 0) {
            const [one] = up.splice(end % up.length, 1);
            one!.lease.end(OVER);
            one!.lease.end(OVER);
            continue;
          }
          const taken = book.admit({ tenant, peer: undefined, source });
          const fits = (tenant !== "a" || count("tenant", "a") < tenantMax) && (source === "" || count("source", source) < sourceMax);
          assert.equal(isLease(taken), fits);
          if (!isLease(taken)) continue;
          if (answer) taken.answered(AI, 0);
          up.push({ lease: taken, tenant, source });
          assert.ok(count("tenant", "a") <= tenantMax && (source === "" || count("source", source) <= sourceMax));
        }
        for (const { lease } of up) lease.end(OVER);
        assert.equal(book.taken, 0);
        assert.deepEqual(book.sources(), []);
      },
    ),
  );
});

test("a refusal takes no place anywhere, and says which limit without a name on the wire", () => {
  const { book } = bookWith(named("source", "192.0.2.1", { callsMax: 0 }));
  const refused = book.admit({ tenant: "a", peer: undefined, source: "192.0.2.1" });
  assert.deepEqual(refused, {
    outcome: "capacity",
    reason: "limit calls_max: source 192.0.2.1 has 0 of 0 calls",
    said: "calls at a time of this source",
  });
  assert.equal(book.use("tenant", "a").calls, 0);
});

test("a peer's limit counts the calls that it has both ways, as the registry knows them", () => {
  const { book } = bookWith(named("trunk", "t", { callsMax: 2 }));
  const at = (calls: number) => ({ name: "t", kind: "trunk", calls }) as const;
  assert.equal(book.against(at(1)), undefined);
  assert.equal(book.against(at(2))?.outcome, "capacity");
  assert.ok(isLease(book.admit({ tenant: "a", peer: at(1), source: "" })));
  assert.ok(!isLease(book.admit({ tenant: "a", peer: at(2), source: "" })));
});

test("new calls a second: as many as the limit within any second", () => {
  const { book, time } = bookWith(named("tenant", "a", { callsPerSecond: 2 }));
  const admit = () => isLease(book.admit({ tenant: "a", peer: undefined, source: "" }));
  assert.deepEqual([admit(), admit(), admit()], [true, true, false]);
  time.ms = 999;
  assert.equal(admit(), false);
  time.ms = 1_000;
  assert.deepEqual([admit(), admit(), admit()], [true, true, false]);
});

test("minutes a day: calls under way count, at midnight it begins anew, and the past is remembered", () => {
  const { book, time } = bookWith(named("tenant", "a", { minutesPerDay: 10 }));
  book.addTalked("tenant", "a", 4 * 60_000);
  const lease = book.admit({ tenant: "a", peer: undefined, source: "" }) as CallLease;
  lease.answered(AI, 0);
  time.ms = 5.9 * 60_000;
  assert.ok(isLease(book.admit({ tenant: "a", peer: undefined, source: "" })));
  time.ms = 6 * 60_000;
  const refused = book.admit({ tenant: "a", peer: undefined, source: "" });
  assert.ok(!isLease(refused));
  assert.deepEqual(
    [refused.outcome, refused.reason],
    ["carrier_blocked", "limit minutes_per_day: tenant a has talked 10 of 10 minutes today"],
  );
  assert.equal(book.use("gateway", "ai").minutesToday, 6);
  time.ms = 12 * 3_600_000 + 60_000;
  assert.equal(book.use("tenant", "a").minutesToday, 1, "it still runs, since midnight");
  assert.ok(isLease(book.admit({ tenant: "a", peer: undefined, source: "" })));
});

test("a meter is right whenever it is asked, over days and with calls that overlap", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(DAY_MS * 2), fc.nat(DAY_MS)), { maxLength: 8 }), fc.nat(DAY_MS * 3), (calls, at) => {
      const meter = new TalkMeter();
      const events = calls
        .flatMap(([start, length]) => [
          { ms: start, start, begin: true },
          { ms: start + length, start, begin: false },
        ])
        .filter(({ ms }) => ms <= at)
        .sort((a, b) => a.ms - b.ms || Number(b.begin) - Number(a.begin));
      for (const { ms, start, begin } of events) {
        if (begin) meter.begin(START_MS + start, START_MS + ms);
        else meter.end(START_MS + start, START_MS + ms);
      }
      const now = START_MS + at;
      const dayMs = now - (now % DAY_MS);
      const expected = calls.reduce((sum, [start, length]) => {
        const [from, to] = [Math.max(START_MS + start, dayMs), Math.min(START_MS + start + length, now)];
        return sum + (start <= at ? Math.max(0, to - from) : 0);
      }, 0);
      assert.equal(meter.talkedMs(now), expected);
    }),
  );
});

test("short calls to neighbouring numbers lock the tenant's calls out, for a time or until an operator says otherwise", () => {
  const { book, time, locked } = bookWith(named("tenant", "a", { fraud: { calls: 5, windowMs: 60_000, shortMs: 6_000, lockMs: 900_000 } }));
  const call = (number: number, talkedMs = 1_000, tenant = "a") => {
    time.ms += 1_000;
    book.resume({ tenant, peer: undefined, source: "" }).end({ called: `+4930${number}`, trunks: ["t"], talkedMs });
  };
  for (let n = 0; n < 10; n++) call(1_234_000 + n * 1_000);
  for (let n = 0; n < 10; n++) call(5_000_000 + n, 60_000);
  for (let n = 0; n < 4; n++) call(7_000_998 + n);
  assert.equal(book.lockedOut("a", "t"), undefined, "far apart, long, or too few");
  call(7_001_002);
  assert.equal(locked.length, 1);
  assert.match(
    book.lockedOut("a", "t") ?? "",
    /^locked until 2026-11-20T12:.*: 5 short calls to neighbouring numbers within 60 s, the last to \+49307001002$/,
  );
  assert.equal(book.lockedOut("b", "t2"), undefined);
  assert.equal(book.unlock("tenant", "a"), true);
  assert.equal(book.lockedOut("a", "t"), undefined);
  for (let n = 0; n < 5; n++) call(8_000_000 + n);
  time.ms += 900_000;
  assert.equal(book.lockedOut("a", "t"), undefined, "its time is over");
});

test("what was set and locked is read again; a broken file counts as empty", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-limits-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "limits.json");
  assert.deepEqual(readLimitFile(path), { set: [], locks: [] });
  const file = {
    set: [{ subject: "tenant", name: "a", limits: { callsMax: 3, premium: "allow" } }],
    locks: [{ subject: "trunk", name: "t", untilMs: 5, reason: "r" }],
  } as const;
  writeLimitFile(path, file);
  assert.deepEqual(readLimitFile(path), file);
  for (const broken of [
    "{",
    "[]",
    '{"set":[{"subject":"x"}],"locks":[7]}',
    '{"set":[{"subject":"tenant","name":"a","limits":{"callsMax":-1}}]}',
  ]) {
    writeFileSync(path, broken);
    assert.deepEqual(readLimitFile(path), { set: [], locks: [] });
  }
});
