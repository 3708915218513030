/**
 * Gateways that say 200 and mean nothing by it, on loopback with sipp: each gets its ACK and its BYE (RFC 3261
 * §13.2.2.4), the caller gets the next gateway, and the CDR says what was wrong.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Cdr } from "#cdr/record.ts";
import { type Host, type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import {
  ANSWERING,
  type Step,
  ack,
  ackFailure,
  bye,
  invite,
  pause,
  recv,
  respond,
  respondWithin,
  sdp,
  uac,
  uas,
} from "../kit/sipp-scenario.ts";

const maybeFirst = [recv(100, { optional: true }), recv(180, { optional: true })];
const CALLING = uac([invite(), ...maybeFirst, recv(200), ack(), pause(200), bye(), recv(200)]);
const REFUSED = uac([invite(), ...maybeFirst, recv(502), ackFailure()]);
const saying = (body: string, contentType = "application/sdp"): Step => respond(200, "OK", { body, contentType, retransmit: true });
const ENDED = [recv("ACK", { timeoutMs: 10_000 }), recv("BYE", { timeoutMs: 10_000 }), respondWithin(200, "OK")];

interface OddAnswer {
  readonly name: string;
  readonly answers: Step;
  /** What the CDR says of the attempt. */
  readonly reason: RegExp;
}
const AUDIO = /^m=audio .*$/m;
const ODD: readonly OddAnswer[] = [
  { name: "no description", answers: respond(200, "OK", { retransmit: true }), reason: /200 without a session description/ },
  { name: "a body of another kind", answers: saying("hello", "text/plain"), reason: /200 without a session description/ },
  { name: "video only", answers: saying(sdp().replace(AUDIO, "m=video [media_port] RTP/AVP 96")), reason: /declines the audio/ },
  { name: "audio at port 0", answers: saying(sdp({ port: "0" })), reason: /declines the audio/ },
  {
    name: "no media at all",
    answers: saying("v=0\no=- 1 1 IN IP4 [media_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0"),
    reason: /declines the audio/,
  },
  { name: "nonsense", answers: saying("this is no description"), reason: /SDP line/ },
  { name: "SRTP only", answers: saying(sdp().replace("RTP/AVP", "RTP/SAVP")), reason: /neither RTP\/AVP nor/ },
  {
    name: "codecs that were not offered",
    answers: saying(sdp({ formats: "18 97", mediaLines: ["a=rtpmap:18 G729/8000", "a=rtpmap:97 iLBC/8000"] })),
    reason: /no codec remains/,
  },
  {
    name: "an address of nobody",
    answers: saying(sdp().replaceAll("IN IP4 [media_ip]", "IN IP4 not-an-address..")),
    reason: /no address for its audio/,
  },
];

const oddHost = (lab: Lab, i: number): Host => ({
  ...lab.gateways[0],
  name: `odd${i}`,
  address: lab.gateways[0].address.replace(/\d+$/, String(40 + i)),
});

function yaml(lab: Lab): string {
  const [, good, twice] = lab.gateways;
  const names = ODD.map((_, i) => `odd${i}`);
  return `
listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, media: { ports: 20000-20999 } }
  - { name: public, address: ${lab.sbcPublic.address}, media: { ports: 21000-21999 } }
trunks:
  - { name: carrier, listener: private, uri: "sip:${lab.carrier.address}:5060" }
gateways:
  - { name: good, listener: public, uri: "sip:${good.address}:5060" }
  - { name: twice, listener: public, uri: "sip:${twice.address}:5060" }
${names.map((name, i) => `  - { name: ${name}, listener: public, uri: "sip:${oddHost(lab, i).address}:5060" }`).join("\n")}
dids:
  - { number: twice, to: gateway twice }
  - { number: alone, to: [gateway odd0] }
${names.map((name) => `  - { number: to-${name}, to: [gateway ${name}, gateway good] }`).join("\n")}
`;
}

describe("a gateway that says 200 and means nothing by it", { skip: skipWithout("sipp") }, () => {
  test("ACK, BYE, the next gateway, and the reason in the CDR", async (t) => {
    const lab = loopbackLab(t);
    const tandem: RunningTandem = await startTandem(t, lab, yaml(lab));
    const seen = new Set<string>();
    const cdr = async (): Promise<Cdr> => {
      for (let tries = 0; tries < 200; tries++) {
        const list = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 5, callId: undefined, number: undefined });
        const fresh = list.find(({ callId }) => !seen.has(callId));
        if (fresh !== undefined) {
          seen.add(fresh.callId);
          return fresh;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`no CDR appeared. Tandem said:\n${tandem.child.output()}`);
    };
    const call = (scenario: string, service: string) => runSipp(lab, lab.carrier, scenario, `${lab.sbcPrivate.address}:5060`, { service });

    startSipp(lab, lab.gateways[1], ANSWERING, undefined);
    for (const [i, { name, answers, reason }] of ODD.entries()) {
      await t.test(name, async () => {
        const odd = startSipp(lab, oddHost(lab, i), uas([recv("INVITE"), respond(180, "Ringing"), answers, ...ENDED]), undefined, {
          calls: 1,
        });
        const result = await call(CALLING, `to-odd${i}`);
        assert.equal(result.successful, 1, result.output);
        const told = await odd.finish();
        assert.equal(told.successful, 1, `ACK and BYE: ${told.output}\n${told.messages}`);
        const { attempts, outcome } = await cdr();
        t.diagnostic(`${name}: ${attempts[0]!.reason}`);
        assert.equal(outcome, "answered");
        assert.deepEqual(
          attempts.map(({ peer, outcome: how }) => [peer, how]),
          [
            [`odd${i}`, "media_failed"],
            ["good", "answered"],
          ],
        );
        assert.match(attempts[0]!.reason, reason);
      });
    }

    await t.test("with nobody else the caller is told 502, and why stands in the CDR", async () => {
      // What it failed before may have taken it out for a moment.
      await new Promise((resolve) => setTimeout(resolve, 100));
      const odd = startSipp(lab, oddHost(lab, 0), uas([recv("INVITE"), respond(180, "Ringing"), ODD[0]!.answers, ...ENDED]), undefined, {
        calls: 1,
      });
      const result = await call(REFUSED, "alone");
      assert.equal(result.successful, 1, result.output);
      const told = await odd.finish();
      assert.equal(told.successful, 1, told.output);
      const { outcome, sipStatus, endReason } = await cdr();
      assert.deepEqual([outcome, sipStatus], ["media_failed", 502]);
      assert.match(endReason, /without a session description/);
    });

    await t.test("200 twice with other descriptions: the first holds, and the call ends well", async () => {
      const gateway = startSipp(
        lab,
        lab.gateways[2],
        uas([
          recv("INVITE"),
          respond(180, "Ringing"),
          respond(200, "OK", { body: sdp() }),
          respond(200, "OK", { body: sdp({ port: "9998", version: 2 }) }),
          ...ENDED,
        ]),
        undefined,
        { calls: 1 },
      );
      const result = await call(CALLING, "twice");
      assert.equal(result.successful, 1, result.output);
      const told = await gateway.finish();
      assert.equal(told.successful, 1, told.messages);
      // One for each, unless the second came before the first was acknowledged.
      assert.match(told.messages, /^ACK /m);
      const { outcome, endedBy } = await cdr();
      assert.deepEqual([outcome, endedBy], ["answered", "caller"]);
      assert.equal((result.messages.match(/^m=audio /gm) ?? []).length, 2, "one offer, one answer");
    });

    assert.equal((await tandem.ask<readonly unknown[]>({ type: "calls" })).length, 0);
    assert.doesNotMatch(tandem.child.output(), /call failed|error while/);
  });
});
