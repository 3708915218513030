/**
 * TCP of one listener (RFC 3261 §18): accepts and opens connections, uses one again for the same peer, and
 * carries a message over to a new connection when the old one turns out to be dead.
 *
 * Everything a stranger can make grow is bounded: connections in all and per source, bytes waiting to be
 * written, the time an unfinished message or an idle connection may take. `transport-tls.ts` is the same with another `kind`
 * of connection. Not here: WebSocket.
 */
import type { Socket } from "node:net";
import type { Clock, Timer } from "#base/clock.ts";
import type { SocketError } from "#net/socket-error.ts";
import type { Descriptors, SocketOptions } from "#net/socket-options.ts";
import { connectTcp, TcpConnection, type TcpConnectionUser, type TcpEndpoints } from "#net/tcp-connection.ts";
import { openTcpListener, type TcpListener } from "#net/tcp-listener.ts";
import { StreamPeer, type StreamPeerOptions, type StreamPeerUser, type StreamSend } from "./stream-peer.ts";
import type { TlsAim, TransportFailure } from "./transport.ts";

const CONNECT_TIMEOUT_MS = 4_000;
export const BACKLOG_BYTES_MAX = 1024 * 1024;
const CONNECTIONS_MAX = 10_000;
const CONNECTIONS_PER_SOURCE_MAX = 1_000;
const SWEEP_INTERVAL_MS = 5_000;

export interface TcpCounters {
  accepted: number;
  /** Connections turned away at a limit. */
  turnedAway: number;
  /** Connections that we began, and those of them that never stood. */
  opened: number;
  openFailed: number;
  connections: number;
}

export interface TcpTransportOptions {
  readonly listener: string;
  readonly address: string;
  readonly port: number;
  readonly extras?: { readonly options: SocketOptions; readonly descriptors: Descriptors } | undefined;
  readonly clock: Clock;
  readonly counters: TcpCounters;
  /** Over all listeners; default 10,000. */
  readonly connectionsMax?: number | undefined;
  /** Ids are unique over all listeners. */
  readonly nextConnectionId: () => number;
  readonly onMessage: StreamPeerUser["onMessage"];
  readonly onBroken: StreamPeerUser["onBroken"];
  /** DSCP of what is sent there; undefined: the listener's. */
  readonly dscpOf?: ((address: string) => number | undefined) | undefined;
  /** Absent: plain TCP. */
  readonly kind?: StreamKind;
}

export interface StreamKind {
  readonly transport: "TCP" | "TLS";
  connect(endpoints: TcpEndpoints, aim: TlsAim | undefined, user: TcpConnectionUser): TcpConnection;
  /** Requests to one place share a connection. */
  placeOf(address: string, port: number, aim: TlsAim | undefined): string;
  inboundPlaceOf(address: string, port: number): string;
}

const PLAIN: StreamKind = {
  transport: "TCP",
  connect: (endpoints, _aim, user) => connectTcp(endpoints, user, BACKLOG_BYTES_MAX),
  placeOf: (address, port) => `${address} ${port}`,
  inboundPlaceOf: (address, port) => `${address} ${port}`,
};

export interface TcpDestination {
  readonly address: string;
  readonly port: number;
  /** Used if it still lives. */
  readonly connection?: number | undefined;
  readonly tls?: TlsAim | undefined;
}

type OnFailure = (failure: TransportFailure) => void;

export async function openTcpTransport(options: TcpTransportOptions): Promise<TcpTransport> {
  let transport: TcpTransport | undefined;
  const listener = await openTcpListener(options, {
    onSocket: (socket, address, port) => {
      if (transport === undefined || !transport.admits(address)) {
        options.counters.turnedAway++;
        socket.destroy();
        return;
      }
      markAccepted(socket, options.dscpOf?.(address));
      transport.accept(address, port, (user) => new TcpConnection(socket, user, BACKLOG_BYTES_MAX));
    },
    onError: () => void options.counters.turnedAway++,
  });
  transport = new TcpTransport(options, listener);
  return transport;
}

/** Accepted sockets have the listener's mark already. */
export function markAccepted(socket: Socket, dscp: number | undefined): void {
  // The six bits of DSCP stand above the two of ECN.
  if (dscp !== undefined) socket.setTypeOfService(dscp << 2);
}

export class TcpTransport {
  readonly port: number;
  /** False: it only calls out. */
  readonly listens: boolean;
  readonly #options: TcpTransportOptions;
  readonly #kind: StreamKind;
  readonly #listener: TcpListener | undefined;
  readonly #byId = new Map<number, StreamPeer>();
  /** The one to use for "address port"; a second one to the same place is found by its id only. */
  readonly #byPlace = new Map<string, StreamPeer>();
  readonly #perSource = new Map<string, number>();
  /** Of young outbound connections, by their id. */
  readonly #connectTimers = new Map<number, Timer>();
  readonly #peerUser: StreamPeerUser;
  readonly #nowMs: () => number;
  readonly #connectionsMax: number;
  #sweep: Timer | undefined;
  #open = true;

  constructor(options: TcpTransportOptions, listener: TcpListener | undefined) {
    this.#options = options;
    this.#kind = options.kind ?? PLAIN;
    this.#listener = listener;
    this.port = listener?.port ?? 0;
    this.listens = listener !== undefined;
    this.#nowMs = () => options.clock.nowMs();
    this.#connectionsMax = Math.min(CONNECTIONS_MAX, options.connectionsMax ?? CONNECTIONS_MAX);
    this.#peerUser = {
      onMessage: options.onMessage,
      onBroken: options.onBroken,
      onGone: (peer, error, unsent, unanswered) => this.#gone(peer, error, unsent, unanswered),
    };
  }

  get connections(): number {
    return this.#byId.size;
  }

  /** Sends over the named connection, else over one to that place, else over a new one. */
  send(destination: TcpDestination, wire: string, onFailure: OnFailure, connectTimeoutMs = CONNECT_TIMEOUT_MS): void {
    const { address, port, connection, tls } = destination;
    const send: StreamSend = { wire, onFailure, address, port, tls, repeated: false };
    const peer =
      (connection === undefined ? undefined : this.#byId.get(connection)) ?? this.#byPlace.get(this.#kind.placeOf(address, port, tls));
    if (peer !== undefined) peer.send(send);
    else this.#sendAnew(send, connectTimeoutMs);
  }

  /** Whether one more connection from that source may be accepted. @param pending connections on their way to `accept` */
  admits(source: string, pending = 0): boolean {
    return this.#open && !this.#full(pending) && (this.#perSource.get(source) ?? 0) < CONNECTIONS_PER_SOURCE_MAX;
  }

  #full(pending = 0): boolean {
    return this.#options.counters.connections + pending >= this.#connectionsMax;
  }

  accept(
    address: string,
    port: number,
    connect: ConstructorParameters<typeof StreamPeer>[2],
    certificateNames?: readonly string[] | undefined,
  ): void {
    this.#options.counters.accepted++;
    this.#perSource.set(address, (this.#perSource.get(address) ?? 0) + 1);
    const place = this.#kind.inboundPlaceOf(address, port);
    this.#keep(this.#peerOf({ address, port, inbound: true, place, certificateNames }, connect));
  }

  close(): void {
    this.#open = false;
    this.#sweep?.cancel();
    for (const timer of this.#connectTimers.values()) timer.cancel();
    this.#connectTimers.clear();
    this.#listener?.close();
    this.#options.counters.connections -= this.#byId.size;
    for (const peer of this.#byId.values()) peer.close();
    this.#byId.clear();
    this.#byPlace.clear();
    this.#perSource.clear();
  }

  #sendAnew(send: StreamSend, connectTimeoutMs: number): void {
    const { onFailure, address, port, tls } = send;
    if (!this.#open || this.#full()) {
      const failure = this.#open
        ? { code: "OVERLOADED", detail: `${this.#connectionsMax} connections are open` }
        : { code: "CLOSED", detail: "the listener is closed" };
      return queueMicrotask(() => onFailure(failure));
    }
    const { address: localAddress, extras } = this.#options;
    const endpoints = {
      remoteAddress: address,
      remotePort: port,
      localAddress,
      dscp: this.#options.dscpOf?.(address) ?? extras?.options.dscp,
    };
    const place = this.#kind.placeOf(address, port, tls);
    const peer = this.#peerOf({ address, port, inbound: false, place, tls }, (user) => this.#kind.connect(endpoints, tls, user));
    this.#keep(peer);
    this.#options.counters.opened++;
    const { id } = peer.options;
    const timer = this.#options.clock.after(connectTimeoutMs, () => {
      this.#connectTimers.delete(id);
      if (peer.connecting)
        peer.end({
          code: "ETIMEDOUT",
          detail: `no ${this.#kind.transport} connection to ${address}:${port} within ${connectTimeoutMs} ms`,
        });
    });
    this.#connectTimers.set(id, timer);
    peer.send(send);
  }

  #peerOf(
    place: Pick<StreamPeerOptions, "address" | "port" | "inbound" | "place" | "certificateNames" | "tls">,
    connect: ConstructorParameters<typeof StreamPeer>[2],
  ): StreamPeer {
    const { listener, nextConnectionId } = this.#options;
    const options = { ...place, id: nextConnectionId(), transport: this.#kind.transport, listener, nowMs: this.#nowMs };
    return new StreamPeer(options, this.#peerUser, connect);
  }

  #keep(peer: StreamPeer): void {
    const { id, place } = peer.options;
    this.#byId.set(id, peer);
    this.#byPlace.set(place, peer);
    this.#options.counters.connections++;
    this.#sweep ??= this.#options.clock.after(SWEEP_INTERVAL_MS, () => this.#sweepOnce());
  }

  #sweepOnce(): void {
    this.#sweep = undefined;
    const nowMs = this.#nowMs();
    for (const peer of this.#byId.values()) {
      const reason = peer.overdue(nowMs);
      if (reason !== undefined) peer.end(reason);
    }
    if (this.#byId.size > 0) this.#sweep = this.#options.clock.after(SWEEP_INTERVAL_MS, () => this.#sweepOnce());
  }

  #gone(peer: StreamPeer, error: SocketError, unsent: readonly StreamSend[], unanswered: readonly StreamSend[]): void {
    const { id, address, inbound, place } = peer.options;
    if (!this.#byId.delete(id)) return;
    this.#options.counters.connections--;
    if (this.#byPlace.get(place) === peer) this.#byPlace.delete(place);
    this.#connectTimers.get(id)?.cancel();
    this.#connectTimers.delete(id);
    if (inbound) this.#forgetSource(address);
    if (unsent.length > 0) this.#options.counters.openFailed++;
    // Later, because the end may have come within a call to `send`.
    queueMicrotask(() => {
      for (const send of unsent) send.onFailure(error);
      for (const send of unanswered) this.#carryOver(send, error);
    });
  }

  /**
   * The peer may have closed a connection that we were just using again, and never saw the message (§18.4
   * calls that a transport error). SIP messages may be repeated, so it goes out once more, over a new one.
   */
  #carryOver(send: StreamSend, error: SocketError): void {
    if (send.repeated || error.code === "OVERLOADED" || !this.#open) return send.onFailure(error);
    const again = { ...send, repeated: true };
    const peer = this.#byPlace.get(this.#kind.placeOf(send.address, send.port, send.tls));
    if (peer !== undefined) peer.send(again);
    else this.#sendAnew(again, CONNECT_TIMEOUT_MS);
  }

  #forgetSource(address: string): void {
    const left = (this.#perSource.get(address) ?? 1) - 1;
    if (left === 0) this.#perSource.delete(address);
    else this.#perSource.set(address, left);
  }
}
