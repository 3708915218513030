/**
 * The relay's sockets over node:dgram, where koffi does not load: the same behaviour, slower. Node hands
 * each packet over with its source, so every packet is compared in software although sockets are connected.
 *
 * node:dgram knows neither DSCP nor devices nor a second socket beside a bound one; a pool that asks for a
 * device is refused, DSCP is left out, strays of connected sockets stay unseen.
 */
import { type RemoteInfo, type Socket, createSocket } from "node:dgram";
import type { Endpoint } from "./learning.ts";
import type { OpenFailure, Opened, PacketSockets, PacketUser, SocketId, SocketSpec } from "./packet-sockets.ts";

type LookupDone = (error: null, address: string, family: number) => void;
/** Addresses are numeric: answering at once makes bind synchronous. */
function numericLookup(address: string, options: unknown, done?: LookupDone): void {
  (done ?? (options as LookupDone))(null, address, address.includes(":") ? 6 : 4);
}

const FAILURES: Readonly<Record<string, OpenFailure>> = {
  EADDRINUSE: "taken",
  EMFILE: "descriptors",
  ENFILE: "descriptors",
  ENOBUFS: "descriptors",
  EADDRNOTAVAIL: "address",
  EAFNOSUPPORT: "address",
};

export class DgramSockets implements PacketSockets {
  readonly name = "dgram";
  packet: Uint8Array = new Uint8Array(0);
  user: PacketUser | undefined = undefined;
  readonly socketsMax: number;
  readonly idsMax: number;
  socketsOpen = 0;
  /** Called after each packet. */
  settle: () => void = () => {};
  #source: RemoteInfo | undefined;
  /** By id; ids of closed sockets are used again. */
  readonly #sockets: (Socket | undefined)[] = [];
  readonly #freeIds: SocketId[] = [];

  constructor(options: { readonly socketsMax: number }) {
    this.socketsMax = options.socketsMax;
    this.idsMax = options.socketsMax;
  }

  get nowMs(): number {
    return Math.floor(performance.now());
  }

  load(bytes: Uint8Array): void {
    this.packet = bytes;
  }
  source(): Endpoint {
    return { address: this.#source?.address ?? "", port: this.#source?.port ?? 0 };
  }

  open(spec: SocketSpec): Opened {
    if (this.socketsOpen >= this.socketsMax)
      return { ok: false, code: "descriptors", detail: `all ${this.socketsMax} sockets that the descriptor limit allows are open` };
    if (spec.beside === true) return { ok: false, code: "refused", detail: "node:dgram has no second socket on a port" };
    if (spec.device !== undefined) return { ok: false, code: "refused", detail: `device ${spec.device} needs koffi's sockets` };
    const six = spec.address.includes(":");
    const socket = createSocket({ type: six ? "udp6" : "udp4", ipv6Only: six, lookup: numericLookup as never });
    let error: NodeJS.ErrnoException | undefined;
    let bound = false;
    // Without a listener ECONNREFUSED on a connected socket would end the process.
    socket.on("error", (problem: NodeJS.ErrnoException) => {
      error = problem;
    });
    socket.once("listening", () => {
      bound = true;
    });
    socket.bind({ address: spec.address, port: spec.port, exclusive: true });
    if (!bound) {
      socket.close();
      return {
        ok: false,
        code: FAILURES[error?.code ?? ""] ?? "refused",
        detail: `bind ${spec.address}:${spec.port}: ${error?.code ?? "unknown"}`,
      };
    }
    const id = this.#freeIds.pop() ?? this.#sockets.length;
    this.#sockets[id] = socket;
    this.socketsOpen++;
    socket.on("message", (message, source) => {
      this.packet = message;
      this.#source = source;
      this.user?.packet(id, message.length, false);
      this.settle();
    });
    return { ok: true, id };
  }

  connect(id: SocketId, remote: Endpoint): boolean {
    this.disconnect(id);
    return attempt(() => {
      this.#sockets[id]?.connect(remote.port, remote.address);
      // Throws when connecting failed.
      this.#sockets[id]?.remoteAddress();
    });
  }

  disconnect(id: SocketId): void {
    // Throws when it was not connected.
    attempt(() => this.#sockets[id]?.disconnect());
  }

  drain(): void {
    // Sources are compared in software, so nothing unchecked can wait.
  }

  send(id: SocketId, length: number): boolean {
    return attempt(() => this.#sockets[id]?.send(this.packet.subarray(0, length)));
  }

  sendTo(id: SocketId, length: number, to: Endpoint): boolean {
    return to.port !== 0 && attempt(() => this.#sockets[id]?.send(this.packet.subarray(0, length), to.port, to.address));
  }

  shareAddress(): void {
    // node:dgram can set SO_REUSEADDR only before it binds.
  }

  close(id: SocketId): void {
    const socket = this.#sockets[id];
    if (socket === undefined) return;
    this.#sockets[id] = undefined;
    this.#freeIds.push(id);
    this.socketsOpen--;
    socket.removeAllListeners("message");
    socket.close();
  }
}

/** node:dgram throws what are failures of the network. */
function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
