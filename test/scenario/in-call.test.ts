/** What happens inside an answered call: re-INVITE, hold, late offers, UPDATE, INFO, and ends that nobody asked for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { respondInDialog } from "#sip/dialog/respond.ts";
import { audio, CARRIER, Stage } from "./stage.ts";

const NONE = { headers: [], body: "" };
const G1 = "203.0.113.1";
const bodyOf = (wire: string): string => wire.split("\r\n\r\n")[1] ?? "";
const versionOf = (body: string): number => Number(/^o=- \d+ (\d+)/m.exec(body)?.[1]);
const hold = (address: string, port: number, version = 2) =>
  audio(address, port, { version, lines: "a=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n" });
const held = (address: string, port: number, version = 2) =>
  audio(address, port, { version, lines: "a=rtpmap:101 telephone-event/8000\r\na=recvonly\r\n" });

async function endQuietly(stage: Stage, call: Awaited<ReturnType<Stage["answered"]>>): Promise<void> {
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "answered");
}

describe("re-INVITE", () => {
  test("a refresh with the same description is answered here, with the same version", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    for (const version of [1, 2]) stage.carrier.reinvite(call.dialog!, audio(CARRIER, 4000, { version }));
    await stage.wait(10);
    stage.carrier.reinvite(call.dialog!, audio(CARRIER, 4000, { version: 3 }));
    await stage.wait(10);
    assert.equal(stage.gateway(1).reinvites.length, 0);
    const bodies = stage.network.packets
      .filter((packet) => packet.to === "carrier" && packet.summary === "200 INVITE")
      .map(({ wire }) => bodyOf(wire));
    assert.ok(bodies.length >= 3);
    assert.ok(bodies.every((body) => body === bodies[0]));
    await endQuietly(stage, call);
  });

  test("hold from the caller passes, the engine hears it, and it ends again", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.gateway(1).onReinvited = (invite) => invite.answer(held(G1, 6000), stage.gateway(1).dialogUser);
    stage.carrier.reinvite(call.dialog!, hold(CARRIER, 4000));
    await stage.wait(10);
    assert.match(stage.gateway(1).lastReinvite.request.body, /a=sendonly/);
    assert.match(bodyOf(stage.wireTo("carrier", "200 INVITE")), /a=recvonly/);
    assert.equal(stage.calls.list()[0]?.held, true);
    assert.equal(stage.media.session?.commits.at(-1)?.remotes["a"]?.direction, "sendonly");
    stage.gateway(1).onReinvited = (invite) => invite.answer(audio(G1, 6000, { version: 3 }), stage.gateway(1).dialogUser);
    stage.carrier.reinvite(call.dialog!, audio(CARRIER, 4000, { version: 3 }));
    await stage.wait(10);
    assert.equal(stage.calls.list()[0]?.held, false);
    assert.deepEqual(
      stage.events.flatMap((event) => (event.type === "call-held" ? [event.held] : [])),
      [true, false],
    );
    const versions = stage.network.packets
      .filter(({ to, summary }) => to === "g1" && summary === "INVITE")
      .map(({ wire }) => versionOf(bodyOf(wire)));
    assert.deepEqual(versions, [versions[0]!, versions[0]! + 1, versions[0]! + 2]);
    await endQuietly(stage, call);
  });

  test("from the callee it passes to the caller", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.carrier.onReinvited = (invite) => invite.answer(audio(CARRIER, 4000), stage.carrier.dialogUser);
    stage.gateway(1).reinvite(stage.gateway(1).dialog!, audio(G1, 6100, { version: 2 }));
    await stage.wait(10);
    assert.match(stage.carrier.lastReinvite.request.body, /c=IN IP4 10\.0\.0\.1/);
    assert.equal(stage.media.session?.commits.at(-1)?.remotes["b1"]?.port, 6100);
    assert.ok(stage.gateway(1).heard.includes("re-INVITE answered"));
    await endQuietly(stage, call);
  });

  test("refused with 488: both legs stay as they were, the media too", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    const commits = stage.media.session!.commits.length;
    stage.gateway(1).onReinvited = (invite) => invite.reject(488, "No");
    stage.carrier.reinvite(call.dialog!, hold(CARRIER, 4000));
    await stage.wait(10);
    assert.ok(stage.carrier.heard.includes("re-INVITE failed 488"));
    assert.equal(stage.media.session!.commits.length, commits);
    // A refresh is still the former description.
    stage.carrier.reinvite(call.dialog!, audio(CARRIER, 4000));
    await stage.wait(10);
    assert.equal(stage.gateway(1).reinvites.length, 1);
    await endQuietly(stage, call);
  });

  test("491 while the other side's offer is under way", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.network.link("tandem", "g1", { delayMs: 50 });
    stage.carrier.reinvite(call.dialog!, hold(CARRIER, 4000));
    await stage.wait(10);
    stage.gateway(1).reinvite(stage.gateway(1).dialog!, audio(G1, 6100, { version: 2 }));
    await stage.wait(200);
    // Both agents had an offer out, so both heard 491 (RFC 3261 §14.2), and the caller hears it too.
    assert.ok(stage.gateway(1).heard.includes("re-INVITE failed 491"));
    assert.ok(stage.carrier.heard.includes("re-INVITE failed 491"));
    stage.gateway(1).onReinvited = (invite) => invite.answer(held(G1, 6000), stage.gateway(1).dialogUser);
    stage.carrier.reinvite(call.dialog!, hold(CARRIER, 4000, 3));
    await stage.wait(200);
    assert.ok(stage.carrier.heard.includes("re-INVITE answered"));
    stage.network.link("tandem", "g1", { delayMs: 0 });
    await endQuietly(stage, call);
  });

  test("an answer without a description: 488 to the offerer, and the answerer is offered what was before", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.gateway(1).onReinvited = (invite) =>
      invite.answer(stage.gateway(1).reinvites.length === 1 ? NONE : audio(G1, 6000, { version: 2 }), stage.gateway(1).dialogUser);
    stage.carrier.reinvite(call.dialog!, hold(CARRIER, 4000));
    await stage.wait(10);
    assert.ok(stage.carrier.heard.includes("re-INVITE failed 488"));
    assert.equal(stage.gateway(1).reinvites.length, 2);
    const [first, second, third] = stage.network.packets
      .filter(({ to, summary }) => to === "g1" && summary === "INVITE")
      .map(({ wire }) => bodyOf(wire));
    assert.deepEqual([versionOf(second!) - versionOf(first!), versionOf(third!) - versionOf(first!)], [1, 2]);
    assert.match(third!, /a=sendrecv/);
    await endQuietly(stage, call);
  });

  test("481 from the other side ends the call (RFC 3261 §14.1)", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.gateway(1).onReinvited = (invite) => invite.reject(481, "Gone");
    stage.carrier.reinvite(call.dialog!, hold(CARRIER, 4000));
    await stage.wait(1000);
    assert.ok(stage.carrier.heard.includes("BYE"));
    assert.deepEqual(await stage.quiet(), []);
    assert.equal(stage.cdr.endedBy, "us");
  });

  test("without an offer: the other side is asked, and its ACK waits for the answer", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.gateway(1).onReinvited = (invite) => invite.answer(audio(G1, 6200, { version: 2 }), stage.gateway(1).dialogUser);
    const answer = audio(CARRIER, 4400, { version: 2, formats: "0 101" });
    stage.network.link("carrier", "tandem", { delayMs: 200 });
    stage.carrier.reinvite(call.dialog!, NONE, answer.body);
    await stage.wait(300);
    assert.equal(stage.gateway(1).lastReinvite.request.body, "");
    assert.equal(stage.gateway(1).heard.filter((line) => line.startsWith("ACK")).length, 1);
    await stage.wait(300);
    assert.equal(stage.gateway(1).heard.filter((line) => line.startsWith("ACK")).length, 2);
    const { remotes } = stage.media.session!.commits.at(-1)!;
    assert.deepEqual([remotes["a"]?.port, remotes["b1"]?.port], [4400, 6200]);
    assert.match(bodyOf(stage.wireTo("g1", "ACK")), /m=audio 20002 RTP\/AVP 0 101/);
    stage.network.link("carrier", "tandem", { delayMs: 0 });
    await endQuietly(stage, call);
  });

  test("an m-line never vanishes: a shorter description is refused", async () => {
    const stage = new Stage();
    const two = audio(CARRIER, 4000);
    const call = await stage.answered({ ...two, body: `${two.body}m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n` });
    assert.equal(call.answer.match(/^m=/gm)?.length, 2);
    assert.match(call.answer, /m=video 0 /);
    stage.carrier.reinvite(call.dialog!, audio(CARRIER, 4010, { version: 2 }));
    await stage.wait(10);
    assert.ok(stage.carrier.heard.includes("re-INVITE failed 488"));
    await endQuietly(stage, call);
  });
});

describe("late offer", () => {
  test("the gateway gets our offer, the caller's ACK has the answer", async () => {
    const stage = new Stage();
    const call = stage.dial({ ...NONE, headers: [] }, false);
    await stage.wait(10);
    const offer = stage.gateway(1).lastInvite.request.body;
    assert.match(offer, /m=audio 20002 RTP\/AVP 0 8 101/);
    stage.gateway(1).answer(audio(G1, 6000, { formats: "8 0 101" }));
    await stage.wait(10);
    assert.match(call.answer, /m=audio 20000 RTP\/AVP 8 101\r\n/);
    assert.equal(stage.media.session?.commits.length, 0);
    call.dialog!.ack(audio(CARRIER, 4000, { formats: "8 101" }).body);
    await stage.wait(10);
    const { remotes, pair } = stage.media.session!.commits.at(-1)!;
    assert.deepEqual([remotes["a"]?.port, remotes["b1"]?.port, pair], [4000, 6000, "b1"]);
    await endQuietly(stage, call);
  });

  test("an ACK without the answer ends the call", async () => {
    const stage = new Stage();
    const call = stage.dial({ ...NONE }, false);
    await stage.wait(10);
    stage.gateway(1).answer(audio(G1, 6000));
    await stage.wait(10);
    call.dialog!.ack("");
    await stage.wait(10);
    assert.ok(stage.carrier.heard.includes("BYE") && stage.gateway(1).heard.includes("BYE"));
    assert.deepEqual(await stage.quiet(), []);
    assert.equal(stage.cdr.outcome, "media_failed");
  });
});

describe("UPDATE", () => {
  test("without an offer it is answered here", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.carrier.request(call.dialog!, "UPDATE");
    await stage.wait(10);
    assert.ok(stage.carrier.heard.includes("UPDATE 200"));
    assert.ok(!stage.received("g1").includes("UPDATE"));
    await endQuietly(stage, call);
  });

  test("with an offer it passes as UPDATE", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.gateway(1).onDialogRequest = (transaction) => respondInDialog(transaction, 200, "OK", held(G1, 6000));
    stage.carrier.request(call.dialog!, "UPDATE", hold(CARRIER, 4000));
    await stage.wait(10);
    assert.ok(stage.received("g1").includes("UPDATE"));
    assert.match(bodyOf(stage.wireTo("carrier", "200 UPDATE")), /a=recvonly/);
    assert.equal(stage.calls.list()[0]?.held, true);
    await endQuietly(stage, call);
  });

  test("that waits for the far end when the call ends is answered 487 (RFC 3261 §15.1.2)", async () => {
    for (const ender of ["carrier", "g1"]) {
      const stage = new Stage();
      const call = await stage.answered();
      stage.gateway(1).onDialogRequest = () => undefined;
      stage.carrier.request(call.dialog!, "UPDATE", hold(CARRIER, 4000));
      await stage.wait(10);
      if (ender === "carrier") call.dialog!.bye();
      else stage.gateway(1).dialog!.bye();
      await stage.wait(10);
      assert.ok(stage.received("carrier").includes("487 UPDATE"), ender);
      assert.deepEqual(await stage.quiet(), []);
      assert.equal(stage.cdrs.length, 1);
    }
  });

  test("as re-INVITE where the far end lacks it", async () => {
    const stage = new Stage();
    // A gateway that never heard of UPDATE says so in Allow.
    stage.network.fault = undefined;
    const call = stage.dial();
    await stage.wait(10);
    const gateway = stage.gateway(1);
    const receive = stage.transport.receive.bind(stage.transport);
    stage.transport.receive = (wire, flow) => receive(flow.remoteAddress === G1 ? wire.replace(/, UPDATE/, "") : wire, flow);
    gateway.answer(audio(G1, 6000));
    await stage.wait(10);
    gateway.onReinvited = (invite) => invite.answer(held(G1, 6000), gateway.dialogUser);
    stage.carrier.request(call.dialog!, "UPDATE", hold(CARRIER, 4000));
    await stage.wait(10);
    assert.equal(gateway.reinvites.length, 1);
    assert.match(bodyOf(stage.wireTo("carrier", "200 UPDATE")), /a=recvonly/);
    await endQuietly(stage, call);
  });
});

describe("INFO and others", () => {
  test("DTMF passes, written anew", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.carrier.request(call.dialog!, "INFO", {
      headers: [["X-Secret", "10.9.8.7"]],
      contentType: "application/dtmf-relay",
      body: "Signal=5\r\nDuration=160\r\nX=10.9.8.7\r\n",
    });
    await stage.wait(10);
    const wire = stage.wireTo("g1", "INFO");
    assert.equal(bodyOf(wire), "Signal=5\r\nDuration=160\r\n");
    assert.doesNotMatch(wire, /10\.9\.8\.7|Secret/);
    assert.ok(stage.carrier.heard.includes("INFO 200"));
    assert.ok(stage.events.some((event) => event.type === "dtmf" && event.digit === "5"));
    await endQuietly(stage, call);
  });

  test("an unknown body: 415; other methods: 405 with Allow; OPTIONS: 200", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.carrier.request(call.dialog!, "INFO", { headers: [], contentType: "application/x-secret", body: "x" });
    for (const method of ["REFER", "MESSAGE", "NOTIFY", "SUBSCRIBE", "PRACK", "OPTIONS"]) {
      stage.carrier.request(call.dialog!, method);
      await stage.wait(10);
    }
    assert.ok(stage.carrier.heard.includes("INFO 415"));
    for (const method of ["REFER", "MESSAGE", "NOTIFY", "SUBSCRIBE", "PRACK"])
      assert.ok(stage.carrier.heard.includes(`${method} 405`), method);
    assert.ok(stage.carrier.heard.includes("OPTIONS 200"));
    assert.deepEqual(
      stage.received("g1").filter((summary) => !/INVITE|ACK/.test(summary)),
      [],
    );
    await endQuietly(stage, call);
  });

  test("481 to INFO ends the call", async () => {
    const stage = new Stage();
    const call = await stage.answered();
    stage.gateway(1).onDialogRequest = (transaction) => respondInDialog(transaction, 481, "Gone");
    stage.carrier.request(call.dialog!, "INFO", { headers: [], contentType: "application/dtmf", body: "1" });
    await stage.wait(10);
    assert.ok(stage.carrier.heard.includes("BYE"));
    assert.deepEqual(await stage.quiet(), []);
    assert.ok(call.dialog);
  });
});

describe("the end that nobody asked for", () => {
  test("the gateway vanishes: the engine misses its audio, both sides get BYE with a cause", async () => {
    const stage = new Stage({ carrier: { mediaTimeoutMs: 30_000 }, gateway: { mediaTimeoutMs: 20_000 } });
    await stage.answered();
    assert.equal(stage.media.session?.commits.at(-1)?.timeoutMs, 20_000);
    stage.gateway(1).transport.close();
    stage.media.onEvent?.({ type: "timeout", session: stage.calls.list()[0]!.callId, side: "b1", silentMs: 20_000 });
    await stage.wait(100);
    assert.ok(stage.carrier.heard.includes("BYE"));
    assert.match(stage.wireTo("carrier", "BYE"), /Reason: Q\.850;cause=41\r\n/);
    await stage.wait(40_000);
    assert.match(stage.cdr.endReason, /no audio from the callee/);
    assert.equal(stage.calls.size, 0);
  });

  test("maximum duration: BYE to both with cause 102", async () => {
    const stage = new Stage({ carrier: { callDurationMaxMs: 60_000 } });
    await stage.answered();
    await stage.wait(60_100);
    assert.match(stage.wireTo("carrier", "BYE"), /Q\.850;cause=102/);
    assert.match(stage.wireTo("g1", "BYE"), /Q\.850;cause=102/);
    assert.deepEqual(await stage.quiet(), []);
    assert.ok(stage.cdr.durationMs >= 59_900);
  });

  test("the engine lost the session: media_failed", async () => {
    const stage = new Stage();
    await stage.answered();
    stage.media.onEvent?.({ type: "down", reason: "killed" });
    await stage.wait(10);
    assert.equal(stage.calls.size, 1);
    stage.media.onEvent?.({ type: "up", bootId: "2", sessions: ["0000000000000000"] });
    await stage.wait(10);
    assert.ok(stage.carrier.heard.includes("BYE") && stage.gateway(1).heard.includes("BYE"));
    assert.ok(stage.media.released.includes("0000000000000000"));
    assert.deepEqual(await stage.quiet(), []);
    assert.equal(stage.cdr.outcome, "media_failed");
  });

  test("hung up by an operator, answered or not", async () => {
    for (const answered of [true, false]) {
      const stage = new Stage();
      const call = answered ? await stage.answered() : stage.dial();
      await stage.wait(10);
      assert.equal(stage.calls.hangUp(stage.calls.list()[0]!.callId.slice(0, 12), "maintenance"), true);
      await stage.wait(10);
      assert.equal(
        answered ? stage.carrier.heard.includes("BYE") : call.failure?.type === "response" && call.failure.response.status === 480,
        true,
      );
      assert.deepEqual(await stage.quiet(), []);
      assert.equal(stage.cdr.endedBy, "us");
    }
  });
});
