/**
 * What a call may not do, and what a person is told of it, with sipp on both sides and the API: a tenant that is full,
 * a premium number, a lock after a burst of short calls; findings, ladder, simulator and preflight of the same calls.
 */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { TokenReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, ackFailure, bye, invite, pause, recv, respond, uac, uas } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const WAIT_MS = 30_000;
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const calling = (talkMs: number): string => uac([invite(), trying, ringing, recv(200), ack(), pause(talkMs), bye(), recv(200)]);
const refused = (status: number): string => uac([invite(), trying, ringing, recv(status), ackFailure()]);

type Json = Readonly<Record<string, unknown>>;
async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + WAIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  api(method: string, path: string, body?: Json): Promise<{ readonly status: number; readonly json: Json }>;
  /** The last record, once there are so many. */
  lastOf(count: number): Promise<Cdr>;
}
async function setUp(t: TestContext, limits: Json): Promise<Setting> {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, `${labYaml(lab, { node: { api: { port: 0 } } })}limits: ${JSON.stringify(limits)}\n`);
  /** A restarted signalling has its API elsewhere. */
  const access = () =>
    until("the API", async () => {
      const found = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined }).catch(() => undefined);
      return found?.url === undefined ? undefined : { ...found, url: found.url };
    });
  await access();
  return {
    lab,
    tandem,
    async api(method, path, body) {
      const report = await access();
      const headers = { authorization: `Bearer ${report.token}`, ...(body !== undefined && { "content-type": "application/json" }) };
      const answer = await fetch(`${report.url}${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
      return { status: answer.status, json: (await answer.json()) as Json };
    },
    lastOf: (count) =>
      until(`${count} CDRs`, async () => {
        const found = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 100, callId: undefined, number: undefined });
        return found.length >= count ? found[0] : undefined;
      }),
  };
}
const succeeded = ({ successful, output }: { readonly successful: number; readonly output: string }, calls = 1): void =>
  assert.equal(successful, calls, output);

test("the call above the tenant's limit gets 503, which says the limit and no name; its page and `tandem why` say more", {
  skip: skipWithout("sipp"),
}, async (t) => {
  const { lab, tandem, api, lastOf } = await setUp(t, { tenants: [{ name: "default", calls_max: 1 }] });
  startSipp(lab, lab.gateways[0], ANSWERING, undefined);
  const first = runSipp(lab, lab.carrier, calling(3_000), `${lab.sbcPrivate.address}:5060`, { service: DID });
  await until("the first call", async () => ((await api("GET", "/api/calls/active")).json["total"] === 1 ? true : undefined));
  const [use] = (await api("GET", "/api/limits?subject=tenant")).json["items"] as readonly Json[];
  assert.deepEqual([use?.["name"], use?.["active_calls"], (use?.["limits"] as Json | undefined)?.["calls_max"]], ["default", 1, 1]);
  const second = await runSipp(lab, lab.carrier, refused(503), `${lab.sbcPrivate.address}:5060`, {
    service: DID,
    port: 5070,
    mediaPort: 9100,
  });
  succeeded(second);
  assert.match(second.messages, /^Warning: 399 tandem "limit: calls at a time of this tenant"/m);
  assert.doesNotMatch(second.messages, /default/);
  const [up] = (await api("GET", "/api/calls/active")).json["items"] as readonly Json[];
  const running = (await api("GET", `/api/calls/${String(up?.["call_id"])}`)).json;
  assert.deepEqual(
    (running["quality"] as readonly Json[]).map(({ peer, packets_received }) => [peer, packets_received]),
    [
      ["vodafone", 0],
      ["ai1", 0],
    ],
  );
  const cdr = await lastOf(1);
  assert.deepEqual([cdr.outcome, cdr.endReason], ["capacity", "limit calls_max: tenant default has 1 of 1 calls"]);
  const page = (await api("GET", `/api/calls/${cdr.callId}`)).json;
  assert.deepEqual(
    (page["findings"] as readonly Json[]).map(({ code }) => code),
    ["LIMIT_REACHED"],
  );
  const why = await tandem.cli<{ readonly findings: readonly { readonly code: string }[] }>("why", cdr.callId);
  assert.deepEqual(
    why.findings.map(({ code }) => code),
    ["LIMIT_REACHED"],
  );
  succeeded(await first);
  await lastOf(2);
  // sipp's scenario says a lot and sends no audio.
  const silent = (await api("GET", `/api/calls/${String(up?.["call_id"])}`)).json;
  assert.deepEqual(
    (silent["findings"] as readonly Json[]).map(({ code }) => code),
    ["NO_RTP"],
  );
  assert.equal((await api("PUT", "/api/limits/tenant/default", { calls_max: 5 })).status, 200);
  succeeded(await runSipp(lab, lab.carrier, calling(100), `${lab.sbcPrivate.address}:5060`, { service: DID }));
  const clean = await lastOf(3);
  const good = (await api("GET", `/api/calls/${clean.callId}`)).json;
  assert.deepEqual([good["findings"], (good["attempts"] as readonly Json[]).map(({ peer }) => peer)], [[], ["ai1"]]);
  const ladder = (await api("GET", `/api/calls/${clean.callId}/ladder`)).json;
  const summaries = (ladder["entries"] as readonly Json[]).flatMap(({ kind, summary }) => (kind === "message" ? [String(summary)] : []));
  assert.deepEqual([summaries[0], summaries.at(-1)?.startsWith("200 OK")], ["INVITE +SDP", true]);
  assert.equal((await api("GET", "/api/calls/00000000000000zz/ladder")).status, 404);
});

test("a satellite number is refused with 403 before anybody is called, and the simulator says so beforehand", {
  skip: skipWithout("sipp"),
}, async (t) => {
  const { lab, api, lastOf } = await setUp(t, { trunks: [{ name: "vodafone", denied_countries: ["FR"] }] });
  const asked = async (to: string) => (await api("POST", "/api/route", { to, from: "+4930111", trunk: "ai1" })).json;
  assert.equal((await asked("+4930123456"))["outcome"], "dial");
  const told = await asked("+881612345678");
  assert.deepEqual(
    [told["outcome"], told["sip_status"], told["skipped"]],
    ["reject", 403, [{ peer: "vodafone", reason: "denied: +881… is satellite, for tenant default" }]],
  );
  assert.match(JSON.stringify((await asked("+33123456789"))["skipped"]), /denied: FR by limits of trunk vodafone/);
  const bySource = (await api("POST", "/api/route", { to: DID, source: lab.carrier.address })).json;
  assert.deepEqual([bySource["from_peer"], bySource["identified_by"], bySource["outcome"]], ["vodafone", "address", "dial"]);
  const stranger = (await api("POST", "/api/route", { to: DID, source: "192.0.2.200" })).json;
  assert.deepEqual([stranger["outcome"], stranger["from_peer"]], ["reject", ""]);
  succeeded(await runSipp(lab, lab.gateways[0], refused(403), `${lab.sbcPublic.address}:5060`, { service: "+881612345678" }));
  const cdr = await lastOf(1);
  assert.deepEqual([cdr.outcome, cdr.attempts.length], ["carrier_blocked", 0]);
  const page = (await api("GET", `/api/calls/${cdr.callId}`)).json;
  assert.deepEqual(
    (page["findings"] as readonly Json[]).map(({ code }) => code),
    ["DESTINATION_DENIED"],
  );
  const status = (await api("GET", "/api/gateways/ai1/status")).json;
  assert.deepEqual([status["name"], status["state"]], ["ai1", "unknown"]);
  assert.equal((await api("GET", "/api/gateways/nobody/status")).status, 404);
});

test("short calls to numbers in a row lock calls out; an operator unlocks", { skip: skipWithout("sipp") }, async (t) => {
  const fraud = { calls: 5, window_s: 60, short_s: 5, lock_s: 600 };
  const { lab, tandem, api, lastOf } = await setUp(t, { tenants: [{ name: "default", fraud }] });
  startSipp(lab, lab.carrier, ANSWERING, undefined);
  const burst = calling(50).replaceAll("[service]", "+493012345[call_number]");
  const target = `${lab.sbcPublic.address}:5060`;
  succeeded(await runSipp(lab, lab.gateways[0], burst, target, { service: "x", calls: 5, ratePerSecond: 20 }), 5);
  await lastOf(5);
  const out = { service: "+4930999999" };
  succeeded(await runSipp(lab, lab.gateways[0], refused(403), target, out));
  assert.match((await lastOf(6)).skipped[0]?.reason ?? "", /^locked until .*: 5 short calls to neighbouring numbers within 60 s/);
  assert.match(tandem.child.output(), /calls out of tenant default are locked until/);
  const locks = async () => (((await api("GET", "/api/limits?subject=tenant")).json["items"] as readonly Json[])[0] ?? {})["locked_until"];
  assert.match(String(await locks()), /^20/);
  assert.equal((await api("POST", "/api/limits/tenant/default/unlock")).status, 200);
  assert.equal(await locks(), null);
  succeeded(await runSipp(lab, lab.gateways[0], calling(50), target, out));
});

test("a refusal by a gateway is diagnosed from its messages; a preflight of the trunk says what is wrong there", {
  skip: skipWithout("sipp"),
}, async (t) => {
  const { lab, tandem, api, lastOf } = await setUp(t, {});
  await runSipp(lab, lab.carrier, refused(502), `${lab.sbcPrivate.address}:5060`, { service: DID });
  const codes = (await tandem.cli<{ readonly findings: readonly { readonly code: string }[] }>("why")).findings.map(({ code }) => code);
  assert.ok(codes.includes("ALL_DOWN") && (codes.includes("UNREACHABLE") || codes.includes("NO_RESPONSE")), codes.join(", "));
  for (const gateway of lab.gateways)
    startSipp(lab, gateway, uas([recv("INVITE"), respond(488, "Not Acceptable Here", { retransmit: true }), recv("ACK")]), undefined);
  await runSipp(lab, lab.carrier, refused(488), `${lab.sbcPrivate.address}:5060`, { service: DID });
  // Nobody knows the second carrier here: it gets silence, and whoever looks for its address is told why.
  await runSipp(lab, lab.carrier2, uac([invite(), recv(404, { timeoutMs: 1_200 })]), `${lab.sbcPrivate.address}:5060`, {
    service: DID,
  });
  const unknown = await tandem.cli<{ readonly findings: readonly { readonly code: string; readonly advice: string }[] }>(
    "why",
    lab.carrier2.address,
  );
  assert.deepEqual(
    unknown.findings.map(({ code, advice }) => [code, advice.includes(lab.carrier2.address)]),
    [["UNKNOWN_SOURCE", true]],
  );
  const cdr = await lastOf(2);
  const page = (await api("GET", `/api/calls/${cdr.callId}`)).json;
  const [finding] = page["findings"] as readonly { code: string; evidence: readonly { text: string; message: number | null }[] }[];
  assert.equal(finding?.code, "CODEC_MISMATCH");
  assert.match(finding?.evidence[0]?.text ?? "", /INVITE to ai1: offers PCMU, PCMA/);
  const { status, json } = await api("POST", "/api/trunks/vodafone/preflight");
  assert.equal(status, 200, JSON.stringify(json));
  const steps = json["steps"] as readonly { step: string; result: string }[];
  assert.equal(json["ok"], false);
  assert.equal(steps.find(({ step }) => step === "options")?.result, "fail");
});

test("kill -9 forgets neither minutes nor a lock, and the ladder of a failed call outlives the ring", {
  skip: skipWithout("sipp"),
}, async (t) => {
  const { lab, tandem, api, lastOf } = await setUp(t, { tenants: [{ name: "default", fraud: { calls: 3 } }] });
  startSipp(lab, lab.carrier, ANSWERING, undefined);
  const burst = calling(800).replaceAll("[service]", "+493012345[call_number]");
  const target = `${lab.sbcPublic.address}:5060`;
  succeeded(await runSipp(lab, lab.gateways[0], burst, target, { service: "x", calls: 3, ratePerSecond: 20 }), 3);
  await runSipp(lab, lab.gateways[0], refused(403), target, { service: "+4930999999" });
  const { callId } = await lastOf(4);
  const useNow = async () => ((await api("GET", "/api/limits?subject=trunk")).json["items"] as readonly Json[])[0]!;
  const tenantNow = async () => ((await api("GET", "/api/limits?subject=tenant")).json["items"] as readonly Json[])[0]!;
  const [before, lockedBefore] = [await useNow(), await tenantNow()];
  assert.ok(Number(before["minutes_today"]) >= 0.03, JSON.stringify(before));
  const ring = join(tandem.home, "ladder");
  const entriesOf = async () => (await api("GET", `/api/calls/${callId}/ladder`)).json["entries"] as readonly Json[];
  const shown = (await entriesOf()).length;
  // The store takes it some seconds after the end of the call.
  await new Promise((resolve) => setTimeout(resolve, 6_500));
  process.kill(tandem.pidOf("signalling"), "SIGKILL");
  for (const file of readdirSync(ring)) rmSync(join(ring, file));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await tandem.ready();
  assert.equal((await entriesOf()).length, shown);
  const after = await until("the minutes", async () => {
    const use = await useNow();
    return Number(use["minutes_today"]) > 0 ? use : undefined;
  });
  assert.deepEqual(
    [after["minutes_today"], (await tenantNow())["minutes_today"]],
    [before["minutes_today"], lockedBefore["minutes_today"]],
  );
  assert.equal((await tenantNow())["locked_until"], lockedBefore["locked_until"]);
  succeeded(await runSipp(lab, lab.gateways[0], refused(403), target, { service: "+4930999998" }));
});
