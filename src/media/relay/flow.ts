/**
 * The state of a relayed call: a *session* has *sides*, a side has one or two *flows* (RTP and, unless
 * multiplexed, RTCP), a flow has a socket. Plain state with fields of stable shape; what changes it is
 * in packet-path.ts (packets) and relay.ts (commands).
 */
import type { RemoteMedia, SessionId, SideName, SideStats } from "#media/engine.ts";
import { type Endpoint, endpointText } from "./learning.ts";
import type { PacketSocket } from "./packet-sockets.ts";
import { SequenceTracker } from "./sequence.ts";

/** Where unknown, RTP's clock is taken to run at this rate (RFC 3551 §4.5). */
const CLOCK_RATE_HZ = 8_000;

/** "stray": a socket beside a connected one that only counts who else sends there. */
export type FlowUse = "rtp" | "rtcp" | "stray";

export class Flow {
  readonly side: Side;
  readonly use: FlowUse;
  socket: PacketSocket<Flow> | undefined = undefined;
  /** From the SDP. */
  remote: Endpoint | undefined = undefined;
  /** Locked source. */
  learned: Endpoint | undefined = undefined;
  /** The kernel has `learned` as its peer. */
  connected = false;
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
  readonly sequence = new SequenceTracker();
  /** Monotonic; of the last accepted RTP packet, or of what started the wait for one. */
  heardAtMs = 0;
  timeoutReported = false;
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

  stats(): SideStats {
    return {
      side: this.name,
      packetsReceived: this.packetsReceived,
      bytesReceived: this.bytesReceived,
      packetsSent: this.packetsSent,
      bytesSent: this.bytesSent,
      strays: this.strays,
      malformed: this.malformed,
      lost: this.sequence.lost,
      jitterMs: this.sequence.jitterMs(CLOCK_RATE_HZ),
      rtcpReceived: this.rtcpReceived,
      learnedFrom: this.rtp.learned === undefined ? "" : endpointText(this.rtp.learned),
    };
  }
}

export class Session {
  readonly id: SessionId;
  readonly sides = new Map<SideName, Side>();
  /** The b-side that "a" talks to. */
  pair: SideName | undefined = undefined;
  timeoutMs = 0;
  constructor(id: SessionId) {
    this.id = id;
  }

  /** Points the two sides of the pair at each other and all others at nobody. */
  pairUp(): void {
    const a = this.sides.get("a");
    const b = this.pair === undefined ? undefined : this.sides.get(this.pair);
    for (const side of this.sides.values()) side.partner = undefined;
    if (a === undefined || b === undefined || a === b) return;
    a.partner = b;
    b.partner = a;
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
