/**
 * examples/vodafone-groups as it stands, in namespaces with sipp: a carrier, seven gateways in three groups (four by
 * TCP, one dead), two tenants. Distribution by weight over 2,000 calls, priorities, failover, probes taking a gateway
 * out and back, drain, capacity, calls out, and tenants that cannot reach each other.
 *
 * One system for all steps, one after the other: each leaves it as it found it. Probes ask more often than in the
 * file, so that the test needn't wait.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { GatewayReport, GatewaysReport, StatusReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import type { RouteExplanation } from "#routing/explain.ts";
import { ROOT } from "../dev/root.ts";
import { type Host, type RunningTandem, namespaceLab, startTandem } from "../kit/lab.ts";
import { skipWithoutRoot } from "../kit/peers.ts";
import { type RunningSipp, type SippOptions, runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, PROBED, ack, ackFailure, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";

const CALLS = 2_000;
/** As many as one question for CDRs may get well within its limit. */
const CALLS_AT_A_TIME = 500;
const RATE = 100;
const CLINIC = "+49305552001";
const RETAIL = "+49305551001";
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const calling = (talkMs: number): string => uac([invite(), trying, ringing, recv(200), ack(), pause(talkMs), bye(), recv(200)]);
const refused = (status: number): string => uac([invite(), trying, ringing, recv(status), ackFailure()]);

async function until<T>(what: string, look: () => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("a carrier, three groups of seven gateways, two tenants", { skip: skipWithoutRoot("sipp") }, async (t) => {
  const lab = namespaceLab(t);
  const more = ["203.0.113.53", "203.0.113.54", "203.0.113.55", "203.0.113.56"];
  for (const address of more) await lab.run(lab.gateways[0], "ip", ["addr", "add", `${address}/24`, "dev", "a0"], 5_000);
  const hostAt = (address: string): Host => ({ ...lab.gateways[0], name: address, address });
  const gateways = {
    vapi: "203.0.113.50",
    "livekit-1": "203.0.113.51",
    "livekit-2": "203.0.113.52",
    "livekit-3": "203.0.113.53",
    "livekit-reserve": "203.0.113.54",
    "backup-1": "203.0.113.55",
  } as const;
  type Name = keyof typeof gateways;
  const startGateway = (name: Name): RunningSipp =>
    startSipp(lab, hostAt(gateways[name]), PROBED, undefined, { transport: name.startsWith("livekit") ? "t1" : "u1", mediaPort: 9_000 });
  const running = new Map<Name, RunningSipp>();
  for (const name of Object.keys(gateways) as Name[]) running.set(name, startGateway(name));

  const example = readFileSync(join(ROOT, "examples/vodafone-groups/tandem.yaml"), "utf8");
  const tandem: RunningTandem = await startTandem(t, lab, example.replaceAll("every_s: 5", "every_s: 1, timeout_ms: 900"));
  const carrier = (scenario: string, service: string, options: SippOptions = {}) =>
    runSipp(lab, lab.carrier, scenario, `${lab.sbcPrivate.address}:5060`, { service, ...options });
  const report = async (name: string): Promise<GatewayReport> =>
    (await tandem.ask<GatewaysReport>({ type: "gateways" })).gateways.find((gateway) => gateway.name === name)!;
  const becomes = (name: string, state: GatewayReport["state"]): Promise<GatewayReport> =>
    until(`${name} ${state}`, async () => {
      const now = await report(name);
      return now.state === state ? now : undefined;
    });
  const calls = async (): Promise<number> =>
    (await tandem.ask<GatewaysReport>({ type: "gateways" })).gateways.reduce((sum, gateway) => sum + gateway.calls, 0);
  /** CDRs since the last look, once all of `count` are there. */
  const seen = new Set<string>();
  const cdrs = async (count: number): Promise<readonly Cdr[]> => {
    const all = await until("CDRs", async () => {
      const list = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: count + 50, callId: undefined, number: undefined });
      const fresh = list.filter(({ callId }) => !seen.has(callId));
      return fresh.length >= count ? fresh : undefined;
    });
    for (const { callId } of all) seen.add(callId);
    return all;
  };
  const answeredBy = (records: readonly Cdr[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const record of records) {
      const peer = record.outcome === "answered" ? record.legs.at(-1)!.peer : record.outcome;
      counts[peer] = (counts[peer] ?? 0) + 1;
    }
    return counts;
  };
  const clinicCalls = async (count: number, ratePerSecond = 20): Promise<readonly Cdr[]> => {
    const result = await carrier(calling(50), CLINIC, { calls: count, ratePerSecond, timeoutMs: 90_000 });
    assert.equal(result.successful, count, result.output);
    return cdrs(count);
  };

  await t.test("probes find who lives and who is dead", async () => {
    for (const name of Object.keys(gateways)) {
      const { targets } = await becomes(name, "up");
      assert.equal(targets[0]?.probe?.status, 200);
    }
    const dead = await becomes("backup-2", "down");
    assert.match(dead.reason, /ECONNREFUSED|EHOSTUNREACH|silent/);
    assert.equal(dead.history[0]?.up, false);
  });

  await t.test(`${CALLS} calls go by weight within 5 %, and none to a lower priority`, async () => {
    const records: Cdr[] = [];
    while (records.length < CALLS) records.push(...(await clinicCalls(CALLS_AT_A_TIME, RATE)));
    const counts = answeredBy(records);
    t.diagnostic(JSON.stringify(counts));
    for (const [name, share] of [
      ["livekit-1", 0.5],
      ["livekit-2", 0.3],
      ["livekit-3", 0.2],
    ] as const)
      assert.ok(Math.abs((counts[name] ?? 0) / CALLS - share) <= 0.05, `${name}: ${counts[name]} of ${CALLS}`);
    assert.equal(counts["livekit-reserve"], undefined);
  });

  await t.test("the probe takes a gateway that died out, its calls move at once, and back when it answers", async () => {
    running.get("livekit-1")!.child.kill("SIGKILL");
    // Not known to be down yet: whoever is sent there moves on.
    const moved = await clinicCalls(20);
    assert.equal(answeredBy(moved)["livekit-1"], undefined);
    for (const { attempts } of moved)
      for (const attempt of attempts) if (attempt.peer === "livekit-1") assert.ok(attempt.durationMs < 3_000, `${attempt.durationMs} ms`);
    await becomes("livekit-1", "down");
    const after = await clinicCalls(20);
    assert.equal(
      after.some(({ attempts }) => attempts.some(({ peer }) => peer === "livekit-1")),
      false,
    );
    assert.ok(after.every(({ skipped }) => skipped.some(({ peer, reason }) => peer === "livekit-1" && reason === "down")));
    running.set("livekit-1", startGateway("livekit-1"));
    await becomes("livekit-1", "up");
    assert.ok((answeredBy(await clinicCalls(30))["livekit-1"] ?? 0) > 0);
  });

  await t.test("a priority is used when all above it are out", async () => {
    for (const name of ["livekit-1", "livekit-2", "livekit-3"] as const) running.get(name)!.child.kill("SIGKILL");
    for (const name of ["livekit-1", "livekit-2", "livekit-3"]) await becomes(name, "down");
    assert.deepEqual(answeredBy(await clinicCalls(5)), { "livekit-reserve": 5 });
    for (const name of ["livekit-1", "livekit-2", "livekit-3"] as const) running.set(name, startGateway(name));
    for (const name of ["livekit-1", "livekit-2", "livekit-3"]) await becomes(name, "up");
  });

  await t.test("drain: no new calls, the running one goes on, also over a reload", async () => {
    await tandem.ask({ type: "drain-gateway", name: "livekit-2", draining: true });
    await tandem.ask({ type: "drain-gateway", name: "livekit-3", draining: true });
    const long = startSipp(lab, lab.carrier, calling(6_000), `${lab.sbcPrivate.address}:5060`, {
      service: CLINIC,
      calls: 1,
      port: 5070,
      mediaPort: 9_400,
    });
    await until("the long call", async () => ((await report("livekit-1")).calls === 1 ? true : undefined));
    const drained = await tandem.cli<{ readonly ok: boolean; readonly calls: number }>("gateways", "drain", "livekit-1");
    assert.deepEqual([drained.ok, drained.calls], [true, 1]);
    assert.deepEqual(answeredBy(await clinicCalls(5)), { "livekit-reserve": 5 });
    assert.equal((await tandem.cli<{ readonly ok: boolean }>("reload")).ok, true);
    assert.equal((await report("livekit-1")).state, "draining");
    // SIGHUP of the supervisor is a reload too.
    const { configGeneration } = await tandem.ask<StatusReport>({ type: "status" });
    tandem.child.kill("SIGHUP");
    await until("the reload", async () =>
      (await tandem.ask<StatusReport>({ type: "status" })).configGeneration > configGeneration ? true : undefined,
    );
    assert.equal((await calls()) >= 1, true);
    const result = await long.finish();
    assert.equal(result.successful, 1, result.output);
    assert.deepEqual(answeredBy(await cdrs(1)), { "livekit-1": 1 });
    for (const name of ["livekit-1", "livekit-2", "livekit-3"]) await tandem.ask({ type: "drain-gateway", name, draining: false });
    assert.ok((answeredBy(await clinicCalls(10))["livekit-reserve"] ?? 0) === 0);
  });

  await t.test("capacity: the third call of the retail tenant goes to the backup, past its dead half", async () => {
    const result = await carrier(calling(2_000), RETAIL, { calls: 3, ratePerSecond: 10 });
    assert.equal(result.successful, 3, result.output);
    const records = await cdrs(3);
    assert.deepEqual(answeredBy(records), { vapi: 2, "backup-1": 1 });
    const third = records.find(({ legs }) => legs.at(-1)!.peer === "backup-1")!;
    assert.deepEqual(Object.fromEntries(third.skipped.map(({ peer, reason }) => [peer, reason])), {
      vapi: "full, 2/2",
      "backup-2": "down",
    });
    await until("all calls over", async () => ((await calls()) === 0 ? true : undefined));
  });

  await t.test("gateways call out by their own tenant's trunk, and not where it is blocked", async () => {
    const answering = startSipp(lab, lab.carrier, ANSWERING, undefined, { calls: 2 });
    const out = (from: Name, service: string, scenario = calling(100)) =>
      runSipp(lab, hostAt(gateways[from]), scenario, `${lab.sbcPublic.address}:5060`, {
        service,
        port: 5062,
        mediaPort: 9_200,
        transport: from.startsWith("livekit") ? "t1" : "u1",
      });
    const results = [await out("vapi", "+331234567890"), await out("livekit-2", "+4989987654")];
    for (const result of results) assert.equal(result.successful, 1, result.output);
    assert.equal((await answering.finish()).successful, 2);
    const [clinic, retail] = await cdrs(2);
    assert.deepEqual(
      [retail!.tenant, retail!.legs.at(-1)!.peer, clinic!.tenant, clinic!.legs.at(-1)!.peer],
      ["retail", "vodafone-retail", "clinic", "vodafone-clinic"],
    );
    const abroad = await out("livekit-2", "+331234567890", refused(403));
    assert.equal(abroad.successful, 1, abroad.output);
    assert.equal((await cdrs(1))[0]!.route, "outbound clinic-abroad");
  });

  await t.test("tenants cannot use each other's trunks, numbers or gateways", async () => {
    const route = (number: string, from: string) => tandem.ask<RouteExplanation>({ type: "route", number, from, caller: undefined });
    assert.match((await route(CLINIC, "vodafone-retail")).reason, /no DID .* for tenant retail/);
    assert.match((await route(RETAIL, "vodafone-clinic")).reason, /no DID .* for tenant clinic/);
    const retail = await route(RETAIL, "vodafone-retail");
    assert.ok([...retail.attempts, ...retail.skipped].every(({ peer }) => !peer.startsWith("livekit")));
    assert.deepEqual(
      (await route("+4989987654", "vapi")).attempts.map(({ peer }) => peer),
      ["vodafone-retail"],
    );
    assert.deepEqual(
      (await route("+4989987654", "livekit-1")).attempts.map(({ peer }) => peer),
      ["vodafone-clinic"],
    );
    // Neither tenant has the number, so nothing says whose call it is.
    const nobody = await carrier(refused(403), "+49305553001");
    assert.equal(nobody.successful, 1, nobody.output);
  });
});
