import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import type { MediaEvent, PortPool, PrepareSide, RemoteMedia, SessionId } from "#media/engine.ts";
import type { TandemEvent } from "#observe/event.ts";
import { FakeRtpengine } from "../../../test/kit/fake-rtpengine.ts";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { textOf } from "./bencode.ts";
import { type NgEngine, connectRtpengines } from "./ng-engine.ts";

const pool = (name: string): PortPool => ({
  name,
  bindAddress: "192.0.2.1",
  advertisedAddress: "192.0.2.1",
  portMin: 20_000,
  portMax: 29_999,
});
const SIDE_A: PrepareSide = { side: "a", pool: "private", nat: false, signallingAddress: "198.51.100.1", rtcpMux: false };
const sideB = (side = "b1", nat = false): PrepareSide => ({ side, pool: "public", nat, signallingAddress: "203.0.113.1", rtcpMux: false });
const remote = (port: number, more: Partial<RemoteMedia> = {}): RemoteMedia => ({
  address: "203.0.113.9",
  port,
  rtcpAddress: "203.0.113.9",
  rtcpPort: port + 1,
  rtcpMux: false,
  direction: "sendrecv",
  payloadTypes: [0, 101],
  ...more,
});

interface Rig {
  readonly clock: VirtualClock;
  readonly engine: NgEngine;
  readonly nodes: readonly FakeRtpengine[];
  readonly events: MediaEvent[];
  readonly published: TandemEvent[];
  seen<T extends MediaEvent["type"]>(type: T): Extract<MediaEvent, { type: T }>[];
  /** Starts another signalling process over the same rtpengines. */
  again(expected: readonly SessionId[]): Rig;
}

function rig(
  nodes: readonly FakeRtpengine[],
  options: {
    readonly weights?: readonly number[];
    readonly expected?: readonly SessionId[];
    readonly clock?: VirtualClock;
    readonly seed?: number;
  } = {},
): Rig {
  const clock = options.clock ?? new VirtualClock();
  const published: TandemEvent[] = [];
  const engine = connectRtpengines({
    nodes: nodes.map((_, i) => ({ address: "127.0.0.1", port: i, weight: options.weights?.[i] ?? 1 })),
    pools: [pool("private"), pool("public")],
    interfaces: { public: "external" },
    prefix: "t-",
    expected: options.expected ?? [],
    clock,
    random: seededRandom(options.seed ?? 7),
    publish: (event) => published.push(event),
    open: (peer, user) => nodes[peer.port]!.open(peer, user),
  });
  const events: MediaEvent[] = [];
  engine.onEvent = (event) => events.push(event);
  return {
    clock,
    engine,
    nodes,
    events,
    published,
    seen: <T extends MediaEvent["type"]>(type: T) =>
      events.filter((event): event is Extract<MediaEvent, { type: T }> => event.type === type),
    again(expected) {
      engine.close();
      return rig(nodes, { ...options, expected, clock, seed: 8 });
    },
  };
}

/** Time passes until the engine has answered. */
async function answered<T>({ clock }: Rig, promise: Promise<T>, limitMs = 10_000): Promise<T> {
  const waited = { over: false };
  const noted = promise.finally(() => {
    waited.over = true;
  });
  for (let passedMs = 0; !waited.over && passedMs <= limitMs; passedMs += 50) await clock.settle(50);
  assert.ok(waited.over, `not answered within ${limitMs} ms`);
  return noted;
}

async function bridged(on: Rig, id: SessionId, timeoutMs = 0): Promise<{ readonly a: number; readonly b: number }> {
  const prepared = await answered(on, on.engine.prepare(id, [SIDE_A, sideB()]));
  assert.ok(prepared.ok, JSON.stringify(prepared));
  on.engine.commit({ session: id, remotes: { a: remote(4000), b1: remote(5000) }, pair: "b1", timeoutMs });
  await answered(on, on.engine.stats(id));
  return { a: prepared.local["a"]!.port, b: prepared.local["b1"]!.port };
}

describe("one rtpengine", () => {
  test("prepares without places and commits with them, on the same ports and the named interfaces", async () => {
    const on = rig([new FakeRtpengine()]);
    const node = on.nodes[0]!;
    await bridged(on, "c1");
    assert.deepEqual(
      node.commands.filter((command) => command !== "list"),
      ["offer t-c1 a b1", "answer t-c1 a b1", "offer t-c1 a b1", "answer t-c1 a b1", "query t-c1"],
    );
    const [first, , second] = node.requests.filter((request) => textOf(request, "command") !== "list");
    assert.deepEqual(first!.get("direction"), ["private", "external"]);
    assert.match(textOf(first!, "sdp"), /c=IN IP4 0\.0\.0\.0/);
    assert.equal(first!.has("to-tag"), false, "the branch is new");
    assert.match(
      textOf(second!, "sdp"),
      /c=IN IP4 203\.0\.113\.9\r\n[^]*m=audio 4000 RTP\/AVP 0 101\r\n[^]*a=rtcp:4001 IN IP4 203\.0\.113\.9/,
    );
    assert.equal(textOf(second!, "to-tag"), "b1");
    on.engine.close();
  });

  test("a peer without nat is taken at its described place only; one with nat is learned", async () => {
    const on = rig([new FakeRtpengine()]);
    const prepared = await answered(on, on.engine.prepare("c1", [SIDE_A, sideB("b1", true)]));
    assert.ok(prepared.ok);
    assert.deepEqual([on.nodes[0]!.tag("t-c1", "a").asymmetric, on.nodes[0]!.tag("t-c1", "b1").asymmetric], [true, false]);
    on.engine.close();
  });

  test("while hunting a gateway left behind is deleted only when the next one was offered", async () => {
    const on = rig([new FakeRtpengine()]);
    const node = on.nodes[0]!;
    const { a } = await bridged(on, "c1");
    on.engine.abort("c1", "b1");
    await on.clock.settle(100);
    assert.ok(!node.commands.includes("delete t-c1 b1"), "with it the whole call would go");
    const second = await answered(on, on.engine.prepare("c1", [sideB("b2")]));
    assert.ok(second.ok);
    assert.deepEqual(node.commands.slice(-3), ["offer t-c1 a b2", "answer t-c1 a b2", "delete t-c1 b1"]);
    on.engine.commit({ session: "c1", remotes: { b2: remote(5002) }, pair: "b2" });
    const stats = await answered(on, on.engine.release("c1"));
    assert.deepEqual(
      stats!.sides.map(({ side }) => side),
      ["a", "b2"],
    );
    assert.equal(node.calls.size, 0);
    assert.equal(a, 20_000);
    on.engine.close();
  });

  test("pairing with the next gateway cuts the one before at once", async () => {
    const on = rig([new FakeRtpengine()]);
    await bridged(on, "c1");
    await answered(on, on.engine.prepare("c1", [sideB("b2")]));
    on.engine.commit({ session: "c1", remotes: { b2: remote(5002) }, pair: "b2" });
    await answered(on, on.engine.stats("c1"));
    assert.equal(on.nodes[0]!.tag("t-c1", "b1").port, 0);
    on.engine.close();
  });

  test("silence of a side is told once, a hold suspends it, first packets and strays are told", async () => {
    const on = rig([new FakeRtpengine()]);
    const node = on.nodes[0]!;
    await bridged(on, "c1", 2_000);
    node.tag("t-c1", "a").packets = 5;
    node.tag("t-c1", "a").errors = 2;
    await on.clock.settle(400);
    assert.deepEqual(on.seen("first-packet"), [{ type: "first-packet", session: "c1", side: "a", from: "203.0.113.9:4000" }]);
    assert.deepEqual(
      on.seen("stray").map(({ side, packets }) => [side, packets]),
      [["a", 2]],
    );
    for (let i = 0; i < 20; i++) {
      node.tag("t-c1", "a").packets += 10;
      await on.clock.settle(200);
    }
    assert.deepEqual(
      on.seen("timeout").map(({ side }) => side),
      ["b1"],
    );
    const { silentMs } = on.seen("timeout")[0]!;
    assert.ok(silentMs >= 2_000 && silentMs <= 2_600, String(silentMs));
    on.engine.commit({
      session: "c1",
      remotes: { a: remote(4000, { direction: "sendonly" }), b1: remote(5000, { direction: "recvonly" }) },
    });
    await on.clock.settle(10_000);
    assert.equal(on.seen("timeout").length, 1);
    on.engine.close();
  });

  test("datagrams that get lost are sent again under their cookie; nothing is done twice", async () => {
    const on = rig([new FakeRtpengine()]);
    const node = on.nodes[0]!;
    await on.clock.settle(10);
    node.losing = 2;
    await bridged(on, "c1");
    assert.equal(new Set(node.cookies).size, node.cookies.length);
    assert.equal(node.calls.get("t-c1")!.size, 2);
    on.engine.close();
  });

  test("what it refuses is said with its reason; ports that ran out have their code", async () => {
    const on = rig([new FakeRtpengine()]);
    await on.clock.settle(10);
    on.nodes[0]!.refusing = "Ran out of ports";
    const exhausted = await answered(on, on.engine.prepare("c1", [SIDE_A, sideB()]));
    assert.ok(!exhausted.ok && exhausted.code === "PORTS_EXHAUSTED", JSON.stringify(exhausted));
    on.nodes[0]!.refusing = "Parallel session limit reached";
    const refused = await answered(on, on.engine.prepare("c2", [SIDE_A, sideB()]));
    assert.ok(!refused.ok && refused.code === "REFUSED" && refused.detail.endsWith("Parallel session limit reached"));
    on.engine.close();
  });

  test("answers that can't be read fail the request and nothing else", async () => {
    const on = rig([new FakeRtpengine()]);
    await on.clock.settle(10);
    on.nodes[0]!.mode = "odd";
    const prepared = await answered(on, on.engine.prepare("c1", [SIDE_A, sideB()]));
    assert.ok(!prepared.ok && prepared.code === "REFUSED");
    on.nodes[0]!.mode = "well";
    await bridged(on, "c2");
    on.engine.close();
  });

  test("an interface that it does not know shows in the address that it gives", async () => {
    const on = rig([new FakeRtpengine("10.0.0.5")]);
    await bridged(on, "c1");
    await bridged(on, "c2");
    const told = on.published.filter((event) => event.type === "process" && event.what === "rtpengine-address");
    assert.equal(told.length, 2, "once for each pool");
    on.engine.close();
  });
});

describe("an rtpengine that goes", () => {
  test("down and up are told; while it is away calls fail at once", async () => {
    const on = rig([new FakeRtpengine()]);
    await on.clock.settle(10);
    assert.equal(on.seen("up").length, 1);
    on.nodes[0]!.mode = "away";
    await on.clock.settle(1_100);
    assert.equal(on.seen("down").length, 1);
    const before = on.clock.nowMs();
    const prepared = await answered(on, on.engine.prepare("c1", [SIDE_A, sideB()]));
    assert.ok(!prepared.ok && prepared.code === "ENGINE_GONE");
    assert.ok(on.clock.nowMs() - before <= 50);
    on.nodes[0]!.mode = "well";
    await on.clock.settle(600);
    assert.equal(on.seen("up").length, 2);
    on.engine.close();
  });

  test("one that is deaf is down after its repeats; none at the start is no reason to wait for ever", async () => {
    const node = new FakeRtpengine();
    node.mode = "deaf";
    const on = rig([node]);
    const prepared = await answered(on, on.engine.prepare("c1", [SIDE_A, sideB()]), 2_000);
    assert.ok(!prepared.ok && prepared.code === "ENGINE_GONE");
    assert.match(on.engine.describe(), /127\.0\.0\.1:0 down \(no answer\)/);
    on.engine.close();
  });

  test("sessions of one that was restarted are gone, and told once", async () => {
    const on = rig([new FakeRtpengine()]);
    await bridged(on, "c1");
    await bridged(on, "c2");
    on.nodes[0]!.restart();
    // A new description finds it first, by the ports.
    on.engine.commit({ session: "c1", remotes: { a: remote(4100) } });
    await on.clock.settle(6_000);
    assert.deepEqual(
      on
        .seen("gone")
        .map(({ session }) => session)
        .sort(),
      ["c1", "c2"],
    );
    assert.equal(on.nodes[0]!.calls.size, 0, "what it took for a new call is deleted");
    on.engine.close();
  });

  test("what was committed while it was away is said when it is back", async () => {
    const on = rig([new FakeRtpengine()]);
    const node = on.nodes[0]!;
    await bridged(on, "c1");
    node.mode = "away";
    await on.clock.settle(1_100);
    on.engine.commit({ session: "c1", remotes: { a: remote(4444) } });
    await on.clock.settle(100);
    node.mode = "well";
    await on.clock.settle(1_000);
    assert.match(node.tag("t-c1", "a").sdp, /m=audio 4444 /);
    assert.deepEqual(on.seen("gone"), []);
    on.engine.close();
  });

  test("away for longer than the session's timeout, the session is gone", async () => {
    const on = rig([new FakeRtpengine()]);
    await bridged(on, "c1", 12_000);
    on.nodes[0]!.mode = "away";
    await on.clock.settle(10_000);
    assert.deepEqual(on.seen("gone"), []);
    await on.clock.settle(8_000);
    assert.equal(on.seen("gone").length, 1);
    on.engine.close();
  });

  test("what was released while it was away is deleted when it is back; others' calls are not touched", async () => {
    const on = rig([new FakeRtpengine()]);
    const node = on.nodes[0]!;
    await bridged(on, "c1");
    node.calls.set("kamailio-1", new Map());
    node.mode = "away";
    await on.clock.settle(1_100);
    assert.equal(await answered(on, on.engine.release("c1")), undefined);
    node.mode = "well";
    await on.clock.settle(1_000);
    assert.deepEqual([...node.calls.keys()], ["kamailio-1"]);
    on.engine.close();
  });
});

describe("several", () => {
  test("new sessions follow the weights, and weight 0 gets none", async () => {
    const nodes = [new FakeRtpengine(), new FakeRtpengine(), new FakeRtpengine()];
    const on = rig(nodes, { weights: [3, 1, 0] });
    for (let i = 0; i < 400; i++) await on.engine.prepare(`c${i}`, [SIDE_A, sideB()]);
    const counts = nodes.map((node) => node.calls.size);
    const [first = 0, second = 0, third = 0] = counts;
    assert.ok(Math.abs(first - 300) <= 30 && third === 0 && first + second === 400, counts.join(" "));
    on.engine.close();
  });

  test("one that fails hands the new call to the next; sessions stay where they are", async () => {
    const nodes = [new FakeRtpengine(), new FakeRtpengine("192.0.2.1", 30_000)];
    const on = rig(nodes, { weights: [10_000, 1] });
    await bridged(on, "c1");
    nodes[0]!.refusing = "Ran out of ports";
    const prepared = await answered(on, on.engine.prepare("c2", [SIDE_A, sideB()]));
    assert.ok(prepared.ok && prepared.local["a"]!.port >= 30_000);
    nodes[0]!.refusing = undefined;
    nodes[0]!.mode = "deaf";
    const next = await answered(on, on.engine.prepare("c3", [SIDE_A, sideB()]), 2_000);
    assert.ok(next.ok && next.local["a"]!.port >= 30_000);
    assert.equal(on.seen("down").length, 0, "one is up");
    on.engine.close();
  });
});

describe("a signalling process that starts again", () => {
  test("finds its sessions, tells what else is there, and goes on with both", async () => {
    const first = rig([new FakeRtpengine(), new FakeRtpengine("192.0.2.1", 30_000)]);
    for (const id of ["c1", "c2", "c3", "c4"]) await bridged(first, id);
    const on = first.again(["c1", "c2", "c3", "lost"]);
    // Asked for before anything is known, they wait.
    on.engine.commit({ session: "c1", remotes: { a: remote(4000), b1: remote(5555) }, pair: "b1" });
    await on.clock.settle(100);
    assert.deepEqual([...on.seen("up")[0]!.sessions].sort(), ["c1", "c2", "c3", "c4"]);
    assert.deepEqual(on.seen("gone"), []);
    const at = on.nodes.find((node) => node.calls.has("t-c1"))!;
    assert.match(at.tag("t-c1", "b1").sdp, /m=audio 5555 /);
    assert.equal(at.tag("t-c1", "b1").asymmetric, true, "what it may learn is remembered");
    at.tag("t-c1", "b1").packets = 9;
    const stats = await answered(on, on.engine.release("c1"));
    assert.deepEqual(
      stats!.sides.map(({ side, packetsReceived }) => [side, packetsReceived]),
      [
        ["a", 0],
        ["b1", 9],
      ],
    );
    on.engine.close();
  });

  test("with one of two away it waits for that one's answer or silence before it says what is there", async () => {
    const first = rig([new FakeRtpengine(), new FakeRtpengine()]);
    await bridged(first, "c1");
    const away = first.nodes.find((node) => !node.calls.has("t-c1"))!;
    away.mode = "deaf";
    const on = first.again(["c1"]);
    await on.clock.settle(500);
    assert.deepEqual(on.seen("up"), []);
    await on.clock.settle(1_500);
    assert.deepEqual(
      on.seen("up").map(({ sessions }) => sessions),
      [["c1"]],
    );
    on.engine.close();
  });

  test("with all away, calls are not given up: they are found when it is back", async () => {
    const first = rig([new FakeRtpengine()]);
    await bridged(first, "c1");
    first.nodes[0]!.mode = "away";
    const on = first.again(["c1"]);
    await on.clock.settle(3_000);
    on.engine.commit({ session: "c1", remotes: { a: remote(4000) }, pair: "b1" });
    await on.clock.settle(100);
    assert.deepEqual(on.events, []);
    on.nodes[0]!.mode = "well";
    await on.clock.settle(600);
    assert.deepEqual(
      on.seen("up").map(({ sessions }) => sessions),
      [["c1"]],
    );
    on.engine.close();
  });
});
