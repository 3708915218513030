/** Mistakes of ours, and of the engine: each ends its call with a CDR and leaves nothing, and the process lives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionStats } from "#media/engine.ts";
import { Stage, audio } from "./stage.ts";

const failure = (): never => {
  throw new Error("a mistake of ours");
};

test("an engine that counts nonsense costs the counters, not the process", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  const { media } = stage;
  media.release = (session) => {
    media.sessions.delete(session);
    return Promise.resolve({ session } as SessionStats);
  };
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "answered");
});

test("a mistake while the gateway's answer is taken: it gets ACK and BYE, the caller 500", async () => {
  const stage = new Stage();
  const call = stage.dial();
  await stage.wait(10);
  stage.media.commit = failure;
  stage.gateway(1).answer(audio("203.0.113.1", 6000));
  await stage.wait(100);
  assert.deepEqual(stage.received("g1"), ["INVITE", "ACK", "BYE"]);
  assert.ok(stage.received("carrier").includes("500 INVITE"));
  assert.equal(call.dialog, undefined);
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "failed");
});

test("a journal that throws costs the record, not the process", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  stage.journal.end = failure;
  call.dialog!.bye();
  await stage.wait(100);
  assert.equal(stage.calls.size, 0);
  assert.equal(stage.calls.callsOf("carrier"), 0);
  assert.ok(stage.events.some((event) => event.type === "process" && event.what === "record failed"));
});
