import assert from "node:assert/strict";
import { test } from "node:test";
import type { PrepareSide, RemoteMedia } from "#media/engine.ts";
import { ToldSessions } from "./told-sessions.ts";

const side = (name: string): PrepareSide => ({ side: name, pool: "p", nat: false, signallingAddress: "192.0.2.9", rtcpMux: false });
const local = (port: number) => ({ address: "192.0.2.1", port, rtcpPort: port + 1 });
const remote = (port: number): RemoteMedia => ({
  address: "192.0.2.9",
  port,
  rtcpAddress: "192.0.2.9",
  rtcpPort: port + 1,
  rtcpMux: false,
  direction: "sendrecv",
  payloadTypes: [0],
});
const NONE: ReadonlySet<string> = new Set();

function told(): ToldSessions {
  const sessions = new ToldSessions();
  sessions.assigned("s", [side("a"), side("b1")], [local(10_000), local(10_002)], 1_000);
  sessions.commit({ session: "s", remotes: { a: remote(1) }, pair: "b1", timeoutMs: 5 }, 1_000);
  sessions.commit({ session: "s", remotes: { b1: remote(2) } }, 1_100);
  return sessions;
}

test("a relay that lost the session is told its sides on their ports, then everything that was committed", () => {
  assert.deepEqual(
    [...told().again(NONE, true, 60_000)],
    [
      {
        op: "assign",
        session: "s",
        sides: [
          { ...side("a"), port: 10_000 },
          { ...side("b1"), port: 10_002 },
        ],
      },
      { op: "commit", commit: { session: "s", remotes: { a: remote(1), b1: remote(2) }, pair: "b1", timeoutMs: 5 } },
    ],
  );
});

test("what a relay surely has is not said again; a restarted one gets the last commit", () => {
  const ops = (sessions: ToldSessions, restarted: boolean, lostAtMs: number): string[] =>
    [...sessions.again(new Set(["s"]), restarted, lostAtMs)].map(({ op }) => op);
  assert.deepEqual(ops(told(), false, 60_000), []);
  assert.deepEqual(ops(told(), true, 60_000), ["commit"]);
  assert.deepEqual(ops(told(), false, 1_500), ["assign", "commit"], "it was said just before");
});

test("a side whose port the relay chose is not assigned, an aborted one is forgotten, and so is a released session", () => {
  const sessions = told();
  sessions.asked("s", [side("b2")]);
  assert.ok(sessions.hasSide("s", "b2"));
  sessions.asked("t", [side("a")]);
  sessions.refused("t", [side("a")]);
  assert.ok(!sessions.hasSide("t", "a"));
  sessions.refused("s", [side("a"), side("b2")]);
  assert.ok(sessions.hasSide("s", "a") && !sessions.hasSide("s", "b2"), "what it has it keeps");
  sessions.abort("s", "b1");
  assert.deepEqual([...sessions.assignedSessions()], ["s"]);
  const [assign, commit] = [...sessions.again(NONE, true, 60_000)];
  assert.deepEqual(assign?.op === "assign" && assign.sides.map((one) => one.side), ["a"]);
  assert.deepEqual(commit?.op === "commit" && Object.keys(commit.commit.remotes), ["a"]);
  sessions.forget("s");
  assert.deepEqual([...sessions.again(NONE, true, 60_000)], []);
});
