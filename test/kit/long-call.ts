/**
 * A call of sipp on both sides that stands until it is told to end: what everything bad is done beside.
 * Its end shows that it was unharmed: a re-INVITE (hold) passes through, then BYE, and the gateway saw both.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import type { Host, Lab } from "./lab.ts";
import { type RunningSipp, startSipp } from "./sipp.ts";
import { ack, answer, bye, invite, pause, recv, respond, respondWithin, type Sdp, sdp, uac, uas, within } from "./sipp-scenario.ts";

const DID = "+15551234567";
const STANDS_MS = 150_000;

export interface LongCallOptions {
  /** The caller's SIP port; another program may want 5060. */
  readonly callerPort?: number;
  readonly callerSdp?: Sdp;
  readonly gatewaySdp?: Sdp;
  readonly gateway?: Host;
  readonly sipp?: { readonly mediaPort?: number };
}

export interface LongCall {
  readonly caller: RunningSipp;
  readonly gateway: RunningSipp;
  /** Tandem's RTP ports, by the SDP that each side was given. */
  readonly rtpPorts: { readonly towardsCaller: number; readonly towardsGateway: number };
  /** Hold by re-INVITE, then BYE; fails unless both sides saw all of it. */
  endWell(): Promise<void>;
}

export async function longCall(lab: Lab, options: LongCallOptions = {}): Promise<LongCall> {
  const port = options.callerPort ?? 5070;
  const { callerSdp = {}, gatewaySdp = {}, gateway: gatewayHost = lab.gateways[0] } = options;
  const gateway = startSipp(
    lab,
    gatewayHost,
    uas([
      recv("INVITE"),
      respond(180, "Ringing"),
      answer({ body: sdp(gatewaySdp) }),
      recv("ACK"),
      recv("INVITE", { timeoutMs: STANDS_MS }),
      respondWithin(200, "OK", { body: sdp({ ...gatewaySdp, direction: "recvonly", version: 2 }), retransmit: true }),
      recv("ACK"),
      recv("BYE"),
      respondWithin(200, "OK"),
    ]),
    undefined,
    { calls: 1, mediaPort: 9100 },
  );
  const caller = startSipp(
    lab,
    lab.carrier,
    uac([
      invite({ body: sdp(callerSdp) }),
      recv(100, { optional: true }),
      recv(180, { optional: true }),
      recv(183, { optional: true }),
      recv(200, { timeoutMs: 20_000 }),
      ack(),
      // The nudge: it must not change where the dialog's requests go, so it is not recorded.
      `<recv request="MESSAGE" timeout="${STANDS_MS}"></recv>`,
      within("INVITE", 2, { body: sdp({ ...callerSdp, direction: "sendonly", version: 2 }) }),
      recv(100, { optional: true }),
      recv(200, { timeoutMs: 20_000 }),
      ack(2),
      pause(200),
      bye(3),
      recv(200, { timeoutMs: 20_000 }),
    ]),
    `${lab.sbcPrivate.address}:5060`,
    { calls: 1, service: DID, port, mediaPort: 9200 },
  );
  const audioPort = (text: string): number => Number(/received \[\d+\][^]*?m=audio (\d+)/.exec(text)?.[1] ?? 0);
  await both(
    () => audioPort(caller.messages()) > 0 && / ACK\r?\n/.test(gateway.messages()) && /received[^]*ACK sip:/.test(gateway.messages()),
    () => `gateway:\n${gateway.messages()}\ncaller:\n${caller.messages()}`,
  );
  return {
    caller,
    gateway,
    rtpPorts: { towardsCaller: audioPort(caller.messages()), towardsGateway: audioPort(gateway.messages()) },
    async endWell() {
      nudge(lab.carrier.address, port, `1-${caller.child.pid}@${lab.carrier.address}`);
      const [called, answered] = await Promise.all([caller.finish(), gateway.finish()]);
      assert.equal(called.successful, 1, `the running call: caller\n${called.output}\n${called.messages.slice(-3000)}`);
      assert.equal(answered.successful, 1, `the running call: gateway\n${answered.output}\n${answered.messages.slice(-3000)}`);
      assert.match(answered.messages, /a=sendonly/, "the hold reached the gateway");
      assert.match(answered.messages, /BYE sip:/, "the BYE reached the gateway");
    },
  };
}

/** sipp finds the call of a request by its Call-ID alone. */
function nudge(address: string, port: number, sipCallId: string): void {
  const socket = createSocket("udp4");
  const request = [
    `MESSAGE sip:peer@${address}:${port} SIP/2.0`,
    `Via: SIP/2.0/UDP ${address}:9;branch=z9hG4bKnudge`,
    "From: <sip:test@127.0.0.1>;tag=n",
    `To: <sip:peer@${address}>`,
    `Call-ID: ${sipCallId}`,
    "CSeq: 1 MESSAGE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
  socket.send(request, port, address, () => socket.close());
}

async function both(done: () => boolean, story: () => string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (done()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`the running call did not stand within 20 s\n${story()}`);
}
