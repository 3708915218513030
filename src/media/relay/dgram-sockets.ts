/**
 * The relay's sockets over node:dgram, where koffi does not load: the same behaviour, slower. Node hands
 * each packet over with its source, so every packet is compared in software although sockets are connected.
 *
 * node:dgram knows neither DSCP nor devices nor a second socket beside a bound one; a pool that asks for a
 * device is refused, DSCP is left out, strays of connected sockets stay unseen.
 */
import { type RemoteInfo, type Socket, createSocket } from "node:dgram";
import type { Endpoint } from "./learning.ts";
import type { OpenFailure, Opened, PacketSocket, PacketSockets, PacketUser, SocketSpec } from "./packet-sockets.ts";

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

class DgramSocket<Owner> implements PacketSocket<Owner> {
  readonly owner: Owner;
  readonly #socket: Socket;
  readonly #sockets: DgramSockets<Owner>;
  #connected = false;
  #open = true;
  constructor(sockets: DgramSockets<Owner>, socket: Socket, owner: Owner) {
    this.#sockets = sockets;
    this.#socket = socket;
    this.owner = owner;
  }
  connect(remote: Endpoint): boolean {
    try {
      if (this.#connected) this.#socket.disconnect();
      this.#socket.connect(remote.port, remote.address);
      // Throws when connecting failed.
      this.#socket.remoteAddress();
      this.#connected = true;
    } catch {
      this.#connected = false;
    }
    return this.#connected;
  }
  disconnect(): void {
    if (this.#connected) this.#socket.disconnect();
    this.#connected = false;
  }
  drain(): void {
    // Sources are compared in software, so nothing unchecked can wait.
  }
  send(length: number): boolean {
    return this.#try(() => this.#socket.send(this.#sockets.packet.subarray(0, length)));
  }
  sendTo(length: number, to: Endpoint): boolean {
    return to.port !== 0 && this.#try(() => this.#socket.send(this.#sockets.packet.subarray(0, length), to.port, to.address));
  }
  #try(send: () => void): boolean {
    try {
      send();
      return true;
    } catch {
      return false;
    }
  }
  shareAddress(): void {
    // node:dgram can set SO_REUSEADDR only before it binds.
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#sockets.socketsOpen--;
    this.#socket.removeAllListeners("message");
    this.#socket.close();
  }
}

export class DgramSockets<Owner> implements PacketSockets<Owner> {
  readonly name = "dgram";
  packet: Uint8Array = new Uint8Array(0);
  user: PacketUser<Owner> | undefined = undefined;
  readonly socketsMax: number;
  socketsOpen = 0;
  /** Called after each packet. */
  settle: () => void = () => {};
  #source: RemoteInfo | undefined;

  constructor(options: { readonly socketsMax: number }) {
    this.socketsMax = options.socketsMax;
  }

  get nowMs(): number {
    return performance.now();
  }

  source(): Endpoint {
    return { address: this.#source?.address ?? "", port: this.#source?.port ?? 0 };
  }

  open(spec: SocketSpec, owner: Owner): Opened<Owner> {
    if (this.socketsOpen >= this.socketsMax) return { ok: false, code: "descriptors", detail: `all ${this.socketsMax} sockets that the descriptor limit allows are open` };
    if (spec.beside === true) return { ok: false, code: "refused", detail: "node:dgram has no second socket on a port" };
    if (spec.device !== undefined) return { ok: false, code: "refused", detail: `device ${spec.device} needs koffi's sockets` };
    const six = spec.address.includes(":");
    const raw = createSocket({ type: six ? "udp6" : "udp4", ipv6Only: six, lookup: numericLookup as never });
    let error: NodeJS.ErrnoException | undefined;
    let bound = false;
    // Without a listener ECONNREFUSED on a connected socket would end the process.
    raw.on("error", (problem: NodeJS.ErrnoException) => {
      error = problem;
    });
    raw.once("listening", () => {
      bound = true;
    });
    raw.bind({ address: spec.address, port: spec.port, exclusive: true });
    if (!bound) {
      raw.close();
      const code = FAILURES[error?.code ?? ""] ?? "refused";
      return { ok: false, code, detail: `bind ${spec.address}:${spec.port}: ${error?.code ?? "unknown"}` };
    }
    const socket = new DgramSocket(this, raw, owner);
    raw.on("message", (message, source) => {
      this.packet = message;
      this.#source = source;
      this.user?.packet(owner, message.length, false);
      this.settle();
    });
    this.socketsOpen++;
    return { ok: true, socket };
  }
}
