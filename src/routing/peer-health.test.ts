import assert from "node:assert/strict";
import { test } from "node:test";
import { type HealthEvent, createHealth } from "./peer-health.ts";

const SILENT: HealthEvent = { type: "silent" };
const REFUSED: HealthEvent = { type: "unreachable", detail: "refused" };
const answer = (status: number, retryAfterMs = 0): HealthEvent => ({ type: "response", status, retryAfterMs });

test("a peer never heard of is up", () => {
  assert.deepEqual(createHealth().healthOf("ai", 3, 0), { up: true, calls: 3, restsUntilMs: 0, cause: "" });
});

test("three failures in a row take a peer out, and the cause is kept", () => {
  const health = createHealth();
  assert.equal(health.note("ai", SILENT, 0), false);
  assert.equal(health.note("ai", REFUSED, 1), false);
  assert.equal(health.healthOf("ai", 0, 1).up, true);
  assert.equal(health.note("ai", REFUSED, 2), true);
  assert.equal(health.healthOf("ai", 0, 2).up, false);
  assert.equal(health.healthOf("ai", 0, 2).cause, "refused, 3 in a row");
});

test("any answer but 5xx starts the count anew and brings a peer back", () => {
  const health = createHealth();
  for (const status of [180, 200, 404, 486, 603]) {
    health.note("ai", SILENT, 0);
    health.note("ai", SILENT, 0);
    health.note("ai", answer(status), 0);
    assert.equal(health.note("ai", SILENT, 0), false, String(status));
    health.note("ai", answer(200), 0);
  }
  for (let i = 0; i < 3; i++) health.note("ai", answer(500), 0);
  assert.equal(health.healthOf("ai", 0, 0).up, false);
  assert.equal(health.note("ai", answer(200), 1), true);
  assert.equal(health.healthOf("ai", 0, 1).up, true);
});

test("after its time a peer is tried again, and one failure doubles the time up to a minute", () => {
  const health = createHealth();
  for (let i = 0; i < 3; i++) health.note("ai", SILENT, 0);
  let now = 0;
  for (const downMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    assert.equal(health.healthOf("ai", 0, now + downMs - 1).up, false);
    now += downMs;
    assert.equal(health.healthOf("ai", 0, now).up, true);
    assert.equal(health.note("ai", SILENT, now), true);
  }
});

test("failures of calls that were under way when the peer went down don't lengthen it", () => {
  const health = createHealth();
  for (let i = 0; i < 50; i++) health.note("ai", SILENT, i);
  assert.equal(health.healthOf("ai", 0, 5_003).up, true);
});

test("503 with Retry-After is rest, not failure, and an answer doesn't end it (RFC 3261 §21.5.4)", () => {
  const health = createHealth();
  for (let i = 0; i < 5; i++) health.note("ai", answer(503, 30_000), 1_000);
  assert.deepEqual(health.healthOf("ai", 0, 2_000), { up: true, calls: 0, restsUntilMs: 31_000, cause: "" });
  health.note("ai", answer(200), 3_000);
  assert.equal(health.healthOf("ai", 0, 4_000).restsUntilMs, 31_000);
  assert.equal(health.healthOf("ai", 0, 31_000).restsUntilMs, 0);
});

test("a rest is never longer than ten minutes", () => {
  const health = createHealth();
  health.note("ai", answer(503, 1e9), 0);
  assert.equal(health.healthOf("ai", 0, 0).restsUntilMs, 600_000);
});

test("peers that the configuration lost are forgotten", () => {
  const health = createHealth();
  for (let i = 0; i < 3; i++) health.note("ai", SILENT, 0);
  health.keep(new Set(["other"]));
  assert.equal(health.healthOf("ai", 0, 0).up, true);
});
