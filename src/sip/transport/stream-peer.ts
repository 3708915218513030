/**
 * One TCP or TLS connection as SIP sees it (RFC 3261 §18.3): framing, keep-alive, and whom to tell about messages
 * that it took with it. Which connection a message uses is `transport-tcp.ts`'s decision.
 */
import type { SocketError } from "#net/socket-error.ts";
import type { TcpConnection, TcpConnectionUser } from "#net/tcp-connection.ts";
import { StreamFramer } from "#sip/message/frame-stream.ts";
import { RecentSends } from "./recent-sends.ts";
import type { Flow, TlsAim, TransportFailure } from "./transport.ts";

/** A message that was begun must be complete by then (slowloris). */
const PARTIAL_MESSAGE_MAX_MS = 30_000;
/** Nothing at all in either direction. */
const IDLE_INBOUND_MAX_MS = 5 * 60_000;
const IDLE_OUTBOUND_MAX_MS = 10 * 60_000;

export interface StreamSend {
  readonly wire: string;
  readonly onFailure: (failure: TransportFailure) => void;
  /** Where a new connection goes if this one turns out to be dead. */
  readonly address: string;
  readonly port: number;
  readonly tls?: TlsAim | undefined;
  /** It was already lost with one connection. */
  readonly repeated: boolean;
}
interface Written extends StreamSend {
  readonly atMs: number;
}

export interface StreamPeerUser {
  onMessage(wire: string, peer: StreamPeer): void;
  /** Framing is lost; the peer ends itself after this returned. */
  onBroken(reason: string, wire: string, peer: StreamPeer): void;
  /** Once. `unsent`: never left; `unanswered`: written in the last second, and nothing came since. */
  onGone(peer: StreamPeer, error: SocketError, unsent: readonly StreamSend[], unanswered: readonly StreamSend[]): void;
}

export interface StreamPeerOptions {
  readonly id: number;
  readonly transport: "TCP" | "TLS";
  /** What others find it by, to use it again. */
  readonly place: string;
  readonly certificateNames?: readonly string[] | undefined;
  readonly tls?: TlsAim | undefined;
  readonly listener: string;
  readonly address: string;
  readonly port: number;
  readonly inbound: boolean;
  readonly nowMs: () => number;
}

export class StreamPeer {
  readonly options: StreamPeerOptions;
  /** Messages that could not be parsed, for a limit. */
  garbage = 0;
  readonly #user: StreamPeerUser;
  readonly #connection: TcpConnection;
  readonly #framer = new StreamFramer();
  #state: "connecting" | "open" | "gone";
  /** Written while connecting: the kernel has seen none of it. */
  #waiting: StreamSend[] = [];
  readonly #written = new RecentSends<Written>();
  #heardAtMs: number;
  #usedAtMs: number;
  #partialSinceMs: number | undefined;
  #flow: Flow | undefined;
  #begun = false;

  constructor(options: StreamPeerOptions, user: StreamPeerUser, connect: (user: TcpConnectionUser) => TcpConnection) {
    this.options = options;
    this.#user = user;
    this.#state = options.inbound ? "open" : "connecting";
    this.#heardAtMs = this.#usedAtMs = options.nowMs();
    this.#connection = connect({
      onConnected: () => this.#connected(),
      onBytes: (bytes) => this.#received(bytes),
      onClosed: (error) => this.#gone(error),
    });
  }

  get connecting(): boolean {
    return this.#state === "connecting";
  }

  get flow(): Flow {
    this.#flow ??= {
      transport: this.options.transport,
      listener: this.options.listener,
      localAddress: this.#connection.localAddress,
      localPort: this.#connection.localPort,
      remoteAddress: this.options.address,
      remotePort: this.options.port,
      connection: this.options.id,
      ...(this.options.certificateNames === undefined ? {} : { certificateNames: this.options.certificateNames }),
      ...(this.options.tls === undefined ? {} : { tls: this.options.tls }),
    };
    return this.#flow;
  }

  send(send: StreamSend): void {
    const nowMs = this.options.nowMs();
    this.#usedAtMs = nowMs;
    if (this.#state === "connecting") this.#waiting.push(send);
    else this.#written.add({ ...send, atMs: nowMs });
    if (!this.#connection.write(send.wire)) {
      this.end({ code: "OVERLOADED", detail: `${this.options.address}:${this.options.port} does not read what we write` });
    }
  }

  /** Ends it from our side and tells whose messages were lost. */
  end(error: SocketError): void {
    this.#connection.close();
    this.#gone(error);
  }

  /** Ends it without telling anyone. */
  close(): void {
    this.#state = "gone";
    this.#connection.close();
  }

  /** Why this connection should be closed now; undefined while it may stay. */
  overdue(nowMs: number): SocketError | undefined {
    if (this.#partialSinceMs !== undefined && nowMs - this.#partialSinceMs > PARTIAL_MESSAGE_MAX_MS) {
      return { code: "ETIMEDOUT", detail: "a message was begun and not completed" };
    }
    const idleMaxMs = this.options.inbound ? IDLE_INBOUND_MAX_MS : IDLE_OUTBOUND_MAX_MS;
    return nowMs - this.#usedAtMs > idleMaxMs ? { code: "CLOSED", detail: "idle" } : undefined;
  }

  #connected(): void {
    if (this.#state !== "connecting") return;
    this.#state = "open";
    const atMs = this.options.nowMs();
    for (const send of this.#waiting) this.#written.add({ ...send, atMs });
    this.#waiting = [];
  }

  #received(bytes: Buffer): void {
    const nowMs = this.options.nowMs();
    this.#heardAtMs = this.#usedAtMs = nowMs;
    if (!this.#begun) {
      this.#begun = true;
      // A handshake record (RFC 8446 §5.1); no message begins so.
      if (bytes[0] === 0x16 && bytes[1] === 3) return this.#broken("TLS came to the plain TCP port", "");
    }
    let pinged = false;
    const framed = this.#framer.push(bytes);
    for (const frame of framed) {
      // What a message led to may have ended the connection.
      if (this.#state === "gone") return;
      if (frame.type === "message") this.#user.onMessage(frame.wire, this);
      else if (frame.type === "ping") pinged = true;
      else return this.#broken(frame.reason, frame.wire);
    }
    // RFC 5626 §4.4.1. One pong for all pings of a segment: nobody makes us write more than it wrote.
    if (pinged) this.#connection.write("\r\n");
    if (!this.#framer.partial) this.#partialSinceMs = undefined;
    else if (framed.length > 0 || this.#partialSinceMs === undefined) this.#partialSinceMs = nowMs;
  }

  #broken(reason: string, wire: string): void {
    this.#user.onBroken(reason, wire, this);
    // The answer to it, if there was one, still gets out.
    this.#connection.finish();
    this.#gone({ code: "CLOSED", detail: reason });
  }

  #gone(error: SocketError): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    const unanswered = this.#written.take(this.options.nowMs()).filter((send) => send.atMs >= this.#heardAtMs);
    const unsent = this.#waiting;
    this.#waiting = [];
    this.#user.onGone(this, error, unsent, unanswered);
  }
}
