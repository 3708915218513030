/**
 * A running call whose gateway is replaced, with sipp on all sides: by an operator with audio both ways afterwards, by
 * REFER with its NOTIFYs, and back out to the carrier.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallSummary, TransferReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { RtpFlow, RtpTicker } from "../kit/rtp-flow.ts";
import { type RunningSipp, startSipp } from "../kit/sipp.ts";
import {
  ack,
  answer,
  invite,
  pause,
  recv,
  respond,
  respondWithin,
  sdp,
  type Step,
  uac,
  uas,
  withinAsCallee,
} from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error(`${what}: not within 15 s`);
}
const portTold = (sipp: RunningSipp): Promise<number> =>
  until("a description of ours", () => {
    const port = [...sipp.messages().matchAll(/m=audio (\d+) RTP/g)]
      .map((found) => Number(found[1]))
      .find((one) => one >= 20_000 && one < 24_000);
    return port;
  });

async function setUp(t: TestContext): Promise<{ readonly lab: Lab; readonly tandem: RunningTandem; cdr(): Promise<Cdr> }> {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, labYaml(lab, { gateway: { transfers: true } }));
  const cdr = () =>
    until("a CDR", async () => (await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 1, callId: undefined, number: undefined }))[0]);
  return { lab, tandem, cdr };
}
const callTo = (tandem: RunningTandem, peer: string): Promise<CallSummary> =>
  until(`a call to ${peer}`, async () =>
    (await tandem.ask<readonly CallSummary[]>({ type: "calls" })).find((call) => call.state === "answered" && call.to === peer),
  );

const body = (flow: RtpFlow): string => sdp({ formats: "0 101", port: String(flow.port) });
const answering = (flow: RtpFlow, ...more: readonly Step[]): string =>
  uas([recv("INVITE"), respond(180, "Ringing"), answer({ body: body(flow) }), recv("ACK"), ...more, recv("BYE"), respondWithin(200, "OK")]);
/** Hears a re-INVITE perhaps, and hangs up on nobody. */
const calling = (flow: RtpFlow): string =>
  uac([invite({ body: body(flow) }), trying, ringing, recv(200), ack(), recv("BYE", { timeoutMs: 20_000 }), respondWithin(200, "OK")]);

async function flows(lab: Lab) {
  const ticker = new RtpTicker();
  lab.atEnd(() => ticker.close());
  const made = await Promise.all([lab.carrier, lab.gateways[0], lab.gateways[1]].map(({ address }) => RtpFlow.open(address)));
  for (const flow of made) ticker.add(flow);
  return made as [RtpFlow, RtpFlow, RtpFlow];
}

describe("transfer", { skip: skipWithout("sipp") }, () => {
  test("an operator moves the call: audio flows both ways with the new gateway, and the record has all three sides", async (t) => {
    const { lab, tandem, cdr } = await setUp(t);
    const [near, first, second] = await flows(lab);
    const gateway1 = startSipp(lab, lab.gateways[0], answering(first), undefined, { calls: 1 });
    const gateway2 = startSipp(lab, lab.gateways[1], answering(second), undefined, { calls: 1 });
    const carrier = startSipp(lab, lab.carrier, calling(near), `${lab.sbcPrivate.address}:5060`, { calls: 1, service: DID });
    const { callId } = await callTo(tandem, "ai1");
    near.sendTo({ address: lab.sbcPrivate.address, port: await portTold(carrier) });
    first.sendTo({ address: lab.sbcPublic.address, port: await portTold(gateway1) });
    await until("audio with the first", () => (near.received > 10 && first.received > 10 ? true : undefined));
    const report = await tandem.cli<TransferReport>("transfer", callId, "gateway:ai2");
    assert.deepEqual(report, { callId });
    await callTo(tandem, "ai2");
    assert.equal((await gateway1.finish()).successful, 1);
    first.stop();
    second.sendTo({ address: lab.sbcPublic.address, port: await portTold(gateway2) });
    const before = near.received;
    await until("audio with the second", () => (near.received > before + 25 && second.received > 25 ? true : undefined));
    await tandem.ask({ type: "hangup", callId, reason: "enough" });
    for (const side of [await carrier.finish(), await gateway2.finish()]) assert.equal(side.successful, 1, side.output);
    const { legs, attempts, outcome } = await cdr();
    assert.equal(outcome, "answered");
    assert.deepEqual(
      legs.map(({ leg, peer, packetsReceived }) => [leg, peer, packetsReceived > 5]),
      [
        ["a", "vodafone", true],
        ["b1", "ai1", true],
        ["b2", "ai2", true],
      ],
    );
    assert.deepEqual(
      attempts.map(({ peer }) => peer),
      ["ai1", "ai2"],
    );
  });

  test("REFER of the gateway: 202, NOTIFY 100 and 200, BYE; the number goes by the outbound rules", async (t) => {
    const { lab, tandem, cdr } = await setUp(t);
    const [near, first] = await flows(lab);
    const refer = withinAsCallee("REFER", 1, { headers: ["Refer-To: <sip:+4930999@carrier.example>"] });
    const notified = [recv("NOTIFY", { timeoutMs: 5000 }), respondWithin(200, "OK")];
    const gateway = startSipp(lab, lab.gateways[0], answering(first, pause(200), refer, recv(202), ...notified, ...notified), undefined, {
      calls: 1,
    });
    const carrier = startSipp(lab, lab.carrier, calling(near), `${lab.sbcPrivate.address}:5060`, {
      calls: 1,
      service: DID,
      port: 5062,
      mediaPort: 9100,
    });
    const outside = startSipp(lab, lab.carrier, answering(near), undefined, { calls: 1 });
    const { callId } = await callTo(tandem, "vodafone");
    const heard = await gateway.finish();
    assert.equal(heard.successful, 1, heard.output);
    assert.match(heard.messages, /SIP\/2\.0 100 Trying/);
    assert.match(heard.messages, /Subscription-State: terminated;reason=noresource[\s\S]*SIP\/2\.0 200 OK/);
    await tandem.ask({ type: "hangup", callId, reason: "enough" });
    for (const side of [await carrier.finish(), await outside.finish()]) assert.equal(side.successful, 1, side.output);
    assert.match(outside.messages(), /INVITE sip:\+4930999@/);
    assert.match(outside.messages(), /From: (?:"[^"]*" )?<sip:\+4930123456@/);
    assert.deepEqual(
      (await cdr()).legs.map(({ peer }) => peer),
      ["vodafone", "ai1", "vodafone"],
    );
  });

  test("REFER that nobody answers: NOTIFY says so, and the call goes on", async (t) => {
    const { lab, tandem } = await setUp(t);
    const [near, first] = await flows(lab);
    const refer = withinAsCallee("REFER", 1, { headers: ["Refer-To: <sip:+4930999@carrier.example>"] });
    const notified = [recv("NOTIFY", { timeoutMs: 5000 }), respondWithin(200, "OK")];
    const gateway = startSipp(lab, lab.gateways[0], answering(first, pause(200), refer, recv(202), ...notified, ...notified), undefined, {
      calls: 1,
    });
    const carrier = startSipp(lab, lab.carrier, calling(near), `${lab.sbcPrivate.address}:5060`, {
      calls: 1,
      service: DID,
      port: 5062,
      mediaPort: 9100,
    });
    startSipp(lab, lab.carrier, uas([recv("INVITE"), respond(486, "Busy Here"), recv("ACK")]), undefined, { calls: 1 });
    await until("NOTIFY 486", () => (/SIP\/2\.0 486 Busy Here/.test(gateway.messages()) ? true : undefined));
    const { callId } = await callTo(tandem, "ai1");
    await tandem.ask({ type: "hangup", callId, reason: "enough" });
    for (const side of [await carrier.finish(), await gateway.finish()]) assert.equal(side.successful, 1, side.output);
  });
});
