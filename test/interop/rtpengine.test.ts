/**
 * rtpengine in the embedded engine's place by one setting: words both ways, hold, hunting with ringback that must
 * stop, kill -9 of signalling and of an rtpengine, two of them by weight, two networks without a route.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { StatusReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { peersOfBaresip, startBaresip } from "../kit/baresip.ts";
import { type Host, type Lab, type RunningTandem, loopbackLab, namespaceLab, startTandem } from "../kit/lab.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { type RunningRtpengine, startRtpengine } from "../kit/rtpengine.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, answer, bye, invite, pause, recv, respond, respondWithin, sdp, uac, uas } from "../kit/sipp-scenario.ts";
import { talkingCall } from "../kit/talking-call.ts";
import { SENTENCES, recognised, spoken } from "../kit/words.ts";
import { type YamlOptions, labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";

/** One rtpengine beside Tandem, in both of its networks. Its names for them are not ours. */
async function rtpengineIn(
  lab: Lab,
  port = 2223,
  ports: readonly [number, number] = [20_000, 20_999],
  address = lab.sbcPrivate.address,
): Promise<RunningRtpengine> {
  const rtpengine = await startRtpengine({
    address,
    port,
    interfaces: [`internal/${lab.sbcPrivate.address}`, `external/${lab.sbcPublic.address}`],
    portMin: ports[0],
    portMax: ports[1],
    prefix: lab.sbcPrivate.prefix,
  });
  lab.atEnd(() => rtpengine.kill("SIGKILL"));
  return rtpengine;
}

const yamlFor = (
  lab: Lab,
  options: YamlOptions = {},
  nodes: readonly unknown[] = [{ address: `${lab.sbcPrivate.address}:2223` }],
): string =>
  labYaml(lab, {
    ...options,
    node: { media: { engine: "rtpengine", rtpengine: nodes, interfaces: { private: "internal", public: "external" } } },
  });

async function cdrs(tandem: RunningTandem, count: number): Promise<readonly Cdr[]> {
  for (let tries = 0; tries < 200; tries++) {
    const list = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 10, callId: undefined, number: undefined });
    if (list.length >= count) return list;
    await sleep(50);
  }
  throw new Error(`no ${count} CDRs. Tandem said:\n${tandem.child.output()}`);
}

async function until(what: string, tandem: RunningTandem, done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await done().catch(() => false)) return;
    await sleep(100);
  }
  assert.fail(`${what} did not happen within 30 s. Tandem said:\n${tandem.child.output().slice(-4_000)}`);
}

const CALLING = uac([
  invite(),
  recv(100, { optional: true }),
  recv(180, { optional: true }),
  recv(200, { timeoutMs: 20_000 }),
  ack(),
  pause(300),
  bye(),
  recv(200),
]);

describe("rtpengine as the engine", { skip: skipWithout("rtpengine", "sipp") }, () => {
  test("words pass both ways, hold and its end too, and the CDR has the packets", async (t) => {
    const lab = loopbackLab(t);
    await rtpengineIn(lab);
    const tandem = await startTandem(t, lab, yamlFor(lab));
    await until("the first answer", tandem, async () => (await tandem.ask<StatusReport>({ type: "status" })).media.up);
    assert.equal((await tandem.ask<StatusReport>({ type: "status" })).media.engine, "rtpengine");
    assert.throws(() => tandem.pidOf("media"), "there is no media process of ours");
    const call = await talkingCall(lab);
    await call.heard();
    await call.endWell();
    const [cdr] = await cdrs(tandem, 1);
    assert.equal(cdr!.outcome, "answered");
    assert.equal(cdr!.endedBy, "caller");
    for (const leg of cdr!.legs) assert.ok(JSON.stringify(leg).match(/"packetsReceived":([1-9]\d+)/) !== null, JSON.stringify(leg));
  });

  test("hunting past a dead gateway and one that plays ringback and then fails: only the third is heard", async (t) => {
    const lab = loopbackLab(t);
    await rtpengineIn(lab);
    // ai1 is dead.
    const tandem = await startTandem(t, lab, yamlFor(lab, { gateway: { early_media: "relay" } }));
    startSipp(
      lab,
      lab.gateways[1],
      uas([
        recv("INVITE"),
        respond(183, "Session Progress", { body: sdp() }),
        pause(700),
        respond(500, "Server Error", { retransmit: true }),
        recv("ACK"),
      ]),
      undefined,
      { calls: 1 },
    );
    const call = await talkingCall(lab, { gateway: lab.gateways[2] });
    await call.heard();
    await call.endWell();
    const [cdr] = await cdrs(tandem, 1);
    assert.deepEqual(
      cdr!.attempts.map((attempt) => attempt.peer),
      ["ai1", "ai2", "ai3"],
    );
    assert.match(call.caller.messages(), /SIP\/2\.0 183/, "the ringback's description reached the caller");
  });

  test("a call from a gateway goes out to the carrier", async (t) => {
    const lab = loopbackLab(t);
    await rtpengineIn(lab);
    const tandem = await startTandem(t, lab, yamlFor(lab));
    const carrier = startSipp(lab, lab.carrier, ANSWERING, undefined, { calls: 1 });
    const called = await runSipp(lab, lab.gateways[0], CALLING, `${lab.sbcPublic.address}:5060`, { service: "+4989987654" });
    assert.equal(called.successful, 1, called.output);
    assert.equal((await carrier.finish()).successful, 1);
    const [cdr] = await cdrs(tandem, 1);
    assert.equal(cdr!.direction, "outbound");
  });

  test("kill -9 of signalling: the words never stop, and the next process finds the session and holds it", async (t) => {
    const lab = loopbackLab(t);
    await rtpengineIn(lab);
    const tandem = await startTandem(t, lab, yamlFor(lab));
    const call = await talkingCall(lab);
    await call.heard();
    const pid = tandem.pidOf("signalling");
    process.kill(pid, "SIGKILL");
    await until(
      "another signalling process",
      tandem,
      async () => tandem.pidOf("signalling") !== pid && (await tandem.ask<StatusReport>({ type: "status" })).media.up,
    );
    assert.equal((await tandem.ask<StatusReport>({ type: "status" })).calls, 1);
    await call.endWell();
    const [cdr, ...more] = await cdrs(tandem, 1);
    assert.deepEqual([cdr!.outcome, cdr!.endedBy, more.length], ["answered", "caller", 0]);
  });

  test("two by weight: the call of one that is killed ends, and the next goes to the other", async (t) => {
    const lab = loopbackLab(t);
    const first = await rtpengineIn(lab, 2223, [20_000, 20_999]);
    await rtpengineIn(lab, 2233, [21_000, 21_999]);
    const nodes = [
      { address: `${lab.sbcPrivate.address}:2223`, weight: 10_000 },
      { address: `${lab.sbcPrivate.address}:2233`, weight: 1 },
    ];
    const tandem = await startTandem(t, lab, yamlFor(lab, {}, nodes));
    const gateway = startSipp(
      lab,
      lab.gateways[0],
      uas([recv("INVITE"), answer(), recv("ACK"), recv("BYE", { timeoutMs: 30_000 }), respondWithin(200, "OK")]),
      undefined,
      { calls: 1 },
    );
    const called = runSipp(
      lab,
      lab.carrier,
      uac([invite(), recv(100, { optional: true }), recv(200), ack(), recv("BYE", { timeoutMs: 30_000 }), respondWithin(200, "OK")]),
      `${lab.sbcPrivate.address}:5060`,
      { service: DID, timeoutMs: 60_000 },
    );
    await until(
      "the call",
      tandem,
      async () =>
        / ACK\r?\n/.test(gateway.messages()) &&
        /2223 up, 1 sessions/.test((await tandem.ask<StatusReport>({ type: "status" })).media.detail),
    );
    await first.kill("SIGKILL");
    await until("one down", tandem, async () =>
      /2223 down.*2233 up/.test((await tandem.ask<StatusReport>({ type: "status" })).media.detail),
    );
    const second = startSipp(lab, lab.gateways[1], ANSWERING, undefined, { calls: 1 });
    // ai1 is busy with its one call of the scenario.
    const next = await runSipp(lab, lab.carrier, CALLING, `${lab.sbcPrivate.address}:5060`, { service: DID, port: 5080, mediaPort: 9300 });
    assert.equal(next.successful, 1, next.output);
    assert.match(next.messages, /m=audio 21\d\d\d /, "from the ports of the second");
    // The same one again, without its sessions.
    await rtpengineIn(lab, 2223, [20_000, 20_999]);
    const [ended] = await Promise.all([called, gateway.finish(), second.finish()]);
    assert.equal(ended.successful, 1, `${ended.output}\n${ended.messages}\n${tandem.child.output()}`);
    const lost = (await cdrs(tandem, 2)).find((cdr) => cdr.outcome !== "answered" || cdr.endedBy === "us");
    assert.equal(lost?.outcome, "media_failed", JSON.stringify(lost));
  });
});

test("each side hears the other's sentence across two networks without a route", {
  skip: skipWithoutRoot("rtpengine", "baresip", "espeak-ng", "sox", "pocketsphinx_batch"),
}, async (t: TestContext) => {
  const lab = namespaceLab(t);
  await rtpengineIn(lab);
  await startTandem(t, lab, yamlFor(lab, peersOfBaresip(lab)));
  const talker = async (host: Host, user: string, sentence: (typeof SENTENCES)[number]) =>
    startBaresip(lab, host, { user, speaks: await spoken(lab, sentence), codecs: ["PCMU/8000"] });
  const gateway = await talker(lab.gateways[0], DID, SENTENCES[1]);
  const carrier = await talker(lab.carrier, "+4930123456", SENTENCES[0]);
  carrier.dial(`sip:${DID}@${lab.sbcPrivate.address}:5060`);
  await Promise.all([carrier.happens("CALL_ESTABLISHED"), gateway.happens("CALL_ESTABLISHED")]);
  await sleep(6_000);
  carrier.tell("hangup");
  await Promise.all([carrier.happens("CALL_CLOSED"), gateway.happens("CALL_CLOSED")]);
  assert.equal(await recognised(lab, gateway.heard()!), SENTENCES[0]);
  assert.equal(await recognised(lab, carrier.heard()!), SENTENCES[1]);
});
