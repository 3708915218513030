/** What a running call holds on to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Stage, audio } from "./stage.ts";

const PADDING_BYTES = 50_000;
const CALLS = 50;

test("a running call keeps none of the messages that made it", async () => {
  const stage = new Stage();
  const gateway = stage.gateway(1);
  gateway.onCall = () => void gateway.answer({ ...audio("203.0.113.1", 6000), headers: [["X-Padding", "y".repeat(PADDING_BYTES)]] });
  const dial = async (): Promise<void> => {
    stage.dial({ headers: [["X-Padding", "x".repeat(PADDING_BYTES)]] });
    await stage.wait(10);
    // What the stage itself remembers.
    stage.network.packets.length = 0;
    gateway.invites.length = 0;
  };
  await dial();
  await stage.wait(40_000);
  const before = await heapBytes();
  for (let i = 0; i < CALLS; i++) await dial();
  await stage.wait(40_000);
  assert.equal(stage.calls.size, CALLS + 1);
  const perCall = ((await heapBytes()) - before) / CALLS;
  assert.ok(perCall < PADDING_BYTES, `${Math.round(perCall)} bytes a call`);
});

async function heapBytes(): Promise<number> {
  setFlagsFromString("--expose-gc");
  await new Promise((resolve) => setImmediate(resolve));
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}
