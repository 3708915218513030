/**
 * What comes in, from whichever transport: parses it once and hands it up, as a message or as garbage. A flood
 * of garbage costs a parse each and nothing more: what is published of it is bounded per second.
 */
import { bytesToWire } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { SocketError } from "#net/socket-error.ts";
import type { Publish } from "#observe/event.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import type { Flow, TransportUser } from "./transport.ts";

const GARBAGE_PUBLISHED_PER_SECOND = 5;
/** RFC 5626 §4.4.1 is two CRLF; others send NULs or spaces. */
const KEEP_ALIVE_BYTES_MAX = 16;
/** RFC 8489 §5. */
const STUN_HEADER_BYTES = 20;
const STUN_MAGIC_COOKIE = 0x2112a442;

export interface InboxCounters {
  messagesIn: number;
  garbage: number;
  keepAlives: number;
  stun: number;
  /** TLS that others began and that came to nothing. */
  handshakesFailed: number;
}

/** So many per second of the clock, no more. */
class Allowance {
  readonly #clock: Clock;
  readonly #perSecond: number;
  #second = Number.NEGATIVE_INFINITY;
  #used = 0;
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }
  take(): boolean {
    const second = Math.floor(this.#clock.nowMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#used = 0;
    }
    return this.#used++ < this.#perSecond;
  }
}

export interface InboxOptions {
  readonly user: TransportUser;
  readonly clock: Clock;
  readonly counters: InboxCounters;
  readonly publish: Publish | undefined;
}

export class Inbox {
  readonly #options: InboxOptions;
  readonly #published: Allowance;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#published = new Allowance(options.clock, GARBAGE_PUBLISHED_PER_SECOND);
  }

  datagram(bytes: Buffer, flow: Flow): void {
    if (isKeepAlive(bytes)) this.#options.counters.keepAlives++;
    else if (isStun(bytes)) this.#options.counters.stun++;
    else this.message(bytesToWire(bytes), flow);
  }

  /** @returns false when it was garbage */
  message(wire: string, flow: Flow): boolean {
    const { counters, user } = this.#options;
    const message = parseMessage(wire);
    if (!message.ok) {
      this.garbage(message.reason, wire, flow);
      return false;
    }
    counters.messagesIn++;
    user.onMessage(message.value, flow);
    return true;
  }

  garbage(reason: string, wire: string, flow: Flow): void {
    const { counters, publish, user } = this.#options;
    counters.garbage++;
    if (publish !== undefined && this.#published.take()) {
      const remote = `${flow.remoteAddress}:${flow.remotePort}`;
      publish({ type: "garbage", listener: flow.listener, remote, reason, bytes: wire.length });
    }
    user.onGarbage(reason, wire, flow);
  }

  /** A connection that never came to say anything, or a certificate that counts for nothing. */
  handshakeFailed(listener: string, remote: string, { code, detail }: SocketError): void {
    const { counters, publish } = this.#options;
    counters.handshakesFailed++;
    if (publish !== undefined && this.#published.take()) publish({ type: "tls-failed", listener, remote, reason: `${code}: ${detail}` });
  }
}

function isKeepAlive(bytes: Buffer): boolean {
  if (bytes.length > KEEP_ALIVE_BYTES_MAX) return false;
  // CR, LF, space, tab, NUL; an empty datagram too.
  return bytes.every((byte) => byte === 13 || byte === 10 || byte === 32 || byte === 9 || byte === 0);
}

/** A SIP message begins with a letter; STUN with its class and method, below 0x20 (RFC 8489 §5). It is another protocol, not garbage. */
function isStun(bytes: Buffer): boolean {
  return bytes.length >= STUN_HEADER_BYTES && bytes[0]! < 0x20 && bytes.readUInt32BE(4) === STUN_MAGIC_COOKIE;
}
