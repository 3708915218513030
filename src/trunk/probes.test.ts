import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { makeGateway } from "#routing/testing.ts";
import type { Peer, ProbePolicy } from "#routing/snapshot.ts";
import type { FailureOutcome } from "#sip/dialog/user-agent.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { VirtualClock } from "../../test/kit/virtual-clock.ts";
import { type ProbePorts, type ProbeTarget, createProbes } from "./probes.ts";

const PROBE: ProbePolicy = { everyMs: 10_000, timeoutMs: 1_000, upAfter: 1, downAfter: 3, acceptedCodes: [] };
const probed = (name: string, fields: Partial<Peer> = {}): Peer =>
  makeGateway(name, { probe: PROBE, uri: `sip:${name}.example.com;transport=tcp`, ...(fields as object) });
const at = (address: string): ProbeTarget => ({ transport: "TCP", listener: "main", address, port: 5060 });

function answerOf(status: number, headers = ""): FailureOutcome {
  const parsed = parseMessage(
    `SIP/2.0 ${status} Said\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n${headers}Content-Length: 0\r\n\r\n`,
  );
  assert.ok(parsed.ok && parsed.value.kind === "response");
  return { type: "response", response: parsed.value };
}

interface World {
  readonly clock: VirtualClock;
  readonly asked: {
    readonly address: string;
    readonly atMs: number;
    readonly request: Parameters<ProbePorts["agent"]["request"]>[0];
    readonly answer: (outcome: FailureOutcome) => void;
  }[];
  readonly results: string[];
  readonly resolved: string[];
  peers: Peer[];
  located: ReturnType<ProbePorts["locate"]>;
  resting: boolean;
}

function world(peers: Peer[]) {
  const clock = new VirtualClock();
  const seen: World = {
    clock,
    asked: [],
    results: [],
    resolved: [],
    peers,
    located: { ok: true, targets: [at("192.0.2.1")] },
    resting: false,
  };
  const probes = createProbes({
    clock,
    random: seededRandom(1),
    agent: {
      request: (request, answer) => void seen.asked.push({ address: request.target.address, atMs: clock.nowMs(), request, answer }),
    },
    peers: () => seen.peers,
    locate: () => seen.located,
    face: () => ({ advertised: "198.51.100.7", portOf: () => 5062 }),
    rests: () => seen.resting,
    onTargets: (peer, targets) => void seen.resolved.push(`${peer} ${targets.map(({ address }) => address).join()}`),
    onResult: (peer, { address }, { status, rttMs, retryAfterMs, detail }) =>
      void seen.results.push(`${peer} ${address} ${status} ${Math.round(rttMs)} ${retryAfterMs}${detail}`),
    onUnresolved: (peer, uri, reason) => void seen.results.push(`${peer} ${uri} ${reason}`),
  });
  probes.refresh();
  return { ...seen, seen, probes };
}

test("every peer with a probe is asked at its rhythm, a little earlier or later, and others never", () => {
  const { clock, asked, probes } = world([probed("a"), makeGateway("silent"), makeGateway("inbound", { probe: PROBE, uri: undefined })]);
  clock.advance(200_000);
  const times = asked.map(({ atMs }) => atMs);
  assert.ok(times[0]! <= 50, "the first soon");
  for (const [i, time] of times.entries()) if (i > 0) assert.ok(time - times[i - 1]! >= 9_000 && time - times[i - 1]! <= 11_000);
  assert.ok(new Set(times.map((time, i) => time - (times[i - 1] ?? 0))).size > 5, "jittered");
  probes.stop();
  const before = asked.length;
  clock.advance(60_000);
  assert.equal(asked.length, before);
});

test("each address is asked on its own, by a request that says where answers go (RFC 3261 §11.1)", () => {
  const { clock, asked, seen, results, resolved } = world([probed("a", { fromDomain: "sbc.example.net" })]);
  seen.located = { ok: true, targets: [at("192.0.2.1"), at("192.0.2.2")] };
  clock.advance(100);
  assert.deepEqual(
    asked.map(({ address }) => address),
    ["192.0.2.1", "192.0.2.2"],
  );
  assert.deepEqual(resolved, ["a 192.0.2.1,192.0.2.2"]);
  const { request } = asked[0]!;
  assert.deepEqual(
    [request.method, request.requestUri, request.localUri, request.remoteUri, request.localContact],
    [
      "OPTIONS",
      "sip:a.example.com;transport=tcp",
      "<sip:sbc.example.net>",
      "<sip:a.example.com;transport=tcp>",
      "sip:198.51.100.7:5062;transport=tcp",
    ],
  );
  assert.notEqual(request.sipCallId, asked[1]!.request.sipCallId);
  clock.advance(30);
  asked[1]!.answer(answerOf(404));
  asked[0]!.answer(answerOf(503, "Retry-After: 17 (maintenance)\r\n"));
  assert.deepEqual(
    results.map((result) => result.split(" ").slice(0, 3).join(" ")),
    ["a 192.0.2.2 404", "a 192.0.2.1 503"],
  );
  assert.match(results[1]!, / 17000$/);
});

test("silence is told after the timeout, and a late answer is not heard", () => {
  const { clock, asked, results } = world([probed("a")]);
  clock.advance(50);
  clock.advance(1_000);
  asked[0]!.answer(answerOf(200));
  assert.deepEqual(results, ["a 192.0.2.1 0 1000 0silent"]);
});

test("a refused connection and a name that leads nowhere are told at once", () => {
  const { clock, asked, seen, results } = world([probed("a")]);
  clock.advance(50);
  asked[0]!.answer({ type: "transport-error", failure: { code: "ECONNREFUSED", detail: "" } });
  assert.match(results[0]!, /^a 192.0.2.1 0 [0-9]+ 0ECONNREFUSED$/);
  seen.located = { ok: false, code: "NOT_FOUND", detail: "no such name" };
  clock.advance(11_000);
  assert.equal(results[1], "a sip:a.example.com;transport=tcp NOT_FOUND: no such name");
});

test("names are resolved anew at every round, also later than the round itself", async () => {
  const { clock, asked, seen } = world([probed("a")]);
  clock.advance(50);
  seen.located = Promise.resolve({ ok: true, targets: [at("192.0.2.9")] });
  clock.advance(11_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    asked.map(({ address }) => address),
    ["192.0.2.1", "192.0.2.9"],
  );
});

test("a target that rests is left alone", () => {
  const { clock, asked, seen } = world([probed("a")]);
  seen.resting = true;
  clock.advance(60_000);
  assert.equal(asked.length, 0);
  seen.resting = false;
  clock.advance(11_000);
  assert.equal(asked.length, 1);
});

test("a reload keeps the rhythm of those that stayed, begins with new ones and stops with those gone", () => {
  const { clock, asked, seen, probes, results } = world([probed("a"), probed("b")]);
  clock.advance(200);
  assert.equal(asked.length, 2);
  seen.peers = [probed("a"), probed("c")];
  probes.refresh();
  clock.advance(200);
  assert.deepEqual(asked.map(({ request }) => request.requestUri.slice(4, 5)).sort(), ["a", "b", "c"]);
  for (const { answer } of asked) answer(answerOf(200));
  assert.equal(
    results.some((result) => result.startsWith("b ")),
    false,
    "nothing is told of who is gone",
  );
  clock.advance(8_000);
  assert.equal(asked.length, 3);
});

test("a thousand dead peers keep at most two hundred requests open", () => {
  const peers = Array.from({ length: 1_000 }, (_, i) => probed(`g${i}`, { probe: { ...PROBE, everyMs: 1_000, timeoutMs: 1_000 } }));
  const { clock, asked, results } = world(peers);
  for (let step = 0; step < 200; step++) {
    clock.advance(100);
    assert.ok(asked.length - results.length <= 200, `${asked.length - results.length} open`);
  }
  assert.equal(new Set(asked.map(({ request }) => request.requestUri)).size, 1_000, "and everyone has its turn");
});
