/**
 * What happens to one packet: source, form, counters, forward. RTP (RFC 3550 §5.1), RTCP (§6) on its own
 * port or multiplexed (RFC 5761 §4), symmetric learning with a lock (learning.ts). Packets pass unchanged.
 *
 * Hot path, 50 times a second per direction of a call: between two connected sockets a packet touches one
 * cache line of the hot table and no object; it allocates nothing, throws nothing, logs nothing. All that
 * is rarer (RTCP, learning, strays, unpaired sides) takes the slow way over Flow and Side.
 * It deliberately knows no commands, no journal and no system calls.
 */
import type { MediaEvent, SideStats } from "#media/engine.ts";
import { type Flow, NO_SOCKET, type Session, type Side } from "./flow.ts";
import { type Endpoint, LEFT_BEHIND_MS, endpointText, mayLearn, reachable, sameEndpoint } from "./learning.ts";
import type { PacketSockets, PacketUser, SocketId } from "./packet-sockets.ts";
import { SEQUENCE_WORDS, countSequence, jitterMsOf, lostOf } from "./sequence.ts";

const RTP_HEADER_BYTES = 12;
/** The smallest RTCP packet: a header and one SSRC (RFC 3550 §6.4). */
const RTCP_BYTES_MIN = 8;
const TICKS_PER_MS = 8;
/** Kept of a side whose peer is not known yet: as much as a commit may take, no more. */
const EARLY_MS = 60;
const EARLY_PACKETS_MAX = 4;
const EARLY_BYTES_MAX = 1_500;
/** Where unknown, RTP's clock is taken to run at this rate (RFC 3551 §4.5). */
const CLOCK_RATE_HZ = 1_000 * TICKS_PER_MS;

/** The hot table has one cache line (64 bytes) for each socket id: a stream's sequence, then these words. */
const LINE_SHIFT = 4;
/** Socket to forward to, plus one; 0: the slow way. */
const OUT = SEQUENCE_WORDS;
/** Of the last accepted RTP packet, or of what started the wait for one; ms, wraps after 24 days. */
const HEARD_MS = SEQUENCE_WORDS + 1;
const RECEIVED = SEQUENCE_WORDS + 2;
const RECEIVED_BYTES = SEQUENCE_WORDS + 3;
const SENT = SEQUENCE_WORDS + 4;
const SENT_BYTES = SEQUENCE_WORDS + 5;

/** What a packet changes beyond counters, told to the owner of the sessions. */
export interface PathObserver {
  /** A source was locked: to be journaled. */
  learned(side: Side): void;
  event(event: MediaEvent): void;
}

export class PacketPath implements PacketUser {
  readonly #sockets: PacketSockets;
  readonly #observer: PathObserver;
  readonly #hot: Int32Array;
  /** By socket id. */
  readonly #flows: (Flow | undefined)[] = [];
  /** Sends that the kernel refused. */
  sendsFailed = 0;

  constructor(sockets: PacketSockets, observer: PathObserver) {
    this.#sockets = sockets;
    this.#observer = observer;
    this.#hot = new Int32Array(sockets.idsMax << LINE_SHIFT);
  }

  packet(id: SocketId, length: number, checked: boolean): void {
    const at = id << LINE_SHIFT;
    const hot = this.#hot;
    const out = hot[at + OUT]!;
    const bytes = this.#sockets.packet;
    // RFC 5761 §4: RTCP's packet types 192–223 are RTP's payload types 64–95 with the marker bit, which RTP leaves unused.
    if (out === 0 || !checked || length < RTP_HEADER_BYTES || bytes[0]! >>> 6 !== 2 || (bytes[1]! & 0xe0) === 0xc0) {
      this.#slowly(id, length, checked);
      return;
    }
    hot[at + RECEIVED]!++;
    hot[at + RECEIVED_BYTES]! += length;
    this.#countRtp(at, bytes);
    if (this.#sockets.send(out - 1, length)) {
      hot[at + SENT]!++;
      hot[at + SENT_BYTES]! += length;
    } else this.sendsFailed++;
  }

  #countRtp(at: number, bytes: Uint8Array): void {
    const nowMs = this.#sockets.nowMs;
    this.#hot[at + HEARD_MS] = nowMs;
    countSequence(
      this.#hot,
      at,
      (bytes[8]! << 24) | (bytes[9]! << 16) | (bytes[10]! << 8) | bytes[11]!,
      (bytes[2]! << 8) | bytes[3]!,
      (bytes[4]! << 24) | (bytes[5]! << 16) | (bytes[6]! << 8) | bytes[7]!,
      (nowMs * TICKS_PER_MS) | 0,
    );
  }

  #slowly(id: SocketId, length: number, checked: boolean): void {
    const flow = this.#flows[id];
    if (flow === undefined) return;
    if (checked) return this.#accept(flow, id, length, undefined);
    // Before the peer's SDP is known nobody can be told from a stranger: early media comes before its 183.
    if (flow.remote === undefined && flow.use !== "stray") return this.#keepEarly(flow, length);
    this.#examine(flow, id, length, this.#sockets.source());
  }

  #examine(flow: Flow, id: SocketId, length: number, source: Endpoint): void {
    if (flow.learned === undefined ? this.#mayLearn(flow, source) : sameEndpoint(source, flow.learned))
      this.#accept(flow, id, length, source);
    else this.#stray(flow.side, source);
  }

  /** @param source undefined: the kernel has compared it with the peer */
  #accept(flow: Flow, id: SocketId, length: number, source: Endpoint | undefined): void {
    const side = flow.side;
    const bytes = this.#sockets.packet;
    const rtcp = (bytes[1]! & 0xe0) === 0xc0;
    if (length < (rtcp ? RTCP_BYTES_MIN : RTP_HEADER_BYTES) || bytes[0]! >>> 6 !== 2 || (!rtcp && flow.use === "rtcp")) {
      side.malformed++;
      return;
    }
    if (rtcp) side.rtcpReceived++;
    else {
      side.packetsReceived++;
      side.bytesReceived += length;
      this.#countRtp(id << LINE_SHIFT, bytes);
    }
    const partner = side.partner;
    if (partner !== undefined) this.#forward(partner, rtcp && partner.remote?.rtcpMux !== true ? partner.rtcp : partner.rtp, length, rtcp);
    // After the packet is forwarded: locking reads further packets into the same buffer. RTCP on the RTP
    // port does not lock: it may come from another port than the audio.
    if (flow.learned === undefined && (!rtcp || flow.use === "rtcp")) this.lock(flow, source!);
  }

  /** The 200 that opens a call and its first packets travel different ways: the packets may be here first. */
  #keepEarly(flow: Flow, length: number): void {
    if (flow.use !== "rtp" || length > EARLY_BYTES_MAX) return;
    const early = (flow.early ??= []);
    early.push({ bytes: this.#sockets.packet.slice(0, length), source: this.#sockets.source(), atMs: this.#sockets.nowMs });
    if (early.length > EARLY_PACKETS_MAX) early.shift();
  }

  /** After the remotes and the pair are known: forwards what came just before. What is older was early media for nobody. */
  replayEarly(session: Session): void {
    for (const { rtp } of session.sides.values()) {
      const { early } = rtp;
      if (early === undefined || rtp.remote === undefined) continue;
      rtp.early = undefined;
      for (const { bytes, source, atMs } of early) {
        if (this.#sockets.nowMs - atMs > EARLY_MS || rtp.side.partner === undefined) continue;
        this.#sockets.load(bytes);
        this.#examine(rtp, rtp.socket, bytes.length, source);
      }
    }
  }

  #mayLearn(flow: Flow, source: Endpoint): boolean {
    const { nat, signallingAddress } = flow.side.local;
    const left = this.#sockets.nowMs - flow.leftAtMs < LEFT_BEHIND_MS ? flow.left : undefined;
    return mayLearn({ nat, signallingAddress, remote: flow.remote, left }, source);
  }

  #forward(side: Side, flow: Flow, length: number, rtcp: boolean): void {
    if (flow.socket === NO_SOCKET) return;
    const to = flow.learned ?? flow.remote;
    // Linux would send to ourselves what is for 0.0.0.0.
    if (to === undefined || !reachable(to)) return;
    const sent = flow.connected ? this.#sockets.send(flow.socket, length) : this.#sockets.sendTo(flow.socket, length, to);
    if (!sent) this.sendsFailed++;
    else if (!rtcp) {
      side.packetsSent++;
      side.bytesSent += length;
    }
  }

  /** A packet of our own to this side's peer. False: nothing is known of where that is. */
  sendOwn(side: Side, packet: Uint8Array): boolean {
    const { rtp } = side;
    if (rtp.socket === NO_SOCKET || (rtp.learned ?? rtp.remote) === undefined) return false;
    this.#sockets.load(packet);
    this.#forward(side, rtp, packet.length, false);
    return true;
  }

  /** The flow has its socket now. */
  opened(flow: Flow): void {
    this.#flows[flow.socket] = flow;
    this.#hot.fill(0, flow.socket << LINE_SHIFT, (flow.socket + 1) << LINE_SHIFT);
    if (flow.use === "rtp") this.touch(flow.side);
  }

  /** The flow's socket is about to be closed. */
  closing(flow: Flow): void {
    if (flow.use === "rtp") this.harvest(flow.side);
    this.#flows[flow.socket] = undefined;
    this.#hot[(flow.socket << LINE_SHIFT) + OUT] = 0;
  }

  /** Fixes the source of a flow. RTP sockets are connected, so that the kernel drops strays and needs no look-ups. */
  lock(flow: Flow, source: Endpoint): void {
    const { side } = flow;
    flow.learned = source;
    if (flow.use === "rtp" && this.#sockets.connect(flow.socket, source)) {
      // What strangers sent before the connect is still queued: it is read with its source once more.
      this.#sockets.drain(flow.socket);
      flow.connected = true;
      this.#wire(side);
    }
    this.#observer.learned(side);
    if (flow.use !== "rtp" || side.heard) return;
    side.heard = true;
    this.#observer.event({ type: "first-packet", session: side.session.id, side: side.name, from: endpointText(source) });
  }

  /** Opens the lock: the peer's SDP named another place. */
  unlock(flow: Flow): void {
    if (flow.connected) this.#sockets.disconnect(flow.socket);
    flow.left = flow.learned;
    flow.leftAtMs = this.#sockets.nowMs;
    flow.connected = false;
    flow.learned = undefined;
    this.#wire(flow.side);
  }

  /** Points the two sides of the session's pair at each other and all others at nobody. */
  pairUp(session: Session): void {
    const a = session.sides.get(session.first);
    const b = session.pair === undefined ? undefined : session.sides.get(session.pair);
    for (const side of session.sides.values()) this.harvest(side);
    for (const side of session.sides.values()) side.partner = undefined;
    if (a !== undefined && b !== undefined && a !== b) {
      a.partner = b;
      b.partner = a;
    }
    for (const side of session.sides.values()) this.#wire(side);
  }

  /** Opens or closes the hot way between a side and its partner, both directions. */
  #wire(side: Side): void {
    const there = side.rtp;
    const back = side.partner?.rtp;
    const both = back !== undefined && there.connected && back.connected;
    if (there.socket !== NO_SOCKET) this.#hot[(there.socket << LINE_SHIFT) + OUT] = both ? back.socket + 1 : 0;
    if (back !== undefined && back.socket !== NO_SOCKET) this.#hot[(back.socket << LINE_SHIFT) + OUT] = both ? there.socket + 1 : 0;
  }

  /** Moves what the hot way counted into the side and its partner. */
  harvest(side: Side): void {
    if (side.rtp.socket === NO_SOCKET) return;
    const hot = this.#hot;
    const at = side.rtp.socket << LINE_SHIFT;
    side.packetsReceived += hot[at + RECEIVED]!;
    side.bytesReceived += hot[at + RECEIVED_BYTES]!;
    if (side.partner !== undefined) {
      side.partner.packetsSent += hot[at + SENT]!;
      side.partner.bytesSent += hot[at + SENT_BYTES]!;
    }
    hot.fill(0, at + RECEIVED, at + SENT_BYTES + 1);
  }

  /** Starts the wait for packets of this side anew. */
  touch(side: Side): void {
    if (side.rtp.socket !== NO_SOCKET) this.#hot[(side.rtp.socket << LINE_SHIFT) + HEARD_MS] = this.#sockets.nowMs;
  }

  silentMs(side: Side): number {
    return (this.#sockets.nowMs - this.#hot[(side.rtp.socket << LINE_SHIFT) + HEARD_MS]!) | 0;
  }

  /** The partner's counts are in its own hot line: harvest all sides of a session first. */
  stats(side: Side): SideStats {
    const at = side.rtp.socket << LINE_SHIFT;
    return {
      side: side.name,
      packetsReceived: side.packetsReceived,
      bytesReceived: side.bytesReceived,
      packetsSent: side.packetsSent,
      bytesSent: side.bytesSent,
      strays: side.strays,
      malformed: side.malformed,
      lost: lostOf(this.#hot, at),
      jitterMs: jitterMsOf(this.#hot, at, CLOCK_RATE_HZ),
      rtcpReceived: side.rtcpReceived,
      learnedFrom: side.rtp.learned === undefined ? "" : endpointText(side.rtp.learned),
    };
  }

  #stray(side: Side, source: Endpoint): void {
    side.strays++;
    side.lastStray = source;
    if (side.straysReported === 0) this.reportStrays(side);
  }

  /** Once at the first stray, then whenever their number has doubled (asked once a second). */
  reportStrays(side: Side): void {
    if (side.lastStray === undefined || side.strays < 2 * side.straysReported) return;
    side.straysReported = side.strays;
    this.#observer.event({
      type: "stray",
      session: side.session.id,
      side: side.name,
      from: endpointText(side.lastStray),
      packets: side.strays,
    });
  }
}
