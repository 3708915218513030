/**
 * JSON objects, one a line, over a Unix socket: the wire of the call-control port. Knows nothing of what
 * the objects mean.
 *
 * Client: {id, command} or {id, command, follow: true}. Server: {id, outcome} once, or {id, event} until
 * the client goes. The socket file belongs to its owner only; one of a dead process is replaced, one of a
 * living process is refused.
 */
import { chmodSync, lstatSync, rmSync } from "node:fs";
import { type Server, type Socket, createConnection, createServer } from "node:net";

/** Commands are small; answers may be thousands of CDRs. */
const COMMAND_CHARS_MAX = 1 << 20;
const ANSWER_CHARS_MAX = 64 << 20;
/** A follower that reads too slowly is cut off rather than remembered for. */
const BACKLOG_BYTES_MAX = 4 << 20;
const CLIENTS_MAX = 256;
/** sun_path holds 108 bytes on Linux, 104 elsewhere. */
const PATH_BYTES_MAX = 100;

export type LineOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface JsonLinesServerOptions {
  readonly path: string;
  /** Never rejects. */
  readonly onRequest: (command: unknown) => Promise<LineOutcome>;
  /** Calls `tell` for each event. @returns what stops it */
  readonly onFollow: (command: unknown, tell: (event: unknown) => void) => () => void;
}

export interface JsonLinesServer {
  close(): void;
}

/** Cuts a stream into lines of JSON; a long line that comes in many pieces is searched once. */
class LineReader {
  readonly #charsMax: number;
  #pieces: string[] = [];
  #chars = 0;
  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }
  /** False: the line grew beyond the limit, or the text is no JSON. */
  push(chunk: string, take: (value: unknown) => void): boolean {
    let from = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", from)) {
      const line = this.#pieces.join("") + chunk.slice(from, end);
      this.#pieces = [];
      this.#chars = 0;
      from = end + 1;
      if (line.length > this.#charsMax) return false;
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        return false;
      }
      if (typeof value !== "object" || value === null) return false;
      take(value);
    }
    if (from < chunk.length) this.#pieces.push(chunk.slice(from));
    this.#chars += chunk.length - from;
    return this.#chars <= this.#charsMax;
  }
}

const send = (socket: Socket, value: unknown): void => {
  if (!socket.writable) return;
  // What waits from before counts, not this: one answer may be larger than a follower's backlog.
  if (socket.writableLength > BACKLOG_BYTES_MAX) return void socket.destroy();
  socket.write(`${JSON.stringify(value)}\n`);
};

function serve(socket: Socket, options: JsonLinesServerOptions): void {
  const reader = new LineReader(COMMAND_CHARS_MAX);
  const stops: (() => void)[] = [];
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    for (const stop of stops) stop();
  });
  socket.on("data", (chunk: string) => {
    const ok = reader.push(chunk, (value) => {
      const { id, command, follow } = value as { readonly id?: unknown; readonly command?: unknown; readonly follow?: unknown };
      if (follow === true) stops.push(options.onFollow(command, (event) => send(socket, { id, event })));
      else void options.onRequest(command).then((outcome) => send(socket, { id, outcome }));
    });
    if (!ok) socket.destroy();
  });
}

/** Rejects when the path is too long, a living process serves it, or it is something else than a socket. */
export async function serveJsonLines(options: JsonLinesServerOptions): Promise<JsonLinesServer> {
  const { path } = options;
  const bytes = Buffer.byteLength(path);
  if (bytes > PATH_BYTES_MAX)
    throw new Error(`${path} has ${bytes} bytes, and the path of a Unix socket may have ${PATH_BYTES_MAX}: choose a shorter state folder`);
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false) throw new Error(`${path} exists and is no socket: move it away`);
  if (await isServed(path)) throw new Error(`${path} is served by a running process: Tandem runs already with this state folder`);
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    if (sockets.size >= CLIENTS_MAX) return void socket.destroy();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, options);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // Nobody else may connect between bind and chmod.
    const mask = process.umask(0o177);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
    process.umask(mask);
  });
  chmodSync(path, 0o600);
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Refused or absent: nobody is there. Any other error (no right to connect, a full queue) means that somebody is.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}

export interface JsonLinesClient {
  ask(command: unknown): Promise<LineOutcome>;
  follow(command: unknown, onEvent: (event: unknown) => void): { readonly done: Promise<void>; stop(): void };
  close(): void;
}

const GONE: LineOutcome = { ok: false, code: "CONNECTION_LOST", message: "the running Tandem closed the connection before it answered" };

/** Rejects when nobody serves the path. */
export async function connectJsonLines(path: string): Promise<JsonLinesClient> {
  const socket = createConnection(path);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const answers = new Map<number, (outcome: LineOutcome) => void>();
  const followers = new Map<number, (event: unknown) => void>();
  const reader = new LineReader(ANSWER_CHARS_MAX);
  let ids = 0;
  let open = true;
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => {
      open = false;
      for (const answer of answers.values()) answer(GONE);
      resolve();
    });
  });
  socket.on("error", () => socket.destroy());
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const ok = reader.push(chunk, (value) => {
      const { id, outcome, event } = value as { readonly id: number; readonly outcome?: LineOutcome; readonly event?: unknown };
      if (outcome !== undefined) answers.get(id)?.(outcome);
      else followers.get(id)?.(event);
      if (outcome !== undefined) answers.delete(id);
    });
    if (!ok) socket.destroy();
  });
  return {
    ask: (command) =>
      new Promise((resolve) => {
        if (!open) return resolve(GONE);
        const id = ids++;
        answers.set(id, resolve);
        send(socket, { id, command });
      }),
    follow(command, onEvent) {
      const id = ids++;
      followers.set(id, onEvent);
      send(socket, { id, command, follow: true });
      return {
        done: closed,
        stop: () => {
          followers.delete(id);
          socket.destroy();
        },
      };
    },
    close: () => socket.destroy(),
  };
}
