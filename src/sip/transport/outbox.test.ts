import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "./outbox.ts";
import type { Flow, Target, TransportLayer } from "./transport.ts";

const TARGET: Target = { transport: "UDP", listener: "in", address: "192.0.2.1", port: 5060 };
const FLOW: Flow = {
  transport: "UDP",
  listener: "in",
  localAddress: "192.0.2.9",
  localPort: 5060,
  remoteAddress: "192.0.2.2",
  remotePort: 5062,
  connection: 0,
};

function boxed() {
  const out: string[] = [];
  let asked = 0;
  const layer: TransportLayer = {
    listener: () => undefined,
    listeners: () => [],
    send: ({ address }, wire, onFailure) => {
      if (wire === "ours is broken") throw new Error(wire);
      out.push(`${address} ${wire}`);
      if (wire === "lost") onFailure({ code: "CLOSED", detail: "" });
    },
    respond: ({ remoteAddress }, wire) => void out.push(`${remoteAddress} ${wire}`),
    isReliable: () => false,
  };
  const caught: string[] = [];
  const guarded = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      caught.push(String(error));
    }
  };
  const outbox = new Outbox(layer, () => void asked++, guarded);
  return { outbox, out, caught, asked: () => asked };
}

test("what leaves waits for the end of the turn, and keeps its order", () => {
  const { outbox, out, caught, asked } = boxed();
  const failures: string[] = [];
  outbox.send(TARGET, "ours is broken", () => {});
  outbox.send(TARGET, "1", () => {});
  outbox.respond(FLOW, "2", () => {});
  outbox.send(TARGET, "lost", ({ code }) => void failures.push(code));
  assert.deepEqual([out, asked()], [[], 4]);
  outbox.flush();
  outbox.flush();
  assert.deepEqual(out, ["192.0.2.1 1", "192.0.2.2 2", "192.0.2.1 lost"]);
  assert.deepEqual([failures, caught], [["CLOSED"], ["Error: ours is broken"]]);
});

test("a 100 leaves last, but never behind another response to the same place", () => {
  const { outbox, out } = boxed();
  const trying = "SIP/2.0 100 Trying";
  outbox.respond(FLOW, trying, () => {});
  outbox.send(TARGET, "INVITE", () => {});
  outbox.respond({ ...FLOW, remotePort: 5070 }, "SIP/2.0 200 OK", () => {});
  outbox.flush();
  assert.deepEqual(out.splice(0), ["192.0.2.1 INVITE", "192.0.2.2 SIP/2.0 200 OK", `192.0.2.2 ${trying}`]);
  outbox.send(TARGET, "INVITE", () => {});
  outbox.respond(FLOW, trying, () => {});
  outbox.respond(FLOW, "SIP/2.0 404 Not Found", () => {});
  outbox.flush();
  assert.deepEqual(out, [`192.0.2.2 ${trying}`, "192.0.2.1 INVITE", "192.0.2.2 SIP/2.0 404 Not Found"]);
});
