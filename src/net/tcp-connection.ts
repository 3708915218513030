/**
 * One TCP connection: bytes in, bytes out, a bound on what waits to be written, one ending with a reason.
 * No framing, no timers but TCP's own keep-alive: how long a connection may be idle is its user's decision.
 */
import net from "node:net";
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

export class TcpConnection {
  readonly #socket: net.Socket;
  readonly #backlogBytesMax: number;
  #open = true;

  constructor(socket: net.Socket, user: TcpConnectionUser, backlogBytesMax: number) {
    this.#socket = socket;
    this.#backlogBytesMax = backlogBytesMax;
    let failure: SocketError = { code: "CLOSED", detail: "closed by the peer" };
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("connect", () => {
      if (this.#open) user.onConnected?.();
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
    if (!this.#open || this.#socket.writableLength + wire.length > this.#backlogBytesMax) return false;
    this.#socket.write(wire, "latin1");
    return true;
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
  // The six bits of DSCP stand above the two of ECN.
  if (endpoints.dscp !== undefined) socket.setTypeOfService(endpoints.dscp << 2);
  try {
    socket.connect({ host: endpoints.remoteAddress, port: endpoints.remotePort, localAddress: endpoints.localAddress });
  } catch (error) {
    // Node throws for a port outside 1–65535 instead of emitting.
    socket.destroy(error instanceof Error ? error : new Error(String(error)));
  }
  return connection;
}
