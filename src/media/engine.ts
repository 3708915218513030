/**
 * What every media engine does: the embedded `tandem-media` and rtpengine fulfil this, one contract
 * suite runs on both. `call/` knows nothing else of media.
 *
 * A *session* belongs to one call and has *sides*: "a" for the caller and one per gateway tried ("b1",
 * "b2", …), so that the caller's port stays while hunting. `commit` pairs "a" with one b-side; an engine with
 * "any-pair" pairs any two and needs no "a": calls that Tandem places have none.
 */

export type SessionId = string;
export type SideName = string;

export type MediaCapability =
  | "relay"
  | "rtcp-mux"
  | "nat-learning"
  | "restart-on-same-ports"
  | "any-pair"
  | "play"
  | "srtp"
  | "transcode"
  | "endpoint";

/** Where packets of one listener's calls may be received. Named after the listener. */
export interface PortPool {
  readonly name: string;
  readonly bindAddress: string;
  /** Address that goes into SDP. */
  readonly advertisedAddress: string;
  /** First even port and last port of the range, both inclusive. */
  readonly portMin: number;
  readonly portMax: number;
  readonly device?: string;
  readonly dscp?: number;
}

export interface PrepareSide {
  readonly side: SideName;
  readonly pool: string;
  /** Learn the source from any address (then lock). Without it only the SDP's or `signallingAddress` may be learned. */
  readonly nat: boolean;
  readonly signallingAddress: string;
  /** Of packets to this side; absent: the pool's. */
  readonly dscp?: number;
  /** Offer or accept RTP and RTCP on one port (RFC 5761). */
  readonly rtcpMux: boolean;
}

export interface LocalMedia {
  readonly address: string;
  readonly port: number;
  readonly rtcpPort: number;
}

/** The peer's transport address of the audio stream, from its SDP. */
export interface RemoteMedia {
  readonly address: string;
  readonly port: number;
  readonly rtcpAddress: string;
  readonly rtcpPort: number;
  readonly rtcpMux: boolean;
  /** What the peer may do, as it said: "sendonly"/"inactive" from a peer is hold and suspends the timeout. */
  readonly direction: "sendrecv" | "sendonly" | "recvonly" | "inactive";
  /** Payload types that the peer accepts; others are counted and dropped only where the engine can. */
  readonly payloadTypes: readonly number[];
}

export type MediaFailureCode =
  | "PORTS_EXHAUSTED"
  | "DESCRIPTORS_EXHAUSTED"
  | "ENGINE_GONE"
  | "UNKNOWN_POOL"
  | "UNKNOWN_SESSION"
  | "BAD_ADDRESS"
  | "REFUSED";

export type Prepared =
  | { readonly ok: true; readonly local: Readonly<Record<SideName, LocalMedia>> }
  | { readonly ok: false; readonly code: MediaFailureCode; readonly detail: string };

export interface Commit {
  readonly session: SessionId;
  /** Sides whose remote changed; the pair need not be named again. */
  readonly remotes: Readonly<Record<SideName, RemoteMedia>>;
  /** Which side `first` talks to from now on; undefined leaves the pairing. */
  readonly pair?: SideName;
  /** The other one of the pair; absent: "a". Others need "any-pair". */
  readonly first?: SideName;
  /** No packet from a peer that should send for so long ends the session with an event. 0: never. */
  readonly timeoutMs?: number;
}

export interface SideStats {
  readonly side: SideName;
  readonly packetsReceived: number;
  readonly bytesReceived: number;
  readonly packetsSent: number;
  readonly bytesSent: number;
  /** Packets from a source that was not learned. */
  readonly strays: number;
  readonly malformed: number;
  /** From sequence numbers, RFC 3550 §A.3. */
  readonly lost: number;
  /** Interarrival jitter, ms, RFC 3550 §A.8, assuming 8000 Hz where unknown. */
  readonly jitterMs: number;
  readonly rtcpReceived: number;
  /** Where packets come from now, "address:port"; "" before the first. */
  readonly learnedFrom: string;
}
export interface SessionStats {
  readonly session: SessionId;
  readonly sides: readonly SideStats[];
}

export type MediaEvent =
  /** The named side sent nothing for timeoutMs. Reported once; the session stays until released. */
  | { readonly type: "timeout"; readonly session: SessionId; readonly side: SideName; readonly silentMs: number }
  | { readonly type: "first-packet"; readonly session: SessionId; readonly side: SideName; readonly from: string }
  | { readonly type: "stray"; readonly session: SessionId; readonly side: SideName; readonly from: string; readonly packets: number }
  /** The engine ended a session by itself. */
  | { readonly type: "gone"; readonly session: SessionId; readonly reason: string }
  /** The engine's process or connection went or came back. `sessions` are those it still holds. */
  | { readonly type: "down"; readonly reason: string }
  | { readonly type: "up"; readonly bootId: string; readonly sessions: readonly SessionId[] };

/** Call progress tones (ITU-T E.180, E.182). */
export const TONES = ["busy", "congestion", "special-information", "ringback"] as const;
export type Tone = (typeof TONES)[number];

export interface Play {
  readonly session: SessionId;
  /** Whose peer hears it; its remote has to be known. */
  readonly side: SideName;
  readonly tone: Tone;
  readonly encoding: "PCMU" | "PCMA";
  readonly payloadType: number;
  readonly durationMs: number;
}

export interface MediaEngine {
  readonly name: string;
  readonly capabilities: ReadonlySet<MediaCapability>;
  /** Makes the session if needed and opens ports for the sides. Idempotent per side. */
  prepare(session: SessionId, sides: readonly PrepareSide[]): Promise<Prepared>;
  /** Ordered after earlier calls; errors come as events. */
  commit(commit: Commit): void;
  /** With "play": a tone to one side, ordered after earlier calls; it ends by itself, with the side or with the session. */
  play?(play: Play): void;
  /** Closes one side (a gateway that hunting left behind). */
  abort(session: SessionId, side: SideName): void;
  /** Ends the session; undefined when the engine no longer knew it. */
  release(session: SessionId): Promise<SessionStats | undefined>;
  stats(session: SessionId): Promise<SessionStats | undefined>;
  /** The one owner's ear; set once. */
  onEvent: ((event: MediaEvent) => void) | undefined;
}
