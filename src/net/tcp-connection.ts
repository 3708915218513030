/**
 * One TCP connection, with or without TLS on it: bytes in, bytes out, a bound on what waits to be written, one
 * ending with a reason. Over TLS that we began nothing leaves before the peer's certificate was judged.
 * No framing, no timers but TCP's own keep-alive: how long a connection may be idle is its user's decision.
 */
import net from "node:net";
import { type SecureContext, type TLSSocket, connect as connectOverTls } from "node:tls";
import { type SocketError, socketError } from "./socket-error.ts";

/** So that a middlebox keeps the flow and a vanished peer is noticed. */
const KEEP_ALIVE_MS = 60_000;
/** How long `finish` waits for a peer that does not read. */
const FINISH_TIMEOUT_MS = 5_000;

export interface TcpConnectionUser {
  onConnected?(): void;
  /** The receiver may keep the buffer. */
  onBytes(bytes: Buffer): void;
  /** Once, last. Code "CLOSED" when the peer ended it properly. Not called after `close()`. */
  onClosed(error: SocketError): void;
}

export interface TcpEndpoints {
  /** Numeric. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Numeric; the local port is the kernel's choice. */
  readonly localAddress: string;
  /** 0–63, RFC 2474. */
  readonly dscp?: number | undefined;
}

export interface TlsAim {
  readonly context: SecureContext;
  /** Told to the server (RFC 6066 §3); "": nothing, as for addresses. */
  readonly serverName: string;
  /** Judges the server once the handshake is done; an answer ends the connection with it. */
  readonly judge: (socket: TLSSocket) => SocketError | undefined;
}

export class TcpConnection {
  readonly #socket: net.Socket;
  readonly #backlogBytesMax: number;
  /** Until the peer is judged; undefined: it is written at once. */
  #held: string[] | undefined;
  #heldBytes = 0;
  #open = true;

  /** @param judge given, `socket` is one of TLS whose handshake is to come, and says who must not be talked to */
  constructor(socket: net.Socket, user: TcpConnectionUser, backlogBytesMax: number, judge?: () => SocketError | undefined) {
    this.#socket = socket;
    this.#backlogBytesMax = backlogBytesMax;
    if (judge !== undefined) this.#held = [];
    let failure: SocketError = { code: "CLOSED", detail: "closed by the peer" };
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on(judge === undefined ? "connect" : "secureConnect", () => {
      if (!this.#open) return;
      const objection = judge?.();
      if (objection !== undefined) {
        this.close();
        return user.onClosed(objection);
      }
      user.onConnected?.();
      this.#release();
    });
    socket.on("data", (bytes: Buffer) => {
      if (this.#open) user.onBytes(bytes);
    });
    socket.on("error", (error) => {
      failure = socketError(error);
    });
    socket.on("close", () => {
      if (!this.#open) return;
      this.#open = false;
      user.onClosed(failure);
    });
  }

  get localAddress(): string {
    return this.#socket.localAddress ?? "";
  }
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /**
   * Queues one message; before the connection stands it waits.
   * @param wire one char per byte
   * @returns false when the connection is gone or the peer reads so slowly that the bound is reached
   */
  write(wire: string): boolean {
    if (!this.#open || this.#socket.writableLength + this.#heldBytes + wire.length > this.#backlogBytesMax) return false;
    if (this.#held === undefined) this.#socket.write(wire, "latin1");
    else {
      this.#held.push(wire);
      this.#heldBytes += wire.length;
    }
    return true;
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#heldBytes = 0;
    for (const wire of held) if (this.#open) this.#socket.write(wire, "latin1");
  }

  /** Ends it at once, unread and unwritten bytes included; `onClosed` is not called. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.destroy();
  }

  /** Ends it after what is queued was written; for a last word to a peer whose framing broke. */
  finish(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.setTimeout(FINISH_TIMEOUT_MS, () => this.#socket.destroy());
    this.#socket.destroySoon();
  }
}

/** Begins to connect; `onConnected` or `onClosed` says how it went. There is no time-out here but the kernel's. */
export function connectTcp(endpoints: TcpEndpoints, user: TcpConnectionUser, backlogBytesMax: number): TcpConnection {
  const socket = new net.Socket();
  const connection = new TcpConnection(socket, user, backlogBytesMax);
  beginConnecting(socket, endpoints);
  return connection;
}

/** As `connectTcp`; it stands when the handshake is done and `aim.judge` has nothing against the server. */
export function connectTls(endpoints: TcpEndpoints, aim: TlsAim, user: TcpConnectionUser, backlogBytesMax: number): TcpConnection {
  const raw = new net.Socket();
  beginConnecting(raw, endpoints);
  const socket = connectOverTls({
    socket: raw,
    secureContext: aim.context,
    ...(aim.serverName === "" ? {} : { servername: aim.serverName }),
    // Judged afterwards, before anything is written: so that a refusal can say what the certificate has.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  return new TcpConnection(socket, user, backlogBytesMax, () => aim.judge(socket));
}

function beginConnecting(socket: net.Socket, endpoints: TcpEndpoints): void {
  // The six bits of DSCP stand above the two of ECN.
  if (endpoints.dscp !== undefined) socket.setTypeOfService(endpoints.dscp << 2);
  try {
    socket.connect({ host: endpoints.remoteAddress, port: endpoints.remotePort, localAddress: endpoints.localAddress });
  } catch (error) {
    // Node throws for a port outside 1–65535 instead of emitting.
    socket.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
