/**
 * What nobody should send, to a running Tandem on loopback while a call talks through it: strangers, garbage,
 * floods, lazy and endless streams, alien audio, nonsense on the control socket. Each costs bounded memory,
 * bounded log lines and no word of the call, is counted, and when it is over all is as before.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallSummary, StatusReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { type RawPeer, inviteRequest, rawTcp, rawUdp } from "../kit/raw-sip.ts";
import { type TalkingCall, talkingCall } from "../kit/talking-call.ts";
import { WireAgent } from "../kit/wire-agent.ts";
import { type YamlOptions, labYaml } from "./lab-yaml.ts";

const skip = skipWithout("sipp");
/** Signalling needs 100 to 150 MB; what a flood leaves behind may be garbage that V8 has not collected. */
const GROWTH_BYTES_MAX = 200 << 20;

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  readonly private: { readonly address: string; readonly port: number };
  readonly call: TalkingCall;
  /** From the trunk's address. */
  readonly trunk: RawPeer & { readonly port: number };
  counters(): Promise<Readonly<Record<string, number>>>;
  /** The call talks on and ends well, Tandem answers, nothing failed inside. */
  unharmed(): Promise<void>;
}

async function setUp(t: TestContext, options: YamlOptions = {}): Promise<Setting> {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, labYaml(lab, options));
  const call = await talkingCall(lab);
  const listener = { address: lab.sbcPrivate.address, port: 5060 };
  const trunk = await rawUdp(t, { address: lab.carrier.address, port: 0 }, listener);
  return {
    lab,
    tandem,
    private: listener,
    call,
    trunk,
    counters: async () => (await tandem.ask<StatusReport>({ type: "status" })).counters,
    async unharmed() {
      await trunk.probe(20_000);
      await call.endWell();
      assert.doesNotMatch(tandem.child.output(), /error while a message was taken|call failed|restarting|cut off/);
    },
  };
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return Number(kilobytes) * 1024;
}

/** Sends in batches, so that this process's own socket keeps up. */
async function flood(peer: Pick<RawPeer, "send">, count: number, message: (i: number) => Uint8Array | string): Promise<void> {
  for (let i = 0; i < count; i++) {
    peer.send(message(i));
    if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
}
const countOf = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
const place = (at: { readonly address: string; readonly port: number }): string => `${at.address}:${at.port}`;

describe("bad input while a call talks", { skip }, () => {
  test("strangers get silence, and a few lines a second whatever they send", async (t) => {
    const { lab, tandem, private: to, counters, unharmed } = await setUp(t, { node: { log_level: "debug" } });
    const stranger = await rawUdp(t, { address: lab.carrier2.address, port: 0 }, to);
    const from = `${lab.carrier2.address}:${stranger.port}`;
    const startMs = performance.now();
    const linesBefore = countOf(tandem.child.output(), /refused 127/g);
    await flood(stranger, 1_500, (i) => {
      const invite = inviteRequest({ transport: "UDP", from, to: place(to), user: "+15551234567", sipCallId: `stranger${i}` });
      return [
        invite,
        invite.replaceAll("INVITE", "REGISTER"),
        invite.replaceAll("INVITE", "BYE"),
        invite.replace("Max-Forwards:", "Max-Forwards"),
        invite.replaceAll("INVITE", "ACK"),
        invite.replace(/^INVITE.*/, "SIP/2.0 200 OK"),
      ][i % 6]!;
    });
    const stream = await rawTcp(t, { address: lab.carrier2.address }, to);
    stream.send(inviteRequest({ transport: "TCP", from, to: place(to), user: "+15551234567", sipCallId: "stranger-tcp" }));
    // Probes are answered for everyone: carriers watch us by them. What came before was taken before.
    await stranger.probe();
    await stream.probe();
    assert.equal(stranger.heard.length + stream.heard.length, 0, "silence");
    const seconds = Math.ceil((performance.now() - startMs) / 1_000) + 1;
    const counted = await counters();
    assert.ok(counted["transactions.refused"]! >= 100);
    assert.ok(counted["transactions.strays"]! >= 100);
    assert.ok(counted["sip.in.ACK"]! < 10, "what is nobody's is not in the ladders either");
    assert.ok(countOf(tandem.child.output(), /refused 127/g) - linesBefore <= 10 * seconds);
    await unharmed();
  });

  test("oversized, truncated, garbage and flooding datagrams", async (t) => {
    const { lab, tandem, private: to, trunk, counters, unharmed } = await setUp(t);
    const pid = tandem.pidOf("signalling");
    const from = `${lab.carrier.address}:${trunk.port}`;
    const invite = inviteRequest({ transport: "UDP", from, to: place(to), user: "+15550000000", sipCallId: "cut" });
    const before = await counters();
    const bytesBefore = residentBytes(pid);

    // 65,507 bytes is what a datagram can hold.
    for (const byte of ["A", " ", "\r\n", ",", "\0", '"']) trunk.send(byte.repeat(Math.floor(65_507 / byte.length)));
    trunk.send(invite.replace("Max-Forwards: 70", `Max-Forwards: 70\r\nSubject: ${"x".repeat(60_000)}`).replaceAll("cut", "wide"));
    trunk.send(
      invite
        .replace("Max-Forwards: 70", `Max-Forwards: 70${"\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx".repeat(1_000)}`)
        .replaceAll("cut", "tall"),
    );
    assert.equal(
      (await trunk.until(({ sipCallId, status }) => sipCallId === "wide" && status >= 200, 10_000))?.status,
      404,
      "60 kB of Subject is long, not wrong",
    );
    await trunk.probe();

    for (let end = 0; end < invite.length; end += 3) trunk.send(invite.slice(0, end));
    await trunk.probe();
    assert.deepEqual(
      [...new Set(trunk.heard.filter(({ sipCallId }) => sipCallId === "cut").map(({ status }) => status))],
      [400],
      "what still names its transaction gets 400",
    );

    const noise = randomBytes(2_000);
    const stranger = await rawUdp(t, { address: lab.carrier2.address, port: 0 }, to);
    await Promise.all([
      flood(trunk, 10_000, (i) => noise.subarray(i % 1_000, (i % 1_000) + 500)),
      flood(stranger, 10_000, (i) => (i % 2 === 0 ? invite.slice(0, 40 + (i % 400)) : noise.subarray(i % 1_500))),
    ]);
    await trunk.probe(20_000);
    const after = await counters();
    assert.ok(after["transport.garbage"]! - (before["transport.garbage"] ?? 0) > 1_000);
    assert.equal(stranger.heard.length, 0);
    assert.ok(residentBytes(pid) - bytesBefore < GROWTH_BYTES_MAX, `grew by ${(residentBytes(pid) - bytesBefore) >> 20} MB`);
    assert.ok(countOf(tandem.child.output(), /\n/g) < 300, "log lines");
    await unharmed();
  });

  test("a flood of INVITEs from a trunk: 503, then silence; other sources unharmed; afterwards as before", async (t) => {
    const limit = 50;
    const { lab, tandem, private: to, trunk, counters, unharmed } = await setUp(t, { node: { invites_per_second_per_source: limit } });
    const pid = tandem.pidOf("signalling");
    const bytesBefore = residentBytes(pid);
    const invite = (i: number): string =>
      inviteRequest({
        transport: "UDP",
        from: `${lab.carrier.address}:${trunk.port}`,
        to: place(to),
        user: "+15550000000",
        sipCallId: `flood${i}`,
      });
    // Another gateway calls out meanwhile.
    const [gateway, carrier] = [
      await WireAgent.open({ address: lab.gateways[1].address }),
      await WireAgent.open({ address: lab.carrier.address }),
    ];
    lab.atEnd(async () => void (await Promise.all([gateway.close(), carrier.close()])));
    carrier.onCall = (call) => carrier.answer(call, 9_400);
    const startMs = performance.now();
    const flooding = flood(trunk, 5_000, invite);
    const other = await gateway.call("+4989987654", lab.sbcPublic.address, 9_402).until("answered", (call) => call.status === 200);
    gateway.hangUp(other);
    await flooding;
    await trunk.until(({ status }) => status === 503, 10_000);
    await sleep(300);
    const seconds = (performance.now() - startMs) / 1_000;
    const calls = (status: number): number =>
      new Set(trunk.heard.filter((heard) => heard.status === status).map(({ sipCallId }) => sipCallId)).size;
    const [served, refused] = [calls(404), calls(503)];
    // A bucket of one second and what flows in; the same again is refused aloud.
    assert.ok(served >= 1 && served <= limit * (seconds + 1.5), `${served} served in ${seconds.toFixed(1)} s`);
    assert.ok(refused >= 1 && refused <= limit * (seconds + 1.5), `${refused} refused with 503 in ${seconds.toFixed(1)} s`);
    assert.match(trunk.heard.find(({ status }) => status === 503)!.text, /^Retry-After: \d+\r$/m);
    await tandem.child.says(/limit invites per second per source/);
    assert.ok((await counters())["limits.invites per second per source"]! >= refused);
    assert.ok(residentBytes(pid) - bytesBefore < GROWTH_BYTES_MAX);

    await sleep(2_100);
    trunk.send(invite(99_999));
    assert.equal(
      (await trunk.until(({ sipCallId, status }) => sipCallId === "flood99999" && status >= 200, 10_000))?.status,
      404,
      "served again",
    );
    await unharmed();
  });

  test("TCP: lazy, endless and very many connections", async (t) => {
    const { lab, tandem, private: to, trunk, counters, unharmed } = await setUp(t);
    const from = { address: lab.carrier.address };
    const bytesBefore = residentBytes(tandem.pidOf("signalling"));
    // Slow loris: a byte now and then, for ever.
    const lazy = await Promise.all(Array.from({ length: 20 }, () => rawTcp(t, from, to)));
    for (const stream of lazy) stream.send("INVITE sip:+15551234567@tandem SIP/2.0\r\nSubject: ");
    const dribble = setInterval(() => {
      for (const stream of lazy) stream.send("a");
    }, 500);
    t.after(() => clearInterval(dribble));

    const endless = await rawTcp(t, from, to);
    for (let i = 0; i < 80 && !endless.closed; i++) {
      endless.send(`X-Endless-${i}: ${"x".repeat(1_000)}\r\n`);
      await sleep(5);
    }
    assert.ok(await endless.whenClosed(10_000), "an endless header section is cut off");
    const promising = await rawTcp(t, from, to);
    promising.send("INVITE sip:a@b SIP/2.0\r\nContent-Length: 99999999\r\n\r\n");
    assert.ok(await promising.whenClosed(10_000), "so is a message that promises more than a message may have");
    const nonsense = await rawTcp(t, from, to);
    nonsense.send(randomBytes(100_000));
    assert.ok(await nonsense.whenClosed(10_000), "and what is no SIP");

    const many = await Promise.all(Array.from({ length: 300 }, () => rawTcp(t, from, to)));
    await until(async () => (await counters())["transport.connections"]! >= 300, "300 connections stand");
    await many[299]!.probe();
    await trunk.probe();
    const busy = await rawTcp(t, from, to);
    busy.send(
      inviteRequest({
        transport: "TCP",
        from: `${from.address}:${busy.port}`,
        to: place(to),
        user: "+15550000000",
        sipCallId: "among-many",
      }),
    );
    assert.equal((await busy.until(({ status }) => status >= 200, 10_000))?.status, 404, "a call among 300 connections is served");
    for (const stream of many) stream.close();

    for (const stream of lazy) assert.ok(await stream.whenClosed(60_000), "a message that does not end within 30 s is cut off");
    await until(async () => (await counters())["transport.connections"]! < 20, "all connections are given up");
    assert.ok(residentBytes(tandem.pidOf("signalling")) - bytesBefore < GROWTH_BYTES_MAX);
    await unharmed();
  });

  test("garbage and strangers on the media ports", async (t) => {
    const { lab, tandem, call, unharmed } = await setUp(t);
    const towards = { address: lab.sbcPrivate.address, port: call.rtpPorts.towardsCaller };
    await call.heard();
    const stranger = createSocket("udp4").bind(0, lab.carrier2.address);
    const neighbour = createSocket("udp4").bind(0, lab.carrier.address);
    await Promise.all([once(stranger, "listening"), once(neighbour, "listening")]);
    t.after(() => {
      stranger.close();
      neighbour.close();
    });
    const alien = Buffer.alloc(172, 0x7f);
    alien[0] = 0x80;
    alien[1] = 0;
    for (let i = 0; i < 500; i++) {
      // Audio from a stranger and from another port of the caller's host; from the caller's own socket no RTP at all.
      for (const socket of [stranger, neighbour])
        for (const port of [towards.port, towards.port + 1]) socket.send(alien, port, towards.address);
      if (i % 10 !== 0) continue;
      // More of it than its socket can hold would cost the caller its own words, and nobody else's.
      call.callerAudio.sendRaw(i % 20 === 0 ? randomBytes(200).fill(0x20, 0, 1) : Buffer.from([1, 2, 3]), towards);
      call.callerAudio.sendRaw(Buffer.alloc(0), towards);
      await sleep(5);
    }
    // While the caller is silent a socket beside the connected one counts who else sends.
    call.callerAudio.stop();
    await sleep(4_500);
    for (let i = 0; i < 100; i++) stranger.send(alien, towards.port, towards.address);
    await sleep(300);
    call.callerAudio.sendTo(towards);
    await unharmed();
    const [cdr] = await cdrs(tandem, 1);
    assert.equal(cdr?.outcome, "answered");
    assert.ok(cdr.legs.find(({ leg }) => leg === "a")!.strays > 0, "strays stand in the CDR");
  });

  test("nonsense on the control socket", async (t) => {
    const { tandem, unharmed } = await setUp(t);
    const path = join(tandem.home, "control.sock");
    const say = async (text: string | Buffer): Promise<string> => {
      const socket = connect(path);
      let heard = "";
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        heard += bytes.toString("utf8");
      });
      const closed = new Promise<void>((resolve) => socket.once("close", resolve));
      socket.write(text);
      await Promise.race([closed, sleep(1_000)]);
      socket.destroy();
      return heard;
    };
    const nonsense: readonly (string | Buffer)[] = [
      "hello\n",
      randomBytes(5_000),
      "\n\n\n",
      'null\n5\n[]\n"x"\n',
      '{"id":1}\n{"id":2,"command":null}\n{"id":3,"command":{"type":"launch"}}\n',
      '{"id":1,"follow":true}\n{"id":2,"follow":true,"command":null}\n{"id":3,"follow":true,"command":{"call":7}}\n',
      '{"id":1,"command":{"type":"cdr","limit":1e9}}\n{"id":1,"command":{"type":"hangup","callId":"","reason":"all of them"}}\n',
      `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}\n`,
      "x".repeat(3 << 20),
    ];
    const answers = await Promise.all(nonsense.map(say));
    assert.match(answers[4]!, /BAD_COMMAND/);
    assert.match(answers[6]!, /NO_SUCH_CALL/);
    // More clients than it takes: those beyond are turned away, and come in again once the others are gone.
    const crowd = Array.from({ length: 400 }, () => connect(path).on("error", () => {}));
    await sleep(500);
    for (const socket of crowd) socket.destroy();
    await sleep(200);
    assert.equal((await tandem.ask<readonly CallSummary[]>({ type: "calls" })).length, 1);
    await unharmed();
  });
});

async function until(so: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await so()); tries++) {
    assert.ok(tries < 100, `not within 10 s: ${what}`);
    await sleep(100);
  }
}

/** CDRs reach the store a moment after the call's end. */
async function cdrs(tandem: RunningTandem, count: number): Promise<readonly Cdr[]> {
  for (let tries = 0; tries < 100; tries++) {
    const list = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 10, callId: undefined, number: undefined });
    if (list.length >= count) return list;
    await sleep(100);
  }
  return [];
}
