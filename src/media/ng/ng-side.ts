/** One side of a session at rtpengine: what it was prepared with, what its peer said, what was seen of it. */
import type { LocalMedia, PrepareSide, RemoteMedia, SessionId, SessionStats, SideName } from "#media/engine.ts";
import { isPlace } from "./ng-description.ts";
import type { TagStatistics } from "./ng-statistics.ts";

export interface Side {
  readonly name: SideName;
  /** undefined for a session of a former process: rtpengine remembers the interface. */
  readonly wanted: PrepareSide | undefined;
  readonly nat: boolean;
  local: LocalMedia | undefined;
  remote: RemoteMedia | undefined;
  /** The call went on without it; its tag may wait for its deletion. */
  left: boolean;
  packets: number;
  heardMs: number;
  strays: number;
  firstTold: boolean;
  timeoutTold: boolean;
}

export const newSide = (name: SideName, wanted: PrepareSide | undefined, nat: boolean, nowMs: number): Side => ({
  name,
  wanted,
  nat,
  local: undefined,
  remote: undefined,
  left: false,
  packets: 0,
  heardMs: nowMs,
  strays: 0,
  firstTold: false,
  timeoutTold: false,
});

/** Prepared with mux, it is offered; from the commit on it is what the peer agreed to. */
export const muxOf = (side: Side): boolean => side.remote?.rtcpMux ?? side.wanted?.rtcpMux ?? false;

/**
 * strict-source: once a source is taken, nothing else is. Without `nat` that is the described one from the start
 * (`asymmetric` ends rtpengine's learning); else, and where no place is described, it is the first that comes.
 */
export function flagsFor(side: Side): readonly string[] {
  const described = !side.nat && (side.remote === undefined || isPlace(side.remote));
  return ["port-latching", "strict-source", "endpoint-learning-immediate", ...(described ? ["asymmetric"] : [])];
}

/** A hold on either side makes silence right on both (RFC 3264 §8.4). */
export function mustSpeak(side: Side, partner: Side): boolean {
  if (side.remote === undefined || partner.remote === undefined) return false;
  if (side.remote.port === 0 || partner.remote.port === 0) return false;
  return side.remote.direction === "sendrecv" && partner.remote.direction === "sendrecv";
}

/** @param pair the b-side that "a" talks to */
export function statsOf(
  session: SessionId,
  sidesByName: ReadonlyMap<SideName, Side>,
  pair: SideName | undefined,
  tags: ReadonlyMap<string, TagStatistics>,
): SessionStats {
  const heardBy = (side: Side): TagStatistics | undefined => tags.get(side.name === "a" ? (pair ?? "") : side.name === pair ? "a" : "");
  const sides = [...sidesByName.values()].map((side) => {
    const counted = tags.get(side.name);
    // What it sent is not counted: it is what came from the other side.
    const sent = heardBy(side);
    return {
      side: side.name,
      packetsReceived: counted?.packets ?? 0,
      bytesReceived: counted?.bytes ?? 0,
      packetsSent: sent?.packets ?? 0,
      bytesSent: sent?.bytes ?? 0,
      strays: counted?.errors ?? 0,
      malformed: 0,
      lost: 0,
      jitterMs: 0,
      rtcpReceived: counted?.rtcpPackets ?? 0,
      learnedFrom: counted === undefined || counted.packets === 0 ? "" : counted.peer,
    };
  });
  return { session, sides };
}
