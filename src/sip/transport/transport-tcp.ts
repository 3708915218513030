/**
 * TCP of one listener (RFC 3261 §18): accepts and opens connections, uses one again for the same peer, and
 * carries a message over to a new connection when the old one turns out to be dead.
 *
 * Everything a stranger can make grow is bounded: connections in all and per source, bytes waiting to be
 * written, the time an unfinished message or an idle connection may take. Not here: TLS, WebSocket.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { SocketError } from "#net/socket-error.ts";
import type { Descriptors, SocketOptions } from "#net/socket-options.ts";
import { connectTcp, TcpConnection } from "#net/tcp-connection.ts";
import { openTcpListener, type TcpListener } from "#net/tcp-listener.ts";
import { StreamPeer, type StreamPeerUser, type StreamSend } from "./stream-peer.ts";
import type { TransportFailure } from "./transport.ts";

const CONNECT_TIMEOUT_MS = 4_000;
const BACKLOG_BYTES_MAX = 1024 * 1024;
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
}

export interface TcpDestination {
  readonly address: string;
  readonly port: number;
  /** Used if it still lives. */
  readonly connection?: number | undefined;
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
      transport.accept(address, port, (user) => new TcpConnection(socket, user, BACKLOG_BYTES_MAX));
    },
    onError: () => void options.counters.turnedAway++,
  });
  transport = new TcpTransport(options, listener);
  return transport;
}

export class TcpTransport {
  readonly port: number;
  readonly #options: TcpTransportOptions;
  readonly #listener: TcpListener;
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

  constructor(options: TcpTransportOptions, listener: TcpListener) {
    this.#options = options;
    this.#listener = listener;
    this.port = listener.port;
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
    const { address, port, connection } = destination;
    const send: StreamSend = { wire, onFailure, address, port, repeated: false };
    const peer = (connection === undefined ? undefined : this.#byId.get(connection)) ?? this.#byPlace.get(placeOf(address, port));
    if (peer !== undefined) peer.send(send);
    else this.#sendAnew(send, connectTimeoutMs);
  }

  /** Whether one more connection from that source may be accepted. */
  admits(source: string): boolean {
    return this.#open && !this.#full() && (this.#perSource.get(source) ?? 0) < CONNECTIONS_PER_SOURCE_MAX;
  }

  #full(): boolean {
    return this.#options.counters.connections >= this.#connectionsMax;
  }

  accept(address: string, port: number, connect: ConstructorParameters<typeof StreamPeer>[2]): void {
    this.#options.counters.accepted++;
    this.#perSource.set(address, (this.#perSource.get(address) ?? 0) + 1);
    this.#keep(this.#peerOf(address, port, true, connect));
  }

  close(): void {
    this.#open = false;
    this.#sweep?.cancel();
    for (const timer of this.#connectTimers.values()) timer.cancel();
    this.#connectTimers.clear();
    this.#listener.close();
    this.#options.counters.connections -= this.#byId.size;
    for (const peer of this.#byId.values()) peer.close();
    this.#byId.clear();
    this.#byPlace.clear();
    this.#perSource.clear();
  }

  #sendAnew(send: StreamSend, connectTimeoutMs: number): void {
    const { onFailure, address, port } = send;
    if (!this.#open || this.#full()) {
      const failure = this.#open
        ? { code: "OVERLOADED", detail: `${this.#connectionsMax} connections are open` }
        : { code: "CLOSED", detail: "the listener is closed" };
      return queueMicrotask(() => onFailure(failure));
    }
    const { address: localAddress, extras } = this.#options;
    const endpoints = { remoteAddress: address, remotePort: port, localAddress, dscp: extras?.options.dscp };
    const peer = this.#peerOf(address, port, false, (user) => connectTcp(endpoints, user, BACKLOG_BYTES_MAX));
    this.#keep(peer);
    this.#options.counters.opened++;
    const { id } = peer.options;
    const timer = this.#options.clock.after(connectTimeoutMs, () => {
      this.#connectTimers.delete(id);
      if (peer.connecting) peer.end({ code: "ETIMEDOUT", detail: `no TCP connection to ${address}:${port} within ${connectTimeoutMs} ms` });
    });
    this.#connectTimers.set(id, timer);
    peer.send(send);
  }

  #peerOf(address: string, port: number, inbound: boolean, connect: ConstructorParameters<typeof StreamPeer>[2]): StreamPeer {
    const { listener, nextConnectionId } = this.#options;
    return new StreamPeer({ id: nextConnectionId(), listener, address, port, inbound, nowMs: this.#nowMs }, this.#peerUser, connect);
  }

  #keep(peer: StreamPeer): void {
    const { id, address, port } = peer.options;
    this.#byId.set(id, peer);
    this.#byPlace.set(placeOf(address, port), peer);
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
    const { id, address, port, inbound } = peer.options;
    if (!this.#byId.delete(id)) return;
    this.#options.counters.connections--;
    const place = placeOf(address, port);
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
    const peer = this.#byPlace.get(placeOf(send.address, send.port));
    if (peer !== undefined) peer.send(again);
    else this.#sendAnew(again, CONNECT_TIMEOUT_MS);
  }

  #forgetSource(address: string): void {
    const left = (this.#perSource.get(address) ?? 1) - 1;
    if (left === 0) this.#perSource.delete(address);
    else this.#perSource.set(address, left);
  }
}

const placeOf = (address: string, port: number): string => `${address} ${port}`;
