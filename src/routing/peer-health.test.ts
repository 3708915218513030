import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Health, type HealthEvent, createHealth, isAccepted } from "./peer-health.ts";
import type { ProbePolicy } from "./snapshot.ts";

const SILENT: HealthEvent = { type: "silent" };
const REFUSED: HealthEvent = { type: "unreachable", detail: "refused" };
const answer = (status: number, retryAfterMs = 0): HealthEvent => ({ type: "response", status, retryAfterMs });
const probe = (status: number, retryAfterMs = 0): HealthEvent => ({ type: "probe", status, retryAfterMs, rttMs: 7, detail: "silent" });
const AT = "udp:192.0.2.1:5060";
const OTHER = "udp:192.0.2.2:5060";
const PROBED: ProbePolicy = { everyMs: 5_000, timeoutMs: 1_000, upAfter: 2, downAfter: 3, acceptedCodes: [] };
const probed = (fields: Partial<ProbePolicy> = {}): Health => createHealth(() => ({ ...PROBED, ...fields }));

test("a peer never heard of is up", () => {
  assert.deepEqual(createHealth().healthOf("ai", 3, 0), { up: true, calls: 3, restsUntilMs: 0, cause: "" });
});

test("three failures in a row take a peer out, and the cause is kept", () => {
  const health = createHealth();
  assert.equal(health.note("ai", AT, SILENT, 0), undefined);
  assert.equal(health.note("ai", AT, REFUSED, 1), undefined);
  assert.equal(health.healthOf("ai", 0, 1).up, true);
  assert.deepEqual(health.note("ai", AT, REFUSED, 2), { target: AT, up: false, reason: "refused, 3 in a row", atMs: 2 });
  assert.deepEqual(health.healthOf("ai", 0, 2), { up: false, calls: 0, restsUntilMs: 0, cause: "refused, 3 in a row" });
});

test("any answer but 5xx starts the count anew and brings a peer back", () => {
  const health = createHealth();
  for (const status of [180, 200, 404, 486, 603]) {
    health.note("ai", AT, SILENT, 0);
    health.note("ai", AT, SILENT, 0);
    health.note("ai", AT, answer(status), 0);
    assert.equal(health.note("ai", AT, SILENT, 0), undefined, String(status));
    health.note("ai", AT, answer(200), 0);
  }
  for (let i = 0; i < 3; i++) health.note("ai", AT, answer(500), 0);
  assert.equal(health.healthOf("ai", 0, 0).up, false);
  assert.equal(health.note("ai", AT, answer(200), 1)?.up, true);
  assert.equal(health.healthOf("ai", 0, 1).up, true);
});

test("without probes a peer is tried again after its time, and one failure doubles the time up to a minute", () => {
  const health = createHealth();
  for (let i = 0; i < 3; i++) health.note("ai", AT, SILENT, 0);
  let now = 0;
  for (const downMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    assert.equal(health.healthOf("ai", 0, now + downMs - 1).up, false);
    now += downMs;
    assert.equal(health.healthOf("ai", 0, now).up, true);
    assert.equal(health.note("ai", AT, SILENT, now)?.up, false);
  }
});

test("failures of calls that were under way when the peer went down don't lengthen it", () => {
  const health = createHealth();
  for (let i = 0; i < 50; i++) health.note("ai", AT, SILENT, i);
  assert.equal(health.healthOf("ai", 0, 5_003).up, true);
});

test("503 with Retry-After is rest, not failure, and an answer doesn't end it (RFC 3261 §21.5.4)", () => {
  const health = createHealth();
  for (let i = 0; i < 5; i++) health.note("ai", AT, answer(503, 30_000), 1_000);
  assert.deepEqual(health.healthOf("ai", 0, 2_000), { up: true, calls: 0, restsUntilMs: 31_000, cause: "" });
  assert.equal(health.isUsable("ai", AT, 2_000), false);
  health.note("ai", AT, answer(200), 3_000);
  assert.equal(health.healthOf("ai", 0, 4_000).restsUntilMs, 31_000);
  assert.equal(health.healthOf("ai", 0, 31_000).restsUntilMs, 0);
});

test("a rest is never longer than ten minutes", () => {
  const health = createHealth();
  health.note("ai", AT, answer(503, 1e9), 0);
  assert.equal(health.healthOf("ai", 0, 0).restsUntilMs, 600_000);
});

test("where probes ask, only their thresholds take a target out and bring it back", () => {
  const health = probed();
  assert.equal(health.note("ai", AT, probe(0), 0), undefined);
  assert.equal(health.note("ai", AT, probe(0), 1), undefined);
  assert.deepEqual(health.note("ai", AT, probe(0), 2), { target: AT, up: false, reason: "OPTIONS silent, 3 in a row", atMs: 2 });
  assert.equal(health.healthOf("ai", 0, 1e9).up, false, "no time brings it back");
  assert.equal(health.note("ai", AT, probe(200), 3), undefined);
  assert.equal(health.note("ai", AT, probe(500), 4), undefined, "a failure between starts the count anew");
  assert.equal(health.note("ai", AT, probe(200), 5), undefined);
  assert.equal(health.note("ai", AT, probe(404), 6)?.reason, "answers again: OPTIONS 404");
  assert.equal(health.healthOf("ai", 0, 6).up, true);
});

test("a probe resting on 503 with Retry-After is neither success nor failure", () => {
  const health = probed({ downAfter: 1 });
  assert.equal(health.note("ai", AT, probe(503, 9_000), 0), undefined);
  assert.equal(health.healthOf("ai", 0, 1).restsUntilMs, 9_000);
  assert.equal(health.note("ai", AT, probe(503), 0)?.up, false);
});

test("accepted codes replace what counts as alive, for probes only", () => {
  const health = probed({ downAfter: 1, acceptedCodes: ["200", "3xx"] });
  assert.equal(health.note("ai", AT, probe(302), 0), undefined);
  assert.equal(health.note("ai", AT, answer(404), 0), undefined);
  assert.equal(health.note("ai", AT, probe(404), 0)?.up, false);
  assert.deepEqual(
    [0, 200, 403, 499, 500, 599, 600].map((status) => isAccepted(status, [])),
    [false, true, true, true, false, false, true],
  );
});

test("a peer is down when all its addresses are, and rests when all that are up rest", () => {
  const health = createHealth();
  health.setTargets("ai", [AT, OTHER]);
  for (let i = 0; i < 3; i++) health.note("ai", AT, SILENT, 0);
  assert.equal(health.healthOf("ai", 0, 1).up, true);
  assert.deepEqual([health.isUsable("ai", AT, 1), health.isUsable("ai", OTHER, 1)], [false, true]);
  health.note("ai", OTHER, answer(503, 2_000), 0);
  assert.equal(health.healthOf("ai", 0, 1).restsUntilMs, 2_000);
  for (let i = 0; i < 3; i++) health.note("ai", OTHER, SILENT, 0);
  assert.equal(health.healthOf("ai", 0, 1).up, false);
});

test("an address that DNS no longer names is forgotten, and a redirect's is not taken up", () => {
  const health = createHealth();
  health.setTargets("ai", [AT]);
  for (let i = 0; i < 3; i++) health.note("ai", AT, SILENT, 0);
  for (let i = 0; i < 3; i++) health.note("ai", "udp:203.0.113.9:5060", SILENT, 0);
  assert.deepEqual(
    health.targetsOf("ai", 0).map(({ target, up }) => [target, up]),
    [[AT, false]],
  );
  health.setTargets("ai", [OTHER]);
  assert.equal(health.healthOf("ai", 0, 0).up, true);
});

test("the last changes, the last probe and the share of successes are kept for people", () => {
  const health = probed({ upAfter: 1, downAfter: 1 });
  for (let i = 0; i < 30; i++) health.note("ai", AT, probe(i % 2 === 0 ? 0 : 200), i);
  assert.equal(health.historyOf("ai").length, 20);
  assert.deepEqual(health.historyOf("ai")[0], { target: AT, up: true, reason: "answers again: OPTIONS 200", atMs: 29 });
  const [target] = health.targetsOf("ai", 30);
  assert.deepEqual(target?.probe, { atMs: 29, status: 200, rttMs: 7, detail: "silent" });
  assert.deepEqual([target?.samples, target?.succeeded], [30, 15]);
  for (let i = 0; i < 200; i++) health.note("ai", AT, probe(200), i);
  assert.deepEqual([health.targetsOf("ai", 30)[0]?.samples, health.targetsOf("ai", 30)[0]?.succeeded], [100, 100]);
});

test("peers that the configuration lost are forgotten", () => {
  const health = createHealth();
  for (let i = 0; i < 3; i++) health.note("ai", AT, SILENT, 0);
  health.keep(new Set(["other"]));
  assert.equal(health.healthOf("ai", 0, 0).up, true);
});

test("whatever comes, a peer is up exactly when one of its targets is, and changes alternate per target", () => {
  const event = fc.oneof(
    fc.constant(SILENT),
    fc.constant(REFUSED),
    fc.constantFrom(180, 200, 404, 500, 503, 603).map((status) => answer(status)),
    fc.constantFrom(0, 200, 404, 500).map((status) => probe(status)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(AT, OTHER), event)), (events) => {
      const health = probed();
      health.setTargets("ai", [AT, OTHER]);
      const last = new Map([AT, OTHER].map((target) => [target, true]));
      for (const [i, [target, one]] of events.entries()) {
        const change = health.note("ai", target, one, i);
        if (change !== undefined) {
          assert.notEqual(last.get(target), change.up);
          last.set(target, change.up);
        }
        assert.equal(health.healthOf("ai", 0, i).up, [...last.values()].includes(true));
        for (const { target: name, up } of health.targetsOf("ai", i)) assert.equal(up, last.get(name));
      }
    }),
  );
});
