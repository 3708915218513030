/**
 * Calls that Tandem places, with sipp as the carrier and as the gateway: bridged with audio both ways, busy, no answer,
 * a dead trunk whose backup takes over, who may be shown, and kill -9 of signalling in the middle of it.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallSummary, OriginateCommand, OriginateReport, TokenReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { RtpFlow, RtpTicker } from "../kit/rtp-flow.ts";
import { type RunningSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, answer, pause, recv, respond, respondWithin, sdp, terminated, uas } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const CUSTOMER = "+19876543210";

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error(`${what}: not within 15 s`);
}

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  place(more?: Partial<OriginateCommand>): Promise<string>;
  cdr(): Promise<Cdr>;
}

async function setUp(t: TestContext, yaml: (lab: Lab) => string = (lab) => labYaml(lab)): Promise<Setting> {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, yaml(lab));
  return {
    lab,
    tandem,
    async place(more = {}) {
      const report = await tandem.ask<OriginateReport>({
        ...{ type: "originate", tenant: undefined, fromNumber: DID, toNumber: CUSTOMER, trunk: undefined, connect: undefined },
        ...{ timeoutMs: undefined, webhookUrl: undefined },
        ...more,
      } as OriginateCommand);
      assert.ok("callId" in report, JSON.stringify(report));
      return report.callId;
    },
    cdr: () =>
      until("a CDR", async () => (await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 1, callId: undefined, number: undefined }))[0]),
  };
}

/** The port that sipp was told to send its audio to. */
const portTold = (sipp: RunningSipp): Promise<number> =>
  until("an offer", () => {
    const port = /m=audio (\d+) /.exec(sipp.messages())?.[1];
    return port === undefined ? undefined : Number(port);
  });
const stateIs = (tandem: RunningTandem, state: CallSummary["state"]): Promise<CallSummary> =>
  until(state, async () => (await tandem.ask<readonly CallSummary[]>({ type: "calls" })).find((call) => call.state === state));

const answering = (port: number, talkMs: number): string =>
  uas([
    recv("INVITE"),
    respond(180, "Ringing"),
    answer({ body: sdp({ formats: "0 101", port: String(port) }) }),
    recv("ACK"),
    pause(talkMs),
    recv("BYE"),
    respondWithin(200, "OK"),
  ]);

async function talking(setting: Setting) {
  const { lab } = setting;
  const ticker = new RtpTicker();
  lab.atEnd(() => ticker.close());
  const [near, far] = await Promise.all([RtpFlow.open(lab.carrier.address), RtpFlow.open(lab.gateways[0].address)]);
  const customer = startSipp(lab, lab.carrier, answering(near.port, 0), undefined, { calls: 1 });
  const gateway = startSipp(lab, lab.gateways[0], answering(far.port, 0), undefined, { calls: 1 });
  const callId = await setting.place();
  near.sendTo({ address: lab.sbcPrivate.address, port: await portTold(customer) });
  far.sendTo({ address: lab.sbcPublic.address, port: await portTold(gateway) });
  ticker.add(near);
  ticker.add(far);
  await stateIs(setting.tandem, "answered");
  return { callId, near, far, customer, gateway };
}

describe("calls that Tandem places", { skip: skipWithout("sipp") }, () => {
  test("answered, connected to where the number leads, with audio both ways; one record of both legs", async (t) => {
    const setting = await setUp(t);
    const { tandem, cdr } = setting;
    const { callId, near, far, customer, gateway } = await talking(setting);
    await until("audio both ways", () => (near.received > 25 && far.received > 25 ? true : undefined));
    await tandem.ask({ type: "hangup", callId, reason: "enough" });
    for (const side of [await customer.finish(), await gateway.finish()]) assert.equal(side.successful, 1, side.output);
    const record = await cdr();
    assert.deepEqual(
      [record.callId, record.direction, record.outcome, record.caller, record.called],
      [callId, "outbound", "answered", DID, CUSTOMER],
    );
    assert.deepEqual(
      record.legs.map(({ peer, codec, packetsReceived, packetsSent }) => [peer, codec, packetsReceived > 20, packetsSent > 20]),
      [
        ["vodafone", "PCMU", true, true],
        ["ai1", "PCMU", true, true],
      ],
    );
    assert.match(gateway.messages(), new RegExp(`INVITE sip:\\${DID}@`));
    assert.match(gateway.messages(), new RegExp(`From: <sip:\\${CUSTOMER}@`));
  });

  test("over the API: 202 with the call's id, a number that is not one's own is 403", async (t) => {
    const setting = await setUp(t, (lab) => labYaml(lab, { node: { api: { port: 0 } } }));
    const { lab, tandem } = setting;
    startSipp(lab, lab.carrier, ANSWERING, undefined, { calls: 1 });
    startSipp(lab, lab.gateways[1], ANSWERING, undefined, { calls: 1 });
    const { url, token } = await until("the API", async () => {
      const found = await tandem.ask<TokenReport>({ type: "token", role: "operator", tenant: undefined });
      return found.url === undefined ? undefined : { ...found, url: found.url };
    });
    const post = async (body: object) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const response = await fetch(`${url}/api/calls/initiate`, { method: "POST", headers, body: JSON.stringify(body) });
      return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
    };
    const wish = { from_number: DID, to_number: CUSTOMER, webhook_url: "https://yourdomain.com/call-webhook" };
    const strange = await post({ ...wish, from_number: "+442071234567" });
    assert.deepEqual([strange.status, strange.body["code"]], [403, "NOT_YOUR_NUMBER"], JSON.stringify(strange));
    const nowhere = await post({ ...wish, trunk: "none" });
    assert.deepEqual([nowhere.status, nowhere.body["code"]], [422, "BODY_INVALID"]);
    const { status, body } = await post({ ...wish, connect: { gateway: "ai2" } });
    assert.equal(status, 202, JSON.stringify(body));
    const up = await stateIs(tandem, "answered");
    assert.deepEqual([up.callId, up.to, up.caller, up.called], [body["call_id"], "ai2", DID, CUSTOMER]);
  });

  test("busy: the record says so, and no gateway is called", async (t) => {
    const { lab, tandem, cdr } = await setUp(t);
    startSipp(lab, lab.carrier, uas([recv("INVITE"), respond(486, "Busy Here"), recv("ACK")]), undefined, { calls: 1 });
    const { callId } = await tandem.cli<{ readonly callId: string }>("initiate", DID, CUSTOMER, "--ring", "20", "--connect", "gateway:ai1");
    const { outcome, sipStatus, endedBy, attempts, callId: recorded } = await cdr();
    assert.equal(recorded, callId);
    assert.deepEqual([outcome, sipStatus, endedBy], ["busy", 486, "callee"]);
    assert.deepEqual(
      attempts.map(({ peer }) => peer),
      ["vodafone"],
    );
  });

  test("no answer within the time that was asked for: CANCEL", async (t) => {
    const { lab, place, cdr } = await setUp(t);
    const ringing = uas([recv("INVITE"), respond(180, "Ringing"), recv("CANCEL"), respondWithin(200, "OK"), terminated(), recv("ACK")]);
    const carrier = startSipp(lab, lab.carrier, ringing, undefined, { calls: 1 });
    await place({ timeoutMs: 1500 });
    assert.equal((await carrier.finish()).successful, 1);
    const { outcome, setupMs } = await cdr();
    assert.equal(outcome, "no_answer");
    assert.ok(setupMs >= 1450 && setupMs < 3000, String(setupMs));
  });

  test("the first trunk is dead: its backup takes the call over", async (t) => {
    const setting = await setUp(t, (lab) =>
      labYaml(lab, { trunk: { backup_trunks: ["spare"] } }).replace(
        "gateways:\n",
        `  - { name: spare, listener: private, addresses: [${lab.carrier2.address}], uri: "sip:${lab.carrier2.address}:5060" }\ngateways:\n`,
      ),
    );
    const { lab, tandem, place, cdr } = setting;
    startSipp(lab, lab.carrier2, ANSWERING, undefined, { calls: 1 });
    startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
    const callId = await place({ trunk: "vodafone" });
    await stateIs(tandem, "answered");
    await tandem.ask({ type: "hangup", callId, reason: "enough" });
    const { attempts, legs } = await cdr();
    assert.deepEqual(
      attempts.map(({ peer, outcome }) => [peer, outcome === "answered"]),
      [
        ["vodafone", false],
        ["spare", true],
        ["ai1", true],
      ],
    );
    assert.deepEqual(
      legs.map(({ peer }) => peer),
      ["spare", "ai1"],
    );
  });

  test("kill -9 of signalling in the running call: no audio packet is lost, and the gateway ends it", async (t) => {
    const setting = await setUp(t);
    const { tandem, cdr } = setting;
    const { callId, near, far, customer, gateway } = await talking(setting);
    await until("audio both ways", () => (near.received > 25 && far.received > 25 ? true : undefined));
    near.measureFromNow();
    far.measureFromNow();
    const before = tandem.pidOf("signalling");
    process.kill(before, "SIGKILL");
    await until("another process", () => (tandem.pidOf("signalling") === before ? undefined : true));
    await until("its answer", () => stateIs(tandem, "answered").catch(() => undefined));
    await sleep(500);
    near.stop();
    far.stop();
    await sleep(300);
    assert.deepEqual([near.report(far).missing, far.report(near).missing], [[], []]);
    await tandem.ask({ type: "hangup", callId, reason: "enough" });
    for (const side of [await customer.finish(), await gateway.finish()]) assert.equal(side.successful, 1, side.output);
    assert.equal((await cdr()).outcome, "answered");
  });

  test("kill -9 while the gateway rings: the customer hears BYE, the gateway CANCEL", async (t) => {
    const setting = await setUp(t);
    const { lab, tandem, place, cdr } = setting;
    const customer = startSipp(lab, lab.carrier, ANSWERING, undefined, { calls: 1 });
    const ringing = uas([recv("INVITE"), respond(180, "Ringing"), recv("CANCEL"), respondWithin(200, "OK"), terminated(), recv("ACK")]);
    const gateway = startSipp(lab, lab.gateways[0], ringing, undefined, { calls: 1 });
    await place();
    await until("the gateway rings", () => (gateway.messages().includes("180 Ringing") ? true : undefined));
    process.kill(tandem.pidOf("signalling"), "SIGKILL");
    for (const side of [await customer.finish(), await gateway.finish()]) assert.equal(side.successful, 1, side.output);
    const { outcome, endReason, legs } = await until("a CDR", () => cdr().catch(() => undefined));
    assert.deepEqual([outcome, endReason, legs.map(({ peer }) => peer)], ["failed", "restart during set-up", ["vodafone"]]);
  });
});
