/**
 * What the relay needs of datagram sockets: koffi's epoll loop and node:dgram both fulfil it, and the
 * same tests run on both. All calls are synchronous; failures are values.
 *
 * A socket is a small integer (a descriptor, where there is one), so that the hot path indexes arrays
 * with it and touches few cache lines.
 */
import type { Endpoint } from "./learning.ts";

export type SocketId = number;

export interface SocketSpec {
  /** Canonical numeric address. */
  readonly address: string;
  readonly port: number;
  readonly device?: string;
  readonly dscp?: number;
  /** Stand beside a socket that `shareAddress` was called on. */
  readonly beside?: boolean;
}

/** "taken": try another port. "descriptors": none left, nothing was harmed. "refused": an option this process may not set. */
export type OpenFailure = "taken" | "descriptors" | "address" | "refused";
export type Opened =
  | { readonly ok: true; readonly id: SocketId }
  | { readonly ok: false; readonly code: OpenFailure; readonly detail: string };

export interface PacketUser {
  /** @param checked the kernel has compared the source with the connected peer */
  packet(id: SocketId, length: number, checked: boolean): void;
}

export interface PacketSockets {
  readonly name: "koffi" | "dgram";
  /** The current packet; valid during `PacketUser.packet`, overwritten afterwards. */
  packet: Uint8Array;
  /** Makes a copy that was kept the current packet again. */
  load(bytes: Uint8Array): void;
  /** Its source; only where `checked` is false. */
  source(): Endpoint;
  /** Monotonic time of the wake-up that read it, whole milliseconds. */
  readonly nowMs: number;
  /** How many sockets descriptors allow, a reserve kept. Ids are below `idsMax`. */
  readonly socketsMax: number;
  readonly idsMax: number;
  readonly socketsOpen: number;
  /** Set once, before the first `open`. */
  user: PacketUser | undefined;
  open(spec: SocketSpec): Opened;
  /** The kernel passes only packets of this peer from now on, except those already queued: `drain` them. */
  connect(id: SocketId, remote: Endpoint): boolean;
  disconnect(id: SocketId): void;
  /** Passes queued packets, with their sources, to the user until none is left. Only koffi's sockets need it. */
  drain(id: SocketId): void;
  /** Sends the first `length` bytes of the current packet to the connected peer. */
  send(id: SocketId, length: number): boolean;
  sendTo(id: SocketId, length: number, to: Endpoint): boolean;
  /** Lets a second socket of ours bind to the same port. */
  shareAddress(id: SocketId): void;
  close(id: SocketId): void;
}
