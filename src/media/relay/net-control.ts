/** The controller's Unix stream socket over node:net, where the packet loop is Node's own. */
import { chmodSync } from "node:fs";
import { type Socket, createServer } from "node:net";
import type { ControlListener, ControlStream, ControlUser } from "./control-stream.ts";

class NetStream implements ControlStream {
  readonly #socket: Socket;
  constructor(socket: Socket) {
    this.#socket = socket;
  }
  get backlogBytes(): number {
    return this.#socket.writableLength;
  }
  write(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }
  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }
}

/** @returns once it listens; rejects when the path cannot be bound */
export async function listenOverNet(path: string, user: ControlUser): Promise<ControlListener> {
  const server = createServer((socket) => {
    const stream = new NetStream(socket);
    socket.on("data", (chunk) => user.received(stream, chunk));
    // An error is always followed by "close".
    socket.on("error", () => {});
    socket.on("close", () => user.closed(stream));
    user.opened(stream);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  // A worker thread may not set the umask; the folder above is 0700, so the moment before this is no door.
  if (process.platform !== "win32") chmodSync(path, 0o600);
  return { close: () => server.close() };
}
