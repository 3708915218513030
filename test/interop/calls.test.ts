/**
 * The main job with sipp on both sides, on loopback and in namespaces without a route between them:
 * answer, hunting, busy, no answer, CANCEL and its races, re-INVITE, hold, BYE from either side, both
 * directions.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import type { Cdr } from "#cdr/record.ts";
import { type Lab, type RunningTandem, loopbackLab, namespaceLab, startTandem } from "../kit/lab.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { type SippResult, runSipp, startSipp } from "../kit/sipp.ts";
import {
  ANSWERING,
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
import { type YamlOptions, labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const progress = recv(183, { optional: true });
const CALLING = uac([invite(), trying, ringing, progress, recv(200), ack(), pause(300), bye(), recv(200)]);
/** A caller whose call fails with this status. */
const refused = (status: number): string => uac([invite(), trying, ringing, progress, recv(status), ackFailure()]);

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  /** Carrier → Tandem. */
  call(scenario: string, service?: string): Promise<SippResult>;
  lastCdr(): Promise<Cdr>;
}

async function setUp(t: TestContext, makeLab: (t: TestContext) => Lab, options: YamlOptions = {}): Promise<Setting> {
  const lab = makeLab(t);
  const tandem = await startTandem(t, lab, labYaml(lab, options));
  return {
    lab,
    tandem,
    call: (scenario, service = DID) =>
      runSipp(lab, lab.carrier, scenario, `${lab.sbcPrivate.address}:5060`, {
        service,
        ...(options.transport === "tcp" ? { transport: "t1" as const } : {}),
      }),
    lastCdr: () => lastCdr(tandem),
  };
}

/** CDRs reach the store within a tenth of a second or so; ask until the newest is there. */
async function lastCdr(tandem: RunningTandem): Promise<Cdr> {
  for (let tries = 0; tries < 200; tries++) {
    const [cdr] = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 1, callId: undefined, number: undefined });
    if (cdr !== undefined) return cdr;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no CDR appeared. Tandem said:\n${tandem.child.output()}`);
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !condition(); tries++) await new Promise((resolve) => setTimeout(resolve, 25));
}

const succeeded = (result: SippResult): void => assert.equal(result.successful, 1, result.output);

function suite(name: string, makeLab: (t: TestContext) => Lab, skip: string | false): void {
  describe(name, { skip }, () => {
    test("a call from the carrier is answered by the first gateway and ended by the caller", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab);
      const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
      succeeded(await call(CALLING));
      succeeded(await gateway.finish());
      const cdr = await lastCdr();
      assert.equal(cdr.outcome, "answered");
      assert.equal(cdr.endedBy, "caller");
      assert.equal(cdr.called, DID);
      assert.deepEqual(
        cdr.attempts.map((attempt) => [attempt.peer, attempt.status]),
        [["ai1", 200]],
      );
    });

    test("the gateway may end the call as well", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab);
      const gateway = startSipp(
        lab,
        lab.gateways[0],
        uas([recv("INVITE"), respond(180, "Ringing"), answer(), recv("ACK"), pause(300), withinAsCallee("BYE", 1), recv(200)]),
        undefined,
        { calls: 1 },
      );
      succeeded(await call(uac([invite(), trying, ringing, recv(200), ack(), recv("BYE", { timeoutMs: 5000 }), respondWithin(200, "OK")])));
      succeeded(await gateway.finish());
      assert.equal((await lastCdr()).endedBy, "callee");
    });

    test("a gateway where nothing listens is left at once for the next", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab);
      const gateway = startSipp(lab, lab.gateways[1], ANSWERING, undefined, { calls: 1 });
      succeeded(await call(CALLING));
      succeeded(await gateway.finish());
      const { attempts } = await lastCdr();
      assert.deepEqual(
        attempts.map((attempt) => attempt.peer),
        ["ai1", "ai2"],
      );
      assert.ok(attempts[0]!.durationMs < 1000, `the dead gateway cost ${attempts[0]!.durationMs} ms`);
    });

    test("a silent gateway is left after its time for the next", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab, { hunt: { try_timeout_ms: 1000 } });
      // It receives, and says nothing at all.
      startSipp(lab, lab.gateways[0], uas([recv("INVITE"), pause(60_000)]), undefined, { calls: 1 });
      const gateway = startSipp(lab, lab.gateways[1], ANSWERING, undefined, { calls: 1 });
      succeeded(await call(CALLING));
      succeeded(await gateway.finish());
      const { attempts } = await lastCdr();
      assert.deepEqual(
        attempts.map((attempt) => attempt.peer),
        ["ai1", "ai2"],
      );
      assert.ok(attempts[0]!.durationMs >= 950 && attempts[0]!.durationMs < 2500, String(attempts[0]!.durationMs));
    });

    test("a gateway that refuses with 500 or 480 is left for the next, and busy stops the hunt", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab);
      startSipp(lab, lab.gateways[0], uas([recv("INVITE"), respond(500, "Server Error", { retransmit: true }), recv("ACK")]), undefined, {
        calls: 1,
      });
      startSipp(
        lab,
        lab.gateways[1],
        uas([recv("INVITE"), respond(180, "Ringing"), respond(486, "Busy Here", { retransmit: true }), recv("ACK")]),
        undefined,
        { calls: 1 },
      );
      succeeded(await call(refused(486)));
      const cdr = await lastCdr();
      assert.equal(cdr.outcome, "busy");
      assert.deepEqual(
        cdr.attempts.map((attempt) => attempt.status),
        [500, 486],
      );
    });

    test("nobody answers: CANCEL to the gateway, 480 or 408 to the carrier", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab, { hunt: { ring_timeout_ms: 800, setup_budget_ms: 2000 } });
      const CANCELLED = uas([
        recv("INVITE"),
        respond(180, "Ringing"),
        recv("CANCEL", { timeoutMs: 8000 }),
        respondWithin(200, "OK"),
        terminated(),
        recv("ACK"),
      ]);
      for (const gateway of lab.gateways) startSipp(lab, gateway, CANCELLED, undefined, { calls: 1 });
      succeeded(await call(refused(480)));
      const cdr = await lastCdr();
      assert.equal(cdr.outcome, "no_answer");
    });

    test("CANCEL before any ringing ends both sides", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab);
      const gateway = startSipp(
        lab,
        lab.gateways[0],
        uas([
          recv("INVITE"),
          respond(100, "Trying"),
          recv("CANCEL", { timeoutMs: 8000 }),
          respondWithin(200, "OK"),
          terminated(),
          recv("ACK"),
        ]),
        undefined,
        { calls: 1 },
      );
      succeeded(await call(uac([invite(), recv(100), pause(300), cancel(), recv(200), recv(487), ackFailure()])));
      succeeded(await gateway.finish());
      assert.equal((await lastCdr()).outcome, "cancelled");
    });

    test("CANCEL after 180 ends both sides", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab);
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
        { calls: 1 },
      );
      succeeded(await call(uac([invite(), trying, recv(180), pause(300), cancel(), recv(200), recv(487), ackFailure()])));
      succeeded(await gateway.finish());
      assert.equal((await lastCdr()).outcome, "cancelled");
    });

    test("a 200 that crosses the CANCEL is acknowledged and ended with BYE", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab);
      // The gateway hears the CANCEL and answers 200 to the INVITE all the same: it was on its way.
      const gateway = startSipp(
        lab,
        lab.gateways[0],
        uas([
          recv("INVITE"),
          respond(180, "Ringing"),
          recv("CANCEL", { timeoutMs: 8000 }),
          respondWithin(200, "OK"),
          respond(200, "OK", { body: sdp(), headers: [] }),
          recv("ACK", { optional: true }),
          recv("BYE", { timeoutMs: 8000 }),
          respondWithin(200, "OK"),
        ]).replace(
          "[last_CSeq:]\nContact: <sip:peer@[local_ip]:[local_port];transport=[transport]>\nContent-Type",
          "CSeq: 1 INVITE\nContact: <sip:peer@[local_ip]:[local_port];transport=[transport]>\nContent-Type",
        ),
        undefined,
        { calls: 1 },
      );
      succeeded(await call(uac([invite(), trying, recv(180), cancel(), recv(200), recv(487), ackFailure()])));
      const result = await gateway.finish();
      assert.match(result.messages, /ACK sip:/);
      assert.match(result.messages, /BYE sip:/);
      assert.equal((await lastCdr()).outcome, "cancelled");
    });

    test("a gateway that vanishes in mid-call is missed by its silence, and the caller hears BYE", async (t) => {
      const { lab, call, lastCdr } = await setUp(t, makeLab, { gateway: { media_timeout_s: 2 }, trunk: { media_timeout_s: 2 } });
      const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
      const caller = call(uac([invite(), trying, ringing, recv(200), ack(), recv("BYE", { timeoutMs: 15_000 }), respondWithin(200, "OK")]));
      await waitFor(() => /ACK sip:/.test(gateway.messages()));
      gateway.child.kill("SIGKILL");
      succeeded(await caller);
      const cdr = await lastCdr();
      assert.equal(cdr.endedBy, "us");
      assert.match(cdr.endReason, /no audio from/);
    });

    test("hold and resume by re-INVITE pass through", async (t) => {
      const { lab, call } = await setUp(t, makeLab);
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
          ...reinvited("sendrecv", 3),
          recv("BYE"),
          respondWithin(200, "OK"),
        ]),
        undefined,
        { calls: 1 },
      );
      const hold = within("INVITE", 2, { body: sdp({ direction: "sendonly", version: 2 }) });
      const resume = within("INVITE", 3, { body: sdp({ direction: "sendrecv", version: 3 }) });
      succeeded(
        await call(
          uac([
            invite(),
            trying,
            ringing,
            recv(200),
            ack(),
            pause(200),
            hold,
            trying,
            recv(200),
            ack(2),
            pause(200),
            resume,
            trying,
            recv(200),
            ack(3),
            pause(200),
            bye(4),
            recv(200),
          ]),
        ),
      );
      const { messages } = await gateway.finish();
      assert.match(messages, /a=sendonly/, "the gateway hears of the hold");
    });

    test("a re-INVITE that changes nothing is answered without troubling the gateway", async (t) => {
      const { lab, call } = await setUp(t, makeLab);
      const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
      succeeded(
        await call(
          uac([
            invite(),
            trying,
            ringing,
            recv(200),
            ack(),
            pause(200),
            within("INVITE", 2, { body: sdp() }),
            trying,
            recv(200),
            ack(2),
            pause(200),
            bye(3),
            recv(200),
          ]),
        ),
      );
      succeeded(await gateway.finish());
    });

    test("a gateway's call goes out to the carrier", async (t) => {
      const { lab, lastCdr } = await setUp(t, makeLab);
      const carrier = startSipp(lab, lab.carrier, ANSWERING, undefined, { calls: 1 });
      succeeded(await runSipp(lab, lab.gateways[0], CALLING, `${lab.sbcPublic.address}:5060`, { service: "+4989987654" }));
      succeeded(await carrier.finish());
      const cdr = await lastCdr();
      assert.equal(cdr.direction, "outbound");
      assert.equal(cdr.called, "+4989987654");
    });

    test("a call over TCP on both sides", async (t) => {
      const { lab, call } = await setUp(t, makeLab, { transport: "tcp" });
      const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1, transport: "t1" });
      succeeded(await call(CALLING));
      succeeded(await gateway.finish());
    });

    test("a number nobody has is 404, and an unknown source hears nothing", async (t) => {
      const { lab, call } = await setUp(t, makeLab);
      succeeded(await call(refused(404), "+19998887777"));
      const stranger = await runSipp(lab, lab.carrier2, uac([invite(), recv(100, { timeoutMs: 1500 })]), `${lab.sbcPrivate.address}:5060`, {
        service: DID,
      });
      assert.equal(stranger.successful, 0);
      assert.doesNotMatch(stranger.messages, /SIP\/2\.0 \d/, "silence");
    });
  });
}

suite("on loopback", loopbackLab, skipWithout("sipp"));
suite("in two networks without a route between them", namespaceLab, skipWithoutRoot("sipp"));
