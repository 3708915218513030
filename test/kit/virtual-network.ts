/**
 * Several TransportLayers joined in memory, on a virtual clock: a seeded link loses, doubles, delays and
 * reorders datagrams, and what passed can be read as a ladder.
 *
 *     const clock = new VirtualClock();
 *     const network = new VirtualNetwork({ clock, seed: 7, quality: { lossRate: 0.2 } });
 *     const alice = network.endpoint({ name: "alice", address: "192.0.2.1" });
 *     const bob = network.endpoint({ name: "bob", address: "192.0.2.2" });
 *     alice.attach(aliceTransactions);   // a TransportUser
 *     …; clock.advance(1000); assert.equal(network.ladder(), …)
 *
 * Real wire is parsed at the far end. TCP is ordered and loses nothing; its framing is the transport room's
 * business and its tests'. Responses go back along the flow, as RFC 3581 §4 has it.
 */
import type { Clock } from "#base/clock.ts";
import { assert } from "#base/assert.ts";
import { seededRandom } from "#base/random.ts";
import type { Random } from "#base/ids.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import type {
  Flow,
  ListenerFace,
  Target,
  TransportFailure,
  TransportLayer,
  TransportName,
  TransportUser,
} from "#sip/transport/transport.ts";

export interface LinkQuality {
  /** One way. */
  readonly delayMs: number;
  /** Added, evenly spread: above the distance of two datagrams it reorders them. */
  readonly jitterMs: number;
  /** 0–1, of datagrams. */
  readonly lossRate: number;
  readonly duplicateRate: number;
}

export interface VirtualListener {
  /** Defaults to "main". */
  readonly listener?: string;
  readonly address: string;
  /** Defaults to 5060. */
  readonly port?: number;
  readonly advertised?: string;
  /** Defaults to UDP and TCP. */
  readonly transports?: readonly TransportName[];
}

export interface EndpointSpec extends VirtualListener {
  /** Stands in the ladder. */
  readonly name: string;
  readonly more?: readonly VirtualListener[];
}

/** One message on its way, as a fault script sees it. */
export interface Packet {
  readonly atMs: number;
  readonly from: string;
  /** The endpoint's name, or "address:port" where nobody listens. */
  readonly to: string;
  readonly transport: TransportName;
  /** "INVITE" or "180 INVITE". */
  readonly summary: string;
  readonly wire: string;
  /** 1 for the first packet with this from, to and summary, 2 for the next … */
  readonly nth: number;
}

/** undefined: as the link does it. */
export type Fault = "drop" | "duplicate" | { readonly delayMs: number } | undefined;

const PERFECT: LinkQuality = { delayMs: 0, jitterMs: 0, lossRate: 0, duplicateRate: 0 };
/** RFC 3261 §18.1.1: larger requests leave by TCP where the listener has it. */
const UDP_REQUEST_MAX_BYTES = 1300;
const EPHEMERAL_PORT_START = 40_000;

interface Connection {
  readonly id: number;
  /** Who opened it, and the flow as each end sees it. */
  readonly ends: readonly [End, End];
  open: boolean;
  /** TCP keeps order: nothing arrives before what was sent earlier. */
  lastDueMs: number;
}
interface End {
  readonly transport: VirtualTransport;
  readonly flow: Flow;
}

interface LadderLine {
  readonly atMs: number;
  readonly from: string;
  /** "" for a note. */
  readonly to: string;
  readonly text: string;
}

export class VirtualNetwork {
  readonly clock: Clock;
  readonly #random: Random;
  readonly #quality: LinkQuality;
  readonly #links = new Map<string, LinkQuality>();
  readonly #sockets = new Map<string, { transport: VirtualTransport; listener: string }>();
  readonly #connections = new Map<number, Connection>();
  readonly #seen = new Map<string, number>();
  readonly #lines: LadderLine[] = [];
  #lastConnection = 0;
  #lastPort = EPHEMERAL_PORT_START;
  /** A script of faults; it is asked before the link's dice, for datagrams only. */
  fault: ((packet: Packet) => Fault) | undefined;
  /** Every packet sent, lost ones included. */
  readonly packets: Packet[] = [];

  constructor(options: { readonly clock: Clock; readonly seed?: number; readonly quality?: Partial<LinkQuality> }) {
    this.clock = options.clock;
    this.#random = seededRandom(options.seed ?? 1);
    this.#quality = { ...PERFECT, ...options.quality };
  }

  endpoint(spec: EndpointSpec): VirtualTransport {
    const listeners = [spec, ...(spec.more ?? [])].map(faceOf);
    const transport = new VirtualTransport(this, spec.name, listeners);
    for (const face of listeners) {
      for (const name of ["UDP", "TCP"] as const) {
        const port = face.portOf(name);
        if (port === undefined) continue;
        const key = socketKey(name, face.address, port);
        assert(!this.#sockets.has(key), `${key} is taken`);
        this.#sockets.set(key, { transport, listener: face.name });
      }
    }
    return transport;
  }

  /** The link of one direction between two endpoints, by name; unnamed figures stay the network's. */
  link(from: string, to: string, quality: Partial<LinkQuality>): void {
    this.#links.set(`${from}>${to}`, { ...this.#quality, ...quality });
  }

  /** One line a packet: time, sender → receiver, summary; lost and doubled ones say so. */
  ladder(): string {
    const width = (of: (line: LadderLine) => string) => Math.max(0, ...this.#lines.map((line) => of(line).length));
    const fromWidth = width((line) => line.from);
    const toWidth = width((line) => line.to);
    return this.#lines
      .map((line) => {
        const at = String(Math.round(line.atMs)).padStart(6);
        if (line.to === "") return `${at}  ${line.from}: ${line.text}`;
        return `${at}  ${line.from.padEnd(fromWidth)} → ${line.to.padEnd(toWidth)}  ${line.text}`;
      })
      .join("\n");
  }

  /** A remark between the packets of the ladder, such as what a user heard. */
  note(who: string, text: string): void {
    this.#lines.push({ atMs: this.clock.nowMs(), from: who, to: "", text });
  }

  /** For VirtualTransport only. */
  sendDatagram(from: VirtualTransport, source: Flow, wire: string, onFailure: (failure: TransportFailure) => void): void {
    const socket = this.#sockets.get(socketKey("UDP", source.remoteAddress, source.remotePort));
    const to = socket?.transport.name ?? `${source.remoteAddress}:${source.remotePort}`;
    const packet = this.#record(from.name, to, "UDP", wire);
    const quality = this.#links.get(`${from.name}>${to}`) ?? this.#quality;
    const copies = this.#fates(packet, quality);
    this.#draw(packet, copies);
    for (const delayMs of copies) {
      this.clock.after(delayMs, () => {
        // Looked up on arrival: an endpoint may have closed or come back meanwhile.
        const there = this.#sockets.get(socketKey("UDP", source.remoteAddress, source.remotePort));
        if (there === undefined || there.transport.closed) {
          this.clock.after(delayMs, () => onFailure(refused(source)));
          return;
        }
        there.transport.receive(wire, reversed(source, there.listener, 0));
      });
    }
  }

  /** For VirtualTransport only. */
  sendOnStream(from: VirtualTransport, wanted: Flow, wire: string, onFailure: (failure: TransportFailure) => void): void {
    const socket = this.#sockets.get(socketKey("TCP", wanted.remoteAddress, wanted.remotePort));
    const found = this.#findConnection(from, wanted);
    const far = found === undefined ? socket?.transport : endOf(found, from, false).transport;
    const packet = this.#record(from.name, far?.name ?? `${wanted.remoteAddress}:${wanted.remotePort}`, "TCP", wire);
    const quality = this.#links.get(`${packet.from}>${packet.to}`) ?? this.#quality;
    const connection = found ?? this.#connect(from, wanted);
    this.#draw(packet, [0]);
    if (connection === undefined) {
      this.clock.after(2 * quality.delayMs, () => onFailure(refused(wanted)));
      return;
    }
    const dueMs = Math.max(connection.lastDueMs, this.clock.nowMs() + quality.delayMs);
    connection.lastDueMs = dueMs;
    this.clock.after(dueMs - this.clock.nowMs(), () => {
      const end = endOf(connection, from, false);
      if (connection.open && !end.transport.closed) end.transport.receive(wire, end.flow);
      else onFailure({ code: "CLOSED", detail: "the connection closed" });
    });
  }

  /** For VirtualTransport only: every stream of this endpoint ends. */
  closeStreams(of: VirtualTransport): void {
    for (const connection of this.#connections.values()) {
      if (!connection.ends.some((end) => end.transport === of)) continue;
      connection.open = false;
      this.#connections.delete(connection.id);
    }
  }

  #findConnection(from: VirtualTransport, wanted: Flow): Connection | undefined {
    const named = this.#connections.get(wanted.connection);
    if (named?.open === true && named.ends.some((end) => end.transport === from)) return named;
    for (const connection of this.#connections.values()) {
      for (const { transport, flow } of connection.ends) {
        if (
          transport === from &&
          connection.open &&
          flow.listener === wanted.listener &&
          flow.remoteAddress === wanted.remoteAddress &&
          flow.remotePort === wanted.remotePort
        )
          return connection;
      }
    }
    return undefined;
  }

  #connect(from: VirtualTransport, wanted: Flow): Connection | undefined {
    const socket = this.#sockets.get(socketKey("TCP", wanted.remoteAddress, wanted.remotePort));
    if (socket === undefined || socket.transport.closed) return undefined;
    const id = ++this.#lastConnection;
    const flow: Flow = { ...wanted, localPort: ++this.#lastPort, connection: id };
    const ends = [
      { transport: from, flow },
      { transport: socket.transport, flow: reversed(flow, socket.listener, id) },
    ] as const;
    const connection: Connection = { id, ends, open: true, lastDueMs: 0 };
    this.#connections.set(id, connection);
    return connection;
  }

  /** Delays of the copies that will arrive; none when it is lost. */
  #fates(packet: Packet, quality: LinkQuality): readonly number[] {
    const delay = (): number => quality.delayMs + this.#random.fraction() * quality.jitterMs;
    const scripted = this.fault?.(packet);
    if (scripted === "drop") return [];
    if (scripted === "duplicate") return [delay(), delay()];
    if (scripted !== undefined) return [scripted.delayMs];
    if (this.#random.fraction() < quality.lossRate) return [];
    return this.#random.fraction() < quality.duplicateRate ? [delay(), delay()] : [delay()];
  }

  #record(from: string, to: string, transport: TransportName, wire: string): Packet {
    const summary = summaryOf(wire);
    const key = `${from}>${to}>${summary}`;
    const nth = (this.#seen.get(key) ?? 0) + 1;
    this.#seen.set(key, nth);
    const packet: Packet = { atMs: this.clock.nowMs(), from, to, transport, summary, wire, nth };
    this.packets.push(packet);
    return packet;
  }

  #draw(packet: Packet, copies: readonly number[]): void {
    const fate = copies.length === 0 ? " (lost)" : copies.length > 1 ? " (doubled)" : "";
    const by = packet.transport === "UDP" ? "" : ` [${packet.transport}]`;
    this.#lines.push({ atMs: packet.atMs, from: packet.from, to: packet.to, text: packet.summary + by + fate });
  }
}

export class VirtualTransport implements TransportLayer {
  readonly name: string;
  readonly #network: VirtualNetwork;
  readonly #listeners: readonly ListenerFace[];
  #user: TransportUser | undefined;
  /** A closed endpoint refuses: datagrams to it come back as ECONNREFUSED. */
  closed = false;
  /** Received bytes that were no message. */
  garbage = 0;

  constructor(network: VirtualNetwork, name: string, listeners: readonly ListenerFace[]) {
    this.#network = network;
    this.name = name;
    this.#listeners = listeners;
  }

  attach(user: TransportUser): void {
    this.#user = user;
  }
  listener(name: string): ListenerFace | undefined {
    return this.#listeners.find((face) => face.name === name);
  }
  listeners(): readonly ListenerFace[] {
    return this.#listeners;
  }
  isReliable(transport: TransportName): boolean {
    return transport !== "UDP";
  }

  send(target: Target, wire: string, onFailure: (failure: TransportFailure) => void): void {
    const face = this.listener(target.listener);
    const tooLarge = target.transport === "UDP" && wire.length > UDP_REQUEST_MAX_BYTES && face?.portOf("TCP") !== undefined;
    const transport = tooLarge ? "TCP" : target.transport;
    const localPort = face?.portOf(transport);
    if (face === undefined || localPort === undefined) {
      this.#network.clock.after(0, () => onFailure({ code: "NO_LISTENER", detail: `${target.listener} has no ${transport}` }));
      return;
    }
    this.#emit(
      {
        transport,
        listener: face.name,
        localAddress: face.address,
        localPort,
        remoteAddress: target.address,
        remotePort: target.port,
        connection: target.connection ?? 0,
      },
      wire,
      onFailure,
    );
  }

  respond(flow: Flow, wire: string, onFailure: (failure: TransportFailure) => void): void {
    this.#emit(flow, wire, onFailure);
  }

  /** A datagram of any bytes to anywhere, past every layer above. */
  inject(target: Target, bytes: string): void {
    this.send(target, bytes, () => undefined);
  }

  /** For VirtualNetwork only. */
  receive(wire: string, flow: Flow): void {
    const message = parseMessage(wire);
    if (message.ok) return this.#user?.onMessage(message.value, flow);
    this.garbage++;
    this.#user?.onGarbage(message.reason, wire, flow);
  }

  /** The process behind it died: sockets are gone, streams end. */
  close(): void {
    this.closed = true;
    this.#network.closeStreams(this);
  }
  reopen(): void {
    this.closed = false;
  }
  /** The streams end, the endpoint stays. */
  dropStreams(): void {
    this.#network.closeStreams(this);
  }

  #emit(flow: Flow, wire: string, onFailure: (failure: TransportFailure) => void): void {
    if (this.closed) return;
    if (flow.transport === "UDP") this.#network.sendDatagram(this, flow, wire, onFailure);
    else this.#network.sendOnStream(this, flow, wire, onFailure);
  }
}

function faceOf(spec: VirtualListener): ListenerFace {
  const port = spec.port ?? 5060;
  const transports = spec.transports ?? ["UDP", "TCP"];
  return {
    name: spec.listener ?? "main",
    address: spec.address,
    advertised: spec.advertised ?? spec.address,
    portOf: (transport) => (transports.includes(transport) ? port : undefined),
  };
}

const socketKey = (transport: TransportName, address: string, port: number): string => `${transport} ${address} ${port}`;

const refused = (flow: Flow): TransportFailure => ({ code: "ECONNREFUSED", detail: `${flow.remoteAddress}:${flow.remotePort} refused` });

const reversed = (flow: Flow, listener: string, connection: number): Flow => ({
  transport: flow.transport,
  listener,
  connection,
  localAddress: flow.remoteAddress,
  localPort: flow.remotePort,
  remoteAddress: flow.localAddress,
  remotePort: flow.localPort,
});

const endOf = (connection: Connection, transport: VirtualTransport, near: boolean): End =>
  (connection.ends[0].transport === transport) === near ? connection.ends[0] : connection.ends[1];

const STATUS_LINE = /^SIP\/2\.0 (\d{3})/;
const CSEQ_METHOD = /\r\nCSeq\s*:\s*\d+\s+([^\s]+)/i;
function summaryOf(wire: string): string {
  const status = STATUS_LINE.exec(wire)?.[1];
  if (status === undefined) return wire.slice(0, wire.search(/\s|$/));
  return `${status} ${CSEQ_METHOD.exec(wire)?.[1] ?? "?"}`;
}
