/**
 * The state of a relayed call: a *session* has *sides*, a side has one or two *flows* (RTP and, unless
 * multiplexed, RTCP), a flow has a socket. What each packet changes stands apart, in the hot table of
 * packet-path.ts; what changes this is in packet-path.ts (sources) and relay.ts (commands).
 */
import type { RemoteMedia, SessionId, SideName } from "#media/engine.ts";
import type { Endpoint } from "./learning.ts";
import type { SocketId } from "./packet-sockets.ts";

/** "stray": a socket beside a connected one that only counts who else sends there. */
export type FlowUse = "rtp" | "rtcp" | "stray";

/** Of a flow whose socket is closed. */
export const NO_SOCKET: SocketId = -1;

/** A packet that came before its peer was known. */
export interface EarlyPacket {
  /** A copy. */
  readonly bytes: Uint8Array;
  readonly source: Endpoint;
  readonly atMs: number;
}

export class Flow {
  readonly side: Side;
  readonly use: FlowUse;
  socket: SocketId = NO_SOCKET;
  /** From the SDP. */
  remote: Endpoint | undefined = undefined;
  /** Locked source. */
  learned: Endpoint | undefined = undefined;
  /** What was locked before the remote changed, and when it did. */
  left: Endpoint | undefined = undefined;
  leftAtMs = 0;
  /** The kernel has `learned` as its peer. */
  connected = false;
  /** The last few, until the remote is known. */
  early: EarlyPacket[] | undefined = undefined;
  constructor(side: Side, use: FlowUse) {
    this.side = side;
    this.use = use;
  }
}

/** What `prepare` decided about a side; never changes. */
export interface SideLocal {
  readonly pool: string;
  readonly bindAddress: string;
  readonly advertisedAddress: string;
  readonly port: number;
  readonly device?: string;
  readonly dscp?: number;
  readonly nat: boolean;
  readonly signallingAddress: string;
}

export class Side {
  readonly session: Session;
  readonly name: SideName;
  readonly local: SideLocal;
  readonly rtp: Flow;
  readonly rtcp: Flow;
  readonly stray: Flow;
  remote: RemoteMedia | undefined = undefined;
  /** To whom this side's packets go. */
  partner: Side | undefined = undefined;
  /** Its first packet was reported. */
  heard = false;
  timeoutReported = false;
  /** The counters lack what the hot table has gathered since the last `PacketPath.harvest`. */
  packetsReceived = 0;
  bytesReceived = 0;
  packetsSent = 0;
  bytesSent = 0;
  rtcpReceived = 0;
  strays = 0;
  straysReported = 0;
  lastStray: Endpoint | undefined = undefined;
  malformed = 0;

  constructor(session: Session, name: SideName, local: SideLocal) {
    this.session = session;
    this.name = name;
    this.local = local;
    this.rtp = new Flow(this, "rtp");
    this.rtcp = new Flow(this, "rtcp");
    this.stray = new Flow(this, "stray");
  }
}

export class Session {
  readonly id: SessionId;
  readonly sides = new Map<SideName, Side>();
  /** Who talks to whom: `first` is "a" but in calls that have no such side. */
  first: SideName = "a";
  pair: SideName | undefined = undefined;
  timeoutMs = 0;
  constructor(id: SessionId) {
    this.id = id;
  }
}

/**
 * Should packets come from this side now? A peer that said sendonly or inactive holds the call, and one
 * that was put on hold answers recvonly: then silence is right on both sides (RFC 3264 §8.4).
 */
export function mustSpeak(side: Side): boolean {
  const partner = side.partner;
  if (partner === undefined || side.remote === undefined || partner.remote === undefined) return false;
  if (side.remote.port === 0 || partner.remote.port === 0) return false;
  return side.remote.direction === "sendrecv" && partner.remote.direction === "sendrecv";
}
