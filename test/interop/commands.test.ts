/**
 * Every command of the CLI against a running Tandem, as an operator types it and with --json, and OPTIONS
 * on every listener, from the phone of `tandem ping`, and raw from a stranger.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { CallSummary, StatusReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { ROOT } from "../dev/root.ts";
import { type Host, type Lab, type RunningTandem, loopbackLab, namespaceLab, startTandem } from "../kit/lab.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { type RunningSipp, runSipp, startSipp } from "../kit/sipp.ts";
import { ack, answer, invite, recv, respond, respondWithin, uac, uas } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const STATUS_OK = /^SIP\/2\.0 200 OK/m;
const LONG = { timeoutMs: 60_000 } as const;
const CALLING = uac([
  invite(),
  recv(100, { optional: true }),
  recv(180, { optional: true }),
  recv(200),
  ack(),
  recv("BYE", LONG),
  respondWithin(200, "OK"),
]);
const WAITING = uas([recv("INVITE"), respond(180, "Ringing"), answer(), recv("ACK"), recv("BYE", LONG), respondWithin(200, "OK")]);
const OPTIONS = uac([
  `<send retrans="500"><![CDATA[
OPTIONS sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
Max-Forwards: 70
From: <sip:probe@[local_ip]:[local_port]>;tag=[pid]o
To: <sip:[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 OPTIONS
Content-Length: 0

]]></send>`,
  recv(200),
]);

interface Said {
  readonly code: number;
  readonly output: string;
}

/** The command as typed in a shell on that host; no terminal, so tables are tab-separated. */
function typed(lab: Lab, tandem: RunningTandem, host: Host = lab.sbcPrivate): (...args: readonly string[]) => Promise<Said> {
  return (...args) =>
    lab.run(
      host,
      "env",
      [
        `TANDEM_HOME=${tandem.home}`,
        `XDG_RUNTIME_DIR=${tandem.home}`,
        process.execPath,
        "--disable-warning=ExperimentalWarning",
        join(ROOT, "src/cli-main.ts"),
        ...args,
      ],
      30_000,
    );
}

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  readonly tell: (...args: readonly string[]) => Promise<Said>;
}

async function setUp(t: TestContext, makeLab: (t: TestContext) => Lab = loopbackLab): Promise<Setting> {
  const lab = makeLab(t);
  const tandem = await startTandem(t, lab, labYaml(lab));
  return { lab, tandem, tell: typed(lab, tandem) };
}

/** A call that is up until somebody ends it: the first gateway is dead, the second answers. */
async function callUp({ lab, tandem }: Setting): Promise<{ readonly callId: string; readonly caller: RunningSipp }> {
  startSipp(lab, lab.gateways[1], WAITING, undefined, { calls: 1 });
  const caller = startSipp(lab, lab.carrier, CALLING, `${lab.sbcPrivate.address}:5060`, { service: DID, calls: 1 });
  for (let tries = 0; tries < 100; tries++) {
    const [call] = await tandem.ask<readonly CallSummary[]>({ type: "calls" });
    if (call?.state === "answered") return { callId: call.callId, caller };
    await wait(100);
  }
  throw new Error("the call was not answered");
}

async function cdrOf(setting: Setting, callId: string): Promise<Cdr> {
  for (let tries = 0; tries < 50; tries++) {
    const [cdr] = await setting.tandem.cli<readonly Cdr[]>("cdr", callId);
    if (cdr !== undefined) return cdr;
    await wait(100);
  }
  throw new Error(`no CDR of ${callId}`);
}

describe("commands", { skip: skipWithout("sipp") }, () => {
  test("status, calls, trace, hangup and cdr follow one call", async (t) => {
    const setting = await setUp(t);
    const { lab, tandem, tell } = setting;
    assert.equal((await tell("calls")).output.trim(), "call\tstate\tcaller\tcalled\tpath\tfor");
    assert.match((await tell("trace")).output, /no call was traced yet/);
    const { callId, caller } = await callUp(setting);

    assert.match(
      (await tell("status")).output,
      new RegExp(`calls 1 of at most \\d+[^]*listener private: ${lab.sbcPrivate.address}:5060 UDP, TCP`),
    );
    const status = await tandem.cli<StatusReport>("status");
    assert.equal(status.calls, 1);
    assert.deepEqual(
      status.listeners.map((listener) => listener.name),
      ["private", "public"],
    );

    const calls = await tell("calls");
    assert.equal(calls.code, 0);
    assert.match(calls.output, new RegExp(`${callId}\tanswered\t\\+4930123456\t\\${DID}\tvodafone → ai2\t`));

    const whole = await tell("trace", callId);
    assert.equal(whole.code, 0, whole.output);
    assert.match(whole.output, /vodafone +tandem +ai1 +ai2/, "the parties have the names of the configuration");
    assert.match(whole.output, /INVITE \+SDP[^]*attempt 1: ai1 failed: ECONNREFUSED[^]*200 OK \+SDP[^]*ACK/);
    // Without a call it is the last one, which is the same; a beginning of its id does as well.
    assert.equal((await tell("trace")).output, whole.output);
    assert.equal((await tell("trace", callId.slice(0, 13))).output, whole.output);
    const { callId: traced, events } = await tandem.cli<{ readonly callId: string; readonly events: readonly object[] }>("trace", callId);
    assert.equal(traced, callId);
    assert.ok(events.length >= 10);

    const ended = await tell("hangup", callId.slice(0, 13));
    assert.equal(ended.code, 0);
    assert.equal(ended.output.trim(), `${callId}: hung up`);
    assert.equal((await caller.finish()).successful, 1, "the caller was said BYE");
    const cdr = await cdrOf(setting, callId);
    assert.equal(cdr.endedBy, "us");
    assert.equal(cdr.endReason, "hung up by operator");
    const one = await tell("cdr", callId);
    assert.match(
      one.output,
      /attempt 1 {2}ai1 at udp:\S+: ECONNREFUSED, next at once[^]*attempt 2 {2}ai2 at udp:\S+: 200, answered[^]*leg a +vodafone/,
    );
    const list = await tell("cdr", "--limit", "5");
    assert.match(list.output, new RegExp(`^started_\\(utc\\)\tcall\tcaller[^]*\t${callId}\t[^]*\tanswered\t200\t`));
    assert.match((await tell("trace", callId)).output, /ended by us: answered \(200\), hung up by operator/);
  });

  test("what is not there is said so, with what to do, and exit code 1", async (t) => {
    const { lab, tell } = await setUp(t);
    for (const [args, words] of [
      [["hangup", "nonsense"], /no call "nonsense" is up; tandem calls lists them/],
      [["cdr", "nonsense"], /no CDR of a call "nonsense"/],
      [["trace", "nonsense"], /nothing traced of "nonsense"/],
      [["cdr", "--home", "/nonexistent"], /no Tandem is running here, and the calls of \/nonexistent can't be read/],
      [["route", "+1", "--from", "nobody"], /no trunk or gateway "nobody"/],
      [["call", DID, "--trunk", "nobody"], /no trunk "nobody"/],
      [["call", DID, "--play", "/nonexistent.wav"], /--play \/nonexistent\.wav: /],
      [["ping", `sip:${lab.gateways[2].address}:5060`], /refused: nothing listens there/],
      [["ping", "sip:nowhere.invalid"], /DNS/],
    ] as const) {
      const said = await tell(...args);
      assert.match(said.output, words);
      assert.equal(said.code, 1, said.output);
    }
    const json = await tell("hangup", "nonsense", "--json");
    assert.deepEqual([json.code, JSON.parse(json.output).ok], [1, false]);
    // Wrong usage is another code.
    assert.equal((await tell("hangup")).code, 2);
    assert.equal((await tell("frobnicate")).code, 2);
  });

  test("route tells the way of a number, and check what is wrong with a file", async (t) => {
    const { lab, tandem, tell } = await setUp(t);
    const routed = await tell("route", DID, "--caller", "030123456");
    assert.equal(routed.code, 0);
    assert.match(routed.output, /a call from vodafone[^]*1\. ai1 [^]*2\. ai2 [^]*3\. ai3 /);
    assert.match((await tell("route", "+4989987654", "--from", "ai2")).output, /route outbound world\n {2}1\. vodafone/);
    const refused = await tell("route", "+19998887777");
    assert.deepEqual([refused.code, /refused with 404 Not Found: no DID/.test(refused.output)], [1, true]);
    const { attempts } = await tandem.cli<{ readonly attempts: readonly { readonly peer: string }[] }>("route", DID);
    assert.deepEqual(
      attempts.map((attempt) => attempt.peer),
      ["ai1", "ai2", "ai3"],
    );

    const good = await tell("check", "--config", join(lab.folder, "tandem.yaml"));
    assert.match(
      good.output,
      new RegExp(
        `in order\n2 listeners, 1 trunk, 3 gateways[^]*listener private  ${lab.sbcPrivate.address}:5060 UDP TCP\n  ${lab.carrier.address}  trunk vodafone`,
      ),
    );
    const bad = join(lab.folder, "bad.yaml");
    writeFileSync(bad, labYaml(lab).replace("listener: private", "listener: privat"));
    const told = await tell("check", "--config", bad);
    assert.equal(told.code, 2);
    assert.match(told.output, /bad\.yaml:\d+.*privat[^]*1 problem/);
    const json = await tell("check", "--config", bad, "--json");
    assert.equal(JSON.parse(json.output).ok, false);
    // The running configuration does not need the file.
    const absent = await tell("check", "--config", "/nonexistent.yaml");
    assert.deepEqual([absent.code, /there is no file \/nonexistent\.yaml/.test(absent.output)], [2, true]);
  });

  test("call places a test call through Tandem and tells whether anything came back", async (t) => {
    const { lab, tandem, tell } = await setUp(t);
    // It answers and says nothing: what it was sent stays there.
    const gateway = startSipp(lab, lab.gateways[0], WAITING, undefined, { calls: 1 });
    const silent = await tell("call", DID);
    assert.equal(silent.code, 1, silent.output);
    assert.match(
      silent.output,
      /calling \+15551234567 through Tandem …[^]*answered after \d+ ms; \d+ packets out, 0 back\nnothing came back/,
    );
    await gateway.finish();
    const echo = startSipp(lab, lab.gateways[0], WAITING, undefined, { calls: 1, args: ["-rtp_echo"] });
    const heard = await tell("call", DID);
    await echo.finish();
    assert.match(heard.output, /heard our own speech back/);
    assert.equal(heard.code, 0);
    const refused = await tell("call", "+19998887777");
    assert.match(refused.output, /not answered: 404 Not Found/);
    const report = await tandem.cli<{ readonly answered: boolean; readonly reason: string }>("call", "+19998887777");
    assert.deepEqual([report.answered, /404/.test(report.reason)], [false, true]);
  });
});

function probes(name: string, makeLab: (t: TestContext) => Lab, skip: string | false): void {
  test(`OPTIONS is answered 200 on every listener and transport, ${name}`, { skip }, async (t) => {
    const { lab, tandem } = await setUp(t, makeLab);
    for (const [from, listener] of [
      [lab.carrier, lab.sbcPrivate],
      [lab.gateways[0], lab.sbcPublic],
    ] as const) {
      const tell = typed(lab, tandem, from);
      // As typed by people, too: without the scheme.
      for (const uri of [
        `sip:${listener.address}:5060`,
        `sip:${listener.address}:5060;transport=tcp`,
        `${listener.address}:5060;transport=tcp`,
      ]) {
        const alive = await tell("ping", uri);
        assert.equal(alive.code, 0, alive.output);
        assert.match(
          alive.output,
          new RegExp(`^alive {2}200 OK.*${uri.includes("tcp") ? "tcp" : "udp"}:${listener.address}:5060, [\\d.]+ ms`),
        );
      }
      const json = JSON.parse((await tell("ping", `sip:${listener.address}`, "--json")).output) as {
        readonly ok: boolean;
        readonly status: number;
      };
      assert.deepEqual([json.ok, json.status], [true, 200]);
    }
    // A carrier's monitor may stand where no trunk does: probes of strangers are answered as well.
    for (const transport of ["u1", "t1"] as const) {
      const raw = await runSipp(lab, lab.carrier2, OPTIONS, `${lab.sbcPrivate.address}:5060`, { transport });
      assert.equal(raw.successful, 1, raw.output);
      assert.match(raw.messages, STATUS_OK);
      assert.match(raw.messages, /^Allow: INVITE, ACK, CANCEL/m);
    }
  });
}
probes("on loopback", loopbackLab, skipWithout("sipp"));
probes("from either network", namespaceLab, skipWithoutRoot("sipp"));
