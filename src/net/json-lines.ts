/**
 * JSON objects, one a line, over a Unix socket: the framing of control.sock, both ends. Only the owner may
 * connect (mode 0600). It knows nothing of what the objects mean. Lines from the other side are values:
 * one that is no object or too long ends that connection with a reason, and never throws.
 */
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { type Server, type Socket, connect, createServer } from "node:net";

/** struct sockaddr_un has 108 bytes on Linux and 104 on macOS; what does not fit is cut there in silence. */
export const SOCKET_PATH_BYTES_MAX = 100;
export const LINE_BYTES_MAX = 1 << 20;
/** What may wait for a slow reader before it is dropped. */
const UNSENT_BYTES_MAX = 8 << 20;
const CONNECTIONS_MAX = 64;

export type JsonObject = Readonly<Record<string, unknown>>;

/** One end of a connection. */
export interface JsonLines {
  /** @returns false when the object was not sent: the connection is gone, or dropped now because its reader is slow */
  send(message: object): boolean;
  /** What was sent before still goes out. */
  close(): void;
}

export interface JsonLinesUser {
  onMessage(message: JsonObject): void;
  /** Once, last: "" when the other side went in order, else why. */
  onClose(reason: string): void;
}

export interface JsonLinesServer {
  readonly path: string;
  /** Ends all connections and removes the socket. */
  close(): Promise<void>;
}

/** The socket can't be served or reached; the message says what to do. */
export class SocketError extends Error {
  override readonly name = "SocketError";
  readonly code: "PATH_TOO_LONG" | "IN_USE" | "NOT_A_SOCKET" | "NOT_RUNNING" | "FAILED";
  constructor(code: SocketError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Listens at `path`; the socket of a dead process is replaced, a living one is not.
 * @param accept gives each connection its user, before anything is read
 * @throws SocketError
 */
export async function serveJsonLines(path: string, accept: (client: JsonLines) => JsonLinesUser): Promise<JsonLinesServer> {
  checkPath(path);
  await removeStale(path);
  const open = new Set<Connection>();
  const server = createServer((socket) => {
    const connection: Connection = new Connection(socket, () => open.delete(connection));
    open.add(connection);
    connection.start(accept(connection));
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, path);
  return {
    path,
    // Node removes the file when the server closes.
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of open) connection.endNow();
      }),
  };
}

/** @throws SocketError NOT_RUNNING when nobody listens */
export function connectJsonLines(path: string, user: JsonLinesUser): Promise<JsonLines> {
  checkPath(path);
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const onError = (error: NodeJS.ErrnoException): void => {
      const gone = error.code === "ENOENT" || error.code === "ECONNREFUSED";
      reject(new SocketError(gone ? "NOT_RUNNING" : "FAILED", gone ? `nothing listens at ${path}` : error.message, { cause: error }));
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      socket.off("error", onError);
      const connection = new Connection(socket, () => {});
      connection.start(user);
      resolve(connection);
    });
  });
}

class Connection implements JsonLines {
  readonly #socket: Socket;
  readonly #onGone: () => void;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #reason = "";

  constructor(socket: Socket, onGone: () => void) {
    this.#socket = socket;
    this.#onGone = onGone;
  }

  start(user: JsonLinesUser): void {
    this.#socket.on("data", (bytes) => this.#receive(bytes, user));
    // EPIPE and ECONNRESET are how a client that was interrupted goes.
    this.#socket.on("error", (error) => (this.#reason ||= error.message));
    this.#socket.on("close", () => {
      this.#onGone();
      user.onClose(this.#reason);
    });
  }

  send(message: object): boolean {
    if (!this.#socket.writable) return false;
    if (this.#socket.writableLength > UNSENT_BYTES_MAX) {
      this.#drop("the reader is too slow");
      return false;
    }
    this.#socket.write(`${JSON.stringify(message)}\n`);
    return true;
  }

  close(): void {
    this.#socket.destroySoon();
  }

  /** At the end of the process: who has not read by now does not hold it up. */
  endNow(): void {
    if (this.#socket.writableLength === 0) this.#socket.destroySoon();
    else this.#drop("the server is closing");
  }

  #drop(reason: string): void {
    this.#reason ||= reason;
    this.#socket.destroy();
  }

  #receive(bytes: Buffer, user: JsonLinesUser): void {
    let rest = bytes;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const line = this.#partialBytes === 0 ? rest.subarray(0, end) : Buffer.concat([...this.#partial, rest.subarray(0, end)]);
      this.#partial = [];
      this.#partialBytes = 0;
      rest = rest.subarray(end + 1);
      if (!this.#take(line, user)) return;
    }
    if (rest.length === 0) return;
    this.#partial.push(rest);
    this.#partialBytes += rest.length;
    if (this.#partialBytes > LINE_BYTES_MAX) this.#drop(`a line above ${LINE_BYTES_MAX} bytes`);
  }

  /** @returns false when the connection is over */
  #take(line: Buffer, user: JsonLinesUser): boolean {
    if (line.length > LINE_BYTES_MAX) this.#drop(`a line above ${LINE_BYTES_MAX} bytes`);
    else {
      const message = parseObject(line.toString("utf8"));
      if (message === undefined) this.#drop("a line that is no JSON object");
      else user.onMessage(message);
    }
    return !this.#socket.destroyed;
  }
}

function parseObject(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

function checkPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= SOCKET_PATH_BYTES_MAX) return;
  throw new SocketError(
    "PATH_TOO_LONG",
    `the socket path ${path} has ${bytes} bytes, at most ${SOCKET_PATH_BYTES_MAX} work everywhere; choose a shorter run folder`,
  );
}

/** Removes what a dead process left; throws when a living one listens or the path is something else. */
async function removeStale(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch {
    return;
  }
  if (!isSocket) throw new SocketError("NOT_A_SOCKET", `${path} exists and is no socket: move it away`);
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    // EACCES or EAGAIN mean that somebody is there.
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"));
  });
  if (alive) throw new SocketError("IN_USE", `another process listens at ${path}: is Tandem running already?`);
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw new SocketError("FAILED", `${path} can't be replaced`, { cause: error });
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const code = error.code === "EADDRINUSE" ? "IN_USE" : "FAILED";
      reject(new SocketError(code, `can't listen at ${path}: ${error.message}`, { cause: error }));
    };
    server.once("error", onError);
    // The file is made within listen(): it never exists with other rights than these.
    const before = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off("error", onError);
        chmodSync(path, 0o600);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}
