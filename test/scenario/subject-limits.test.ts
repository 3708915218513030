/** Limits of tenants, sources and peers in a call's life: refused with the right words, and every place comes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Limits, NO_LIMITS } from "#routing/limits.ts";
import { policyWith } from "#admission/limit-file.ts";
import { audio, Stage } from "./stage.ts";

const statusOf = (call: ReturnType<Stage["dial"]>): number => (call.failure?.type === "response" ? call.failure.response.status : 0);
const ofTenant = (limits: Limits) => policyWith(NO_LIMITS, [{ subject: "tenant", name: "default", limits }]);

test("a full tenant: 503 with a Warning that names the limit and nobody, and the running call goes on", async () => {
  const stage = new Stage({ limits: ofTenant({ callsMax: 1 }) });
  const call = await stage.answered();
  const second = stage.dial();
  await stage.wait(10);
  assert.equal(statusOf(second), 503);
  assert.match(stage.wireTo("carrier", "503 INVITE"), /^Warning: 399 tandem "limit: calls at a time of this tenant"\r$/m);
  assert.match(stage.wireTo("carrier", "503 INVITE"), /^Retry-After: \d+\r$/m);
  assert.deepEqual([stage.cdr.outcome, stage.cdr.endReason], ["capacity", "limit calls_max: tenant default has 1 of 1 calls"]);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("a source that is over its calls a second is refused for itself", async () => {
  const stage = new Stage({ limits: { ...NO_LIMITS, defaults: { source: { callsPerSecond: 1 } } } });
  const call = await stage.answered();
  const second = stage.dial();
  await stage.wait(10);
  assert.deepEqual([statusOf(second), stage.cdr.outcome], [503, "rate_limited"]);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("the day's minutes are talked: 403, until the day is over", async () => {
  const stage = new Stage({ limits: ofTenant({ minutesPerDay: 1 }) });
  const call = await stage.answered();
  await stage.wait(61_000);
  const second = stage.dial();
  await stage.wait(10);
  assert.deepEqual([statusOf(second), stage.cdr.outcome], [403, "carrier_blocked"]);
  call.dialog!.bye();
  await stage.wait(10);
  assert.deepEqual(await stage.quiet(), []);
});

test("a gateway that is full by limits is skipped with the reason, and the next one has the call", async () => {
  const { name } = new Stage({ gateways: 2 }).peers[0]!;
  const stage = new Stage({ gateways: 2, limits: policyWith(NO_LIMITS, [{ subject: "gateway", name, limits: { callsMax: 0 } }]) });
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(2).answer(audio(stage.gateway(2).address, 6000));
  await stage.wait(10);
  call.dialog!.bye();
  await stage.wait(10);
  assert.equal(stage.cdr.attempts[0]!.reason, `limit calls_max: gateway ${name} has 0 of 0 calls`);
  assert.deepEqual(await stage.quiet(), []);
});

test("a restart keeps the places of calls that go on, and gives them back at their end", async () => {
  const stage = new Stage({ limits: ofTenant({ callsMax: 1 }) });
  const call = await stage.answered();
  stage.boot();
  stage.calls.restore([...stage.journaled.values()]);
  await stage.wait(100);
  const second = stage.dial();
  await stage.wait(10);
  assert.equal(statusOf(second), 503);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});
