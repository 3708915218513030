/**
 * What happens to one packet: source, form, counters, forward. RTP (RFC 3550 §5.1), RTCP (§6) on its own
 * port or multiplexed (RFC 5761 §4), symmetric learning with a lock (learning.ts). Packets pass unchanged.
 *
 * Hot path, 50 times a second per direction of a call: once the source is locked it allocates nothing,
 * throws nothing, logs nothing. It deliberately knows no commands, no journal and no system calls.
 */
import type { MediaEvent } from "#media/engine.ts";
import type { Flow, Side } from "./flow.ts";
import { type Endpoint, endpointText, mayLearn, sameEndpoint } from "./learning.ts";
import type { PacketSockets, PacketUser } from "./packet-sockets.ts";

const RTP_HEADER_BYTES = 12;
/** The smallest RTCP packet: a header and one SSRC (RFC 3550 §6.4). */
const RTCP_BYTES_MIN = 8;
const TICKS_PER_MS = 8;

/** What a packet changes beyond counters, told to the owner of the sessions. */
export interface PathObserver {
  /** A source was locked: to be journaled. */
  learned(side: Side): void;
  event(event: MediaEvent): void;
}

export class PacketPath implements PacketUser<Flow> {
  readonly #sockets: PacketSockets<Flow>;
  readonly #observer: PathObserver;
  /** Packets handled since start. */
  packets = 0;
  /** Sends that the kernel refused. */
  sendsFailed = 0;

  constructor(sockets: PacketSockets<Flow>, observer: PathObserver) {
    this.#sockets = sockets;
    this.#observer = observer;
  }

  packet(flow: Flow, length: number, checked: boolean): void {
    this.packets++;
    const side = flow.side;
    let source: Endpoint | undefined;
    if (!checked) {
      source = this.#sockets.source();
      if (flow.learned === undefined ? !mayLearn({ nat: side.local.nat, signallingAddress: side.local.signallingAddress, remote: flow.remote }, source) : !sameEndpoint(source, flow.learned)) {
        this.#stray(side, source);
        return;
      }
    }
    const bytes = this.#sockets.packet;
    if (length < RTCP_BYTES_MIN || bytes[0]! >>> 6 !== 2) {
      side.malformed++;
      return;
    }
    const second = bytes[1]!;
    // RFC 5761 §4: RTCP's packet types 192–223 are RTP's payload types 64–95 with the marker bit, which RTP leaves unused.
    const rtcp = second >= 192 && second <= 223;
    if (rtcp) side.rtcpReceived++;
    else if (length < RTP_HEADER_BYTES || flow.use === "rtcp") {
      side.malformed++;
      return;
    } else this.#countRtp(side, bytes, length);
    const partner = side.partner;
    if (partner !== undefined) {
      if (!rtcp) this.#send(partner, partner.rtp, length);
      else if (partner.remote !== undefined) this.#send(partner, partner.remote.rtcpMux ? partner.rtp : partner.rtcp, length);
    }
    // After the packet is forwarded: locking reads further packets into the same buffer. RTCP on the RTP
    // port does not lock: it may come from another port than the audio.
    if (flow.learned === undefined && (!rtcp || flow.use === "rtcp")) this.lock(flow, source!);
  }

  #countRtp(side: Side, bytes: Uint8Array, length: number): void {
    const nowMs = this.#sockets.nowMs;
    side.packetsReceived++;
    side.bytesReceived += length;
    side.heardAtMs = nowMs;
    side.sequence.count(
      (bytes[8]! << 24) | (bytes[9]! << 16) | (bytes[10]! << 8) | bytes[11]!,
      (bytes[2]! << 8) | bytes[3]!,
      (bytes[4]! << 24) | (bytes[5]! << 16) | (bytes[6]! << 8) | bytes[7]!,
      (nowMs * TICKS_PER_MS) | 0,
    );
  }

  #send(side: Side, flow: Flow, length: number): void {
    const socket = flow.socket;
    if (socket === undefined) return;
    let sent: boolean;
    if (flow.connected) sent = socket.send(length);
    else {
      const to = flow.learned ?? flow.remote;
      if (to === undefined) return;
      sent = socket.sendTo(length, to);
    }
    if (!sent) this.sendsFailed++;
    else if (flow.use === "rtp") {
      side.packetsSent++;
      side.bytesSent += length;
    }
  }

  /** Fixes the source of a flow. RTP sockets are connected, so that the kernel drops strays and needs no look-ups. */
  lock(flow: Flow, source: Endpoint): void {
    const first = flow.use === "rtp" && flow.side.packetsReceived === 1;
    flow.learned = source;
    if (flow.use === "rtp" && flow.socket?.connect(source)) {
      // What strangers sent before the connect is still queued: it is read with its source once more.
      flow.socket.drain();
      flow.connected = true;
    }
    this.#observer.learned(flow.side);
    if (first) this.#observer.event({ type: "first-packet", session: flow.side.session.id, side: flow.side.name, from: endpointText(source) });
  }

  /** Opens the lock: the peer's SDP named another place. */
  unlock(flow: Flow): void {
    if (flow.connected) flow.socket?.disconnect();
    flow.connected = false;
    flow.learned = undefined;
  }

  #stray(side: Side, source: Endpoint): void {
    side.strays++;
    side.lastStray = source;
    if (side.straysReported === 0) this.reportStrays(side);
  }

  /** Once at the first stray, then whenever their number has doubled (asked once a second). */
  reportStrays(side: Side): void {
    if (side.lastStray === undefined || side.strays < 2 * side.straysReported || side.strays === 0) return;
    side.straysReported = side.strays;
    this.#observer.event({ type: "stray", session: side.session.id, side: side.name, from: endpointText(side.lastStray), packets: side.strays });
  }
}
