/** The long call with words in it: audio both ways all the time, each packet accounted for. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "./lab.ts";
import { type LongCall, type LongCallOptions, longCall } from "./long-call.ts";
import { RtpFlow, RtpTicker } from "./rtp-flow.ts";

/** What is under way when the sources stop. */
const DRAIN_MS = 700;
/** Packets of each end before there is something to judge: a second. */
const SPOKEN_MIN = 50;
/** A loaded machine may drop a packet in the test's own sockets. */
const LOSS_MAX = 0.02;

export interface TalkingCall extends LongCall {
  readonly callerAudio: RtpFlow;
  readonly calleeAudio: RtpFlow;
  /** Resolves when words arrive at both ends. */
  heard(): Promise<void>;
}

export async function talkingCall(lab: Lab, options: LongCallOptions = {}): Promise<TalkingCall> {
  const gateway = options.gateway ?? lab.gateways[0];
  const ticker = new RtpTicker();
  lab.atEnd(async () => ticker.close());
  const [callerAudio, calleeAudio] = await Promise.all([RtpFlow.open(lab.carrier.address), RtpFlow.open(gateway.address)]);
  const call = await longCall(lab, {
    ...options,
    callerSdp: { port: String(callerAudio.port) },
    gatewaySdp: { port: String(calleeAudio.port) },
  });
  ticker.add(callerAudio);
  ticker.add(calleeAudio);
  callerAudio.sendTo({ address: lab.sbcPrivate.address, port: call.rtpPorts.towardsCaller });
  calleeAudio.sendTo({ address: lab.sbcPublic.address, port: call.rtpPorts.towardsGateway });
  return {
    ...call,
    callerAudio,
    calleeAudio,
    async heard() {
      for (let tries = 0; callerAudio.received < 5 || calleeAudio.received < 5; tries++) {
        assert.ok(tries < 200, "no words within 10 s");
        await sleep(50);
      }
    },
    async endWell() {
      for (let tries = 0; callerAudio.sent < SPOKEN_MIN || calleeAudio.sent < SPOKEN_MIN; tries++) {
        assert.ok(tries < 200, "the ends spoke");
        await sleep(50);
      }
      callerAudio.stop();
      calleeAudio.stop();
      await sleep(DRAIN_MS);
      for (const [who, near, far] of [
        ["caller", callerAudio, calleeAudio],
        ["callee", calleeAudio, callerAudio],
      ] as const) {
        const { received, missing } = near.report(far);
        assert.ok(
          missing.length <= far.sent * LOSS_MAX,
          `${who}: ${missing.length} of ${far.sent} packets did not arrive: ${missing.join(" ")}`,
        );
        assert.equal(received, far.sent - missing.length, `${who}: packets that the other end never sent`);
      }
      await call.endWell();
    },
  };
}
