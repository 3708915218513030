/** One side's half of a call's audio: its ports, what it said last and what we told it. */
import type { LocalMedia, SideName } from "#media/engine.ts";
import type { SessionDescription } from "#sdp/description.ts";
import { codecsOf } from "#sdp/codecs.ts";
import { audioOf } from "./audio-facts.ts";

/** As the journal keeps it. */
export interface StreamState {
  readonly name: SideName;
  readonly local: LocalMedia;
  readonly rtcpMux: boolean;
  /** The o= line's id of what we send to this side. */
  readonly sessionId: string;
  /** The o= line's version last used towards this side. */
  readonly version: number;
  /** The last description of that peer that is in force, and the last one that we sent it; "" for none. */
  readonly received: string;
  readonly sent: string;
  /** First codec of `received`. */
  readonly codec: string;
}
export interface MediaState {
  readonly a: StreamState;
  readonly b: StreamState;
  readonly timeoutMs: number;
}

export class Stream {
  readonly name: SideName;
  readonly local: LocalMedia;
  readonly rtcpMux: boolean;
  readonly sessionId: string;
  version: number;
  received: string;
  sent: string;
  codec: string;
  constructor(state: StreamState) {
    this.name = state.name;
    this.local = state.local;
    this.rtcpMux = state.rtcpMux;
    this.sessionId = state.sessionId;
    this.version = state.version;
    this.received = state.received;
    this.sent = state.sent;
    this.codec = state.codec;
  }
  get state(): StreamState {
    const { name, local, rtcpMux, sessionId, version, received, sent, codec } = this;
    return { name, local, rtcpMux, sessionId, version, received, sent, codec };
  }
  /** From now on this is what the peer said. */
  take(text: string, description: SessionDescription): void {
    this.received = text;
    this.codec = codecsOf(audioOf(description)!)[0]?.name ?? "";
  }
}
