/**
 * The packet loop on Linux: one epoll set with the RTP sockets and the controller's socket, so that a
 * command needs no thread hop and no turn of Node's loop. `turn` blocks for 20 ms, 250 at rest; its caller
 * comes back by setImmediate, so that messages, timers and signals of the thread are still seen.
 *
 * One recv per ready socket and wake-up: a second one that finds nothing costs more than asking epoll
 * again. Level-triggered, so nothing is forgotten. No allocation per packet.
 */
import { Coalescing, restUs } from "#net/coalescing.ts";
import * as ffi from "#net/ffi.ts";
import { type Endpoint, canonicalAddress } from "./learning.ts";
import type { OpenFailure, Opened, PacketSockets, PacketUser, SocketId, SocketSpec } from "./packet-sockets.ts";

/** A worker that never returns to Node's loop can't be told or ended. */
export const TURN_MS = 20;
/** Without a session and another worker: packets and commands wake it all the same, and so do signals. */
export const IDLE_TURN_MS = 250;
const EVENTS_MAX = 1024;
/** Wake-ups per packet are cheap enough up to 40 calls; the full delay begins at 160. */
const COALESCING = { noDelayBelow: 4_000, fullDelayFrom: 16_000 } as const;
/** The largest UDP payload: nothing is ever truncated. */
const PACKET_BYTES_MAX = 65_536;
/** While one socket's queue is drained: more than the default receive buffer holds. */
const DRAIN_MAX = 1_024;

/** Something else in the epoll set: the controller's sockets. */
export interface Watcher {
  ready(events: number): void;
}

function rawOf(e: Endpoint): Uint8Array | undefined {
  e.raw ??= ffi.encodeSockaddr(e.address, e.port) ?? new Uint8Array(0);
  return e.raw.length === 0 ? undefined : e.raw;
}

/** What a descriptor is to the loop. */
const OTHER = 0;
const UNCONNECTED = 1;
const CONNECTED = 2;

export class EpollLoop implements PacketSockets {
  readonly name = "koffi";
  readonly packet = new Uint8Array(PACKET_BYTES_MAX);
  user: PacketUser | undefined = undefined;
  nowMs = Math.floor(performance.now());
  readonly socketsMax: number;
  readonly idsMax: number;
  socketsOpen = 0;
  readonly coalescing: Coalescing;
  /** How long a turn may last; shorter where something has to leave on time. */
  turnMs = TURN_MS;
  /** Called after each wake-up that read something. */
  settle: () => void = () => {};
  readonly #epoll = new ffi.Epoll(EVENTS_MAX);
  /** By descriptor. */
  readonly #states: Uint8Array;
  readonly #watchers: (Watcher | undefined)[] = [];
  readonly #source = new Uint8Array(ffi.SOCKADDR_BYTES_MAX);
  readonly #sourceLength = new Uint32Array(1);

  /** @param descriptorsMax the process's limit: no descriptor is larger */
  constructor(options: { readonly socketsMax: number; readonly descriptorsMax: number; readonly coalesceUs: number }) {
    this.socketsMax = options.socketsMax;
    this.idsMax = options.descriptorsMax;
    this.#states = new Uint8Array(options.descriptorsMax);
    this.coalescing = new Coalescing({ ...COALESCING, maxUs: options.coalesceUs });
    if (this.#epoll.fd < 0) throw new Error(`epoll_create1: ${ffi.errnoName(ffi.errno())}`);
  }

  open(spec: SocketSpec): Opened {
    if (this.socketsOpen >= this.socketsMax)
      return { ok: false, code: "descriptors", detail: `all ${this.socketsMax} sockets that the descriptor limit allows are open` };
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
    this.#states[fd] = UNCONNECTED;
    this.socketsOpen++;
    return { ok: true, id: fd };
  }

  #failure(step: string): { readonly ok: false; readonly code: OpenFailure; readonly detail: string } {
    const error = ffi.errno();
    const { EADDRINUSE, EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAFNOSUPPORT } = ffi.ERRNO;
    const code =
      error === EADDRINUSE
        ? "taken"
        : [EMFILE, ENFILE, ENOBUFS, ENOMEM].includes(error)
          ? "descriptors"
          : [EADDRNOTAVAIL, EAFNOSUPPORT].includes(error)
            ? "address"
            : "refused";
    return { ok: false, code, detail: `${step}: ${ffi.errnoName(error)}` };
  }

  connect(fd: SocketId, remote: Endpoint): boolean {
    const raw = rawOf(remote);
    if (raw === undefined || ffi.connect(fd, raw, raw.length) !== 0) return false;
    this.#states[fd] = CONNECTED;
    return true;
  }

  disconnect(fd: SocketId): void {
    this.#states[fd] = UNCONNECTED;
    ffi.connect(fd, ffi.SOCKADDR_UNSPEC, ffi.SOCKADDR_UNSPEC.length);
  }

  send(fd: SocketId, length: number): boolean {
    if (ffi.send(fd, this.packet, length, 0) >= 0) return true;
    // An ICMP answer to an earlier packet is reported by the next call, which then sends nothing.
    return ffi.errno() === ffi.ERRNO.ECONNREFUSED && ffi.send(fd, this.packet, length, 0) >= 0;
  }

  sendTo(fd: SocketId, length: number, to: Endpoint): boolean {
    const raw = rawOf(to);
    return raw !== undefined && to.port !== 0 && ffi.sendto(fd, this.packet, length, 0, raw, raw.length) >= 0;
  }

  shareAddress(fd: SocketId): void {
    ffi.allowReuse(fd);
  }

  close(fd: SocketId): void {
    if (this.#states[fd] === OTHER) return;
    this.#states[fd] = OTHER;
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

  load(bytes: Uint8Array): void {
    this.packet.set(bytes);
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
  #readUnconnected(fd: number): boolean {
    this.#sourceLength[0] = ffi.SOCKADDR_BYTES_MAX;
    const length = ffi.recvfrom(fd, this.packet, PACKET_BYTES_MAX, 0, this.#source, this.#sourceLength);
    if (length < 0) return ffi.errno() !== ffi.ERRNO.EAGAIN;
    this.user?.packet(fd, length, false);
    return true;
  }

  drain(fd: SocketId): void {
    for (let i = 0; i < DRAIN_MAX && this.#states[fd] !== OTHER; i++) if (!this.#readUnconnected(fd)) return;
  }

  /** Handles what comes for at most `turnMs`. */
  turn(): void {
    const epoll = this.#epoll;
    const events = epoll.events;
    const startMs = performance.now();
    do {
      const ready = epoll.wait(this.turnMs);
      const wokeMs = performance.now();
      this.nowMs = Math.floor(wokeMs);
      if (ready === 0) break;
      for (let i = 0, at = 0; i < ready; i++, at += ffi.EPOLL_EVENT_WORDS) this.#dispatch(events[at + ffi.EPOLL_DATA_WORD]!, events[at]!);
      this.settle();
      const delayUs = this.coalescing.delayUs(ready, wokeMs);
      if (delayUs === 0 || ready === EVENTS_MAX) continue;
      const us = restUs(delayUs, (performance.now() - wokeMs) * 1000);
      if (us > 0) ffi.usleep(us);
      // Read anew, as what came may want shorter turns.
    } while (this.nowMs - startMs < this.turnMs);
  }

  #dispatch(fd: number, flags: number): void {
    const state = this.#states[fd];
    if (state === CONNECTED) {
      // A failure is a spurious wake-up or an ICMP error, which reading has cleared (RFC 1122 §4.1.3.3).
      const length = ffi.recv(fd, this.packet, PACKET_BYTES_MAX, 0);
      if (length >= 0) this.user?.packet(fd, length, true);
    } else if (state === UNCONNECTED) this.#readUnconnected(fd);
    else this.#watchers[fd]?.ready(flags);
  }
}
