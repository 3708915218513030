/** A group of algorithm parallel with sipp on both sides: three gateways ring, the second answers; all are busy. */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import type { GatewaysReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import type { RouteExplanation } from "#routing/explain.ts";
import { type Lab, loopbackLab, type RunningTandem, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ack, ackFailure, answer, bye, invite, pause, recv, respond, respondWithin, terminated, uac, uas } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const trying = recv(100, { optional: true });
const RINGS_IN_VAIN = uas([
  recv("INVITE"),
  respond(180, "Ringing"),
  recv("CANCEL", { timeoutMs: 30_000 }),
  respondWithin(200, "OK"),
  terminated(),
  recv("ACK"),
]);
const BUSY = uas([recv("INVITE"), respond(486, "Busy Here", { retransmit: true }), recv("ACK")]);

async function started(t: TestContext): Promise<{ readonly lab: Lab; readonly tandem: RunningTandem }> {
  const lab = loopbackLab(t);
  const yaml = labYaml(lab).replace(/ {2}- \{ name: ai, gateways: .*/, "  - { name: ai, algorithm: parallel, gateways: [ai1, ai2, ai3] }");
  return { lab, tandem: await startTandem(t, lab, yaml) };
}

async function lastCdr(tandem: RunningTandem): Promise<Cdr> {
  for (let tries = 0; tries < 200; tries++) {
    const [cdr] = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 1, callId: undefined, number: undefined });
    if (cdr !== undefined) return cdr;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no CDR appeared. Tandem said:\n${tandem.child.output()}`);
}

describe("gateways that ring at once", { skip: skipWithout("sipp") }, () => {
  test("three ring, the second answers, the others hear that the call was completed elsewhere", async (t) => {
    const { lab, tandem } = await started(t);
    const route = await tandem.ask<RouteExplanation>({ type: "route", number: DID, from: "vodafone", caller: undefined });
    assert.deepEqual(
      route.attempts.map(({ when }) => when),
      ["at once with ai2, ai3", "at once with ai1, ai3", "at once with ai1, ai2"],
    );
    const [first, second, third] = lab.gateways;
    const ringing = [first, third].map((host) => startSipp(lab, host, RINGS_IN_VAIN, undefined, { calls: 1 }));
    const answering = uas([
      recv("INVITE"),
      respond(180, "Ringing"),
      pause(1500),
      answer(),
      recv("ACK"),
      recv("BYE"),
      respondWithin(200, "OK"),
    ]);
    const winner = startSipp(lab, second, answering, undefined, { calls: 1 });
    const calling = uac([invite(), trying, recv(180), recv(200), ack(), pause(300), bye(), recv(200)]);
    const caller = await runSipp(lab, lab.carrier, calling, `${lab.sbcPrivate.address}:5060`, { service: DID });
    assert.equal(caller.successful, 1, caller.output);
    for (const gateway of [winner, ...ringing]) {
      const result = await gateway.finish();
      assert.equal(result.successful, 1, result.output);
      assert.equal(/^Reason: SIP;cause=200;text="Call completed elsewhere"/m.test(result.messages), gateway !== winner);
    }
    const { outcome, attempts } = await lastCdr(tandem);
    assert.equal(outcome, "answered");
    assert.deepEqual(attempts.map(({ peer, outcome: of, reason }) => [peer, of, reason]).toSorted(), [
      ["ai1", "cancelled", "cancelled, ai2 answered first"],
      ["ai2", "answered", "answered"],
      ["ai3", "cancelled", "cancelled, ai2 answered first"],
    ]);
  });

  test("all answer at once, twenty times: each call has one winner, and nothing of the others is left", async (t) => {
    const { lab, tandem } = await started(t);
    const answering = uas([
      recv("INVITE"),
      respond(180, "Ringing"),
      pause(300),
      answer(),
      recv("ACK"),
      recv("BYE"),
      respondWithin(200, "OK"),
    ]);
    // sipp itself answers the CANCELs that cross its 200s.
    for (const host of lab.gateways) startSipp(lab, host, answering, undefined, { defaults: true });
    const calling = uac([invite(), trying, recv(180, { optional: true }), recv(200), ack(), pause(300), bye(), recv(200)]);
    const caller = await runSipp(lab, lab.carrier, calling, `${lab.sbcPrivate.address}:5060`, {
      service: DID,
      calls: 20,
      ratePerSecond: 10,
    });
    assert.equal(caller.successful, 20, caller.output);
    let cdrs: readonly Cdr[] = [];
    for (let tries = 0; tries < 200 && cdrs.length < 20; tries++) {
      cdrs = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 30, callId: undefined, number: undefined });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(cdrs.length, 20);
    for (const { outcome, attempts } of cdrs)
      assert.deepEqual([outcome, attempts.map((one) => one.outcome).toSorted()], ["answered", ["answered", "cancelled", "cancelled"]]);
    const { gateways } = await tandem.ask<GatewaysReport>({ type: "gateways" });
    assert.ok(gateways.every(({ calls }) => calls === 0));
  });

  test("all are busy: so hears the caller", async (t) => {
    const { lab, tandem } = await started(t);
    const busy = lab.gateways.map((host) => startSipp(lab, host, BUSY, undefined, { calls: 1 }));
    const refused = uac([invite(), trying, recv(180, { optional: true }), recv(486), ackFailure()]);
    const caller = await runSipp(lab, lab.carrier, refused, `${lab.sbcPrivate.address}:5060`, { service: DID });
    assert.equal(caller.successful, 1, caller.output);
    for (const gateway of busy) assert.equal((await gateway.finish()).successful, 1);
    const { outcome, attempts } = await lastCdr(tandem);
    assert.deepEqual([outcome, attempts.map(({ status }) => status)], ["busy", [486, 486, 486]]);
  });
});
