import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallId, TenantId } from "#base/ids.ts";
import { VirtualClock } from "../../test/kit/virtual-clock.ts";
import type { TandemEvent } from "./event.ts";
import { type LiveBatch, createLiveEvents } from "./live-events.ts";

const tenant = "acme" as TenantId;
const started = (id: string, webhookUrl?: string): TandemEvent => ({
  type: "call-started",
  tenant,
  callId: id as CallId,
  caller: "+1555",
  called: "+1666",
  peer: "vodafone",
  sipCallId: "x",
  ...(webhookUrl === undefined ? {} : { webhookUrl }),
});
const ended = (id: string): TandemEvent => ({
  type: "call-ended",
  tenant,
  callId: id as CallId,
  outcome: "answered",
  sipStatus: 200,
  endedBy: "caller",
  reason: "BYE",
  durationMs: 1_500,
});

function ring(ringMax?: number) {
  const clock = new VirtualClock();
  const live = createLiveEvents({ clock, boot: "b1", ...(ringMax === undefined ? {} : { ringMax }) });
  let sequence = 0;
  const publish = (event: TandemEvent): void => live.accept({ at: 1_000, sequence: ++sequence, event });
  return { clock, live, publish };
}

test("a call's events say who calls whom each time, and go out in one batch", () => {
  const { clock, live, publish } = ring();
  const batches: LiveBatch[] = [];
  live.follow(undefined, (batch) => batches.push(batch));
  publish(started("c1", "https://example.com/hook"));
  publish({ type: "call-ringing", tenant, callId: "c1" as CallId });
  publish({ type: "dtmf", tenant, callId: "c1" as CallId, digit: "1", via: "info" });
  publish(ended("c1"));
  assert.equal(batches.length, 0);
  clock.advance(50);
  assert.equal(batches.length, 1);
  const { events } = batches[0]!;
  assert.deepEqual(
    events.map(({ id, place, webhookUrl, data }) => [id, place, webhookUrl, data["to_number"]]),
    [
      ["c1.call.started", "b1.1", "https://example.com/hook", "+1666"],
      ["c1.call.ringing", "b1.2", "https://example.com/hook", "+1666"],
      ["c1.call.ended", "b1.3", "https://example.com/hook", "+1666"],
    ],
  );
  assert.equal(events[2]?.data["duration_seconds"], 1.5);
});

test("a follower that was away goes on where it stopped, and is told when that is too long ago", () => {
  const { live, publish } = ring(3);
  for (const id of ["a", "b", "c"]) publish(started(id));
  const got = (after: string) => {
    let batch: LiveBatch = { events: [], missed: false };
    live.follow(after, (one) => (batch = one))();
    return [batch.missed, batch.events.map(({ callId }) => callId).join("")];
  };
  assert.deepEqual(got("b1.1"), [false, "bc"]);
  assert.deepEqual(got("b1.3"), [false, ""]);
  assert.deepEqual(got("b0.9"), [true, "abc"]);
  for (const id of ["d", "e", "f", "g"]) publish(started(id));
  assert.deepEqual(got("b1.1"), [true, "efg"]);
  assert.deepEqual(got("nonsense"), [true, "efg"]);
});

test("trunks and gateways tell their changes, and what is on its way tells nothing", () => {
  const { clock, live, publish } = ring();
  const types: string[] = [];
  live.follow(undefined, ({ events }) => types.push(...events.map(({ type, tenant: of }) => `${type} ${of}`)));
  publish({ type: "registration", tenant, trunk: "t", standing: "registering", reason: "" });
  publish({ type: "registration", tenant, trunk: "t", standing: "failed", reason: "403" });
  publish({ type: "gateway-health", gateway: "g", target: "192.0.2.1:5060", up: false, reason: "silent" });
  clock.advance(50);
  assert.deepEqual(types, ["trunk.unregistered acme", "gateway.down *"]);
});
