import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { systemClock } from "#base/clock.ts";
import { VirtualClock } from "../../test/kit/virtual-clock.ts";
import { CallIds, TokenSigner } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import { createCounters } from "./counters.ts";
import type { Stamped, TandemEvent } from "./event.ts";
import { openLadderRing } from "./ladder-ring.ts";
import { createLog } from "./log.ts";
import { maskCredentials, maskNumber, mayHoldSecrets } from "./mask.ts";
import { createPublisher } from "./publish.ts";
import { readLadder } from "./read-ladder.ts";
import { renderLadder } from "./render-ladder.ts";

function tempDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tandem-ladder-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

interface Sip {
  readonly to?: string;
  readonly from?: string;
  readonly callId: string;
  readonly tag?: string;
  readonly body?: string;
  readonly again?: boolean;
}

function sip(start: string, cseq: string, { to, from, callId, tag, body, again }: Sip): TandemEvent {
  const wire = `${start}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq}\r\nTo: <sip:ai@x>${tag === undefined ? "" : `;tag=${tag}`}\r\n${body === undefined ? "" : "Content-Type: application/sdp\r\n"}\r\n${body ?? ""}`;
  return {
    type: "sip",
    direction: from === undefined ? "out" : "in",
    transport: "UDP",
    listener: "carrier",
    local: "10.0.0.1:5060",
    remote: (from ?? to)!,
    wire,
    retransmission: again === true,
  };
}

/** One failed-over call; the messages carry no call id, as the transaction layer publishes them. */
function failover(atMs = START_MS, seed = 1) {
  const callId = new CallIds(() => atMs, seededRandom(seed)).next();
  const token = new TokenSigner(Buffer.alloc(16), "01").sign(callId);
  const carrier = "192.0.2.7:5060";
  const one = "198.51.100.1:5060";
  const two = "198.51.100.2:5060";
  const a = { callId: `carrier-${seed}@192.0.2.7` };
  const b1 = { callId: `${token}b1` };
  const b2 = { callId: `${token}b2` };
  const about = { callId, tenant: "default" as never };
  const steps: [number, TandemEvent][] = [
    [0, sip("INVITE sip:+74950001122@10.0.0.1 SIP/2.0", "1 INVITE", { ...a, from: carrier, body: "v=0" })],
    [0, { ...about, type: "call-started", caller: "+79161234567", called: "+74950001122", peer: "exolve", sipCallId: a.callId }],
    [1, sip("SIP/2.0 100 Trying", "1 INVITE", { ...a, to: carrier })],
    [
      1,
      {
        ...about,
        type: "route-decided",
        route: "+74950001122",
        attempts: ["livekit-1", "livekit-2"],
        skipped: ["backup: down"],
        generation: 3,
      },
    ],
    [1, { ...about, type: "attempt-started", attempt: 1, peer: "livekit-1", target: `UDP ${one}` }],
    [1, sip("INVITE sip:ai@198.51.100.1 SIP/2.0", "1 INVITE", { ...b1, to: one, body: "v=0" })],
    [501, sip("INVITE sip:ai@198.51.100.1 SIP/2.0", "1 INVITE", { ...b1, to: one, body: "v=0", again: true })],
    [
      2_001,
      {
        ...about,
        type: "attempt-ended",
        attempt: 1,
        peer: "livekit-1",
        status: 0,
        outcome: "timeout",
        reason: "no response within 2000 ms, next",
      },
    ],
    [2_001, { ...about, type: "attempt-started", attempt: 2, peer: "livekit-2", target: `UDP ${two}` }],
    [2_001, sip("INVITE sip:ai@198.51.100.2 SIP/2.0", "1 INVITE", { ...b2, to: two, body: "v=0" })],
    [2_020, sip("SIP/2.0 180 Ringing", "1 INVITE", { ...b2, from: two, tag: "x" })],
    [2_021, sip("SIP/2.0 180 Ringing", "1 INVITE", { ...a, to: carrier, tag: `${token}a` })],
    [2_300, sip("SIP/2.0 200 OK", "1 INVITE", { ...b2, from: two, tag: "x", body: "v=0" })],
    [2_301, sip("SIP/2.0 200 OK", "1 INVITE", { ...a, to: carrier, tag: `${token}a`, body: "v=0" })],
    [2_301, { ...about, type: "call-answered", setupMs: 2_301, peer: "livekit-2" }],
    [2_310, sip("ACK sip:ai@10.0.0.1 SIP/2.0", "1 ACK", { ...a, from: carrier, tag: `${token}a` })],
    [14_000, sip("BYE sip:ai@10.0.0.1 SIP/2.0", "2 BYE", { ...a, from: carrier, tag: `${token}a` })],
    [14_001, sip("SIP/2.0 200 OK", "2 BYE", { ...a, to: carrier, tag: `${token}a` })],
    [14_001, { ...about, type: "call-ended", outcome: "answered", sipStatus: 200, endedBy: "caller", reason: "BYE", durationMs: 11_700 }],
  ];
  const events: Stamped[] = steps.map(([afterMs, event], i) => ({ at: atMs + afterMs, sequence: i + 1, event }));
  return { callId, sipCallId: a.callId, events };
}

async function ringOf(dir: string, calls: readonly { readonly events: readonly Stamped[] }[], ringBytes?: number): Promise<void> {
  const ring = openLadderRing({
    dir,
    clock: systemClock,
    onProblem: assert.fail,
    ...(ringBytes === undefined ? undefined : { ringBytes }),
  });
  for (const call of calls) {
    for (const event of call.events) {
      ring.accept(event);
      // A loop without a pause outruns any disk, and events would be dropped.
      if (ringBytes !== undefined) await ring.flush();
    }
  }
  await ring.close();
}

test("a call is found in the ring by call id, its beginning, SIP Call-ID, or as the last one", async (t) => {
  const dir = tempDir(t);
  const [first, second] = [failover(START_MS, 1), failover(START_MS + 60_000, 2)];
  const stray: Stamped = {
    at: START_MS,
    sequence: 99,
    event: sip("OPTIONS sip:x SIP/2.0", "9 OPTIONS", { from: "203.0.113.9:5060", callId: "probe-1" }),
  };
  await ringOf(dir, [first, { events: [stray] }, second]);
  assert.deepEqual(readLadder(dir, first.callId).events, first.events);
  assert.deepEqual(readLadder(dir, first.sipCallId).events, first.events);
  assert.deepEqual(readLadder(dir, undefined), { callId: second.callId, candidates: [second.callId], events: second.events });
  assert.deepEqual(readLadder(dir, first.callId.slice(0, 9)).events, first.events);
  assert.deepEqual(readLadder(dir, first.callId.slice(0, 4)).candidates, [first.callId, second.callId]);
  assert.deepEqual(readLadder(dir, "probe-1"), { callId: undefined, candidates: [], events: [stray] });
  assert.deepEqual(readLadder(dir, "nobody").events, []);
  assert.deepEqual(readLadder(join(dir, "none"), undefined).events, []);
});

test("the ring forgets its oldest segments and keeps its size; bytes of any value come back", async (t) => {
  const dir = tempDir(t);
  const wire = `INFO sip:x SIP/2.0\r\nCall-ID: all-bytes\r\n\r\n${Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("")}`;
  const odd: Stamped = {
    at: 1,
    sequence: 1,
    event: {
      type: "sip",
      direction: "in",
      transport: "TCP",
      listener: "l",
      local: "a",
      remote: "b",
      wire,
      retransmission: true,
      leg: "b1",
    },
  };
  const filler: Stamped = { at: 0, sequence: 0, event: { type: "media", what: "note", side: "a", detail: "x".repeat(30_000) } };
  await ringOf(dir, [{ events: Array.from({ length: 200 }, () => filler) }, { events: [odd] }], 1 << 20);
  assert.equal(readdirSync(dir).length, 16);
  assert.deepEqual(readLadder(dir, "all-bytes").events, [odd]);
  // A next process goes on behind it.
  await ringOf(dir, [failover()]);
  assert.equal(readLadder(dir, undefined).events.length, failover().events.length);
  assert.deepEqual(readLadder(dir, "all-bytes").events, [odd]);
});

test("a torn or falsified segment ends where it is torn and throws nothing", async (t) => {
  const dir = tempDir(t);
  const call = failover();
  await ringOf(dir, [call]);
  const path = join(dir, readdirSync(dir)[0]!);
  truncateSync(path, 3_000);
  const { events } = readLadder(dir, call.callId);
  assert.ok(events.length > 3 && events.length < call.events.length);
  appendFileSync(path, Buffer.alloc(500, 0xa7));
  assert.ok(readLadder(dir, call.callId).events.length <= events.length);
});

test("a ladder shows parties, arrows, repeats and why hunting went on", () => {
  const { events, callId } = failover();
  const text = renderLadder(events, { columns: 100, colour: false });
  const shown = [
    `call ${callId}   +79161234567 → +74950001122   2026-01-02 03:04:05.000 UTC`,
    "",
    "         exolve                     tandem                    livekit-1                  livekit-2",
    "     0 ms   │────── INVITE +SDP ──────▶│                          │                          │",
    "     1 ms   │◀────── 100 Trying ───────│                          │                          │",
    "     1 ms · route +74950001122: livekit-1, livekit-2; skipped backup: down",
    "     1 ms · attempt 1: livekit-1 at UDP 198.51.100.1:5060",
    "     1 ms   │                          │────── INVITE +SDP ──────▶│                          │",
    "   501 ms   │                          │───── ↻ INVITE +SDP ─────▶│                          │",
    "  2001 ms · attempt 1: livekit-1 timeout: no response within 2000 ms, next",
    "  2001 ms · attempt 2: livekit-2 at UDP 198.51.100.2:5060",
    "  2001 ms   │                          │────── INVITE +SDP ───────┼─────────────────────────▶│",
  ];
  assert.deepEqual(text.split("\n").slice(0, shown.length), shown);
  for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
  assert.match(text, /200 OK \(BYE\)/);
});

test("a narrow window gets a list, and colour only adds colour", () => {
  const { events } = failover();
  const narrow = renderLadder(events, { columns: 50, colour: false });
  assert.match(narrow, /0 ms ◀ exolve {4}INVITE \+SDP/);
  for (const line of narrow.split("\n").slice(1)) assert.ok(line.length <= 50, line);
  const plain = renderLadder(events, { columns: 100, colour: false });
  // oxlint-disable-next-line no-control-regex
  assert.equal(renderLadder(events, { columns: 100, colour: true }).replace(/\x1b\[\d+m/g, ""), plain);
  assert.match(renderLadder([], { columns: 80, colour: false }), /nothing/);
});

test("wire text can't steer the terminal", () => {
  const event = sip("SIP/2.0 486 \x1b[2JBusy", "1 INVITE", { from: "192.0.2.1:5060", callId: "x" });
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(renderLadder([{ at: 0, sequence: 1, event }], { columns: 100, colour: false }), /\x1b/);
});

test("a sink that throws is cut off, the others go on, and events are numbered", () => {
  const seen: number[] = [];
  const cutOff: string[] = [];
  const bad = { name: "bad", accept: () => assert.fail("broken") };
  const { publish, add } = createPublisher(
    [bad, { name: "good", accept: ({ sequence }) => seen.push(sequence) }],
    { wallMs: () => 7 },
    (sink) => cutOff.push(sink.name),
  );
  const late: Stamped[] = [];
  publish({ type: "call-ringing" });
  add({ name: "picky", takes: (type) => type === "dtmf", accept: () => assert.fail("not what it takes") });
  const remove = add({ name: "late", accept: (stamped) => late.push(stamped) });
  publish({ type: "call-ringing" });
  remove();
  publish({ type: "call-ringing" });
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(cutOff, ["bad"]);
  assert.deepEqual(late, [{ at: 7, sequence: 2, event: { type: "call-ringing" } }]);
});

test("where watchers wait for the end of a turn, they get what was published in its order and with its time", () => {
  let nowMs = 5;
  let asked = 0;
  const seen: Stamped[] = [];
  const sink = { name: "late", accept: (stamped: Stamped) => void seen.push(stamped) };
  const { publish, flush } = createPublisher(
    [sink],
    { wallMs: () => nowMs },
    () => assert.fail("nothing is wrong"),
    () => void asked++,
  );
  publish({ type: "call-ringing" });
  nowMs = 6;
  publish({ type: "call-ringing" });
  assert.deepEqual([seen, asked], [[], 2]);
  flush();
  flush();
  assert.deepEqual(
    seen.map(({ at, sequence }) => [at, sequence]),
    [
      [5, 1],
      [6, 2],
    ],
  );
});

test("counters count messages by method and class, and outcomes", () => {
  const counters = createCounters();
  for (const stamped of failover().events) counters.accept(stamped);
  assert.deepEqual(counters.values(), {
    "attempt-started": 2,
    "attempts.timeout": 1,
    "calls.answered": 1,
    "calls.ended.answered": 1,
    "calls.started": 1,
    "route-decided": 1,
    "sip.in.1xx": 1,
    "sip.in.2xx": 1,
    "sip.in.ACK": 1,
    "sip.in.BYE": 1,
    "sip.in.INVITE": 1,
    "sip.out.1xx": 2,
    "sip.out.2xx": 2,
    "sip.out.INVITE": 3,
    "sip.out.retransmissions": 1,
  });
});

test("a log masks numbers at info, shows them at debug, and credentials never", () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const { events, callId } = failover();
  const info = createLog({ level: "info", format: "json", destination, clock: systemClock });
  for (const stamped of events) info.accept(stamped);
  assert.doesNotMatch(lines.join(""), /79161234567|INVITE/);
  const first = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.deepEqual(first, {
    level: "info",
    time: START_MS,
    type: "call-started",
    callId,
    tenant: "default",
    msg: "call from exolve: +791***67 to +749***22",
  });
  lines.length = 0;
  const debug = createLog({ level: "debug", format: "lines", destination, clock: systemClock });
  for (const stamped of events) debug.accept(stamped);
  assert.match(lines[0]!, /^03:04:05\.000 debug {8}<- 192\.0\.2\.7:5060 UDP INVITE sip:\+74950001122@10\.0\.0\.1 SIP\/2\.0\n$/);
  assert.match(lines.join(""), /\+79161234567 to/);
  lines.length = 0;
  const masked = createLog({ level: "debug", numbers: "masked", format: "lines", destination, clock: systemClock });
  for (const stamped of events) masked.accept(stamped);
  masked.line("info", "sip:74950001122@10.0.0.1 and +79161234567");
  assert.match(lines[0]!, /INVITE sip:\+749\*\*\*22@10\.0\.0\.1 SIP/);
  assert.doesNotMatch(lines.join(""), /79161234567|74950001122/);
});

test("lines of calls wait for each other, and not behind a line of the process or bad news", () => {
  const clock = new VirtualClock();
  const writes: string[] = [];
  const log = createLog({ level: "info", format: "lines", destination: { write: (lines) => void writes.push(lines) }, clock, waitMs: 50 });
  const answered = (peer: string): void => log.accept({ at: 0, sequence: 0, event: { type: "call-answered", setupMs: 1, peer } });
  const seen = (): string[] => writes.splice(0).map((lines) => lines.match(/one|two|own|limit/g)!.join(" "));
  answered("one");
  answered("two");
  assert.deepEqual(seen(), []);
  clock.advance(50);
  assert.deepEqual(seen(), ["one two"]);
  answered("one");
  log.line("info", "own");
  assert.deepEqual(seen(), ["one", "own"]);
  answered("two");
  log.accept({ at: 0, sequence: 0, event: { type: "limit", limit: "calls", detail: "" } });
  assert.deepEqual(seen(), ["two limit"]);
  answered("one");
  log.flush();
  clock.advance(50);
  assert.deepEqual(seen(), ["one"]);
});

test("a limit that is reached a thousand times a second has a few lines, then the number of the rest", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", format: "lines", destination: { write: (line) => void lines.push(line) }, clock: systemClock });
  const reach = (limit: string, at: number): void => log.accept({ at, sequence: 0, event: { type: "limit", limit, detail: "5000 calls" } });
  for (let i = 0; i < 1_000; i++) reach("calls", START_MS + i);
  reach("media", START_MS);
  assert.equal(lines.length, 6);
  reach("calls", START_MS + 1_000);
  assert.match(lines[6]!, /limit calls: 5000 calls \(and 995 times more since\)\n$/);
});

test("masking knows numbers from addresses and folded credentials from the rest", () => {
  assert.equal(
    maskNumber("+442079460000 at 192.0.2.100:50600, 442079460000, ext 1234, 2001:db8::1234567"),
    "+442***00 at 192.0.2.100:50600, 442***00, ext 1234, 2001:db8::1234567",
  );
  assert.equal(
    maskNumber("sip:15551234567@192.0.2.1:5060 tel:15551234567;x sip:10.0.0.1:506000"),
    "sip:155***67@192.0.2.1:5060 tel:155***67;x sip:10.0.0.1:506000",
  );
  assert.equal(
    maskCredentials(
      'REGISTER sip:x SIP/2.0\r\nAuthorization: Digest username="u",\r\n response="abc"\r\nproxy-authorization:Basic Zm9v\r\nX: 1\r\n\r\n',
    ),
    "REGISTER sip:x SIP/2.0\r\nAuthorization: Digest ***\r\nproxy-authorization:Basic ***\r\nX: 1\r\n\r\n",
  );
  const folded = 'REGISTER sip:x SIP/2.0\r\nAUTHORIZATION :\r\n Digest response="abc"\r\nX: 1\r\n\r\n';
  assert.equal(maskCredentials(folded), "REGISTER sip:x SIP/2.0\r\nAUTHORIZATION :Digest ***\r\nX: 1\r\n\r\n");
  const keys = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1j|2^20\r\na=key-mgmt:mikey AQAFgM0X\r\n";
  assert.equal(maskCredentials(keys), "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:************|2^20\r\na=key-mgmt:mikey ********\r\n");
  assert.deepEqual([folded, keys, "INVITE sip:x SIP/2.0\r\n\r\n"].map(mayHoldSecrets), [true, true, false]);
});
