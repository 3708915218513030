/**
 * kill -9 at the worst moments, over real processes and sockets: of signalling, of media, of both, of the
 * supervisor. What is seen is what the two peers see: sequence numbers of the audio at both ends, who hears
 * which final response or BYE, and one CDR a call.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import type { Cdr } from "#cdr/record.ts";
import type { TransportName } from "#sip/transport/transport.ts";
import { Crowd, pause } from "../kit/crowd.ts";
import { type Lab, type RunningTandem, isRunning, loopbackLab, startTandem } from "../kit/lab.ts";
import type { WireCall } from "../kit/wire-agent.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const CALLS = 50;
/** What a busy machine is given; the figures themselves are printed. */
const RESTART_MAX_MS = 3_000;
const SILENCE_MAX_MS = 2_000;
const PACKETS_BEFORE = 25;

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  readonly crowd: Crowd;
  readonly yaml: string;
}

async function setUp(t: TestContext, transport: TransportName = "UDP"): Promise<Setting> {
  const lab = loopbackLab(t);
  const yaml = labYaml(lab, transport === "TCP" ? { transport: "tcp" } : {});
  const tandem = await startTandem(t, lab, yaml);
  return { lab, tandem, crowd: await Crowd.open(lab, DID, transport), yaml };
}

/** kill -9; the supervisor starts the next process of that role. */
function kill(tandem: RunningTandem, ...roles: readonly ("signalling" | "media")[]): void {
  const pids = roles.map((role) => tandem.pidOf(role));
  for (const pid of pids) process.kill(pid, "SIGKILL");
}

async function cdrs(tandem: RunningTandem, count: number): Promise<readonly Cdr[]> {
  let list: readonly Cdr[] = [];
  for (let tries = 0; tries < 20; tries++) {
    list = await tandem.cli<readonly Cdr[]>("cdr", "--limit", "1000");
    if (list.length >= count) break;
    await pause(100);
  }
  return list;
}

/** Half by the caller, half by the gateway; every BYE is answered and reaches the far end. */
async function hangUpAll({ crowd }: Setting): Promise<void> {
  await Promise.all(
    crowd.pairs.map(async ({ caller, callee }, i) => {
      const [agent, near, far] = i % 2 === 0 ? ([crowd.carrier, caller, callee] as const) : ([crowd.gateway, callee, caller] as const);
      agent.hangUp(near);
      await near.until("answered BYE", (call) => call.byeStatus !== undefined);
      assert.equal(near.byeStatus, 200, `BYE of ${near.sipCallId}`);
      await far.until("told of the end", (call) => call.byes > 0);
    }),
  );
}

/** One CDR for every call, with the end that the peers saw. */
function assertCdrs(list: readonly Cdr[], crowd: Crowd): void {
  const byCall = Map.groupBy(list, (cdr) => cdr.legs[0]!.sipCallId);
  for (const [i, { caller }] of crowd.pairs.entries()) {
    const own = byCall.get(caller.sipCallId) ?? [];
    assert.equal(own.length, 1, `CDRs of ${caller.sipCallId}`);
    const cdr = own[0]!;
    assert.equal(cdr.outcome, "answered");
    assert.equal(cdr.endedBy, i % 2 === 0 ? "caller" : "callee", cdr.endReason);
    const seenMs = caller.endedAtMs - caller.answeredAtMs;
    assert.ok(Math.abs(cdr.durationMs - seenMs) < 1_000, `the CDR says ${cdr.durationMs} ms, the caller saw ${Math.round(seenMs)} ms`);
    assert.equal(cdr.attempts.length, 1);
  }
}

/** Calls until one is answered. @returns how long after `sinceMs` that was */
async function firstCallAfter(crowd: Crowd, sinceMs: number): Promise<number> {
  const tries: WireCall[] = [];
  const answered = (): WireCall | undefined => tries.find((call) => call.dialog !== undefined);
  while (answered() === undefined && performance.now() - sinceMs < 15_000) {
    tries.push(await crowd.place());
    await pause(25);
  }
  const first = answered();
  assert.ok(first !== undefined, "no new call was answered within 15 s");
  const ms = first.answeredAtMs - sinceMs;
  // The others are repeated INVITEs that come through as well: all are ended.
  for (const call of tries) {
    await call.until("answered or refused", (one) => one.dialog !== undefined || one.over);
    if (call.dialog !== undefined) crowd.carrier.hangUp(call);
  }
  return ms;
}

describe("kill -9", () => {
  test("of signalling with 50 calls up: no audio packet is lost, calls go on and end properly, a new one is taken at once", async (t) => {
    const setting = await setUp(t);
    const { tandem, crowd } = setting;
    await crowd.connectMany(CALLS);
    await crowd.heard(PACKETS_BEFORE);
    crowd.measureFromNow();
    const killedMs = performance.now();
    kill(tandem, "signalling");
    const restartMs = await firstCallAfter(crowd, killedMs);
    t.diagnostic(`a new call was answered ${Math.round(restartMs)} ms after the kill`);
    await crowd.heardAnew();
    const audio = await crowd.stopAudio();
    t.diagnostic(`${audio.sent} packets sent, ${audio.missing} missing, longest gap ${audio.gapMs} ms`);
    assert.equal(audio.missing, 0, "packets lost");
    assert.equal(audio.duplicates, 0, "packets doubled");
    assert.ok(restartMs < RESTART_MAX_MS, `${restartMs} ms`);
    await hangUpAll(setting);
    const list = await cdrs(tandem, CALLS + 1);
    assertCdrs(list, crowd);
    for (const { legs } of list.filter((cdr) => crowd.pairs.some(({ caller }) => caller.sipCallId === cdr.legs[0]!.sipCallId))) {
      for (const leg of legs)
        assert.ok(
          leg.packetsReceived >= PACKETS_BEFORE && leg.packetsSent >= PACKETS_BEFORE,
          `leg ${leg.leg}: ${leg.packetsReceived} received, ${leg.packetsSent} sent`,
        );
    }
    assert.deepEqual(await tandem.cli("calls"), []);
  });

  test("of signalling while calls are being set up: the caller gets a final 5xx, the gateway CANCEL, one CDR each", async (t) => {
    const { tandem, crowd } = await setUp(t);
    const placed: WireCall[] = [];
    for (const does of ["ring", "nothing"] as const) {
      crowd.gatewayDoes = does;
      for (let i = 0; i < 5; i++) placed.push(await crowd.place());
      await waitFor(() => crowd.gateway.calls.length === placed.length, "every call has reached the gateway");
    }
    await Promise.all(placed.slice(0, 5).map((call) => call.until("ringing", (one) => one.status === 180)));
    kill(tandem, "signalling");
    await Promise.all(placed.map((call) => call.until("refused", (one) => one.over)));
    assert.deepEqual([...new Set(placed.map((call) => call.status))], [500]);
    await Promise.all(crowd.gateway.calls.map((call) => call.until("cancelled", (one) => one.cancelled)));
    const list = await cdrs(tandem, placed.length);
    assert.deepEqual(list.map((cdr) => cdr.legs[0]!.sipCallId).sort(), placed.map((call) => call.sipCallId).sort());
    for (const cdr of list) {
      assert.equal(cdr.outcome, "failed");
      assert.equal(cdr.sipStatus, 500);
      assert.equal(cdr.attempts.length, 1);
    }
    assert.deepEqual(await tandem.cli("calls"), []);
  });

  test("of signalling just as the gateway answers: no call is left half open", async (t) => {
    const { tandem, crowd } = await setUp(t);
    crowd.gatewayDoes = "ring";
    const placed: WireCall[] = [];
    for (let i = 0; i < 10; i++) placed.push(await crowd.place());
    await Promise.all(placed.map((call) => call.until("ringing", (one) => one.status === 180)));
    // The answers meet a dead process, or its successor that has just sent CANCEL.
    kill(tandem, "signalling");
    for (const call of crowd.gateway.calls) crowd.gateway.answer(call, 40_000);
    await Promise.all(placed.map((call) => call.until("refused", (one) => one.over)));
    await Promise.all(crowd.gateway.calls.map((call) => call.until("ended by BYE", (one) => one.byes > 0)));
    assert.equal((await cdrs(tandem, placed.length)).length, placed.length);
  });

  test("of media with 50 calls up: audio is back on the same ports, no call is lost", async (t) => {
    const setting = await setUp(t);
    const { tandem, crowd } = setting;
    await crowd.connectMany(CALLS);
    await crowd.heard(PACKETS_BEFORE);
    crowd.measureFromNow();
    kill(tandem, "media");
    await pause(200);
    await crowd.heardAnew();
    await pause(1_000);
    const audio = await crowd.stopAudio();
    t.diagnostic(`audio was back after ${audio.gapMs} ms; ${audio.missing} of ${audio.sent} packets lost`);
    assert.ok(audio.gapMs < SILENCE_MAX_MS, `${audio.gapMs} ms of silence`);
    await hangUpAll(setting);
    const list = await cdrs(tandem, CALLS);
    assert.equal(list.length, CALLS);
    assertCdrs(list, crowd);
    for (const { legs } of list)
      for (const leg of legs)
        assert.ok(
          leg.packetsReceived > 0 && leg.packetsSent > 0,
          `leg ${leg.leg}: ${leg.packetsReceived} received, ${leg.packetsSent} sent`,
        );
  });

  test("of media: a call that comes meanwhile waits for it instead of failing", async (t) => {
    const setting = await setUp(t);
    const { tandem, crowd } = setting;
    await crowd.connectMany(1);
    kill(tandem, "media");
    await crowd.connect();
    await crowd.heardAnew();
    await crowd.stopAudio();
    await hangUpAll(setting);
    const list = await cdrs(tandem, 2);
    assert.deepEqual(
      list.map((cdr) => cdr.outcome),
      ["answered", "answered"],
    );
  });

  test("of both at once: calls and audio are back, and end properly", async (t) => {
    const setting = await setUp(t);
    const { tandem, crowd } = setting;
    await crowd.connectMany(20);
    await crowd.heard(PACKETS_BEFORE);
    crowd.measureFromNow();
    kill(tandem, "signalling", "media");
    const restartMs = await firstCallAfter(crowd, performance.now());
    await crowd.heardAnew();
    const audio = await crowd.stopAudio();
    t.diagnostic(`a new call after ${Math.round(restartMs)} ms, audio after ${audio.gapMs} ms`);
    assert.ok(audio.gapMs < SILENCE_MAX_MS && restartMs < RESTART_MAX_MS);
    await hangUpAll(setting);
    assertCdrs(await cdrs(tandem, 21), crowd);
  });

  test("of signalling with calls over TCP: each side is reached over a new connection", async (t) => {
    const setting = await setUp(t, "TCP");
    const { tandem, crowd } = setting;
    await crowd.connectMany(10);
    kill(tandem, "signalling");
    await firstCallAfter(crowd, performance.now());
    await crowd.stopAudio();
    await hangUpAll(setting);
    assertCdrs(await cdrs(tandem, 11), crowd);
  });

  test("of the supervisor: both processes go on, the next start adopts them, and SIGTERM ends calls and processes in order", async (t) => {
    const setting = await setUp(t);
    const { lab, tandem, crowd, yaml } = setting;
    await crowd.connectMany(10);
    await crowd.heard(PACKETS_BEFORE);
    const pids = [tandem.pidOf("signalling"), tandem.pidOf("media")] as const;
    tandem.child.kill("SIGKILL");
    await tandem.child.exited;
    const next = await startTandem(t, lab, yaml);
    assert.deepEqual([next.pidOf("signalling"), next.pidOf("media")], pids);
    await crowd.connect();
    // An adopted process that dies is started again as well.
    kill(next, "signalling");
    await firstCallAfter(crowd, performance.now());
    const audio = await crowd.stopAudio();
    assert.equal(audio.missing, 0);
    assert.equal(await next.stop(), 0);
    for (const { caller, callee } of crowd.pairs) for (const end of [caller, callee]) assert.equal(end.byes, 1, `BYE to ${end.sipCallId}`);
    for (const pid of pids) assert.equal(isRunning(pid), false, `process ${pid} is left`);
    const list = await next.cli<readonly Cdr[]>("cdr", "--limit", "1000");
    const own = list.filter((cdr) => crowd.pairs.some(({ caller }) => caller.sipCallId === cdr.legs[0]!.sipCallId));
    assert.equal(own.length, crowd.pairs.length);
    assert.deepEqual([...new Set(own.map((cdr) => cdr.endedBy))], ["us"]);
  });
});

async function waitFor(so: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (so()) return;
    await pause(20);
  }
  assert.fail(`not so within 10 s: ${what}`);
}
