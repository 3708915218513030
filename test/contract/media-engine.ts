/**
 * What every media engine must do, with real UDP on loopback addresses of this test's own. An engine's
 * test file calls `mediaEngineContract` with how to start it; what it lacks it says by capabilities.
 * Longer than 500 lines because one contract is read, and run, as one list.
 */
import assert from "node:assert/strict";
import { type RemoteInfo, type Socket, createSocket } from "node:dgram";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Commit, LocalMedia, MediaEngine, MediaEvent, PortPool, PrepareSide, RemoteMedia, SessionId } from "#media/engine.ts";

export interface EngineUnderTest {
  readonly engine: MediaEngine;
  /** Ends the engine's process at once and starts it again; resolves when that is done, not when it works. */
  crashAndRestart?(): Promise<void>;
  /** Breaks the controller's connection and makes a new one. */
  reconnect?(): void;
  readonly strayWatch: boolean;
  stop(): Promise<void>;
}

/** What an engine may do otherwise than the embedded one; it says so with the reason. */
export type EngineDifference =
  | "ports of the pool"
  | "loss from sequence numbers"
  | "another port of the described host"
  | "the signalling peer's address"
  | "the address of strays"
  | "what is no RTP"
  | "a gateway's side alone";

export interface ContractOptions {
  readonly differences?: Readonly<Partial<Record<EngineDifference, string>>>;
  /** For engines that need a program. */
  readonly skip?: string | false;
}

/** Tests of one machine side by side don't meet: each run has addresses of its own in 127/8. */
const net = `127.${10 + (process.pid % 200)}.${1 + Math.floor(Math.random() * 250)}`;
const ENGINE_CARRIER = `${net}.1`;
const ENGINE_PUBLIC = `${net}.2`;
const CARRIER = `${net}.11`;
const GATEWAY = `${net}.21`;
const STRANGER = `${net}.66`;
const PATIENCE_MS = 5_000;

export const pools: readonly PortPool[] = [
  { name: "carrier", bindAddress: ENGINE_CARRIER, advertisedAddress: "192.0.2.1", portMin: 20_000, portMax: 20_999, dscp: 46 },
  { name: "public", bindAddress: ENGINE_PUBLIC, advertisedAddress: "192.0.2.2", portMin: 30_001, portMax: 30_999 },
  { name: "six", bindAddress: "::1", advertisedAddress: "2001:db8::1", portMin: 20_000 + 2 * (process.pid % 4_000), portMax: 29_999 },
  { name: "tiny", bindAddress: ENGINE_PUBLIC, advertisedAddress: "192.0.2.2", portMin: 40_000, portMax: 40_003 },
];

interface Received {
  readonly bytes: Buffer;
  readonly from: RemoteInfo;
}

/** A phone's socket: what it sends and what reaches it. */
class Peer {
  readonly socket: Socket;
  readonly address: string;
  readonly received: Received[] = [];
  #waiting: (() => void)[] = [];
  private constructor(socket: Socket, address: string) {
    this.socket = socket;
    this.address = address;
    socket.on("message", (bytes, from) => {
      this.received.push({ bytes, from });
      for (const wake of this.#waiting.splice(0)) wake();
    });
    socket.on("error", () => {});
  }
  static async at(address: string, port = 0): Promise<Peer> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(port, address, resolve));
    return new Peer(socket, address);
  }
  get port(): number {
    return this.socket.address().port;
  }
  send(bytes: Buffer, port: number, address: string): void {
    this.socket.send(bytes, port, address);
  }
  /** The packet number `count` (1-based) of those received. */
  async packet(count: number): Promise<Received> {
    const untilMs = performance.now() + PATIENCE_MS;
    while (this.received.length < count) {
      assert.ok(performance.now() < untilMs, `${this.address} got ${this.received.length} packets, not ${count}`);
      await Promise.race([
        new Promise<void>((resolve) => this.#waiting.push(resolve)),
        new Promise((resolve) => setTimeout(resolve, 50).unref()),
      ]);
    }
    return this.received[count - 1]!;
  }
  close(): void {
    this.socket.close();
  }
}

export function rtp(sequence: number, ssrc = 0x1234, payloadType = 0): Buffer {
  const packet = Buffer.alloc(172, sequence & 0xff);
  packet.writeUInt16BE(0x8000 | payloadType, 0);
  packet.writeUInt16BE(sequence & 0xffff, 2);
  packet.writeUInt32BE((sequence * 160) >>> 0, 4);
  packet.writeUInt32BE(ssrc, 8);
  return packet;
}
/** A receiver report without blocks (RFC 3550 §6.4.2). */
const rtcp = (ssrc = 0x1234): Buffer => Buffer.from([0x80, 201, 0, 1, 0, 0, ssrc >> 8, ssrc & 0xff]);

const remote = (peer: Peer, more: Partial<RemoteMedia> = {}): RemoteMedia => ({
  address: peer.address,
  port: peer.port,
  rtcpAddress: peer.address,
  rtcpPort: peer.port,
  rtcpMux: false,
  direction: "sendrecv",
  payloadTypes: [0, 101],
  ...more,
});

const sideA = (more: Partial<PrepareSide> = {}): PrepareSide => ({
  side: "a",
  pool: "carrier",
  nat: false,
  signallingAddress: CARRIER,
  rtcpMux: false,
  ...more,
});
const sideB = (side = "b1", more: Partial<PrepareSide> = {}): PrepareSide => ({
  side,
  pool: "public",
  nat: false,
  signallingAddress: GATEWAY,
  rtcpMux: false,
  ...more,
});

export function mediaEngineContract(
  name: string,
  start: (poolsWanted: readonly PortPool[]) => Promise<EngineUnderTest>,
  options: ContractOptions = {},
): void {
  const differences = options.differences ?? {};
  describe(`media engine ${name}`, { timeout: 60_000, skip: options.skip ?? false }, () => {
    let under: EngineUnderTest;
    let engine: MediaEngine;
    let carrier: Peer;
    let gateway: Peer;
    let stranger: Peer;
    let events: MediaEvent[];
    let calls = 0;

    before(async () => {
      under = await start(pools);
      engine = under.engine;
    });
    after(() => under.stop());
    beforeEach(async () => {
      events = [];
      engine.onEvent = (event) => events.push(event);
      [carrier, gateway, stranger] = await Promise.all([Peer.at(CARRIER), Peer.at(GATEWAY), Peer.at(STRANGER)]);
    });

    async function until(what: string, found: () => boolean): Promise<void> {
      const untilMs = performance.now() + PATIENCE_MS;
      while (!found()) {
        assert.ok(performance.now() < untilMs, `${what} did not happen; events: ${JSON.stringify(events)}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    const seen = <T extends MediaEvent["type"]>(type: T, session: SessionId): Extract<MediaEvent, { type: T }>[] =>
      events.filter((e): e is Extract<MediaEvent, { type: T }> => e.type === type && (!("session" in e) || e.session === session));

    interface Prepared {
      readonly session: SessionId;
      readonly a: LocalMedia;
      readonly b: LocalMedia;
    }
    async function prepare(a = sideA(), b = sideB()): Promise<Prepared> {
      const session = `call-${++calls}`;
      const prepared = await engine.prepare(session, [a, b]);
      assert.ok(prepared.ok, JSON.stringify(prepared));
      return { session, a: prepared.local[a.side]!, b: prepared.local[b.side]! };
    }
    async function bridge(a = sideA(), b = sideB(), more: Partial<Commit> = {}): Promise<Prepared> {
      const prepared = await prepare(a, b);
      engine.commit({ session: prepared.session, remotes: { a: remote(carrier), b1: remote(gateway) }, pair: "b1", ...more });
      // Ordered after the commit.
      await engine.stats(prepared.session);
      return prepared;
    }
    const closePeers = (): void => {
      for (const peer of [carrier, gateway, stranger]) peer.close();
    };
    const it = (title: string, run: () => Promise<void>, difference?: EngineDifference): void => {
      const reason = difference === undefined ? undefined : differences[difference];
      test(title, { skip: reason ?? false }, async () => {
        try {
          await run();
        } finally {
          closePeers();
        }
      });
    };

    it("gives even ports of the side's pool and its advertised address, the same when asked again", async () => {
      const session = `call-${++calls}`;
      const first = await engine.prepare(session, [sideA(), sideB()]);
      assert.ok(first.ok);
      const { a, b1 } = first.local;
      assert.equal(a!.address, "192.0.2.1");
      assert.equal(b1!.address, "192.0.2.2");
      assert.ok(a!.port % 2 === 0 && b1!.port % 2 === 0 && a!.rtcpPort === a!.port + 1);
      if (differences["ports of the pool"] === undefined) {
        assert.ok(a!.port >= 20_000 && a!.port <= 20_998);
        assert.ok(b1!.port >= 30_002 && b1!.port <= 30_998);
      }
      const again = await engine.prepare(session, [sideA(), sideB("b2")]);
      assert.ok(again.ok);
      assert.deepEqual(again.local["a"], a);
      assert.notEqual(again.local["b2"]!.port, b1!.port);
      await engine.release(session);
    });

    it("relays both ways unchanged, from the ports that it named", async () => {
      const { session, a, b } = await bridge();
      carrier.send(rtp(1), a.port, ENGINE_CARRIER);
      const there = await gateway.packet(1);
      assert.deepEqual(there.bytes, rtp(1));
      assert.deepEqual([there.from.address, there.from.port], [ENGINE_PUBLIC, b.port]);
      gateway.send(rtp(7, 0x99), b.port, ENGINE_PUBLIC);
      const back = await carrier.packet(1);
      assert.deepEqual(back.bytes, rtp(7, 0x99));
      assert.deepEqual([back.from.address, back.from.port], [ENGINE_CARRIER, a.port]);
      await until("first packets", () => seen("first-packet", session).length === 2);
      const stats = await engine.release(session);
      const [sa, sb] = stats!.sides;
      assert.deepEqual(
        [sa!.packetsReceived, sa!.bytesReceived, sa!.packetsSent, sa!.learnedFrom],
        [1, 172, 1, `${CARRIER}:${carrier.port}`],
      );
      assert.deepEqual([sb!.packetsReceived, sb!.packetsSent, sb!.strays, sb!.malformed], [1, 1, 0, 0]);
    });

    it("sends to the SDP's address before anything was learned, and counts loss (RFC 3550 §A.3)", async () => {
      const { session, a } = await bridge();
      for (const sequence of [1, 2, 5]) carrier.send(rtp(sequence), a.port, ENGINE_CARRIER);
      await gateway.packet(3);
      const stats = await engine.stats(session);
      if (differences["loss from sequence numbers"] === undefined) assert.equal(stats!.sides.find((side) => side.side === "a")!.lost, 2);
      assert.equal(stats!.sides.find((side) => side.side === "b1")!.learnedFrom, "");
      await engine.release(session);
    });

    it("relays RTCP on the neighbouring port", async () => {
      const [carrierRtcp, gatewayRtcp] = await Promise.all([Peer.at(CARRIER), Peer.at(GATEWAY)]);
      const { session, a, b } = await prepare();
      engine.commit({
        session,
        remotes: { a: remote(carrier, { rtcpPort: carrierRtcp.port }), b1: remote(gateway, { rtcpPort: gatewayRtcp.port }) },
        pair: "b1",
      });
      await engine.stats(session);
      carrierRtcp.send(rtcp(), a.rtcpPort, ENGINE_CARRIER);
      const there = await gatewayRtcp.packet(1);
      assert.deepEqual([there.bytes, there.from.port], [rtcp(), b.rtcpPort]);
      gatewayRtcp.send(rtcp(9), b.rtcpPort, ENGINE_PUBLIC);
      assert.deepEqual((await carrierRtcp.packet(1)).bytes, rtcp(9));
      assert.equal((await engine.release(session))!.sides[0]!.rtcpReceived, 1);
      carrierRtcp.close();
      gatewayRtcp.close();
    });

    it("tells RTCP from RTP on one port and carries it to a peer without rtcp-mux (RFC 5761 §4)", async () => {
      const gatewayRtcp = await Peer.at(GATEWAY);
      const { session, a, b } = await prepare(sideA({ rtcpMux: true }));
      engine.commit({
        session,
        remotes: { a: remote(carrier, { rtcpMux: true }), b1: remote(gateway, { rtcpPort: gatewayRtcp.port }) },
        pair: "b1",
      });
      await engine.stats(session);
      carrier.send(rtp(1), a.port, ENGINE_CARRIER);
      await gateway.packet(1);
      carrier.send(rtcp(), a.port, ENGINE_CARRIER);
      assert.deepEqual((await gatewayRtcp.packet(1)).bytes, rtcp());
      gatewayRtcp.send(rtcp(3), b.rtcpPort, ENGINE_PUBLIC);
      const back = await carrier.packet(1);
      assert.deepEqual([back.bytes, back.from.port], [rtcp(3), a.port]);
      await engine.release(session);
      gatewayRtcp.close();
    });

    it(
      "learns another port of the SDP's host, then locks: a third one is a stray",
      async () => {
        const other = await Peer.at(CARRIER);
        const { session, a, b } = await bridge();
        other.send(rtp(1), a.port, ENGINE_CARRIER);
        await gateway.packet(1);
        gateway.send(rtp(2), b.port, ENGINE_PUBLIC);
        await other.packet(1);
        // The SDP's own port comes too late now: the lock holds.
        carrier.send(rtp(3), a.port, ENGINE_CARRIER);
        other.send(rtp(4), a.port, ENGINE_CARRIER);
        assert.deepEqual((await gateway.packet(2)).bytes, rtp(4));
        assert.equal((await engine.release(session))!.sides[0]!.learnedFrom, `${CARRIER}:${other.port}`);
        other.close();
      },
      "another port of the described host",
    );

    it("never forwards a stranger's packet, counts and reports it, though it came first", async () => {
      const { session, a } = await bridge();
      for (let i = 0; i < 3; i++) stranger.send(rtp(i), a.port, ENGINE_CARRIER);
      await until("a stray event", () => seen("stray", session).length > 0);
      if (differences["the address of strays"] === undefined) assert.equal(seen("stray", session)[0]!.from, `${STRANGER}:${stranger.port}`);
      carrier.send(rtp(9), a.port, ENGINE_CARRIER);
      assert.deepEqual((await gateway.packet(1)).bytes, rtp(9));
      const [side] = (await engine.release(session))!.sides;
      assert.deepEqual([side!.strays, side!.packetsReceived], [3, 1]);
    });

    it("learns any source where the trunk says nat, once", async () => {
      const { session, a, b } = await bridge(sideA({ nat: true }));
      stranger.send(rtp(1), a.port, ENGINE_CARRIER);
      await gateway.packet(1);
      gateway.send(rtp(2), b.port, ENGINE_PUBLIC);
      await stranger.packet(1);
      const late = await Peer.at(`${net}.67`);
      for (let i = 0; i < 2; i++) late.send(rtp(50 + i), a.port, ENGINE_CARRIER);
      if (under.strayWatch) await until("a stray event", () => seen("stray", session).length > 0);
      stranger.send(rtp(3), a.port, ENGINE_CARRIER);
      assert.deepEqual((await gateway.packet(2)).bytes, rtp(3));
      late.close();
      await engine.release(session);
    });

    it(
      "learns the signalling peer's address where the SDP names another",
      async () => {
        const { session, a } = await prepare();
        engine.commit({ session, remotes: { a: remote(carrier, { address: "192.0.2.77" }), b1: remote(gateway) }, pair: "b1" });
        await engine.stats(session);
        carrier.send(rtp(1), a.port, ENGINE_CARRIER);
        await gateway.packet(1);
        await engine.release(session);
      },
      "the signalling peer's address",
    );

    it("follows a re-INVITE to another place, and keeps the lock where nothing moved", async () => {
      const { session, a, b } = await bridge();
      carrier.send(rtp(1), a.port, ENGINE_CARRIER);
      await gateway.packet(1);
      const moved = await Peer.at(`${net}.12`);
      engine.commit({ session, remotes: { a: remote(moved) } });
      await engine.stats(session);
      gateway.send(rtp(2), b.port, ENGINE_PUBLIC);
      await moved.packet(1);
      moved.send(rtp(3), a.port, ENGINE_CARRIER);
      assert.deepEqual((await gateway.packet(2)).bytes, rtp(3));
      engine.commit({ session, remotes: { a: remote(moved) } });
      assert.equal((await engine.stats(session))!.sides[0]!.learnedFrom, `${moved.address}:${moved.port}`);
      await engine.release(session);
      moved.close();
    });

    it("keeps the caller's port while hunting: the next gateway is paired, the dead one's audio is cut", async () => {
      const second = await Peer.at(`${net}.22`);
      const { session, a, b } = await bridge();
      gateway.send(rtp(1), b.port, ENGINE_PUBLIC);
      await carrier.packet(1);
      const prepared = await engine.prepare(session, [sideB("b2", { signallingAddress: second.address })]);
      assert.ok(prepared.ok);
      engine.commit({ session, remotes: { b2: remote(second) }, pair: "b2" });
      await engine.stats(session);
      gateway.send(rtp(2), b.port, ENGINE_PUBLIC);
      engine.abort(session, "b1");
      second.send(rtp(3), prepared.local["b2"]!.port, ENGINE_PUBLIC);
      const heard = await carrier.packet(2);
      assert.deepEqual([heard.bytes, heard.from.port], [rtp(3), a.port]);
      carrier.send(rtp(4), a.port, ENGINE_CARRIER);
      await second.packet(1);
      assert.deepEqual(
        (await engine.release(session))!.sides.map((side) => side.side),
        ["a", "b2"],
      );
      second.close();
    });

    it("has sides of several gateways that ring at once, and bridges the one that is paired", async () => {
      const second = await Peer.at(`${net}.22`);
      const { session, a, b } = await prepare();
      const more = await Promise.all(
        ["b2", "b3"].map((side) => engine.prepare(session, [sideB(side, { signallingAddress: second.address })])),
      );
      const ports = more.map((prepared, i) => (prepared.ok ? prepared.local[`b${i + 2}`]!.port : 0));
      assert.equal(new Set([b.port, ...ports, 0]).size, 4, JSON.stringify(more));
      engine.commit({ session, remotes: { a: remote(carrier), b2: remote(second) }, pair: "b2" });
      for (const side of ["b1", "b3"]) engine.abort(session, side);
      await engine.stats(session);
      gateway.send(rtp(1), b.port, ENGINE_PUBLIC);
      second.send(rtp(2), ports[0]!, ENGINE_PUBLIC);
      const heard = await carrier.packet(1);
      assert.deepEqual([heard.bytes, heard.from.port], [rtp(2), a.port]);
      carrier.send(rtp(3), a.port, ENGINE_CARRIER);
      await second.packet(1);
      const { sides } = (await engine.release(session))!;
      assert.deepEqual(
        sides.map(({ side }) => side),
        ["a", "b2"],
      );
      second.close();
    });

    it(
      "counts what is no RTP and forwards none of it",
      async () => {
        const { session, a } = await bridge();
        for (const bytes of [Buffer.from("x"), Buffer.alloc(0), Buffer.alloc(100), Buffer.alloc(11, 0x80)])
          carrier.send(bytes, a.port, ENGINE_CARRIER);
        carrier.send(rtp(1), a.port, ENGINE_CARRIER);
        assert.deepEqual((await gateway.packet(1)).bytes, rtp(1));
        assert.equal((await engine.release(session))!.sides[0]!.malformed, 4);
      },
      "what is no RTP",
    );

    it("relays between IPv4 and IPv6", async () => {
      const six = createSocket("udp6");
      const bound = await new Promise<boolean>((resolve) => {
        six.once("error", () => resolve(false));
        six.bind(0, "::1", () => resolve(true));
      });
      // A machine without IPv6 has no such call either.
      if (!bound) return;
      const { session, a, b } = await prepare(sideA(), sideB("b1", { pool: "six", signallingAddress: "::1" }));
      assert.equal(b.address, "2001:db8::1");
      const { port } = six.address();
      engine.commit({
        session,
        remotes: { a: remote(carrier), b1: { ...remote(gateway), address: "0:0::1", port, rtcpAddress: "::1", rtcpPort: port } },
        pair: "b1",
      });
      await engine.stats(session);
      const heard = new Promise<Buffer>((resolve) => six.once("message", resolve));
      carrier.send(rtp(1), a.port, ENGINE_CARRIER);
      assert.deepEqual(await heard, rtp(1));
      for (const sequence of [2, 3]) {
        six.send(rtp(sequence), b.port, "::1");
        assert.deepEqual((await carrier.packet(sequence - 1)).bytes, rtp(sequence));
      }
      assert.equal((await engine.release(session))!.sides[1]!.learnedFrom, `[::1]:${port}`);
      six.close();
    });

    it("goes on when a peer's port is closed (ICMP) and later open again", async () => {
      const { session, a, b } = await bridge();
      carrier.send(rtp(1), a.port, ENGINE_CARRIER);
      await gateway.packet(1);
      gateway.send(rtp(1), b.port, ENGINE_PUBLIC);
      await carrier.packet(1);
      const { port } = gateway;
      gateway.close();
      for (let i = 2; i < 12; i++) {
        carrier.send(rtp(i), a.port, ENGINE_CARRIER);
        await engine.stats(session);
      }
      gateway = await Peer.at(GATEWAY, port);
      // The last ICMP answer may cost one more packet.
      for (let i = 20; i < 24; i++) carrier.send(rtp(i), a.port, ENGINE_CARRIER);
      await gateway.packet(3);
      await engine.release(session);
    });

    it("reports a side that is silent for the session's timeout, once", async () => {
      const { session, a } = await bridge(sideA(), sideB(), { timeoutMs: 1_000 });
      const speak = setInterval(() => carrier.send(rtp(1), a.port, ENGINE_CARRIER), 100);
      try {
        await until("a timeout", () => seen("timeout", session).length > 0);
      } finally {
        clearInterval(speak);
      }
      const [timeout] = seen("timeout", session);
      assert.equal(timeout!.side, "b1");
      assert.ok(timeout!.silentMs >= 1_000 && timeout!.silentMs < 3_500, `${timeout!.silentMs}`);
      await engine.release(session);
    });

    it("does not time out on hold, and does again after it", async () => {
      const { session } = await bridge(sideA(), sideB(), { timeoutMs: 500 });
      engine.commit({
        session,
        remotes: { a: remote(carrier, { direction: "sendonly" }), b1: remote(gateway, { direction: "recvonly" }) },
      });
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      assert.deepEqual(seen("timeout", session), []);
      engine.commit({ session, remotes: { a: remote(carrier), b1: remote(gateway) } });
      await until("timeouts of both", () => seen("timeout", session).length === 2);
      await engine.release(session);
    });

    it(
      "says when a pool has no port left, and a port that another program holds is stepped over",
      async () => {
        const holder = await Peer.at(ENGINE_PUBLIC, 40_000);
        const first = await engine.prepare("tiny-1", [sideB("b1", { pool: "tiny" })]);
        assert.ok(first.ok);
        assert.equal(first.local["b1"]!.port, 40_002);
        const second = await engine.prepare("tiny-2", [sideA(), sideB("b1", { pool: "tiny" })]);
        assert.ok(!second.ok && second.code === "PORTS_EXHAUSTED", JSON.stringify(second));
        assert.equal(await engine.release("tiny-2"), undefined);
        holder.close();
        await engine.release("tiny-1");
        // Both drain now.
        const third = await engine.prepare("tiny-3", [sideB("b1", { pool: "tiny" })]);
        assert.ok(!third.ok && third.code === "PORTS_EXHAUSTED");
      },
      "a gateway's side alone",
    );

    it("pairs any two sides where it says so, one opened after the other, and again after kill -9", async () => {
      if (!engine.capabilities.has("any-pair")) return;
      const session = `call-${++calls}`;
      const first = await engine.prepare(session, [sideB("b1", { pool: "carrier", signallingAddress: CARRIER })]);
      const second = await engine.prepare(session, [sideB("b2")]);
      assert.ok(first.ok && second.ok);
      const [b1, b2] = [first.local["b1"]!, second.local["b2"]!];
      engine.commit({ session, remotes: { b1: remote(carrier), b2: remote(gateway) }, first: "b1", pair: "b2" });
      await engine.stats(session);
      carrier.send(rtp(1), b1.port, ENGINE_CARRIER);
      gateway.send(rtp(1), b2.port, ENGINE_PUBLIC);
      await Promise.all([gateway.packet(1), carrier.packet(1)]);
      if (under.crashAndRestart !== undefined && engine.capabilities.has("restart-on-same-ports")) {
        await under.crashAndRestart();
        await until("up", () => seen("up", "").length > 0);
        carrier.send(rtp(2), b1.port, ENGINE_CARRIER);
        await gateway.packet(2);
      }
      assert.ok((await engine.release(session)) !== undefined);
    });

    it("plays a tone to one side where it says so, and ends it with the session", async () => {
      if (!engine.capabilities.has("play")) return;
      const session = `call-${++calls}`;
      const prepared = await engine.prepare(session, [sideA()]);
      assert.ok(prepared.ok);
      engine.commit({ session, remotes: { a: remote(carrier) }, timeoutMs: 0 });
      engine.play?.({ session, side: "a", tone: "busy", encoding: "PCMU", payloadType: 0, durationMs: 10_000 });
      const [first, fifth] = await Promise.all([carrier.packet(1), carrier.packet(5)]);
      assert.deepEqual([first.bytes.length, first.bytes[1], fifth.bytes[1], first.from.port], [172, 0x80, 0, prepared.local["a"]!.port]);
      const stats = await engine.release(session);
      assert.ok((stats?.sides[0]?.packetsSent ?? 0) >= 5);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const { length } = carrier.received;
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(carrier.received.length, length, "nothing more comes");
    });

    it("refuses an unknown pool, and knows no session that it was not told of", async () => {
      const refused = await engine.prepare("nowhere", [sideB("b1", { pool: "none" })]);
      assert.ok(!refused.ok && refused.code === "UNKNOWN_POOL");
      assert.equal(await engine.release("never"), undefined);
      assert.equal(await engine.stats("never"), undefined);
      engine.commit({ session: "never", remotes: {} });
      await until("gone", () => seen("gone", "never").length === 1);
    });

    it("lives with a remote that is no address: the peer is learned", async () => {
      const { session, a } = await prepare();
      engine.commit({ session, remotes: { a: remote(carrier, { address: "media.example" }), b1: remote(gateway) }, pair: "b1" });
      await engine.stats(session);
      carrier.send(rtp(1), a.port, ENGINE_CARRIER);
      await gateway.packet(1);
      await engine.release(session);
    });

    it("goes on without its controller and gives the sessions to the next one", async () => {
      if (under.reconnect === undefined) return;
      const { session, a } = await bridge();
      under.reconnect();
      await until("down", () => seen("down", "").length > 0);
      carrier.send(rtp(1), a.port, ENGINE_CARRIER);
      await gateway.packet(1);
      await until("up", () => seen("up", "").length > 0);
      assert.ok(seen("up", "")[0]!.sessions.includes(session));
      assert.ok((await engine.release(session)) !== undefined);
    });

    it("has a call's ports after kill -9 right after they were named", async () => {
      if (under.crashAndRestart === undefined || !engine.capabilities.has("restart-on-same-ports")) return;
      const session = `call-${++calls}`;
      const prepared = await engine.prepare(session, [sideA(), sideB()]);
      assert.ok(prepared.ok);
      const { a, b1 } = prepared.local;
      await under.crashAndRestart();
      await until("up", () => seen("up", "").length > 0);
      engine.commit({ session, remotes: { a: remote(carrier), b1: remote(gateway) }, pair: "b1", timeoutMs: 0 });
      assert.ok((await engine.stats(session)) !== undefined);
      carrier.send(rtp(1), a!.port, ENGINE_CARRIER);
      gateway.send(rtp(1), b1!.port, ENGINE_PUBLIC);
      await Promise.all([gateway.packet(1), carrier.packet(1)]);
      assert.ok((await engine.release(session)) !== undefined);
    });

    it("takes its sessions up again on the same ports after kill -9", async () => {
      if (under.crashAndRestart === undefined || !engine.capabilities.has("restart-on-same-ports")) return;
      const { session, a, b } = await bridge();
      carrier.send(rtp(1), a.port, ENGINE_CARRIER);
      gateway.send(rtp(1), b.port, ENGINE_PUBLIC);
      await Promise.all([gateway.packet(1), carrier.packet(1)]);
      let sequence = 1;
      const speak = setInterval(() => {
        sequence++;
        carrier.send(rtp(sequence), a.port, ENGINE_CARRIER);
        gateway.send(rtp(sequence), b.port, ENGINE_PUBLIC);
      }, 5);
      const arrivalsMs: number[] = [];
      carrier.socket.on("message", () => arrivalsMs.push(performance.now()));
      try {
        const heardBefore = carrier.received.length;
        await carrier.packet(heardBefore + 10);
        const pending = engine.prepare("lost", [sideA()]);
        await under.crashAndRestart();
        const answer = await pending;
        assert.ok(answer.ok || answer.code === "ENGINE_GONE");
        await until("up", () => seen("up", "").length > 0);
        await carrier.packet(carrier.received.length + 10);
        await gateway.packet(gateway.received.length + 10);
      } finally {
        clearInterval(speak);
      }
      const gapMs = Math.max(...arrivalsMs.slice(1).map((at, i) => at - arrivalsMs[i]!));
      console.log(`# ${name}: audio gap over kill -9 ${gapMs.toFixed(0)} ms`);
      assert.ok(seen("up", "")[0]!.sessions.includes(session));
      const stats = await engine.release(session);
      assert.deepEqual(
        stats!.sides.map((side) => side.learnedFrom),
        [`${CARRIER}:${carrier.port}`, `${GATEWAY}:${gateway.port}`],
      );
    });
  });
}
