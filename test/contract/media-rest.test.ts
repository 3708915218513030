/** tandem-media without a session: hardly ever awake, and yet at once there for a command, a packet and a signal. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startEmbedded } from "./media-engine-embedded.ts";

const POOL = { name: "rest", bindAddress: "127.0.0.1", advertisedAddress: "127.0.0.1", portMin: 47_000, portMax: 47_100 };
/** It rests after its next look at its sessions, which is each second. */
const AT_REST_MS = 2_200;
const WINDOW_MS = 1_000;
/** Of its thread: 50 a second where it doesn't rest. */
const WAKE_UPS_MAX = 15;
const AT_ONCE_MS = 100;
const ENDS_MS = 1_000;

/** Of the main thread, which is the relay's. */
const wakeUps = (pid: number): number =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${pid}/status`, "latin1"))![1]);

test("a relay without sessions sleeps, answers a command at once, and ends when told", async (t) => {
  if (process.platform !== "linux") return t.skip("Linux only");
  const media = await startEmbedded([POOL], ["--sockets", "koffi"]);
  const rests = async (): Promise<void> => {
    await sleep(AT_REST_MS);
    const before = wakeUps(media.pid);
    await sleep(WINDOW_MS);
    const woke = wakeUps(media.pid) - before;
    assert.ok(woke <= WAKE_UPS_MAX, `it woke ${woke} times`);
  };
  await rests();
  let startMs = performance.now();
  const side = { side: "a", pool: POOL.name, signallingAddress: "127.0.0.1", nat: false, rtcpMux: false } as const;
  const prepared = await media.engine.prepare("rest-1", [side, { ...side, side: "b1" }]);
  assert.equal(prepared.ok, true);
  assert.ok(performance.now() - startMs < AT_ONCE_MS);
  await media.engine.release("rest-1");
  await rests();
  startMs = performance.now();
  await media.stop();
  assert.ok(performance.now() - startMs < ENDS_MS);
});
