import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "#base/clock.ts";
import type { MediaEvent } from "#media/engine.ts";
import { connectEmbeddedEngine } from "./embedded-engine.ts";
import { encodeFrame } from "./frames.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

test("what a relay of a later release says beyond our protocol is passed over", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "media-engine-"));
  const socketPath = join(folder, "media.sock");
  const hello = { type: "hello", version: PROTOCOL_VERSION, bootId: "b", pid: 1, sockets: "koffi", socketsMax: 1, sessions: ["s"] };
  const server = createServer((socket) => {
    socket.on("error", () => {});
    const timeout = { type: "timeout", session: "s", side: "a", silentMs: 1 };
    for (const message of [hello, { type: "weather", wind: 3 }, 7, { type: "event", event: timeout }]) socket.write(encodeFrame(message));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const engine = connectEmbeddedEngine({ socketPath, pools: [], clock: systemClock, publish: () => {} });
  t.after(() => {
    engine.close();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const events: MediaEvent["type"][] = [];
  await new Promise<void>((resolve) => {
    engine.onEvent = (event) => {
      events.push(event.type);
      if (event.type === "timeout") resolve();
    };
  });
  assert.deepEqual(events, ["up", "timeout"]);
});
