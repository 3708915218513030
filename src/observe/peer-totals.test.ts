import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallId } from "#base/ids.ts";
import type { TandemEvent } from "./event.ts";
import { createPeerTotals } from "./peer-totals.ts";

const callId = "0abc" as CallId;

test("a call counts at the trunk that it came from, and at each gateway tried", () => {
  const totals = createPeerTotals();
  const tell = (event: TandemEvent): void => totals.accept({ at: 0, sequence: 0, event });
  tell({ type: "call-started", callId, caller: "", called: "", peer: "vodafone", sipCallId: "" });
  tell({ type: "attempt-ended", callId, attempt: 1, peer: "ai1", status: 503, outcome: "capacity", reason: "" });
  tell({ type: "attempt-ended", callId, attempt: 2, peer: "ai2", status: 200, outcome: "answered", reason: "" });
  tell({ type: "call-answered", callId, setupMs: 5, peer: "ai2" });
  tell({ type: "call-ended", callId, outcome: "answered", sipStatus: 200, endedBy: "caller", reason: "", durationMs: 2_500 });
  assert.deepEqual(totals.of("vodafone").inbound, { calls: 1, answered: 1, failed: 0, seconds: 2.5 });
  assert.deepEqual(totals.of("ai1").outbound, { calls: 1, answered: 0, failed: 1, seconds: 0 });
  assert.deepEqual(totals.of("ai2").outbound, { calls: 1, answered: 1, failed: 0, seconds: 2.5 });
});
