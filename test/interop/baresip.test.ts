/**
 * baresip as carrier and as gateway: answer, hold and resume, keys as RFC 4733 events and in INFO, BYE from
 * each side, codecs that pass through untouched, RTCP on the port of RTP, TCP.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { CallSummary } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { type Baresip, type BaresipOptions, peersOfBaresip, startBaresip } from "../kit/baresip.ts";
import { type Lab, type RunningTandem, loopbackLab, namespaceLab, startTandem } from "../kit/lab.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { runSipp } from "../kit/sipp.ts";
import { type Step, ack, bye, invite, pause, recv, uac, within } from "../kit/sipp-scenario.ts";
import { SENTENCES, recognised, silence, spoken } from "../kit/words.ts";
import { type YamlOptions, labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const CALLER = "+4930123456";

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  readonly carrier: Baresip;
  readonly gateway: Baresip;
}

async function setUp(
  t: TestContext,
  makeLab: (t: TestContext) => Lab,
  both: Partial<BaresipOptions> = {},
  yaml: YamlOptions = {},
): Promise<Setting> {
  const lab = makeLab(t);
  const tandem = await startTandem(t, lab, labYaml(lab, { ...peersOfBaresip(lab), ...yaml }));
  const speaks = both.speaks ?? (await silence(lab));
  const [carrier, gateway] = await Promise.all([
    startBaresip(lab, lab.carrier, { user: CALLER, speaks, ...both }),
    startBaresip(lab, lab.gateways[0], { user: DID, speaks, ...both }),
  ]);
  return { lab, tandem, carrier, gateway };
}

async function callFromCarrier({ lab, carrier, gateway }: Setting): Promise<void> {
  carrier.dial(`sip:${DID}@${lab.sbcPrivate.address}:5060`);
  await Promise.all([carrier.happens("CALL_ESTABLISHED"), gateway.happens("CALL_ESTABLISHED")]);
}

async function hangUp(by: Baresip, other: Baresip): Promise<void> {
  by.tell("hangup");
  await Promise.all([by.happens("CALL_CLOSED"), other.happens("CALL_CLOSED")]);
}

async function lastCdr(tandem: RunningTandem): Promise<Cdr> {
  for (let tries = 0; tries < 50; tries++) {
    const [newest] = await tandem.cli<readonly Cdr[]>("cdr", "--limit", "1");
    if (newest !== undefined) return newest;
    await wait(100);
  }
  throw new Error("no CDR appeared");
}

/** The baresip was sent the pattern, at least so often. */
async function isTold(baresip: Baresip, pattern: RegExp, count = 1): Promise<void> {
  await baresip.child.says(new RegExp(`(?:${pattern.source}[^]*?){${count}}`), 15_000);
}

async function keysArrive(baresip: Baresip, keys: string): Promise<void> {
  for (let tries = 0; tries < 150 && baresip.keys() !== keys; tries++) await wait(100);
  assert.equal(baresip.keys(), keys);
}

function suite(name: string, makeLab: (t: TestContext) => Lab, skip: string | false): void {
  describe(name, { skip }, () => {
    test("hold, resume and hold from the other side reach the far end, and the gateway hangs up", async (t) => {
      const setting = await setUp(t, makeLab);
      const { tandem, carrier, gateway } = setting;
      await callFromCarrier(setting);
      carrier.tell("hold");
      await isTold(gateway, /a=sendonly\r/);
      await isTold(carrier, /a=recvonly\r/);
      const [held] = await tandem.cli<readonly CallSummary[]>("calls");
      assert.equal(held?.held, true);
      const answersBefore = carrier.messages().split("a=sendrecv").length;
      carrier.tell("resume");
      for (let tries = 0; tries < 100 && carrier.messages().split("a=sendrecv").length < answersBefore + 2; tries++) await wait(100);
      const [resumed] = await tandem.cli<readonly CallSummary[]>("calls");
      assert.equal(resumed?.held, false);
      gateway.tell("hold");
      await isTold(carrier, /INVITE sip:[^]*?a=sendonly\r/);
      await isTold(gateway, /200 Answering[^]*?200 OK[^]*?a=recvonly\r/);
      await hangUp(gateway, carrier);
      const cdr = await lastCdr(tandem);
      assert.equal(cdr.outcome, "answered");
      assert.equal(cdr.endedBy, "callee");
    });

    test("keys pressed at either end arrive at the other as RFC 4733 events", async (t) => {
      const setting = await setUp(t, makeLab);
      const { carrier, gateway } = setting;
      await callFromCarrier(setting);
      for (const key of "159#") {
        carrier.tell("sndcode", key);
        await wait(400);
      }
      await keysArrive(gateway, "159#");
      for (const key of "*08") {
        gateway.tell("sndcode", key);
        await wait(400);
      }
      await keysArrive(carrier, "*08");
      assert.doesNotMatch(gateway.messages(), /\bINFO sip:/);
      await hangUp(carrier, gateway);
    });
  });
}

suite("baresip on loopback", loopbackLab, skipWithout("baresip", "sox"));
suite("baresip in two networks without a route between them", namespaceLab, skipWithoutRoot("baresip", "sox"));

describe("baresip, further", { skip: skipWithout("baresip", "sipp", "sox", "espeak-ng", "pocketsphinx_batch") }, () => {
  test("keys that a carrier sends in INFO are heard by the gateway", async (t) => {
    const lab = loopbackLab(t);
    const tandem = await startTandem(t, lab, labYaml(lab, peersOfBaresip(lab)));
    const gateway = await startBaresip(lab, lab.gateways[0], { user: DID, speaks: await silence(lab) });
    const key = (digit: string, cseq: number): readonly Step[] => [
      within("INFO", cseq, { body: `Signal=${digit}\nDuration=160\n`, contentType: "application/dtmf-relay" }),
      recv(200),
    ];
    const caller = uac([
      invite(),
      recv(100, { optional: true }),
      recv(180, { optional: true }),
      recv(200),
      ack(),
      ...key("4", 2),
      ...key("2", 3),
      pause(300),
      bye(4),
      recv(200),
    ]);
    const result = await runSipp(lab, lab.carrier, caller, `${lab.sbcPrivate.address}:5060`, { service: DID });
    assert.equal(result.successful, 1, result.output);
    await keysArrive(gateway, "42");
    assert.equal((await lastCdr(tandem)).endedBy, "caller");
  });

  for (const { codec, rateHz, rtcpMux } of [
    { codec: "G722/16000", rateHz: 16_000, rtcpMux: false },
    { codec: "opus/48000/1", rateHz: 48_000, rtcpMux: true },
  ]) {
    test(`words in ${codec} pass through untouched${rtcpMux ? ", with RTCP on the port of RTP" : ""}`, async (t) => {
      const lab = loopbackLab(t);
      const speaks = await spoken(lab, SENTENCES[2], { rateHz });
      const setting = await setUp(t, () => lab, { codecs: [codec], speaks, rtcpMux });
      const { tandem, carrier, gateway } = setting;
      await callFromCarrier(setting);
      await wait(6_000);
      await hangUp(carrier, gateway);
      const cdr = await lastCdr(tandem);
      for (const leg of cdr.legs) assert.equal(leg.codec.toLowerCase().split("/")[0], codec.toLowerCase().split("/")[0]);
      if (rtcpMux)
        for (const side of [carrier, gateway])
          assert.ok(side.messages().split("a=rtcp-mux").length - 1 >= 2, "offered and answered on this leg");
      assert.equal(await recognised(lab, gateway.heard()!), SENTENCES[2]);
      assert.equal(await recognised(lab, carrier.heard()!), SENTENCES[2]);
    });
  }
});

test("a gateway that is baresip calls out, over TCP, and is heard", { skip: skipWithoutRoot("baresip", "sox") }, async (t) => {
  // Not on loopback: baresip binds no outgoing connection, so each would come from 127.0.0.1, whom nobody knows.
  const setting = await setUp(t, namespaceLab, { transport: "tcp" }, { transport: "tcp" });
  const { lab, tandem, carrier, gateway } = setting;
  gateway.dial(`sip:${CALLER}@${lab.sbcPublic.address}:5060;transport=tcp`);
  await Promise.all([carrier.happens("CALL_ESTABLISHED"), gateway.happens("CALL_ESTABLISHED")]);
  await wait(500);
  await hangUp(carrier, gateway);
  const cdr = await lastCdr(tandem);
  assert.equal(cdr.direction, "outbound");
  assert.equal(cdr.endedBy, "callee");
  for (const leg of cdr.legs) {
    assert.match(leg.remoteAddress, /^tcp:/);
    assert.ok(leg.packetsReceived > 10, `${leg.leg} sent ${leg.packetsReceived} packets`);
  }
});
