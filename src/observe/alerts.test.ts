import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AlertBook } from "./alert-book.ts";
import {
  ALERT_RULE_NAMES,
  type AlertFacts,
  type AlertRule,
  type AlertRuleName,
  type Condition,
  conditionsOf,
  ruleWith,
} from "./alert-rules.ts";

const RULES: ReadonlyMap<AlertRuleName, AlertRule> = new Map(ALERT_RULE_NAMES.map((name) => [name, ruleWith(name, {})]));
const facts = (atMs: number, more: Partial<AlertFacts> = {}): AlertFacts => ({
  atMs,
  startedAtMs: 1,
  trunks: [],
  registrations: [],
  groups: [],
  certificates: [],
  disks: [],
  webhooks: [],
  ...more,
});
const trunk = (calls: number, failed: number) => [{ trunk: "skyetel", tenant: "acme", calls, failed }];
const bad = (conditions: readonly Condition[]) => conditions.filter((one) => one.bad).map(({ rule, subject }) => `${rule} ${subject}`);
const M = 60_000;

test("a success rate counts within its window, and only where there were enough calls", () => {
  const past = [facts(0, { trunks: trunk(1_000, 500) }), facts(30 * M, { trunks: trunk(1_100, 500) })];
  assert.deepEqual(bad(conditionsOf(facts(40 * M, { trunks: trunk(1_119, 519) }), past, RULES)), []);
  assert.deepEqual(bad(conditionsOf(facts(40 * M, { trunks: trunk(1_120, 502) }), past, RULES)), ["success_rate skyetel"]);
  assert.deepEqual(bad(conditionsOf(facts(40 * M, { trunks: trunk(1_200, 505) }), past, RULES)), []);
});

test("more than 100 failed calls an hour are an alert of the tenant, and a restarted switch begins at nothing", () => {
  const past = [facts(0, { trunks: trunk(10_000, 0) })];
  const now = facts(59 * M, { trunks: trunk(20_000, 101) });
  assert.deepEqual(bad(conditionsOf(now, past, RULES)), ["failed_calls acme"]);
  assert.deepEqual(bad(conditionsOf(facts(59 * M, { trunks: trunk(20_000, 100) }), past, RULES)), []);
  assert.deepEqual(bad(conditionsOf({ ...now, startedAtMs: 2 }, past, RULES)), []);
});

test("registrations, groups, certificates, disks and dead webhooks", () => {
  const now = facts(100 * 86_400_000, {
    registrations: [
      { trunk: "a", tenant: "t", lost: true, reason: "403 Forbidden" },
      { trunk: "b", tenant: "t", lost: false, reason: "" },
    ],
    groups: [
      { group: "ai", tenant: "t", members: 2, usable: 0 },
      { group: "empty", tenant: "t", members: 0, usable: 0 },
      { group: "half", tenant: "t", members: 2, usable: 1 },
    ],
    certificates: [
      { of: "listener public", notAfterMs: 113 * 86_400_000 },
      { of: "trunk x", notAfterMs: 115 * 86_400_000 },
    ],
    disks: [{ folder: "/var/lib/tandem", usedPercent: 95, freeBytes: 2 ** 30 }],
    webhooks: [{ webhook: "w", tenant: "t", dead: 3 }],
  });
  const past = [facts(now.atMs - 10 * M, { webhooks: [{ webhook: "w", tenant: "t", dead: 2 }] })];
  assert.deepEqual(bad(conditionsOf(now, past, RULES)), [
    "registration_lost a",
    "group_down ai",
    "certificate_expiring listener public",
    "disk_full /var/lib/tandem",
    "webhook_dead w",
  ]);
  assert.deepEqual(bad(conditionsOf(now, [], new Map([...RULES].map(([name, rule]) => [name, { ...rule, enabled: false }])))), []);
});

const condition = (isBad: boolean): Condition => ({
  rule: "registration_lost",
  tenant: "t",
  subject: "a",
  bad: isBad,
  detail: isBad ? "403" : "fine",
});
const book = (open = []) => {
  let ids = 0;
  return new AlertBook(open, () => `a${++ids}`);
};

test("it is raised after a while, once, and cleared after a while; what flutters is neither", () => {
  const watching = book();
  const note = (atS: number, isBad: boolean) => {
    const { raised, cleared } = watching.note([condition(isBad)], RULES, atS * 1000);
    return [raised.length, cleared.length];
  };
  assert.deepEqual(note(0, true), [0, 0]);
  assert.deepEqual(note(59, true), [0, 0]);
  assert.deepEqual(note(59.5, false), [0, 0]);
  assert.deepEqual(note(60, true), [0, 0]);
  assert.deepEqual(note(120, true), [1, 0]);
  assert.deepEqual(note(130, true), [0, 0]);
  assert.deepEqual(note(140, false), [0, 0]);
  assert.deepEqual(note(150, true), [0, 0]);
  assert.deepEqual(note(160, false), [0, 0]);
  assert.equal(watching.open.length, 1);
  assert.deepEqual(note(190, false), [0, 1]);
  assert.equal(watching.open.length, 0);
});

test("an alert of the former process goes on and is not raised again; without anything left to watch it clears", () => {
  const first = book();
  first.note([condition(true)], RULES, 0);
  const [alert] = first.note([condition(true)], RULES, 60_000).raised;
  const next = new AlertBook([alert!], () => "other");
  assert.deepEqual(next.note([condition(true)], RULES, 70_000).raised, []);
  assert.equal(next.note([], RULES, 80_000).cleared[0]?.id, alert!.id);
});

test("however conditions come, raised and cleared take turns", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 200 })), { maxLength: 60 }), (steps) => {
      const watching = book();
      let open = 0;
      let atMs = 0;
      for (const [isBad, seconds] of steps) {
        atMs += seconds * 1000;
        const { raised, cleared } = watching.note([condition(isBad)], RULES, atMs);
        open += raised.length - cleared.length;
        assert.ok(open === 0 || open === 1);
        assert.ok(raised.length + cleared.length <= 1);
        assert.equal(watching.open.length, open);
      }
    }),
  );
});

test("a lock is an alert while it lasts", () => {
  const lock = { subject: "tenant acme", tenant: "acme", untilMs: 86_400_000, reason: "30 short calls to neighbouring numbers" };
  const [condition] = conditionsOf(facts(1, { locks: [lock] }), [], RULES);
  assert.deepEqual(
    [condition?.rule, condition?.bad, condition?.detail],
    ["fraud", true, "30 short calls to neighbouring numbers; locked until 1970-01-02T00:00 UTC"],
  );
  const book = new AlertBook([], () => "1");
  assert.equal(book.note([condition!], RULES, 1).raised.length, 1);
  assert.equal(book.note([], RULES, 2).cleared.length, 1);
});
