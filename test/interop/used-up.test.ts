/**
 * What a machine runs out of, on loopback: RTP ports, descriptors, disk, a port that somebody else has. Running
 * calls go on, new ones are told 503 with Retry-After, a line says what is missing, and it passes with its cause.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { StatusReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { ROOT } from "../dev/root.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { type Heard, type RawPeer, inviteRequest, rawTcp, rawUdp } from "../kit/raw-sip.ts";
import { talkingCall } from "../kit/talking-call.ts";
import { WireAgent, type WireCall } from "../kit/wire-agent.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
/** Nobody speaks in these calls. */
const QUIET = { media_timeout_s: 600 };
const EXIT_USAGE = 2;
const EXIT_CONFIGURATION = 78;

interface Peers {
  readonly carrier: WireAgent;
  call(): Promise<WireCall>;
  hangUp(call: WireCall): Promise<void>;
}

/** A carrier, and a gateway that answers all. */
async function openPeers(lab: Lab): Promise<Peers> {
  const carrier = await WireAgent.open({ address: lab.carrier.address });
  const gateway = await WireAgent.open({ address: lab.gateways[0].address });
  lab.atEnd(async () => void (await Promise.all([carrier.close(), gateway.close()])));
  gateway.onCall = (call) => gateway.answer(call, 9_100);
  return {
    carrier,
    call: () => carrier.call(DID, lab.sbcPrivate.address, 9_200).until("answered or refused", (call) => call.status >= 200 || call.over),
    async hangUp(call) {
      carrier.hangUp(call);
      assert.equal((await call.until("told that its BYE came", ({ byeStatus }) => byeStatus !== undefined)).byeStatus, 200);
    },
  };
}

let invites = 0;
/** The final response to one INVITE as it stands on the wire. */
async function finalOf(lab: Lab, trunk: RawPeer & { readonly port: number }, user = DID): Promise<Heard> {
  const sipCallId = `one${invites++}`;
  const invite = inviteRequest({
    transport: "UDP",
    from: `${lab.carrier.address}:${trunk.port}`,
    to: `${lab.sbcPrivate.address}:5060`,
    user,
    sipCallId,
  });
  trunk.send(invite);
  const final = await trunk.until((heard) => heard.sipCallId === sipCallId && heard.status >= 200, 20_000);
  assert.ok(final !== undefined, "no final response within 20 s");
  trunk.acknowledge(final, `sip:${user}@${lab.sbcPrivate.address}:5060`);
  return final;
}
const trunkOf = (t: TestContext, lab: Lab) =>
  rawUdp(t, { address: lab.carrier.address, port: 0 }, { address: lab.sbcPrivate.address, port: 5060 });

function assertOverload(final: Heard): void {
  assert.equal(final.status, 503, final.text);
  assert.match(final.text, /^Retry-After: \d+\r$/m);
}
const statusOf = (tandem: RunningTandem): Promise<StatusReport> => tandem.ask<StatusReport>({ type: "status" });
/** Nothing while the store can't answer: its thread may have met the full disk. */
const cdrsOf = (tandem: RunningTandem): Promise<readonly Cdr[]> =>
  tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 100, callId: undefined, number: undefined }).catch(() => []);

async function until(what: string, so: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (!(await so())) {
    assert.ok(performance.now() < untilMs, `not within ${timeoutMs} ms: ${what}`);
    await sleep(100);
  }
}

describe("used up", () => {
  test("RTP ports: 503 with Retry-After and the pool's name; after calls ended and their ports drained, calls again", async (t) => {
    const lab = loopbackLab(t);
    const tandem = await startTandem(t, lab, labYaml(lab, { mediaPorts: "20000-20003", trunk: QUIET, gateway: QUIET }));
    const [peers, trunk] = [await openPeers(lab), await trunkOf(t, lab)];
    const [first, second] = [await peers.call(), await peers.call()];
    assert.deepEqual([first.status, second.status], [200, 200], "two pairs, two calls");
    assertOverload(await finalOf(lab, trunk));
    await tandem.child.says(/limit media: PORTS_EXHAUSTED: pool private \(127[\d.]+ 20000-20003\) has no free port/);
    await peers.hangUp(first);
    // Late packets of the ended call must not meet a new one.
    assertOverload(await finalOf(lab, trunk));
    let third: WireCall | undefined;
    await until("a port has drained", async () => {
      third = await peers.call();
      return third.status === 200;
    });
    await peers.hangUp(third!);
    await peers.hangUp(second);
    await until("CDRs", async () => {
      const cdrs = await cdrsOf(tandem);
      return (
        cdrs.filter(({ outcome, sipStatus }) => outcome === "capacity" && sipStatus === 503).length >= 2 &&
        cdrs.filter(({ outcome }) => outcome === "answered").length === 3
      );
    });
  });

  test("descriptors: fewer calls and a line that says so; strangers' connections don't take what calls need", async (t) => {
    const lab = loopbackLab(t);
    // 128 are kept back: 12 sockets are left, 4 a call.
    const poor: Lab = { ...lab, sbcPrivate: { ...lab.sbcPrivate, prefix: ["sh", "-c", 'ulimit -n 140; exec "$@"', "sh"] } };
    const tandem = await startTandem(t, poor, labYaml(lab, { trunk: QUIET, gateway: QUIET }));
    const [peers, trunk] = [await openPeers(lab), await trunkOf(t, lab)];
    await until("the limit is known", async () => (await statusOf(tandem)).callsMax === 3);
    await tandem.child.says(/limit descriptors: at most 3 calls instead of 5000: .*ulimit -n/);
    const streams = await Promise.all(
      Array.from({ length: 200 }, () => rawTcp(t, { address: lab.carrier.address }, { address: lab.sbcPrivate.address, port: 5060 })),
    );
    await until("those beyond the limit are turned away", async () => (await statusOf(tandem)).counters["transport.turnedAway"]! >= 150);
    const calls = [await peers.call(), await peers.call(), await peers.call()];
    assert.deepEqual(
      calls.map(({ status }) => status),
      [200, 200, 200],
      "three calls beside 200 connections",
    );
    assertOverload(await finalOf(lab, trunk));
    await tandem.child.says(/limit calls: 3 calls are up, the last from vodafone; [0-9]+ refused/);
    for (const stream of streams) stream.close();
    await peers.hangUp(calls[0]!);
    await until("a call fits again", async () => {
      calls[0] = await peers.call();
      return calls[0].status === 200;
    });
    for (const call of calls) await peers.hangUp(call);
    await until("connections are forgotten", async () => (await statusOf(tandem)).counters["transport.connections"] === 0);
    const stream = await rawTcp(t, { address: lab.carrier.address }, { address: lab.sbcPrivate.address, port: 5060 });
    await stream.probe();
  });

  test("disk: running calls talk on and end well, new ones get 503; with space all is as before and no CDR is lost", {
    skip: skipWithoutRoot("sipp", "mount"),
  }, async (t) => {
    const lab = loopbackLab(t);
    const home = join(lab.folder, "home");
    mkdirSync(home);
    const mount = (...args: readonly string[]): number | null => spawnSync(args[0]!, args.slice(1)).status;
    if (mount("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", home) !== 0) return t.skip("root may not mount here");
    // Runs after Tandem has stopped.
    lab.atEnd(() => void mount("umount", "-l", home));
    const tandem = await startTandem(t, lab, labYaml(lab, { node: { trace_mb: 16 } }));
    const trunk = await trunkOf(t, lab);
    const call = await talkingCall(lab);
    const filler = fill(join(home, "filler"));
    let refused: Heard | undefined;
    await until("the full disk is noticed", async () => {
      refused = await finalOf(lab, trunk, "+15550000000");
      return refused.status === 503;
    });
    assertOverload(refused!);
    await tandem.child.says(/journal-degraded: new calls are refused: the disk is full \(ENOSPC\)/);
    await tandem.child.says(/limit journal/);
    await call.endWell();
    rmSync(filler);
    await until("space is noticed", async () => (await finalOf(lab, trunk, "+15550000000")).status === 404);
    await tandem.child.says(/journal-recovered/);
    await until(
      "the CDR of the call that ended meanwhile",
      async () => (await cdrsOf(tandem)).filter(({ outcome }) => outcome === "answered").length === 1,
      30_000,
    );
    const ids = (await cdrsOf(tandem)).map(({ callId }) => callId);
    assert.equal(new Set(ids).size, ids.length, "each once");
    assert.doesNotMatch(tandem.child.output(), /restarting|call failed|cut off/);
    const again = await talkingCall(lab, { callerPort: 5072 });
    await again.endWell();
  });
});

/** A file that takes all space. */
function fill(path: string): string {
  const fd = openSync(path, "w");
  for (const bytes of [1 << 20, 1 << 12, 1]) {
    const block = Buffer.alloc(bytes, 1);
    try {
      while (writeSync(fd, block) === bytes);
    } catch {
      // Full for pieces of this size.
    }
  }
  closeSync(fd);
  return path;
}

describe("a start that can't succeed says why and ends", { skip: skipWithout() }, () => {
  /** `tandem start` with that file, until it ends by itself. */
  async function startFails(lab: Lab, yaml: string): Promise<{ readonly code: number; readonly output: string }> {
    const home = join(lab.folder, "home");
    mkdirSync(home, { recursive: true });
    const config = join(lab.folder, "failing.yaml");
    writeFileSync(config, yaml);
    return lab.run(
      lab.sbcPrivate,
      "env",
      [
        `TANDEM_HOME=${home}`,
        "TANDEM_API=off",
        `XDG_RUNTIME_DIR=${home}`,
        "NO_COLOR=1",
        process.execPath,
        "--disable-warning=ExperimentalWarning",
        join(ROOT, "src/cli-main.ts"),
        "start",
        "--config",
        config,
      ],
      40_000,
    );
  }

  test("a mistake in the file: its line, its field, what would be right", async (t) => {
    const lab = loopbackLab(t);
    const { code, output } = await startFails(lab, labYaml(lab).replace("listener: private", "listener: privat"));
    assert.equal(code, EXIT_USAGE, output);
    assert.match(output, /failing\.yaml:\d+ error trunks\[0\]\.listener: .*privat/);
    assert.match(output, /private/);
    const { code: broken, output: said } = await startFails(lab, "listeners: [\n  - {");
    assert.equal(broken, EXIT_USAGE, said);
    assert.match(said, /failing\.yaml:\d+ error/);
  });

  for (const transport of ["UDP", "TCP"] as const) {
    test(`a ${transport} port that somebody else has: which, and nothing is left running`, async (t) => {
      const lab = loopbackLab(t);
      const taken =
        transport === "UDP" ? createSocket("udp4").bind(5060, lab.sbcPublic.address) : createServer().listen(5060, lab.sbcPublic.address);
      await once(taken, "listening");
      t.after(() => void taken.close());
      const { code, output } = await startFails(lab, labYaml(lab));
      assert.equal(code, EXIT_CONFIGURATION, output);
      assert.match(output, new RegExp(`listener public: .*${lab.sbcPublic.address.replaceAll(".", "\\.")}:5060`));
      assert.match(output, new RegExp(transport));
    });
  }

  test("an address that this machine does not have", async (t) => {
    const lab = loopbackLab(t);
    const { code, output } = await startFails(
      lab,
      labYaml(lab).replace(`name: public, address: ${lab.sbcPublic.address}`, "name: public, address: 192.0.2.77"),
    );
    assert.equal(code, EXIT_CONFIGURATION, output);
    assert.match(output, /listener public: .*192\.0\.2\.77/);
  });
});
