/** The shape of a session description (RFC 8866). Text parts are wire strings. Pure data. */

export interface Origin {
  readonly username: string;
  readonly sessionId: string;
  readonly sessionVersion: string;
  readonly addressType: "IP4" | "IP6";
  readonly address: string;
}
export interface Connection {
  readonly addressType: "IP4" | "IP6";
  /** Without TTL and count; may be a host name. */
  readonly address: string;
}
/** "a=name" or "a=name:value". */
export interface Attribute {
  readonly name: string;
  readonly value: string | undefined;
}
export interface Bandwidth {
  readonly type: string;
  readonly kbps: number;
}
export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** One m-line with what belongs to it. */
export interface MediaDescription {
  /** "audio", "video", "image" … */
  readonly media: string;
  /** 0: declined or disabled (RFC 3264 §6). */
  readonly port: number;
  readonly portCount: number;
  /** "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "udptl" … */
  readonly protocol: string;
  readonly formats: readonly string[];
  readonly connection: Connection | undefined;
  readonly bandwidths: readonly Bandwidth[];
  readonly attributes: readonly Attribute[];
}
export interface SessionDescription {
  readonly origin: Origin;
  readonly sessionName: string;
  readonly connection: Connection | undefined;
  readonly bandwidths: readonly Bandwidth[];
  readonly attributes: readonly Attribute[];
  readonly media: readonly MediaDescription[];
}

/** One payload format of an RTP m-line, from formats + rtpmap + fmtp + static table (RFC 3551). */
export interface Codec {
  readonly payloadType: number;
  /** As written, compared without case: "PCMU", "telephone-event". */
  readonly name: string;
  readonly clockRateHz: number;
  readonly channels: number;
  readonly fmtp: string | undefined;
}
