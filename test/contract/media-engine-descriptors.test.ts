/** Descriptors used up: calls are refused with the reason, the running call hears nothing of it. Linux only. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import type { PortPool, PrepareSide } from "#media/engine.ts";
import { startEmbedded } from "./media-engine-embedded.ts";
import { rtp } from "./media-engine.ts";

const ADDRESS = `127.${10 + (process.pid % 200)}.251.1`;
const pool: PortPool = { name: "p", bindAddress: ADDRESS, advertisedAddress: ADDRESS, portMin: 20_000, portMax: 29_999 };
const side = (name: string): PrepareSide => ({ side: name, pool: "p", nat: false, signallingAddress: ADDRESS, rtcpMux: false });
/** 128 are kept for the process itself. */
const LIMIT = 148;

test("with its descriptors used up the engine refuses calls, keeps the running one, and recovers", {
  skip: process.platform !== "linux",
  timeout: 20_000,
}, async () => {
  const { engine, stop } = await startEmbedded([pool], ["--sockets", "koffi"], ["sh", "-c", `ulimit -n ${LIMIT}; exec "$@"`, "sh"]);
  const [a, b] = [createSocket("udp4"), createSocket("udp4")];
  try {
    await Promise.all([a, b].map((socket) => new Promise<void>((resolve) => socket.bind(0, ADDRESS, resolve))));
    const first = await engine.prepare("running", [side("a"), side("b1")]);
    assert.ok(first.ok, JSON.stringify(first));
    const remoteOf = (socket: typeof a) => ({
      address: ADDRESS,
      port: socket.address().port,
      rtcpAddress: ADDRESS,
      rtcpPort: 9,
      rtcpMux: false,
      direction: "sendrecv" as const,
      payloadTypes: [0],
    });
    engine.commit({ session: "running", remotes: { a: remoteOf(a), b1: remoteOf(b) }, pair: "b1" });
    const made: string[] = [];
    let refused = 0;
    for (let i = 0; i < 10; i++) {
      const prepared = await engine.prepare(`call-${i}`, [side("a"), side("b1")]);
      if (prepared.ok) made.push(`call-${i}`);
      else {
        refused++;
        assert.equal(prepared.code, "DESCRIPTORS_EXHAUSTED");
      }
    }
    assert.equal(engine.hello!.socketsMax, LIMIT - 128);
    assert.deepEqual([made.length, refused], [4, 6]);
    for (const [sequence, socket] of [a, b, a].entries()) {
      const heard = once(socket === a ? b : a, "message");
      socket.send(rtp(sequence), first.local[socket === a ? "a" : "b1"]!.port, ADDRESS);
      assert.deepEqual((await heard)[0], rtp(sequence));
    }
    await engine.release(made[0]!);
    assert.ok((await engine.prepare("again", [side("a"), side("b1")])).ok);
  } finally {
    a.close();
    b.close();
    await stop();
  }
});
