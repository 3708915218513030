/** A listening TCP socket: gives accepted sockets to its user, who may refuse them. */
import net from "node:net";
import { type SocketError, socketError } from "./socket-error.ts";
import type { Descriptors, SocketOptions } from "./socket-options.ts";

const BACKLOG = 511;

export interface TcpListenerUser {
  /** Takes the socket or destroys it. */
  onSocket(socket: net.Socket, remoteAddress: string, remotePort: number): void;
  /** A failure after opening, e.g. descriptors used up; the listener lives on. */
  onError(error: SocketError): void;
}

export interface TcpListener {
  readonly address: string;
  readonly port: number;
  /** Stops accepting; accepted sockets are their owner's. */
  close(): void;
}

export interface TcpListenerOptions {
  /** Numeric. */
  readonly address: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  readonly extras?: { readonly options: SocketOptions; readonly descriptors: Descriptors } | undefined;
}

/** Rejects with what listen reports (an Error with `code`). */
export async function openTcpListener({ address, port, extras }: TcpListenerOptions, user: TcpListenerUser): Promise<TcpListener> {
  const place =
    extras === undefined
      ? { host: address, port, ipv6Only: address.includes(":") }
      : { fd: extras.descriptors.stream(address, port, extras.options) };
  const { promise, resolve, reject } = Promise.withResolvers<TcpListener>();
  const server = net.createServer((socket) => {
    // A peer that is gone again already has no address any more.
    if (socket.remoteAddress === undefined || socket.remotePort === undefined) socket.destroy();
    else user.onSocket(socket, socket.remoteAddress, socket.remotePort);
  });
  server.once("error", reject);
  server.listen({ ...place, backlog: BACKLOG }, () => {
    server.removeListener("error", reject);
    server.on("error", (error) => user.onError(socketError(error)));
    const bound = server.address();
    if (bound === null || typeof bound === "string") return reject(new Error("listening, but without an address"));
    resolve({ address: bound.address, port: bound.port, close: () => server.close() });
  });
  return await promise;
}
