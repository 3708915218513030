/**
 * UDP sockets over node:dgram: one unconnected socket that receives from everyone, and beside it, on the
 * same port, sockets connected to one peer each, because only a connected socket hears that the peer's
 * host refused a datagram (ICMP port unreachable → ECONNREFUSED).
 *
 * Addresses are numeric; nothing here asks DNS. IP_RECVERR is never set: Node aborts on it.
 */
import dgram from "node:dgram";
import type { DatagramCalls } from "./datagram-calls.ts";
import { type SocketError, socketError } from "./socket-error.ts";
import { BUFFER_BYTES, type Descriptors, type SocketOptions } from "./socket-options.ts";

/** A freed port can be taken by somebody between the two binds of `openUdpSocket`; then it starts over. */
const BIND_ATTEMPTS = 8;
const PORT_MAX = 65_535;
/** Read in one event of dgram; more wait for the next, so that other sockets have their turn. */
const DATAGRAMS_PER_EVENT = 31;

export interface UdpSocketUser {
  /** The receiver may keep the buffer. */
  onDatagram(bytes: Buffer, remoteAddress: string, remotePort: number): void;
  /** What the kernel reports out of turn; ECONNREFUSED on a connected socket. The socket lives on. */
  onError(error: SocketError): void;
}

export interface UdpAddress {
  /** Numeric. */
  readonly address: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

type Lookup = (hostname: string, options: unknown, done: (error: null, address: string, family: number) => void) => void;
/** dgram asks this for every send; calling back at once keeps the send synchronous. */
const numericLookup: Lookup = (hostname, _options, done) => done(null, hostname, familyOf(hostname));
const familyOf = (address: string): 4 | 6 => (address.includes(":") ? 6 : 4);

export class UdpSocket {
  readonly address: string;
  readonly port: number;
  readonly #socket: dgram.Socket;
  readonly #direct: Direct | undefined;
  /** What leaves is marked with; changed only where the next datagram wants another. */
  #dscp: number;
  #open = true;

  /**
   * @param socket bound
   * @param direct where its descriptor is known and foreign calls work
   */
  constructor(socket: dgram.Socket, user: UdpSocketUser, direct?: Direct) {
    this.#socket = socket;
    this.#direct = direct;
    this.#dscp = direct?.dscp ?? 0;
    const bound = socket.address();
    this.address = bound.address;
    this.port = bound.port;
    socket.on("message", (bytes, remote) => {
      // A datagram that was already read from the kernel may arrive after close().
      if (!this.#open) return;
      user.onDatagram(bytes, remote.address, remote.port);
      // What waits behind it is cheaper to read here than through another event each.
      if (this.#open && direct !== undefined) direct.calls.receive(direct.fd, DATAGRAMS_PER_EVENT, take, fail);
    });
    const take = (bytes: Buffer, address: string, port: number): boolean => {
      user.onDatagram(bytes, address, port);
      return this.#open;
    };
    const fail = (error: SocketError): void => user.onError(error);
    socket.removeAllListeners("error");
    socket.on("error", (error) => {
      if (this.#open) user.onError(socketError(error));
    });
    growBuffers(socket);
  }

  /** What the kernel granted; it counts some overhead of its own. */
  get receiveBufferBytes(): number {
    return this.#socket.getRecvBufferSize();
  }

  /** Marks what is sent next; where foreign calls don't work, nothing is marked. @param dscp undefined: as the socket was made */
  mark(dscp: number | undefined): void {
    const wanted = dscp ?? this.#direct?.dscp ?? 0;
    if (wanted === this.#dscp || this.#direct === undefined || !this.#open) return;
    if (this.#direct.calls.mark(this.#direct.fd, this.address, wanted)) this.#dscp = wanted;
  }

  /** @param onError called later than this call returns, and only when the datagram was not sent */
  send(bytes: Buffer, address: string, port: number, onError: (error: SocketError) => void): void {
    if (!this.#open) return queueMicrotask(() => onError(CLOSED));
    if (!(port > 0 && port <= PORT_MAX)) return queueMicrotask(() => onError(badPort(port)));
    if (this.#direct !== undefined) {
      const failure = this.#direct.calls.sendTo(this.#direct.fd, bytes, address, port);
      if (failure === undefined) return;
      if (failure !== "full") return queueMicrotask(() => onError(failure));
    }
    this.#socket.send(bytes, port, address, (error) => {
      if (error !== null) onError(socketError(error));
    });
  }

  /** Sends to the peer that the socket is connected to. */
  sendToPeer(bytes: Buffer, onError: (error: SocketError) => void): void {
    if (!this.#open) return queueMicrotask(() => onError(CLOSED));
    if (this.#direct !== undefined) {
      const failure = this.#direct.calls.send(this.#direct.fd, bytes);
      if (failure === undefined) return;
      if (failure !== "full") return queueMicrotask(() => onError(failure));
    }
    this.#socket.send(bytes, (error) => {
      if (error !== null) onError(socketError(error));
    });
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.close();
  }
}

interface Direct {
  readonly fd: number;
  readonly dscp: number | undefined;
  readonly calls: DatagramCalls;
}

const CLOSED: SocketError = { code: "CLOSED", detail: "the socket is closed" };
const badPort = (port: number): SocketError => ({ code: "EINVAL", detail: `no such port: ${port}` });

/** The means to make better sockets than dgram can, and what they shall be. */
export interface UdpSocketExtras {
  readonly options: SocketOptions;
  readonly descriptors: Descriptors;
}

/**
 * Opens the unconnected socket. Throws what bind throws (an Error with `code`): the address is ours to
 * choose, so it is the operator who has to hear of it.
 *
 * The sockets of `connectUdpSocket` need SO_REUSEADDR on this one too, but with it a second process could
 * bind the same port unnoticed. So it is set after bind; where only dgram is at hand, which sets it before,
 * the port is first bound without by another socket, to find out whether it is taken.
 */
export function openUdpSocket(wanted: UdpAddress, user: UdpSocketUser, extras?: UdpSocketExtras): UdpSocket {
  if (extras !== undefined) {
    const { socket, direct } = adopt(wanted, extras, false);
    return new UdpSocket(socket, user, direct);
  }
  for (let attempt = 1; ; attempt++) {
    const probe = createSocket(wanted.address, false);
    let port: number;
    try {
      port = probe.bindSync({ address: wanted.address, port: wanted.port }).port;
    } finally {
      probe.close();
    }
    const socket = createSocket(wanted.address, true);
    try {
      socket.bindSync({ address: wanted.address, port });
      return new UdpSocket(socket, user);
    } catch (error) {
      socket.close();
      if (wanted.port !== 0 || attempt === BIND_ATTEMPTS) throw error;
    }
  }
}

/**
 * A socket on the same local address and port that is connected to one peer. The kernel gives it that
 * peer's datagrams; until it is connected, for some microseconds, it may get anyone's, so its user must
 * look at the address it is given. Undefined when the kernel refuses (descriptors used up, no route).
 */
export function connectUdpSocket(local: UdpSocket, peer: UdpAddress, user: UdpSocketUser, extras?: UdpSocketExtras): UdpSocket | undefined {
  let socket: dgram.Socket | undefined;
  let direct: Direct | undefined;
  try {
    if (extras === undefined) {
      socket = createSocket(local.address, true);
      socket.bindSync({ address: local.address, port: local.port });
    } else {
      ({ socket, direct } = adopt(local, extras, true));
    }
    socket.connectSync(peer.port, peer.address);
    return new UdpSocket(socket, user, direct);
  } catch {
    socket?.close();
    return undefined;
  }
}

/** @param joining true for a further socket on a port that already has one of ours */
function adopt(wanted: UdpAddress, extras: UdpSocketExtras, joining: boolean): { readonly socket: dgram.Socket; readonly direct: Direct } {
  const fd = extras.descriptors.datagram(wanted.address, wanted.port, extras.options, joining);
  const socket = createSocket(wanted.address, true);
  socket.bind({ fd });
  return { socket, direct: { fd, dscp: extras.options.dscp, calls: extras.descriptors.calls } };
}

function createSocket(address: string, reuseAddr: boolean): dgram.Socket {
  const socket =
    familyOf(address) === 6
      ? dgram.createSocket({ type: "udp6", ipv6Only: true, reuseAddr, lookup: numericLookup })
      : dgram.createSocket({ type: "udp4", reuseAddr, lookup: numericLookup });
  // Without a listener an error event ends the process, even on a socket that is being closed.
  socket.on("error", () => {});
  return socket;
}

/** Up to net.core.rmem_max and wmem_max; a buffer that is larger already stays. */
function growBuffers(socket: dgram.Socket): void {
  try {
    if (socket.getRecvBufferSize() < BUFFER_BYTES) socket.setRecvBufferSize(BUFFER_BYTES);
    if (socket.getSendBufferSize() < BUFFER_BYTES) socket.setSendBufferSize(BUFFER_BYTES);
  } catch {
    // The kernel's default stays: bursts lose datagrams earlier, and SIP repeats them.
  }
}
