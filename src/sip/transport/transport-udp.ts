/**
 * UDP of one listener (RFC 3261 §18): an unconnected socket that receives from everyone and sends all
 * responses, and beside it a socket connected to each target of our requests, which hears at once that
 * nothing listens there (ICMP → ECONNREFUSED) instead of waiting for timer B.
 *
 * Deliberately not here: parsing, retransmission, multicast.
 */
import { wireToBytes } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { SocketError } from "#net/socket-error.ts";
import { connectUdpSocket, openUdpSocket, type UdpSocket, type UdpSocketExtras, type UdpSocketUser } from "#net/udp-socket.ts";
import { RecentSends } from "./recent-sends.ts";
import type { Flow, TransportFailure } from "./transport.ts";

/** Connected sockets of one listener: each is a descriptor, and the kernel looks through them for every datagram. */
const PEERS_MAX = 256;
/** A peer that was used within 64*T1 keeps its socket: what waits in it unread must not be lost. */
const PEER_KEPT_MS = 32_000;
/** After the kernel refused to make a connected socket. */
const PEER_RETRY_AFTER_MS = 1_000;
/** What the kernel makes of ICMP unreachable: no port, filtered (a firewall's REJECT), unknown host or network. */
const REFUSALS: ReadonlySet<string> = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENONET", "ENOPROTOOPT"]);

/** Flows that are remembered. */
const FLOWS_MAX = 4_096;

export interface UdpCounters {
  datagramsIn: number;
  datagramsOut: number;
  sendErrors: number;
  /** Times that a target's host said that nothing listens there. */
  refusals: number;
  watchedTargets: number;
}

export interface UdpTransportOptions {
  readonly listener: string;
  readonly address: string;
  readonly port: number;
  readonly extras?: UdpSocketExtras | undefined;
  readonly clock: Clock;
  readonly counters: UdpCounters;
  readonly onDatagram: (bytes: Buffer, flow: Flow) => void;
  /** DSCP of what is sent there; undefined: the listener's. */
  readonly dscpOf?: ((address: string) => number | undefined) | undefined;
}

type OnFailure = (failure: TransportFailure) => void;

interface Send {
  readonly wire: string;
  readonly onFailure: OnFailure;
  readonly atMs: number;
}

/** One target of our requests with the socket that is connected to it. */
class UdpPeer {
  readonly sends = new RecentSends<Send>();
  usedAtMs: number;
  readonly socket: UdpSocket;
  readonly address: string;
  constructor(socket: UdpSocket, address: string, nowMs: number) {
    this.socket = socket;
    this.address = address;
    this.usedAtMs = nowMs;
  }
}

export class UdpTransport {
  readonly #options: UdpTransportOptions;
  readonly #socket: UdpSocket;
  readonly #socketUser: UdpSocketUser;
  /** By "address port", in order of last use. */
  readonly #peers = new Map<string, UdpPeer>();
  /** By address, then port: transactions keep theirs for half a minute, and most come from few places. */
  readonly #flows = new Map<string, Map<number, Flow>>();
  #flowsRemembered = 0;
  #noPeersUntilMs = Number.NEGATIVE_INFINITY;

  /** Throws what bind throws. */
  constructor(options: UdpTransportOptions) {
    this.#options = options;
    this.#socketUser = {
      onDatagram: (bytes, remoteAddress, remotePort) => this.#received(bytes, remoteAddress, remotePort),
      // An unconnected socket hears of no peer; whatever the kernel reports here concerns no request.
      onError: () => void options.counters.sendErrors++,
    };
    this.#socket = openUdpSocket({ address: options.address, port: options.port }, this.#socketUser, options.extras);
  }

  get port(): number {
    return this.#socket.port;
  }

  get receiveBufferBytes(): number {
    return this.#socket.receiveBufferBytes;
  }

  /** A request. Refusals of the target within the next second reach `onFailure`. */
  sendRequest(address: string, port: number, wire: string, onFailure: OnFailure): void {
    const nowMs = this.#options.clock.nowMs();
    const peer = this.#peerOf(address, port, nowMs);
    if (peer === undefined) return this.sendResponse(address, port, wire, onFailure);
    this.#sendToPeer(peer, { wire, onFailure, atMs: nowMs }, true);
  }

  /** A response, or a request whose target cannot be watched: from the unconnected socket. */
  sendResponse(address: string, port: number, wire: string, onFailure: OnFailure): void {
    this.#options.counters.datagramsOut++;
    this.#socket.mark(this.#options.dscpOf?.(address));
    this.#socket.send(wireToBytes(wire), address, port, (error) => {
      this.#options.counters.sendErrors++;
      onFailure(error);
    });
  }

  /** Connects a socket to a configured target ahead of its first request. */
  watch(address: string, port: number): void {
    this.#peerOf(address, port, this.#options.clock.nowMs());
  }

  close(): void {
    this.#socket.close();
    for (const peer of this.#peers.values()) peer.socket.close();
    this.#options.counters.watchedTargets -= this.#peers.size;
    this.#peers.clear();
  }

  #received(bytes: Buffer, remoteAddress: string, remotePort: number): void {
    this.#options.counters.datagramsIn++;
    this.#options.onDatagram(bytes, this.#flowOf(remoteAddress, remotePort));
  }

  #flowOf(remoteAddress: string, remotePort: number): Flow {
    let ports = this.#flows.get(remoteAddress);
    const known = ports?.get(remotePort);
    if (known !== undefined) return known;
    const flow: Flow = {
      transport: "UDP",
      listener: this.#options.listener,
      localAddress: this.#socket.address,
      localPort: this.#socket.port,
      remoteAddress,
      remotePort,
      connection: 0,
    };
    if (this.#flowsRemembered === FLOWS_MAX) {
      this.#flows.clear();
      this.#flowsRemembered = 0;
      ports = undefined;
    }
    if (ports === undefined) this.#flows.set(remoteAddress, (ports = new Map()));
    ports.set(remotePort, flow);
    this.#flowsRemembered++;
    return flow;
  }

  #sendToPeer(peer: UdpPeer, send: Send, again: boolean): void {
    peer.sends.add(send);
    this.#options.counters.datagramsOut++;
    peer.socket.mark(this.#options.dscpOf?.(peer.address));
    peer.socket.sendToPeer(wireToBytes(send.wire), (error) => {
      if (!REFUSALS.has(error.code)) {
        this.#options.counters.sendErrors++;
        send.onFailure(error);
        return;
      }
      // The kernel hands the refusal of an earlier datagram to the next send, and does not send. The earlier
      // ones are told; this one goes out now, and is refused by itself if nothing listens.
      this.#refused(peer, error, again ? send : undefined);
      if (again) this.#sendToPeer(peer, send, false);
    });
  }

  /** @param except the send that carried the news */
  #refused(peer: UdpPeer, error: SocketError, except?: Send): void {
    this.#options.counters.refusals++;
    const told = new Set<OnFailure>();
    for (const send of peer.sends.take(this.#options.clock.nowMs())) {
      // Repeats of one request share its callback.
      if (send !== except && !told.has(send.onFailure)) {
        told.add(send.onFailure);
        send.onFailure(error);
      }
    }
  }

  #peerOf(address: string, port: number, nowMs: number): UdpPeer | undefined {
    const key = `${address} ${port}`;
    let peer = this.#peers.get(key);
    if (peer !== undefined) {
      // Re-inserted only now and then: the order of use matters in seconds.
      if (nowMs - peer.usedAtMs > 1_000) {
        this.#peers.delete(key);
        this.#peers.set(key, peer);
        peer.usedAtMs = nowMs;
      }
      return peer;
    }
    if (nowMs < this.#noPeersUntilMs || !this.#makeRoom(nowMs)) return undefined;
    const user: UdpSocketUser = {
      onDatagram: this.#socketUser.onDatagram,
      onError: (error) => {
        const refusing = this.#peers.get(key);
        if (refusing !== undefined && REFUSALS.has(error.code)) this.#refused(refusing, error);
        else this.#options.counters.sendErrors++;
      },
    };
    const socket = connectUdpSocket(this.#socket, { address, port }, user, this.#options.extras);
    if (socket === undefined) {
      this.#noPeersUntilMs = nowMs + PEER_RETRY_AFTER_MS;
      return undefined;
    }
    peer = new UdpPeer(socket, address, nowMs);
    this.#peers.set(key, peer);
    this.#options.counters.watchedTargets++;
    return peer;
  }

  /** Closes the socket that was unused for longest; false when all are in use. */
  #makeRoom(nowMs: number): boolean {
    if (this.#peers.size < PEERS_MAX) return true;
    for (const [key, peer] of this.#peers) {
      if (nowMs - peer.usedAtMs < PEER_KEPT_MS) return false;
      peer.socket.close();
      this.#peers.delete(key);
      this.#options.counters.watchedTargets--;
      return true;
    }
    return false;
  }
}
