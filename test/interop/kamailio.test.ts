/**
 * A record-routing proxy (Kamailio) between the carrier's phone and Tandem: dialogs with route sets in both
 * directions (RFC 3261 §12.1, §12.2, §16.12), CANCEL and BYE of each side, over UDP and TCP.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Cdr } from "#cdr/record.ts";
import { peersOfBaresip, startBaresip } from "../kit/baresip.ts";
import type { Child } from "../kit/child.ts";
import { startKamailio } from "../kit/kamailio.ts";
import { type Lab, type RunningTandem, loopbackLab, namespaceLab, startTandem } from "../kit/lab.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { type SippResult, runSipp, startSipp } from "../kit/sipp.ts";
import {
  ack,
  ackFailure,
  answer,
  bye,
  cancel,
  invite,
  pause,
  recv,
  respond,
  respondWithin,
  sdp,
  terminated,
  uac,
  uas,
  within,
  withinAsCallee,
} from "../kit/sipp-scenario.ts";
import { silence } from "../kit/words.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  readonly proxy: Child;
  /** The carrier's phone calls through the proxy. */
  call(scenario: string): Promise<SippResult>;
}

/** The phone stands beside the proxy, at the carrier's second address; Tandem knows the proxy's only. */
async function setUp(t: TestContext, makeLab: (t: TestContext) => Lab, transport: "udp" | "tcp"): Promise<Setting> {
  const lab = makeLab(t);
  const base = peersOfBaresip(lab);
  const tandem = await startTandem(t, lab, labYaml(lab, { ...base, transport }));
  const proxy = await startKamailio(lab, lab.carrier, {
    phone: `${lab.carrier2.address}:5060`,
    tandem: `${lab.sbcPrivate.address}:5060`,
    transportToTandem: transport,
  });
  return { lab, tandem, proxy, call: (scenario) => runSipp(lab, lab.carrier2, scenario, `${lab.carrier.address}:5060`, { service: DID }) };
}

const succeeded = (result: SippResult): void => assert.equal(result.successful, 1, result.output);

async function lastCdr(tandem: RunningTandem): Promise<Cdr> {
  for (let tries = 0; tries < 50; tries++) {
    const [newest] = await tandem.cli<readonly Cdr[]>("cdr", "--limit", "1");
    if (newest !== undefined) return newest;
    await wait(100);
  }
  throw new Error("no CDR appeared");
}

/** The proxy routed this request by its Route headers, and none without. */
function routedLoosely(proxy: Child, ...methods: readonly string[]): void {
  for (const method of methods) assert.match(proxy.output(), new RegExp(`loose ${method} `));
  assert.doesNotMatch(proxy.output(), /no route in/);
}

function suite(transport: "udp" | "tcp", makeLab: (t: TestContext) => Lab, where: string, skip: string | false): void {
  const gatewayOptions = { calls: 1, transport: transport === "tcp" ? ("t1" as const) : ("u1" as const) };
  describe(`a record-routing proxy over ${transport.toUpperCase()}, ${where}`, { skip }, () => {
    test("the carrier's call is held, resumed and ended by the caller along the route set", async (t) => {
      const { lab, tandem, proxy, call } = await setUp(t, makeLab, transport);
      const reinvited = (direction: string, version: number): readonly string[] => [
        recv("INVITE"),
        respondWithin(200, "OK", { body: sdp({ direction, version }), retransmit: true }),
        recv("ACK"),
      ];
      const gateway = startSipp(
        lab,
        lab.gateways[0],
        uas([
          recv("INVITE"),
          respond(180, "Ringing"),
          answer(),
          recv("ACK"),
          ...reinvited("recvonly", 2),
          recv("BYE"),
          respondWithin(200, "OK"),
        ]),
        undefined,
        gatewayOptions,
      );
      const hold = within("INVITE", 2, { body: sdp({ direction: "sendonly", version: 2 }) });
      succeeded(
        await call(
          uac([invite(), trying, ringing, recv(200), ack(), pause(200), hold, trying, recv(200), ack(2), pause(200), bye(3), recv(200)]),
        ),
      );
      succeeded(await gateway.finish());
      routedLoosely(proxy, "ACK", "INVITE", "BYE");
      const cdr = await lastCdr(tandem);
      assert.equal(cdr.endedBy, "caller");
      assert.match(cdr.legs[0]!.remoteAddress, new RegExp(`^${transport}:`));
    });

    test("the gateway holds and ends the carrier's call: our requests follow the caller's Record-Route", async (t) => {
      const { lab, tandem, proxy, call } = await setUp(t, makeLab, transport);
      const hold = withinAsCallee("INVITE", 1, { body: sdp({ direction: "sendonly", version: 2 }) });
      const gateway = startSipp(
        lab,
        lab.gateways[0],
        uas([
          recv("INVITE"),
          respond(180, "Ringing"),
          answer(),
          recv("ACK"),
          pause(300),
          hold,
          trying,
          recv(200),
          withinAsCallee("ACK", 1),
          pause(200),
          withinAsCallee("BYE", 2),
          recv(200),
        ]),
        undefined,
        gatewayOptions,
      );
      const held = [
        recv("INVITE", { timeoutMs: 8000 }),
        respondWithin(200, "OK", { body: sdp({ direction: "recvonly", version: 2 }), retransmit: true }),
        recv("ACK"),
      ];
      succeeded(
        await call(uac([invite(), trying, ringing, recv(200), ack(), ...held, recv("BYE", { timeoutMs: 8000 }), respondWithin(200, "OK")])),
      );
      succeeded(await gateway.finish());
      routedLoosely(proxy, "ACK", "INVITE", "BYE");
      assert.equal((await lastCdr(tandem)).endedBy, "callee");
    });

    test("the carrier cancels through the proxy", async (t) => {
      const { lab, tandem, call } = await setUp(t, makeLab, transport);
      const gateway = startSipp(
        lab,
        lab.gateways[0],
        uas([
          recv("INVITE"),
          respond(180, "Ringing"),
          recv("CANCEL", { timeoutMs: 8000 }),
          respondWithin(200, "OK"),
          terminated(),
          recv("ACK"),
        ]),
        undefined,
        gatewayOptions,
      );
      succeeded(await call(uac([invite(), trying, recv(180), pause(300), cancel(), recv(200), recv(487), ackFailure()])));
      succeeded(await gateway.finish());
      assert.equal((await lastCdr(tandem)).outcome, "cancelled");
    });

    test("a gateway's call to the carrier: our ACK, re-INVITE and BYE follow the answer's Record-Route", async (t) => {
      const { lab, tandem, proxy } = await setUp(t, makeLab, transport);
      const reinvited = [
        recv("INVITE", { timeoutMs: 8000 }),
        respondWithin(200, "OK", { body: sdp({ direction: "recvonly", version: 2 }), retransmit: true }),
        recv("ACK"),
      ];
      const phone = startSipp(
        lab,
        lab.carrier2,
        uas([
          recv("INVITE"),
          respond(180, "Ringing"),
          answer(),
          recv("ACK"),
          ...reinvited,
          recv("BYE", { timeoutMs: 8000 }),
          respondWithin(200, "OK"),
        ]),
        undefined,
        { calls: 1 },
      );
      const hold = within("INVITE", 2, { body: sdp({ direction: "sendonly", version: 2 }) });
      succeeded(
        await runSipp(
          lab,
          lab.gateways[0],
          uac([invite(), trying, ringing, recv(200), ack(), pause(200), hold, trying, recv(200), ack(2), pause(200), bye(3), recv(200)]),
          `${lab.sbcPublic.address}:5060`,
          { service: "+4989987654", ...gatewayOptions },
        ),
      );
      const result = await phone.finish();
      succeeded(result);
      routedLoosely(proxy, "ACK", "INVITE", "BYE");
      assert.doesNotMatch(result.messages, new RegExp(lab.gateways[0].address.replaceAll(".", "\\.")));
      const cdr = await lastCdr(tandem);
      assert.equal(cdr.direction, "outbound");
      assert.equal(cdr.endedBy, "caller");
    });

    test("the carrier's phone ends a gateway's call, and a gateway cancels one", async (t) => {
      const { lab, tandem, proxy } = await setUp(t, makeLab, transport);
      const out = (scenario: string): Promise<SippResult> =>
        runSipp(lab, lab.gateways[0], scenario, `${lab.sbcPublic.address}:5060`, { service: "+4989987654", ...gatewayOptions });
      const phone = startSipp(
        lab,
        lab.carrier2,
        uas([recv("INVITE"), respond(180, "Ringing"), answer(), recv("ACK"), pause(300), withinAsCallee("BYE", 1), recv(200)]),
        undefined,
        { calls: 1 },
      );
      succeeded(await out(uac([invite(), trying, ringing, recv(200), ack(), recv("BYE", { timeoutMs: 8000 }), respondWithin(200, "OK")])));
      succeeded(await phone.finish());
      routedLoosely(proxy, "ACK", "BYE");
      assert.equal((await lastCdr(tandem)).endedBy, "callee");
      const cancelled = startSipp(
        lab,
        lab.carrier2,
        uas([
          recv("INVITE"),
          respond(180, "Ringing"),
          recv("CANCEL", { timeoutMs: 8000 }),
          respondWithin(200, "OK"),
          terminated(),
          recv("ACK"),
        ]),
        undefined,
        { calls: 1 },
      );
      succeeded(await out(uac([invite(), trying, recv(180), pause(300), cancel(), recv(200), recv(487), ackFailure()])));
      succeeded(await cancelled.finish());
    });
  });
}

suite("udp", loopbackLab, "on loopback", skipWithout("kamailio", "sipp"));
suite("tcp", loopbackLab, "on loopback", skipWithout("kamailio", "sipp"));
suite("tcp", namespaceLab, "in two networks without a route between them", skipWithoutRoot("kamailio", "sipp"));

test("a real phone behind the proxy is answered, holds, resumes and is hung up on", {
  skip: skipWithout("kamailio", "baresip", "sox"),
}, async (t) => {
  const { lab, tandem, proxy } = await setUp(t, loopbackLab, "udp");
  const speaks = await silence(lab);
  const gateway = await startBaresip(lab, lab.gateways[0], { user: DID, speaks });
  const phone = await startBaresip(lab, lab.carrier2, { user: "+4930123456", speaks });
  phone.dial(`sip:${DID}@${lab.carrier.address}:5060`);
  await Promise.all([phone.happens("CALL_ESTABLISHED"), gateway.happens("CALL_ESTABLISHED")]);
  phone.tell("hold");
  await gateway.child.says(/a=sendonly\r/);
  await phone.child.says(/a=recvonly\r/);
  phone.tell("resume");
  await gateway.child.says(/a=sendonly\r[^]*INVITE sip:[^]*?a=sendrecv\r/);
  await wait(300);
  gateway.tell("hangup");
  await Promise.all([phone.happens("CALL_CLOSED"), gateway.happens("CALL_CLOSED")]);
  routedLoosely(proxy, "ACK", "INVITE", "BYE");
  const cdr = await lastCdr(tandem);
  assert.equal(cdr.endedBy, "callee");
  for (const leg of cdr.legs) assert.ok(leg.packetsReceived > 5, `${leg.leg} sent ${leg.packetsReceived} packets`);
});
