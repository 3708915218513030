import assert from "node:assert/strict";
import { test } from "node:test";
import { createRefusals } from "./recent-refusals.ts";

const refuse = (sink: ReturnType<typeof createRefusals>, at: number, remote: string, reason = "unknown"): void =>
  sink.accept({ at, sequence: at, event: { type: "refused", listener: "public", remote, reason } });

test("a stranger is remembered once, with how often and when last, and a flood of others is bounded", () => {
  const sink = createRefusals();
  refuse(sink, 1, "192.0.2.1:5060");
  refuse(sink, 2, "192.0.2.1:5062", "ambiguous");
  refuse(sink, 3, "[2001:db8::1]:5060");
  assert.deepEqual(sink.list(), [
    { address: "2001:db8::1", listener: "public", reason: "unknown", count: 1, lastAtMs: 3 },
    { address: "192.0.2.1", listener: "public", reason: "ambiguous", count: 2, lastAtMs: 2 },
  ]);
  for (let i = 0; i < 1_000; i++) refuse(sink, 4 + i, `198.51.${i >> 8}.${i & 255}:5060`);
  assert.equal(sink.list().length, 256);
});
