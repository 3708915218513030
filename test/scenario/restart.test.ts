/** kill -9 of signalling at each stage of a call: the next process takes over what the journal holds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { VirtualCall } from "../kit/virtual-agent.ts";
import { audio, CARRIER, Stage } from "./stage.ts";

const G1 = "203.0.113.1";
const NONE = { headers: [], body: "" };

function crash(stage: Stage): ReturnType<Stage["calls"]["restore"]> {
  stage.boot();
  return stage.calls.restore([...stage.journaled.values()]);
}

for (const by of ["caller", "callee"] as const) {
  test(`an answered call lives on and is ended by the ${by}: one CDR with the whole duration`, async () => {
    const stage = new Stage();
    const call = await stage.answered();
    await stage.wait(10_000);
    assert.deepEqual(crash(stage), { running: 1, ended: 0, unreadable: 0 });
    stage.media.onEvent?.({ type: "up", bootId: "1", sessions: [...stage.media.sessions.keys()] });
    assert.equal(stage.calls.list()[0]?.state, "answered");
    await stage.wait(5000);
    if (by === "caller") call.dialog!.bye();
    else stage.gateway(1).dialog!.bye();
    await stage.wait(10);
    assert.ok((by === "caller" ? stage.gateway(1) : stage.carrier).heard.includes("BYE"));
    assert.deepEqual(await stage.quiet(), []);
    const { outcome, endedBy, durationMs, legs } = stage.cdr;
    assert.deepEqual([outcome, endedBy], ["answered", by]);
    assert.ok(durationMs >= 15_000 && durationMs < 15_200);
    assert.deepEqual(
      legs.map(({ peer, codec, packetsReceived }) => [peer, codec, packetsReceived]),
      [
        ["carrier", "PCMU", 50],
        ["g1", "PCMU", 50],
      ],
    );
  });
}

test("a re-INVITE passes after the restart, with the next version", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  crash(stage);
  stage.gateway(1).onReinvited = (invite) => invite.answer(audio(G1, 6100, { version: 2 }), stage.gateway(1).dialogUser);
  stage.carrier.reinvite(call.dialog!, audio(CARRIER, 4100, { version: 2 }));
  await stage.wait(10);
  assert.ok(stage.carrier.heard.includes("re-INVITE answered"));
  const { remotes } = stage.media.session!.commits.at(-1)!;
  assert.deepEqual([remotes["a"]?.port, remotes["b1"]?.port], [4100, 6100]);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("an engine that says hello before the journal was read keeps the sessions", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  stage.boot();
  stage.media.onEvent?.({ type: "up", bootId: "1", sessions: [...stage.media.sessions.keys(), "0000000000000000"] });
  assert.equal(stage.media.sessions.size, 1);
  stage.calls.restore([...stage.journaled.values()]);
  assert.deepEqual([stage.media.sessions.size, stage.calls.size, stage.media.released], [1, 1, ["0000000000000000"]]);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("a second crash right after the first changes nothing", async () => {
  const stage = new Stage();
  const call = await stage.answered();
  crash(stage);
  // The journal rotated meanwhile: what it holds now is what the calls say of themselves.
  const copied = [...stage.calls.live()].map(({ callId, tenant, sections }) => ({
    callId,
    tenant,
    sections: JSON.parse(JSON.stringify(sections)) as Record<string, unknown>,
  }));
  stage.boot();
  assert.deepEqual(stage.calls.restore(copied), { running: 1, ended: 0, unreadable: 0 });
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "answered");
});

for (const heard of ["nothing", "100", "180", "200"] as const) {
  test(`in set-up, the gateway having said ${heard}: the caller hears 500, the gateway CANCEL or BYE`, async () => {
    const stage = new Stage();
    if (heard === "nothing") stage.network.fault = (packet) => (packet.from === "g1" && packet.atMs < 100 ? "drop" : undefined);
    const call = stage.dial();
    await stage.wait(10);
    if (heard === "180") stage.gateway(1).lastInvite.provisional(180, "Ringing", NONE);
    await stage.wait(10);
    if (heard === "200") {
      // Answered at the very moment of the crash: nobody took the 200.
      stage.network.link("g1", "tandem", { delayMs: 20 });
      stage.gateway(1).answer(audio(G1, 6000));
    }
    assert.deepEqual(crash(stage), { running: 0, ended: 1, unreadable: 0 });
    await stage.wait(1000);
    assert.equal(call.failure?.type === "response" && call.failure.response.status, 500);
    const left = heard === "200" ? "BYE" : "CANCEL";
    assert.ok(stage.gateway(1).heard.includes(left), stage.network.ladder());
    await stage.wait(70_000);
    assert.equal(stage.calls.size, 0);
    assert.equal(stage.agent.dialogs, 0);
    assert.equal(stage.journaled.size, 0);
    assert.equal(stage.media.sessions.size, 0);
    const { outcome, endReason, attempts, sipStatus } = stage.cdr;
    assert.deepEqual([outcome, endReason, sipStatus, attempts.length], ["failed", "restart during set-up", 500, 1]);
  });
}

for (const [copied, ended] of [
  [false, 0],
  [true, 1],
] as const) {
  test(`between BYE and CDR${copied ? ", the journal just having been copied" : ""}: the record is whole and written once, and the call does not come back`, async () => {
    const stage = new Stage();
    const call = await stage.answered();
    const release = stage.media.release.bind(stage.media);
    stage.media.release = () => new Promise(() => undefined);
    call.dialog!.bye([["Reason", "Q.850;cause=31"]]);
    await stage.wait(10);
    assert.equal(stage.cdrs.length, 0);
    if (copied) for (const live of JSON.parse(JSON.stringify([...stage.calls.live()]))) stage.journaled.set(live.callId, live);
    stage.media.release = release;
    assert.deepEqual(crash(stage), { running: 0, ended, unreadable: 0 });
    // It says what it holds while the call's end is still being said.
    stage.media.onEvent?.({ type: "up", bootId: "1", sessions: [...stage.media.sessions.keys()] });
    await stage.wait(1000);
    assert.equal(stage.calls.size, 0);
    assert.equal(stage.media.sessions.size, 0);
    const { outcome, q850, endedBy, answeredAtMs, legs, attempts } = stage.cdr;
    assert.deepEqual([outcome, q850, endedBy], ["answered", 31, "caller"]);
    assert.ok(answeredAtMs !== undefined);
    assert.deepEqual(
      legs.map(({ peer }) => peer),
      ["carrier", "g1"],
    );
    assert.equal(attempts.length, 1);
    for (const peer of ["carrier", "g1"]) assert.equal(stage.calls.callsOf(peer), 0);
  });
}

test("what was tried before the crash stands in the record, whether the call was over or not", async () => {
  for (const over of [false, true]) {
    const stage = new Stage({ gateways: 2 });
    stage.gateway(1).onCall = (invite) => invite.reject(503, "Service Unavailable");
    stage.gateway(2).onCall = (invite) => (over ? invite.reject(486, "Busy Here") : invite.provisional(180, "Ringing", NONE));
    if (over) stage.media.release = () => new Promise(() => undefined);
    stage.dial();
    await stage.wait(100);
    assert.equal(stage.cdrs.length, 0);
    crash(stage);
    await stage.wait(1000);
    const { attempts, sipStatus } = stage.cdr;
    assert.deepEqual(
      attempts.map(({ peer, status }) => [peer, status]),
      [
        ["g1", 503],
        ["g2", over ? 486 : 0],
      ],
    );
    assert.equal(sipStatus, over ? 486 : 500);
  }
});

test("sections that can't be understood are closed, not believed", () => {
  const stage = new Stage();
  const [callId, tenant] = ["0123456789abcdef" as never, "default" as never];
  assert.deepEqual(stage.calls.restore([{ callId, tenant, sections: { core: { startedAtMs: 1 } } }]), {
    running: 0,
    ended: 0,
    unreadable: 1,
  });
  assert.equal(stage.calls.size, 0);
});

test("an answer without its ACK is said again by the next process, the same to the byte (RFC 3261 §13.3.1.4)", async () => {
  const stage = new Stage({ carrier: { headers: { pass: ["x-session"], set: [] } } });
  const call = stage.dial({}, false);
  await stage.wait(10);
  const parts = audio(G1, 6000);
  stage.gateway(1).answer({ ...parts, headers: [["X-Session", "7"]] });
  await stage.wait(10);
  const first = stage.wireTo("carrier", "200 INVITE");
  assert.match(first, /X-Session: 7/);
  const before = stage.received("carrier").length;
  crash(stage);
  await stage.wait(10);
  assert.deepEqual(stage.received("carrier").slice(before), ["200 INVITE"]);
  assert.equal(stage.wireTo("carrier", "200 INVITE"), first);
  call.dialog!.ack("");
  await stage.wait(1000);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "answered");
});

/** Rings, answers, talks and is ended by one side; whoever was not told of the end says what it knows. */
async function wholeCall(stage: Stage, endedBy: "caller" | "callee"): Promise<VirtualCall> {
  const gateway = stage.gateway(1);
  gateway.onCall = (invite) => {
    invite.provisional(180, "Ringing", NONE);
    stage.clock.after(200, () => invite.pending && gateway.answer(audio(G1, 6000)));
  };
  const call = stage.dial();
  await stage.wait(3000);
  if (endedBy === "caller") call.dialog?.bye();
  else gateway.dialog?.bye();
  await stage.wait(100);
  return call;
}

for (const endedBy of ["caller", "callee"] as const) {
  test(`killed after anything it does in a call that the ${endedBy} ends: both sides come to an end, and one CDR says what the caller saw`, async () => {
    const undisturbed = new Stage();
    await wholeCall(undisturbed, endedBy);
    const { acts } = undisturbed;
    assert.ok(acts > 12, `${acts} acts`);
    // The second process is killed as well, at once or after a few acts of its own.
    for (const [diesAfter, again] of Array.from(
      { length: acts * 6 },
      (_, i) => [1 + Math.floor(i / 6), [Infinity, 1, 2, 3, 4, 5][i % 6]!] as const,
    )) {
      const stage = new Stage();
      const deaths = [diesAfter, diesAfter + again];
      const restart = (): void => {
        if (stage.acts >= deaths[0]!) {
          deaths.shift();
          stage.diesAfter = deaths[0] ?? Infinity;
          crash(stage);
        }
        if (deaths.length > 0) stage.clock.after(50, restart);
      };
      stage.diesAfter = diesAfter;
      stage.clock.after(50, restart);
      const call = await wholeCall(stage, endedBy);
      await stage.wait(1000);
      deaths.length = 0;
      stage.diesAfter = Infinity;
      const where = `killed after act ${diesAfter} of ${acts}, and after ${again} more\n${stage.network.ladder()}`;
      assert.deepEqual(await stage.quiet(), [], where);
      assert.equal(stage.cdrs.length, 1, where);
      const heard = call.dialog === undefined ? "refused" : "answered";
      assert.equal(stage.cdr.outcome === "answered" ? "answered" : "refused", heard, where);
      if (heard === "answered") assert.equal(stage.cdr.endedBy, endedBy, where);
    }
  });
}

test("a gateway behind NAT hears ACK, re-INVITE and BYE where it was seen, after a restart too", async () => {
  const stage = new Stage({ gateway: { nat: true } });
  const gateway = stage.gateway(1);
  gateway.newInvite = () => ({ localTag: "inside", localContact: "sip:inside@192.168.1.20:5060" });
  const call = await stage.answered();
  assert.ok(gateway.heard.includes("ACK"));
  crash(stage);
  gateway.onReinvited = (invite) => invite.answer(audio(G1, 6100, { version: 2 }), gateway.dialogUser);
  stage.carrier.reinvite(call.dialog!, audio(CARRIER, 4100, { version: 2 }));
  await stage.wait(10);
  assert.ok(stage.carrier.heard.includes("re-INVITE answered"));
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.match(stage.wireTo("g1", "BYE"), /^BYE sip:inside@192\.168\.1\.20:5060 /);
});
