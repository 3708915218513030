/**
 * The packet loop on Linux: one epoll set with the RTP sockets and the controller's socket, so that a
 * command needs no thread hop and no turn of Node's loop. `turn` blocks for at most 20 ms; its caller
 * comes back by setImmediate, so that messages, timers and signals of the thread are still seen.
 *
 * One recv per ready socket and wake-up: a second one that finds nothing costs more than asking epoll
 * again. Level-triggered, so nothing is forgotten. No allocation per packet.
 */
import * as ffi from "#net/ffi.ts";
import { Coalescing } from "./coalescing.ts";
import { type Endpoint, canonicalAddress } from "./learning.ts";
import type { OpenFailure, Opened, PacketSocket, PacketSockets, PacketUser, SocketSpec } from "./packet-sockets.ts";

/** A worker that never returns to Node's loop can't be told or ended. */
const TURN_MS = 20;
const EVENTS_MAX = 1024;
/** The largest UDP payload: nothing is ever truncated. */
const PACKET_BYTES_MAX = 65_536;
/** While one socket's queue is drained: more than the default receive buffer holds. */
const DRAIN_MAX = 1_024;

/** Something else in the epoll set: the controller's sockets. */
export interface Watcher {
  ready(events: number): void;
}

class EpollSocket<Owner> implements PacketSocket<Owner> {
  readonly owner: Owner;
  readonly fd: number;
  readonly #loop: EpollLoop<Owner>;
  connected = false;
  constructor(loop: EpollLoop<Owner>, fd: number, owner: Owner) {
    this.#loop = loop;
    this.fd = fd;
    this.owner = owner;
  }
  connect(remote: Endpoint): boolean {
    const raw = rawOf(remote);
    this.connected = raw !== undefined && ffi.connect(this.fd, raw, raw.length) === 0;
    return this.connected;
  }
  disconnect(): void {
    this.connected = false;
    ffi.connect(this.fd, ffi.SOCKADDR_UNSPEC, ffi.SOCKADDR_UNSPEC.length);
  }
  drain(): void {
    this.#loop.drain(this);
  }
  send(length: number): boolean {
    if (ffi.send(this.fd, this.#loop.packet, length, 0) >= 0) return true;
    // An ICMP answer to an earlier packet is reported by the next call, which then sends nothing.
    return ffi.errno() === ffi.ERRNO.ECONNREFUSED && ffi.send(this.fd, this.#loop.packet, length, 0) >= 0;
  }
  sendTo(length: number, to: Endpoint): boolean {
    const raw = rawOf(to);
    return raw !== undefined && to.port !== 0 && ffi.sendto(this.fd, this.#loop.packet, length, 0, raw, raw.length) >= 0;
  }
  shareAddress(): void {
    ffi.allowReuse(this.fd);
  }
  close(): void {
    this.#loop.forget(this.fd);
  }
}

function rawOf(e: Endpoint): Uint8Array | undefined {
  e.raw ??= ffi.encodeSockaddr(e.address, e.port) ?? new Uint8Array(0);
  return e.raw.length === 0 ? undefined : e.raw;
}

export class EpollLoop<Owner> implements PacketSockets<Owner> {
  readonly name = "koffi";
  readonly packet = new Uint8Array(PACKET_BYTES_MAX);
  user: PacketUser<Owner> | undefined = undefined;
  nowMs = performance.now();
  readonly socketsMax: number;
  socketsOpen = 0;
  readonly coalescing: Coalescing;
  /** Called after each wake-up that read something. */
  settle: () => void = () => {};
  readonly #epoll = new ffi.Epoll(EVENTS_MAX);
  /** By descriptor. */
  readonly #sockets: (EpollSocket<Owner> | undefined)[] = [];
  readonly #watchers: (Watcher | undefined)[] = [];
  readonly #source = new Uint8Array(ffi.SOCKADDR_BYTES_MAX);
  readonly #sourceLength = new Uint32Array(1);

  constructor(options: { readonly socketsMax: number; readonly coalesceUs: number }) {
    this.socketsMax = options.socketsMax;
    this.coalescing = new Coalescing(options.coalesceUs);
    if (this.#epoll.fd < 0) throw new Error(`epoll_create1: ${ffi.errnoName(ffi.errno())}`);
  }

  open(spec: SocketSpec, owner: Owner): Opened<Owner> {
    if (this.socketsOpen >= this.socketsMax) return { ok: false, code: "descriptors", detail: `all ${this.socketsMax} sockets that the descriptor limit allows are open` };
    const address = ffi.encodeSockaddr(spec.address, spec.port);
    if (address === undefined) return { ok: false, code: "address", detail: `${spec.address} is not a numeric address` };
    const family = spec.address.includes(":") ? ffi.AF_INET6 : ffi.AF_INET;
    const fd = ffi.socket(family, ffi.SOCK_DGRAM | ffi.SOCK_NONBLOCK | ffi.SOCK_CLOEXEC, 0);
    if (fd < 0) return this.#failure("socket");
    // First bound without SO_REUSEADDR, so that a port that another program holds is found.
    const step =
      family === ffi.AF_INET6 && !ffi.only6(fd)
        ? "IPV6_V6ONLY"
        : spec.beside === true && !ffi.allowReuse(fd)
          ? "SO_REUSEADDR"
          : spec.device !== undefined && !ffi.bindToDevice(fd, spec.device)
            ? `SO_BINDTODEVICE ${spec.device}`
            : spec.dscp !== undefined && !ffi.setDscp(fd, family, spec.dscp)
              ? `DSCP ${spec.dscp}`
              : ffi.bind(fd, address, address.length) !== 0
                ? `bind ${spec.address}:${spec.port}`
                : !this.#epoll.control(ffi.EPOLL_ADD, fd, ffi.EPOLLIN)
                  ? "epoll_ctl"
                  : undefined;
    if (step !== undefined) {
      const failure = this.#failure(step);
      ffi.close(fd);
      return failure;
    }
    const socket = new EpollSocket(this, fd, owner);
    this.#sockets[fd] = socket;
    this.socketsOpen++;
    return { ok: true, socket };
  }

  #failure(step: string): { readonly ok: false; readonly code: OpenFailure; readonly detail: string } {
    const error = ffi.errno();
    const { EADDRINUSE, EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAFNOSUPPORT } = ffi.ERRNO;
    const code = error === EADDRINUSE ? "taken" : [EMFILE, ENFILE, ENOBUFS, ENOMEM].includes(error) ? "descriptors" : [EADDRNOTAVAIL, EAFNOSUPPORT].includes(error) ? "address" : "refused";
    return { ok: false, code, detail: `${step}: ${ffi.errnoName(error)}` };
  }

  forget(fd: number): void {
    if (this.#sockets[fd] === undefined) return;
    this.#sockets[fd] = undefined;
    this.socketsOpen--;
    // Closing takes it out of the epoll set. An event of this wake-up that still names it finds nobody.
    ffi.close(fd);
  }

  watch(fd: number, interest: number, watcher: Watcher): boolean {
    this.#watchers[fd] = watcher;
    return this.#epoll.control(ffi.EPOLL_ADD, fd, interest);
  }
  changeInterest(fd: number, interest: number): void {
    this.#epoll.control(ffi.EPOLL_MOD, fd, interest);
  }
  unwatch(fd: number): void {
    this.#watchers[fd] = undefined;
    ffi.close(fd);
  }

  source(): Endpoint {
    const bytes = this.#source;
    const text = ffi.sockaddrAddress(bytes);
    const address = text.includes(":") ? (canonicalAddress(text) ?? text) : text;
    // A copy of the raw form is ready for connect and sendto.
    const raw = bytes.slice(0, bytes[0] === ffi.AF_INET ? ffi.SOCKADDR_IN_BYTES : ffi.SOCKADDR_IN6_BYTES);
    return { address, port: ffi.sockaddrPort(bytes), raw };
  }

  /** @returns false when nothing was there */
  #readUnconnected(socket: EpollSocket<Owner>): boolean {
    this.#sourceLength[0] = ffi.SOCKADDR_BYTES_MAX;
    const length = ffi.recvfrom(socket.fd, this.packet, PACKET_BYTES_MAX, 0, this.#source, this.#sourceLength);
    if (length < 0) return ffi.errno() !== ffi.ERRNO.EAGAIN;
    this.user?.packet(socket.owner, length, false);
    return true;
  }

  drain(socket: EpollSocket<Owner>): void {
    for (let i = 0; i < DRAIN_MAX && this.#sockets[socket.fd] === socket; i++) if (!this.#readUnconnected(socket)) return;
  }

  /** Handles what comes for at most TURN_MS. */
  turn(): void {
    const epoll = this.#epoll;
    const events = epoll.events;
    const endMs = performance.now() + TURN_MS;
    do {
      const ready = epoll.wait(TURN_MS);
      this.nowMs = performance.now();
      if (ready === 0) break;
      for (let i = 0, at = 0; i < ready; i++, at += ffi.EPOLL_EVENT_WORDS) this.#dispatch(events[at + ffi.EPOLL_DATA_WORD]!, events[at]!);
      this.settle();
      const delayUs = this.coalescing.delayUs(ready, this.nowMs);
      if (delayUs > 0 && ready < EVENTS_MAX) ffi.usleep(delayUs);
    } while (this.nowMs < endMs);
  }

  #dispatch(fd: number, flags: number): void {
    const socket = this.#sockets[fd];
    if (socket === undefined) {
      this.#watchers[fd]?.ready(flags);
      return;
    }
    if (!socket.connected) {
      this.#readUnconnected(socket);
      return;
    }
    // A failure is a spurious wake-up or an ICMP error, which reading has cleared (RFC 1122 §4.1.3.3).
    const length = ffi.recv(fd, this.packet, PACKET_BYTES_MAX, 0);
    if (length >= 0) this.user?.packet(socket.owner, length, true);
  }
}
