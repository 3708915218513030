/** The relay's sessions over sockets that exist only here; real ones run in test/contract. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MediaEvent, PortPool, RemoteMedia } from "#media/engine.ts";
import type { Endpoint } from "./learning.ts";
import type { Opened, PacketSockets, PacketUser, SocketSpec } from "./packet-sockets.ts";
import { Relay } from "./relay.ts";
import type { SessionRecord } from "./session-record.ts";

interface FakeSocket extends SocketSpec {
  connected?: Endpoint | undefined;
}

class FakeSockets implements PacketSockets {
  readonly name = "dgram";
  packet: Uint8Array = new Uint8Array(0);
  nowMs = 1_000;
  socketsMax: number;
  readonly idsMax = 64;
  user: PacketUser | undefined = undefined;
  readonly opened = new Map<number, FakeSocket>();
  readonly sent: { readonly from: number; readonly to: string }[] = [];
  readonly taken = new Set<number>();
  #from: Endpoint = { address: "", port: 0 };
  constructor(socketsMax = 64) {
    this.socketsMax = socketsMax;
  }
  get socketsOpen(): number {
    return this.opened.size;
  }
  load(bytes: Uint8Array): void {
    this.packet = bytes;
  }
  source(): Endpoint {
    return this.#from;
  }
  open(spec: SocketSpec): Opened {
    if (this.opened.size >= this.socketsMax) return { ok: false, code: "descriptors", detail: "none left" };
    if (this.taken.has(spec.port)) return { ok: false, code: "taken", detail: "EADDRINUSE" };
    let id = 0;
    while (this.opened.has(id)) id++;
    this.opened.set(id, { ...spec });
    return { ok: true, id };
  }
  connect(id: number, remote: Endpoint): boolean {
    this.opened.get(id)!.connected = remote;
    return true;
  }
  disconnect(id: number): void {
    this.opened.get(id)!.connected = undefined;
  }
  drain(): void {}
  send(id: number): boolean {
    const { port, connected } = this.opened.get(id)!;
    this.sent.push({ from: port, to: `${connected!.address}:${connected!.port}` });
    return true;
  }
  sendTo(id: number, _length: number, to: Endpoint): boolean {
    this.sent.push({ from: this.opened.get(id)!.port, to: `${to.address}:${to.port}` });
    return true;
  }
  shareAddress(): void {}
  close(id: number): void {
    this.opened.delete(id);
  }
  /** A packet from the network, as a kernel would hand it to the socket that fits best. */
  arrives(port: number, from: Endpoint, packet: Uint8Array): void {
    this.packet = packet;
    this.#from = from;
    const all = [...this.opened].filter(([, socket]) => socket.port === port);
    const match = all.find(([, socket]) => socket.connected?.address === from.address && socket.connected.port === from.port);
    const [id, socket] = match ?? all.find(([, each]) => each.connected === undefined) ?? [-1, undefined];
    if (socket !== undefined) this.user?.packet(id, packet.length, socket.connected !== undefined);
  }
}

const POOL: PortPool = { name: "p", bindAddress: "127.0.0.1", advertisedAddress: "192.0.2.1", portMin: 10_000, portMax: 10_099 };
const rtp = (sequence: number): Uint8Array => Buffer.from([0x80, 0, sequence >> 8, sequence & 0xff, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4]);
const remote = (address: string, port: number, more: Partial<RemoteMedia> = {}): RemoteMedia => ({
  address,
  port,
  rtcpAddress: address,
  rtcpPort: port + 1,
  rtcpMux: false,
  direction: "sendrecv",
  payloadTypes: [0],
  ...more,
});
const A: Endpoint = { address: "198.51.100.1", port: 4_000 };
const B: Endpoint = { address: "203.0.113.1", port: 5_000 };

function relayOver(sockets = new FakeSockets()) {
  const events: MediaEvent[] = [];
  const problems: string[] = [];
  const journal = new Map<string, SessionRecord>();
  const relay = new Relay({
    sockets,
    journal: { changed: (id, record) => void (record === undefined ? journal.delete(id) : journal.set(id, record)) },
    output: { event: (event) => void events.push(event), problem: (_session, _side, detail) => void problems.push(detail) },
    portStart: () => 0,
  });
  relay.controlled = true;
  relay.setPools([POOL]);
  const bridge = (timeoutMs = 0) => {
    const prepared = relay.prepare("s", [
      { side: "a", pool: "p", nat: false, signallingAddress: A.address, rtcpMux: false },
      { side: "b1", pool: "p", nat: false, signallingAddress: B.address, rtcpMux: false },
    ]);
    assert.ok(prepared.ok);
    relay.commit({ session: "s", remotes: { a: remote(A.address, A.port), b1: remote(B.address, B.port) }, pair: "b1", timeoutMs });
    return { a: prepared.local["a"]!.port, b: prepared.local["b1"]!.port };
  };
  return { relay, sockets, events, problems, journal, bridge };
}

describe("relay", () => {
  test("packets between two learned sides take the hot way and are all counted", () => {
    const { relay, sockets, bridge, events } = relayOver();
    const { a, b } = bridge();
    for (let i = 1; i <= 50; i++) {
      sockets.arrives(a, A, rtp(i));
      sockets.arrives(b, B, rtp(i === 30 ? 31 : i));
    }
    assert.deepEqual(sockets.sent.at(-1), { from: a, to: "198.51.100.1:4000" });
    assert.deepEqual(sockets.sent.at(-2), { from: b, to: "203.0.113.1:5000" });
    const [sa, sb] = relay.stats("s")!.sides;
    assert.deepEqual([sa!.packetsReceived, sa!.packetsSent, sa!.bytesReceived, sa!.lost], [50, 50, 800, 0]);
    assert.deepEqual([sb!.packetsReceived, sb!.packetsSent, sb!.bytesSent], [50, 50, 800]);
    assert.deepEqual(
      events.map((event) => event.type),
      ["first-packet", "first-packet"],
    );
    assert.deepEqual(relay.release("s")!.sides[0], sa);
    assert.equal(sockets.socketsOpen, 0);
  });

  test("sides that name each other's ports, or their own, don't make a packet circle", () => {
    const { relay, sockets, problems } = relayOver();
    const sides = (["a", "b1"] as const).map((side) => ({ side, pool: "p", nat: true, signallingAddress: A.address, rtcpMux: false }));
    const prepared = relay.prepare("s", sides);
    assert.ok(prepared.ok);
    const [a, b] = [prepared.local["a"]!, prepared.local["b1"]!];
    relay.commit({ session: "s", remotes: { a: remote(b.address, b.port), b1: remote(POOL.bindAddress, a.port) }, pair: "b1" });
    assert.equal(problems.length, 4);
    sockets.arrives(a.port, A, rtp(1));
    assert.deepEqual(sockets.sent, []);
    // Another call's port is a place like any other: a call may come back to us.
    relay.commit({ session: "s", remotes: { b1: remote(b.address, 10_090) }, pair: "b1" });
    sockets.arrives(a.port, A, rtp(2));
    assert.deepEqual(
      sockets.sent.map(({ to }) => to),
      [`${b.address}:10090`],
    );
  });

  test("packets that overtake the commit are forwarded with it; older ones, and strangers', are not", () => {
    const { relay, sockets } = relayOver();
    const prepared = relay.prepare("s", [
      { side: "a", pool: "p", nat: false, signallingAddress: A.address, rtcpMux: false },
      { side: "b1", pool: "p", nat: false, signallingAddress: B.address, rtcpMux: false },
    ]);
    assert.ok(prepared.ok);
    const [a, b] = [prepared.local["a"]!.port, prepared.local["b1"]!.port];
    sockets.arrives(a, A, rtp(1));
    sockets.nowMs += 100;
    sockets.arrives(a, A, rtp(2));
    sockets.arrives(a, { address: "192.0.2.66", port: 6_666 }, rtp(66));
    sockets.nowMs += 20;
    sockets.arrives(a, A, rtp(3));
    sockets.arrives(b, B, rtp(9));
    relay.commit({ session: "s", remotes: { a: remote(A.address, A.port), b1: remote(B.address, B.port) }, pair: "b1" });
    assert.deepEqual(
      sockets.sent.map(({ to }) => to),
      ["203.0.113.1:5000", "203.0.113.1:5000", "198.51.100.1:4000"],
    );
    const [sa] = relay.stats("s")!.sides;
    assert.deepEqual([sa!.packetsReceived, sa!.strays], [2, 1]);
  });

  test("nothing is sent to 0.0.0.0, the old form of hold (RFC 3264 §8.4)", () => {
    const { relay, sockets, bridge } = relayOver();
    const { b } = bridge();
    relay.commit({ session: "s", remotes: { a: remote("0.0.0.0", 4_000) } });
    sockets.arrives(b, B, rtp(1));
    assert.deepEqual(sockets.sent, []);
  });

  test("packets before the peer's SDP are neither learned nor strays", () => {
    const { relay, sockets, events } = relayOver();
    const prepared = relay.prepare("s", [{ side: "a", pool: "p", nat: true, signallingAddress: A.address, rtcpMux: false }]);
    assert.ok(prepared.ok);
    sockets.arrives(prepared.local["a"]!.port, A, rtp(1));
    const [side] = relay.stats("s")!.sides;
    assert.deepEqual([side!.strays, side!.learnedFrom, events.length], [0, "", 0]);
  });

  test("a re-INVITE to another place opens the lock, one to the same place does not", () => {
    const { relay, sockets, bridge } = relayOver();
    const { a, b } = bridge();
    sockets.arrives(a, A, rtp(1));
    relay.commit({ session: "s", remotes: { a: remote(A.address, A.port) } });
    assert.equal(relay.stats("s")!.sides[0]!.learnedFrom, "198.51.100.1:4000");
    relay.commit({ session: "s", remotes: { a: remote("198.51.100.2", 4_100) } });
    sockets.arrives(a, A, rtp(2));
    assert.equal(relay.stats("s")!.sides[0]!.strays, 1);
    sockets.arrives(b, B, rtp(1));
    assert.deepEqual(sockets.sent.at(-1), { from: a, to: "198.51.100.2:4100" });
  });

  test("a silent side is reported once; without a controller its session ends", () => {
    const { relay, sockets, bridge, events, journal } = relayOver();
    const { a } = bridge(2_000);
    relay.settle();
    assert.equal(journal.size, 1);
    sockets.nowMs += 1_500;
    sockets.arrives(a, A, rtp(1));
    sockets.nowMs += 600;
    relay.scan();
    relay.scan();
    assert.deepEqual(
      events.filter((event) => event.type === "timeout"),
      [{ type: "timeout", session: "s", side: "b1", silentMs: 2_100 }],
    );
    relay.controlled = false;
    sockets.nowMs += 2_000;
    relay.scan();
    assert.equal(relay.size, 0);
    assert.equal(journal.size, 0);
    assert.equal(sockets.socketsOpen, 0);
  });

  test("hold suspends the timeout of both sides (RFC 3264 §8.4)", () => {
    const { relay, sockets, bridge, events } = relayOver();
    bridge(2_000);
    relay.commit({ session: "s", remotes: { a: remote(A.address, A.port, { direction: "sendonly" }) } });
    sockets.nowMs += 60_000;
    relay.scan();
    assert.deepEqual(events, []);
  });

  test("descriptors used up: the call is refused, its ports are free again, the running one goes on", () => {
    const { relay, sockets, bridge } = relayOver(new FakeSockets(5));
    const { a } = bridge();
    const refused = relay.prepare("t", [{ side: "a", pool: "p", nat: false, signallingAddress: "", rtcpMux: false }]);
    assert.ok(!refused.ok && refused.code === "DESCRIPTORS_EXHAUSTED");
    assert.equal(sockets.socketsOpen, 4);
    assert.equal(relay.size, 1);
    sockets.arrives(a, A, rtp(1));
    assert.equal(sockets.sent.length, 1);
  });

  test("rtcp-mux gives RTCP's own socket back, a re-INVITE without it opens it again (RFC 5761 §5.1.1)", () => {
    const { relay, sockets, bridge } = relayOver();
    bridge();
    relay.commit({ session: "s", remotes: { a: remote(A.address, A.port, { rtcpMux: true }) } });
    assert.equal(sockets.socketsOpen, 3);
    relay.commit({ session: "s", remotes: { a: remote(A.address, A.port) } });
    assert.equal(sockets.socketsOpen, 4);
  });

  test("a restarted relay takes a session up on its ports, connected, and forwards at once", () => {
    const before = relayOver();
    const { a, b } = before.bridge(5_000);
    before.sockets.arrives(a, A, rtp(1));
    before.sockets.arrives(b, B, rtp(1));
    before.relay.settle();
    const after = relayOver();
    assert.ok(after.relay.restore(JSON.parse(JSON.stringify(before.journal.get("s"))) as SessionRecord));
    after.sockets.arrives(a, A, rtp(2));
    assert.deepEqual(after.sockets.sent, [{ from: b, to: "203.0.113.1:5000" }]);
    assert.deepEqual(after.events, []);
    // New calls keep off its ports.
    after.relay.setPools([{ ...POOL, portMax: a + 3 }]);
    const next = after.relay.prepare("t", [{ side: "a", pool: "p", nat: false, signallingAddress: "", rtcpMux: false }]);
    assert.ok(!next.ok && next.code === "PORTS_EXHAUSTED");
  });

  test("a session whose port was taken meanwhile is lost and leaves nothing open", () => {
    const before = relayOver();
    const { b } = before.bridge();
    before.relay.settle();
    const after = relayOver();
    after.sockets.taken.add(b);
    assert.ok(!after.relay.restore(before.journal.get("s")!));
    assert.equal(after.sockets.socketsOpen, 0);
    assert.equal(after.relay.size, 0);
  });

  test("nothing commands, nothing is heard: the session ends after five minutes", () => {
    const { relay, sockets, bridge, events } = relayOver();
    bridge();
    relay.controlled = false;
    sockets.nowMs += 299_000;
    relay.scan();
    assert.equal(relay.size, 1);
    sockets.nowMs += 2_000;
    relay.scan();
    assert.deepEqual(events, [{ type: "gone", session: "s", reason: "abandoned" }]);
  });

  const WIDE: PortPool = { ...POOL, portMax: 11_999 };
  const assigned = (port: number) => [{ side: "a", pool: "p", nat: false, signallingAddress: A.address, rtcpMux: false, port }];

  test("a lent port is open ahead, drops what comes, and becomes a side without another socket", () => {
    const { relay, sockets, events, problems } = relayOver();
    relay.setPools([WIDE]);
    const [lent, other] = relay.lend("p", 2);
    assert.deepEqual(lent, { address: "192.0.2.1", port: 10_000, rtcpPort: 10_001 });
    assert.equal(sockets.socketsOpen, 4);
    sockets.arrives(lent!.port, A, rtp(1));
    relay.assign("s", assigned(lent!.port));
    assert.equal(sockets.socketsOpen, 4);
    sockets.arrives(lent!.port, A, rtp(2));
    relay.commit({ session: "s", remotes: { a: remote(A.address, A.port) } });
    assert.equal(relay.stats("s")!.sides[0]!.packetsReceived, 0, "nobody to talk to yet, and nothing from before");
    sockets.arrives(lent!.port, A, rtp(3));
    assert.equal(relay.stats("s")!.sides[0]!.packetsReceived, 1);
    relay.takeBack();
    assert.equal(sockets.socketsOpen, 2, "only what nobody used is taken back");
    const again = relay.prepare("t", [{ side: "a", pool: "p", nat: false, signallingAddress: "", rtcpMux: false }]);
    assert.ok(again.ok && again.local["a"]!.port !== other!.port, "and drains before it is used");
    assert.deepEqual([events.map(({ type }) => type), problems], [["first-packet"], []]);
  });

  test("nothing is lent where ports or descriptors run short, from an unknown pool, or another program's", () => {
    const { relay, sockets } = relayOver();
    assert.deepEqual(relay.lend("p", 8), [], "50 pairs in all");
    relay.setPools([WIDE]);
    assert.deepEqual(relay.lend("q", 1), []);
    sockets.taken.add(10_000);
    assert.deepEqual(
      relay.lend("p", 2).map(({ port }) => port),
      [10_002],
    );
    sockets.socketsMax = 20;
    assert.deepEqual(relay.lend("p", 2), []);
  });

  test("a side comes back on a port that a former relay had lent; one that can't be had ends the session", () => {
    const { relay, sockets, events } = relayOver();
    relay.assign("s", assigned(10_020));
    assert.equal(sockets.socketsOpen, 2);
    relay.assign("s", assigned(10_020));
    assert.equal(sockets.socketsOpen, 2, "said twice is done once");
    sockets.taken.add(10_040);
    relay.assign("u", assigned(10_040));
    assert.deepEqual(
      events.map((event) => (event.type === "gone" ? `${event.session} ${event.reason}` : event.type)),
      ["u PORTS_EXHAUSTED: EADDRINUSE"],
    );
  });
});
