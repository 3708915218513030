/**
 * RFC 3261 §18 over the configured listeners: opens them, gives each message to the right socket, and
 * each that comes in to the user. Sockets and connections are the business of `transport-udp.ts`,
 * `transport-tcp.ts` and `transport-tls.ts`, parsing that of `inbox.ts`.
 */
import type { Clock } from "#base/clock.ts";
import { socketError } from "#net/socket-error.ts";
import { BUFFER_BYTES, type Descriptors, loadDescriptors, type SocketOptions } from "#net/socket-options.ts";
import type { Publish } from "#observe/event.ts";
import { Inbox, type InboxCounters } from "./inbox.ts";
import { LargeRequests } from "./large-requests.ts";
import { faceOf, ListenerOpenError, type ListenerSpec } from "./listener.ts";
import type { StreamPeer } from "./stream-peer.ts";
import type { TlsSource } from "./tls-terms.ts";
import { openTlsTransport } from "./transport-tls.ts";
import { openTcpTransport, type TcpCounters, type TcpTransport, type TcpTransportOptions } from "./transport-tcp.ts";
import { type UdpCounters, UdpTransport } from "./transport-udp.ts";
import type { Flow, ListenerFace, Target, TransportFailure, TransportLayer, TransportName, TransportUser } from "./transport.ts";
import { DEFAULT_TLS_PORT, responseDestination } from "./via-response.ts";

/** A port that the kernel chose for UDP may be taken on TCP. */
const PORT_ATTEMPTS = 16;
/** Messages on one TCP connection that could not be parsed, before it is closed. */
const GARBAGE_PER_CONNECTION_MAX = 16;
/** More than a process can open or accept. */
const CONNECTIONS_PER_MS = 1_000;

export type TransportCounters = UdpCounters & TcpCounters & InboxCounters;

export interface TransportLayerOptions {
  readonly listeners: readonly ListenerSpec[];
  readonly clock: Clock;
  readonly user: TransportUser;
  readonly publish?: Publish | undefined;
  /** Certificates; without it there is no TLS. */
  readonly tls?: TlsSource | undefined;
  /** DSCP of what a listener sends to an address; undefined: the listener's own. Needs Linux and koffi for UDP. */
  readonly dscpOf?: ((listener: string, address: string) => number | undefined) | undefined;
  /** TCP connections over all listeners, at most 10,000; what descriptors allow. */
  readonly connectionsMax?: number;
  /** False: node:dgram and node:net alone make the sockets, as where koffi does not load. Default true. */
  readonly foreignCalls?: boolean;
}

export interface OpenTransportLayer extends TransportLayer {
  /** Prepares to hear refusals of a configured UDP target; requests do so by themselves. */
  watchTarget(target: Target): void;
  /** Live figures since the layer was opened; `connections` and `watchedTargets` are of now. */
  readonly counters: Readonly<TransportCounters>;
  /** Closes all sockets and timers. Requests on their way are not told. */
  close(): Promise<void>;
}

interface Listener {
  readonly face: ListenerFace;
  readonly udp: UdpTransport | undefined;
  readonly tcp: TcpTransport | undefined;
  readonly tls: TcpTransport | undefined;
  readonly large: LargeRequests | undefined;
}

type OnFailure = (failure: TransportFailure) => void;

/** Rejects with a ListenerOpenError; listeners opened before it are closed again. */
export async function createTransportLayer(options: TransportLayerOptions): Promise<OpenTransportLayer> {
  const layer = new SocketTransportLayer(options);
  try {
    for (const spec of options.listeners) await layer.open(spec);
  } catch (error) {
    await layer.close();
    throw error;
  }
  return layer;
}

class SocketTransportLayer implements OpenTransportLayer {
  readonly counters: TransportCounters = {
    datagramsIn: 0,
    datagramsOut: 0,
    sendErrors: 0,
    refusals: 0,
    watchedTargets: 0,
    accepted: 0,
    turnedAway: 0,
    opened: 0,
    openFailed: 0,
    handshakesFailed: 0,
    connections: 0,
    messagesIn: 0,
    garbage: 0,
    keepAlives: 0,
    stun: 0,
  };
  readonly #options: TransportLayerOptions;
  readonly #inbox: Inbox;
  readonly #listeners = new Map<string, Listener>();
  #faces: readonly ListenerFace[] = [];
  /** Begins anew above what a former process can have given out: its dialogs, taken up from the journal, must not name our connections. */
  #connectionIds: number;

  constructor(options: TransportLayerOptions) {
    this.#options = options;
    const { user, clock, publish } = options;
    this.#connectionIds = Math.floor(clock.wallMs()) * CONNECTIONS_PER_MS;
    this.#inbox = new Inbox({ user, clock, publish, counters: this.counters });
  }

  async open(spec: ListenerSpec): Promise<void> {
    try {
      const listener = await this.#openOnOnePort(spec, await extrasOf(spec, this.#options.foreignCalls ?? true));
      this.#listeners.set(spec.name, listener);
      this.#faces = [...this.#faces, listener.face];
    } catch (error) {
      this.#options.publish?.({ type: "listener", listener: spec.name, state: "failed", detail: socketError(error).detail });
      throw error;
    }
    this.#options.publish?.({ type: "listener", listener: spec.name, state: "open", detail: this.#describe(spec) });
  }

  #describe(spec: ListenerSpec): string {
    const listener = this.#listeners.get(spec.name);
    const ports = spec.transports.map((name) => `${name} ${spec.address}:${listener?.face.portOf(name)}`).join(", ");
    const buffer = listener?.udp?.receiveBufferBytes ?? BUFFER_BYTES;
    if (buffer >= BUFFER_BYTES) return ports;
    return `${ports}; bursts beyond ${Math.floor(buffer / 1024)} kB are lost: raise net.core.rmem_max to ${BUFFER_BYTES}`;
  }

  listener(name: string): ListenerFace | undefined {
    return this.#listeners.get(name)?.face;
  }

  listeners(): readonly ListenerFace[] {
    return this.#faces;
  }

  isReliable(transport: TransportName): boolean {
    return transport !== "UDP";
  }

  send(target: Target, wire: string, onFailure: OnFailure): void {
    const { address, port } = target;
    const listener = this.#listeners.get(target.listener);
    if (listener === undefined) return later(onFailure, "NO_LISTENER", `there is no listener ${target.listener}`);
    if (target.transport === "UDP" && listener.udp !== undefined) {
      if (listener.large !== undefined) listener.large.send(address, port, wire, onFailure);
      else listener.udp.sendRequest(address, port, wire, onFailure);
    } else if (target.transport === "TCP" && listener.tcp !== undefined) {
      listener.tcp.send(target, wire, onFailure);
    } else if (target.transport === "TLS" && listener.tls !== undefined) {
      listener.tls.send(target, wire, onFailure);
    } else {
      later(onFailure, "NO_TRANSPORT", `listener ${target.listener} has no ${target.transport}`);
    }
  }

  respond(flow: Flow, wire: string, onFailure: OnFailure): void {
    const listener = this.#listeners.get(flow.listener);
    if (listener === undefined) return later(onFailure, "NO_LISTENER", `there is no listener ${flow.listener}`);
    const { address, port } = responseDestination(wire, flow);
    if (flow.transport === "UDP" && listener.udp !== undefined) {
      listener.udp.sendResponse(address, port, wire, onFailure);
      return;
    }
    const stream = flow.transport === "TCP" ? listener.tcp : flow.transport === "TLS" ? listener.tls : undefined;
    // §18.2.2: the connection of the request; if it is gone, a new one to where its Via says.
    if (stream !== undefined) stream.send({ address, port, connection: flow.connection, tls: flow.tls }, wire, onFailure);
    else {
      later(onFailure, "NO_TRANSPORT", `listener ${flow.listener} has no ${flow.transport}`);
    }
  }

  watchTarget(target: Target): void {
    if (target.transport === "UDP") this.#listeners.get(target.listener)?.udp?.watch(target.address, target.port);
  }

  async close(): Promise<void> {
    for (const { face, udp, tcp, tls } of this.#listeners.values()) {
      udp?.close();
      tcp?.close();
      tls?.close();
      this.#options.publish?.({ type: "listener", listener: face.name, state: "closed", detail: "" });
    }
    this.#listeners.clear();
    // The descriptors are closed by now; what Node still has to tell of them comes within this turn.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  async #openOnOnePort(spec: ListenerSpec, extras: Extras | undefined): Promise<Listener> {
    for (let attempt = 1; ; attempt++) {
      const udp = spec.transports.includes("UDP") ? this.#openUdp(spec, extras) : undefined;
      let tcp: TcpTransport | undefined;
      try {
        if (spec.transports.includes("TCP")) tcp = await this.#openTcp(spec, udp?.port ?? spec.port, extras);
        const tls = await this.#openTls(spec, extras);
        return listenerOf(spec, { udp, tcp, tls }, this.#options.clock);
      } catch (error) {
        udp?.close();
        tcp?.close();
        const again = spec.port === 0 && udp !== undefined && attempt < PORT_ATTEMPTS && socketError(error).code === "EADDRINUSE";
        if (!again) throw error;
      }
    }
  }

  #openUdp(spec: ListenerSpec, extras: Extras | undefined): UdpTransport {
    try {
      return new UdpTransport({
        listener: spec.name,
        address: spec.address,
        port: spec.port,
        extras,
        clock: this.#options.clock,
        counters: this.counters,
        dscpOf: this.#dscpOf(spec),
        onDatagram: (bytes, flow) => this.#inbox.datagram(bytes, flow),
      });
    } catch (error) {
      throw new ListenerOpenError(spec, "UDP", socketError(error).code, { cause: error });
    }
  }

  async #openTcp(spec: ListenerSpec, port: number, extras: Extras | undefined): Promise<TcpTransport> {
    try {
      return await openTcpTransport(this.#streamOptions(spec, port, extras));
    } catch (error) {
      throw new ListenerOpenError(spec, "TCP", socketError(error).code, { cause: error });
    }
  }

  /** Every listener can call out by TLS; those that are told to, and have a certificate, listen as well. */
  async #openTls(spec: ListenerSpec, extras: Extras | undefined): Promise<TcpTransport | undefined> {
    const listens = spec.transports.includes("TLS");
    const source = this.#options.tls;
    if (source === undefined && !listens) return undefined;
    if (source === undefined) throw new ListenerOpenError(spec, "TLS", "NO_TRANSPORT");
    try {
      return await openTlsTransport({
        ...this.#streamOptions(spec, spec.tlsPort ?? DEFAULT_TLS_PORT, extras),
        source,
        listens,
        onHandshakeFailed: (remote, failure) => this.#inbox.handshakeFailed(spec.name, remote, failure),
      });
    } catch (error) {
      throw new ListenerOpenError(spec, "TLS", socketError(error).code, { cause: error });
    }
  }

  #dscpOf({ name }: ListenerSpec): ((address: string) => number | undefined) | undefined {
    const { dscpOf } = this.#options;
    return dscpOf && ((address) => dscpOf(name, address));
  }

  #streamOptions(spec: ListenerSpec, port: number, extras: Extras | undefined): TcpTransportOptions {
    return {
      listener: spec.name,
      address: spec.address,
      port,
      extras,
      clock: this.#options.clock,
      counters: this.counters,
      connectionsMax: this.#options.connectionsMax,
      dscpOf: this.#dscpOf(spec),
      nextConnectionId: () => ++this.#connectionIds,
      onMessage: (wire, peer) => this.#streamMessage(wire, peer),
      onBroken: (reason, wire, peer) => this.#inbox.garbage(reason, wire, peer.flow),
    };
  }

  #streamMessage(wire: string, peer: StreamPeer): void {
    if (this.#inbox.message(wire, peer.flow) || ++peer.garbage < GARBAGE_PER_CONNECTION_MAX) return;
    peer.end({ code: "CLOSED", detail: "too much garbage" });
  }
}

interface Extras {
  readonly options: SocketOptions;
  readonly descriptors: Descriptors;
}

const SPOKEN: readonly TransportName[] = ["UDP", "TCP", "TLS"];

/** How the sockets of this listener are made; undefined: by Node alone. */
async function extrasOf(spec: ListenerSpec, foreignCalls: boolean): Promise<Extras | undefined> {
  const unknown = spec.transports.find((transport) => !SPOKEN.includes(transport));
  if (unknown !== undefined || spec.transports.length === 0) throw new ListenerOpenError(spec, unknown ?? "UDP", "NO_TRANSPORT");
  const { device, dscp } = spec;
  const descriptors = foreignCalls ? await loadDescriptors() : undefined;
  if (descriptors !== undefined) return { options: { device, dscp }, descriptors };
  if (device === undefined && dscp === undefined) return undefined;
  throw new ListenerOpenError(spec, spec.transports[0]!, "NO_SOCKET_OPTIONS");
}

function listenerOf(spec: ListenerSpec, { udp, tcp, tls }: Pick<Listener, "udp" | "tcp" | "tls">, clock: Clock): Listener {
  const ports = new Map<TransportName, number>();
  if (udp !== undefined) ports.set("UDP", udp.port);
  if (tcp !== undefined) ports.set("TCP", tcp.port);
  if (tls?.listens === true) ports.set("TLS", tls.port);
  const large =
    udp !== undefined && tcp !== undefined
      ? new LargeRequests({ tcp: tcp.send.bind(tcp), udp: udp.sendRequest.bind(udp) }, clock)
      : undefined;
  return { face: faceOf(spec, ports, tls !== undefined), udp, tcp, tls, large };
}

function later(onFailure: OnFailure, code: string, detail: string): void {
  queueMicrotask(() => onFailure({ code, detail }));
}
