/**
 * What the relay needs of datagram sockets: koffi's epoll loop and node:dgram both fulfil it, and the
 * same tests run on both. All calls are synchronous; failures are values.
 */
import type { Endpoint } from "./learning.ts";

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
export type Opened<Owner> =
  | { readonly ok: true; readonly socket: PacketSocket<Owner> }
  | { readonly ok: false; readonly code: OpenFailure; readonly detail: string };

export interface PacketSocket<Owner> {
  readonly owner: Owner;
  /** The kernel passes only packets of this peer from now on, except those already queued: `drain` them. */
  connect(remote: Endpoint): boolean;
  disconnect(): void;
  /** Passes queued packets to the user until none is left. Only koffi's sockets need it. */
  drain(): void;
  /** Sends the first `length` bytes of the current packet to the connected peer. */
  send(length: number): boolean;
  sendTo(length: number, to: Endpoint): boolean;
  /** Lets a second socket of ours bind to the same port. */
  shareAddress(): void;
  close(): void;
}

export interface PacketUser<Owner> {
  /** @param checked the kernel has compared the source with the connected peer */
  packet(owner: Owner, length: number, checked: boolean): void;
}

export interface PacketSockets<Owner> {
  readonly name: "koffi" | "dgram";
  /** The current packet; valid during `PacketUser.packet`, overwritten afterwards. */
  packet: Uint8Array;
  /** Its source; only where `checked` is false. */
  source(): Endpoint;
  /** Monotonic time of the wake-up that read it. */
  readonly nowMs: number;
  /** How many sockets descriptors allow, a reserve kept. */
  readonly socketsMax: number;
  readonly socketsOpen: number;
  /** Set once, before the first `open`. */
  user: PacketUser<Owner> | undefined;
  open(spec: SocketSpec, owner: Owner): Opened<Owner>;
}
