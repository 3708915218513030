/**
 * Every torture message of RFC 4475 and RFC 5118 to a running Tandem, over UDP and over TCP, from a trunk's
 * address and while a call runs: each gets the answer of torture-answers.ts or silence, each leaves the call
 * as it was, and after each Tandem answers OPTIONS.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, describe, test } from "node:test";
import type { CallSummary } from "#call/control.ts";
import { ROOT } from "../dev/root.ts";
import { CertificateMill } from "../kit/certificates.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { type LongCall, longCall } from "../kit/long-call.ts";
import { skipWithout } from "../kit/peers.ts";
import { type Heard, type RawPeer, rawTcp, rawUdp } from "../kit/raw-sip.ts";
import { labYaml } from "./lab-yaml.ts";
import { type Answer, RFC_4475_ANSWERS, RFC_5118_ANSWERS, type TortureCase } from "./torture-answers.ts";

const CORPORA = join(ROOT, "../shared/corpora");
const SETS: readonly (readonly [folder: string, cases: readonly TortureCase[], count: number])[] = [
  ["rfc4475", RFC_4475_ANSWERS, 49],
  ["rfc5118", RFC_5118_ANSWERS, 12],
];
const COUNT = SETS.reduce((sum, [, , count]) => sum + count, 0);
const skip = existsSync(CORPORA) ? skipWithout("sipp") : `${COUNT} torture messages: the corpora are not beside this checkout`;

const SIX = "::1";
/** Answers are awaited so long; silence needs no waiting, as OPTIONS sent afterwards is answered after it. */
const ANSWER_MS = 8_000;

interface Bench {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  readonly call: LongCall;
}

async function setUp(t: TestContext, yamlOf: (yaml: string) => string = (yaml) => yaml): Promise<Bench> {
  const lab = loopbackLab(t);
  // Nobody speaks in the running call for as long as it stands.
  const quiet = { media_timeout_s: 600 };
  const tandem = await startTandem(t, lab, yamlOf(labYaml(lab, { trunk: quiet, gateway: quiet })));
  const call = await longCall(lab);
  return { lab, tandem, call };
}

async function assertUnharmed({ tandem }: Bench, after: string): Promise<void> {
  const calls = await tandem.ask<readonly CallSummary[]>({ type: "calls" });
  assert.equal(calls.filter(({ state }) => state === "answered").length, 1, `the running call after ${after}`);
  assert.doesNotMatch(tandem.child.output(), /error while a message was taken|call failed|restarting/, after);
}

/** Those that share a branch get one each, else the second would be the repeat of the first. */
function bytesOf(folder: string, { file, sharesBranch }: TortureCase): Buffer {
  const bytes = readFileSync(join(CORPORA, folder, file));
  return sharesBranch === true
    ? Buffer.from(bytes.toString("latin1").replace("branch=z9hG4bK", `branch=z9hG4bK${branches++}`), "latin1")
    : bytes;
}
let branches = 0;

const isFinal = ({ status }: Heard): boolean => status >= 200;

/** An INVITE's refusal is repeated until it is acknowledged; its ACK may need the Request-URI (RFC 2543). */
function settle(peer: RawPeer, heard: Heard, message: Buffer): void {
  if (/^CSeq[ \t]*:[^\r]*INVITE/im.test(heard.text)) peer.acknowledge(heard, requestUriOf(message));
}
const requestUriOf = (message: Buffer): string => /^\S+ +(.*?) +SIP\//.exec(message.toString("latin1"))?.[1] ?? "sip:torture@invalid";

function judge(expected: readonly Answer[], heard: readonly Heard[], { file, why, says }: TortureCase): void {
  const answers = expected.filter((answer) => answer !== "silence");
  const story = `${file}: ${why}\n${heard.map(({ text }) => text).join("\n")}`;
  // An answer lost by a full socket on a loaded machine may have come twice; its kind may not differ.
  assert.deepEqual([...new Set(heard.filter(isFinal).map(({ status }) => status))], [...new Set(answers)], story);
  const last = heard.findLast(isFinal);
  if (says !== undefined) assert.match(last?.text ?? "", says, story);
}

async function overUdp(bench: Bench, peer: RawPeer, folder: string, one: TortureCase, sourcePort: number): Promise<void> {
  const message = bytesOf(folder, one);
  const before = peer.heard.length;
  peer.send(message);
  if (one.udp !== "silence") await peer.until((heard) => isFinal(heard) && peer.heard.indexOf(heard) >= before, ANSWER_MS);
  await peer.probe();
  const heard = peer.heard.slice(before);
  for (const each of heard) if (isFinal(each)) settle(peer, each, message);
  judge([one.udp], heard, one);
  for (const each of heard) assert.equal(each.atPort, one.port ?? sourcePort, `${one.file}: where the answer arrives\n${each.text}`);
  await assertUnharmed(bench, one.file);
}

async function overTcp(
  t: TestContext,
  bench: Bench,
  from: string,
  to: { readonly address: string; readonly port: number; readonly tls?: boolean },
  folder: string,
  one: TortureCase,
): Promise<void> {
  const message = bytesOf(folder, one);
  const stream = await rawTcp(t, { address: from }, to);
  const wanted = one.tcp.filter((answer) => answer !== "silence").length;
  stream.send(message);
  if (one.unfinished === true) {
    await (await rawUdpOn(t, from, { address: to.address, port: to.tls === true ? 5060 : to.port })).probe();
    assert.equal(stream.heard.length, 0, `${one.file}: unfinished, so unanswered`);
    const body = message.length - (message.indexOf("\r\n\r\n") + 4);
    stream.send(" ".repeat(9999 - body));
  }
  if (wanted > 0) await stream.until(() => stream.heard.filter(isFinal).length >= wanted, ANSWER_MS);
  const heard = stream.heard;
  for (const each of heard) if (isFinal(each)) settle(stream, each, message);
  judge(one.tcp, heard, one);
  if (one.closes === true) assert.ok(await stream.whenClosed(ANSWER_MS), `${one.file}: the stream is out of step and must be closed`);
  // What is one message leaves the stream in step.
  else await stream.probe().catch((error: unknown) => assert.fail(`${one.file}: out of step: ${String(error)}`));
  stream.close();
  await assertUnharmed(bench, one.file);
}

const rawUdpOn = (t: TestContext, address: string, to: { readonly address: string; readonly port: number }) =>
  rawUdp(t, { address, port: 0 }, to);

/** Ports that Vias of the messages name. */
const viaPorts = (cases: readonly TortureCase[]): readonly number[] => [
  ...new Set(cases.flatMap(({ port }) => (port === undefined ? [] : [port]))),
];

describe("torture messages while a call runs", { skip }, () => {
  test("the tables name every message", () => {
    for (const [folder, cases, count] of SETS) {
      assert.equal(cases.length, count);
      assert.deepEqual(cases.map(({ file }) => file).toSorted(), readdirSync(join(CORPORA, folder)).toSorted());
    }
  });

  test("over UDP each gets its answer or silence, where §18.2.2 says", async (t) => {
    const bench = await setUp(t);
    const { lab } = bench;
    const cases = SETS.flatMap(([, all]) => all);
    const peer = await rawUdp(
      t,
      { address: lab.carrier.address, port: 5062 },
      { address: lab.sbcPrivate.address, port: 5060 },
      viaPorts(cases),
    );
    for (const [folder, all] of SETS) for (const one of all) await overUdp(bench, peer, folder, one, 5062);
    await bench.call.endWell();
    await peer.probe();
  });

  test("over TCP each gets its answer or silence, and the stream stays in step or is closed", async (t) => {
    const bench = await setUp(t);
    const { lab } = bench;
    const to = { address: lab.sbcPrivate.address, port: 5060 };
    for (const [folder, all] of SETS) for (const one of all) await overTcp(t, bench, lab.carrier.address, to, folder, one);
    await bench.call.endWell();
    await (await rawUdpOn(t, lab.carrier.address, to)).probe();
  });

  test("over TLS as over TCP", { skip: skipWithout("openssl") }, async (t) => {
    const mill = new CertificateMill();
    t.after(() => mill.close());
    const tls = JSON.stringify(mill.make({ name: "tandem" }));
    const bench = await setUp(t, (yaml) => yaml.replace("transports: [udp, tcp],", `transports: [udp, tcp, tls], tls: ${tls},`));
    const { lab } = bench;
    const to = { address: lab.sbcPrivate.address, port: 5061, tls: true };
    for (const [folder, all] of SETS) for (const one of all) await overTcp(t, bench, lab.carrier.address, to, folder, one);
    await bench.call.endWell();
  });

  test("those of RFC 5118 over IPv6 as well", async (t) => {
    const port = await freePortOn(SIX);
    if (port === undefined) return t.skip("12 messages of RFC 5118 over IPv6: no ::1 here");
    const bench = await setUp(t, (yaml) =>
      yaml
        .replace(
          "\ntrunks:\n",
          `\n  - { name: six, address: "${SIX}", port: ${port}, transports: [udp, tcp], media: { ports: 24000-24999 } }\ntrunks:\n`,
        )
        .replace("\ntrunks:\n", `\ntrunks:\n  - { name: carrier6, listener: six, addresses: ["${SIX}"], uri: "sip:[${SIX}]:5060" }\n`),
    );
    const to = { address: SIX, port };
    const ports = viaPorts(RFC_5118_ANSWERS);
    for (const taken of ports)
      if ((await freePortOn(SIX, taken)) === undefined) return t.skip(`12 messages of RFC 5118 over IPv6: port ${taken} of ::1 is taken`);
    const peer = await rawUdp(t, { address: SIX, port: 0 }, to, ports);
    for (const one of RFC_5118_ANSWERS) await overUdp(bench, peer, "rfc5118", one, peer.port);
    for (const one of RFC_5118_ANSWERS) await overTcp(t, bench, SIX, to, "rfc5118", { ...one, sharesBranch: true });
    await bench.call.endWell();
  });
});

/** @param wanted 0: any; undefined: that one can't be had */
function freePortOn(address: string, wanted = 0): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket("udp6");
    socket.once("error", () => resolve(undefined));
    socket.bind(wanted, address, () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
