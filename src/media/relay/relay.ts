/**
 * The sessions of one relay worker: commands change them, the journal remembers them, a scan each second
 * ends or reports the silent ones. Behaviour is that of `media/engine.ts`; sockets, time and journal are
 * arguments. It deliberately does not frame commands (controller-link.ts) or touch packets (packet-path.ts).
 */
import type {
  Commit,
  LocalMedia,
  MediaEvent,
  MediaFailureCode,
  PortPool,
  Prepared,
  PrepareSide,
  RemoteMedia,
  SessionId,
  SessionStats,
  SideName,
} from "#media/engine.ts";
import { type Flow, NO_SOCKET, Session, Side, mustSpeak } from "./flow.ts";
import { type Endpoint, canonicalAddress, endpoint, endpointText, reachable, sameEndpoint } from "./learning.ts";
import { PacketPath } from "./packet-path.ts";
import type { OpenFailure, PacketSockets } from "./packet-sockets.ts";
import { type Pool, Pools } from "./pools.ts";
import type { AssignSide } from "#media/embedded/protocol.ts";
import type { SessionRecord, SideRecord } from "./session-record.ts";

const SESSIONS_MAX = 50_000;
const SIDES_MAX = 16;
/** Ports held by other programs that one `prepare` steps over before it gives up. */
const TAKEN_PORTS_MAX = 200;
/** After so much silence of a locked source, a socket beside it counts who else sends. */
const STRAY_WATCH_AFTER_MS = 3_000;
/** Nobody commands us and nothing is sent: such a session ends, whatever its timeout. */
const ABANDONED_MS = 300_000;

export interface RelayJournal {
  /** Remembers the session's newest state; written before the next reply leaves. */
  changed(session: SessionId, record: SessionRecord | undefined): void;
}

export interface RelayOutput {
  event(event: MediaEvent): void;
  /** Something that a person should read; the call goes on. */
  problem(session: SessionId, side: SideName, detail: string): void;
}

const FAILURE: Readonly<Record<OpenFailure, MediaFailureCode>> = {
  taken: "PORTS_EXHAUSTED",
  descriptors: "DESCRIPTORS_EXHAUSTED",
  address: "BAD_ADDRESS",
  refused: "REFUSED",
};

function dscpOf(wanted: PrepareSide, pool: PortPool): { readonly dscp?: number } {
  const dscp = wanted.dscp ?? pool.dscp;
  return dscp === undefined ? {} : { dscp };
}

function newSide(session: Session, wanted: PrepareSide, { spec, bindAddress }: Pool, port: number): Side {
  return new Side(session, wanted.side, {
    pool: spec.name,
    bindAddress,
    advertisedAddress: spec.advertisedAddress,
    port,
    ...(spec.device === undefined ? {} : { device: spec.device }),
    ...dscpOf(wanted, spec),
    nat: wanted.nat,
    signallingAddress: canonicalAddress(wanted.signallingAddress) ?? "",
  });
}

type Opened<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: MediaFailureCode; readonly detail: string };

export class Relay {
  readonly path: PacketPath;
  readonly #sockets: PacketSockets;
  readonly #journal: RelayJournal;
  readonly #output: RelayOutput;
  readonly #sessions = new Map<SessionId, Session>();
  readonly #pools: Pools;
  readonly #dirty = new Set<Session>();
  /** Says whether someone commands us. */
  controlled = false;

  constructor(options: {
    readonly sockets: PacketSockets;
    readonly journal: RelayJournal;
    readonly output: RelayOutput;
    /** A random integer in [0, below): where in its range a fresh pool begins. */
    readonly portStart: (below: number) => number;
  }) {
    this.#sockets = options.sockets;
    this.#journal = options.journal;
    this.#output = options.output;
    this.#pools = new Pools({
      sockets: options.sockets,
      portStart: options.portStart,
      inUse: (bindAddress) => this.#portsAt(bindAddress),
      problem: (detail) => options.output.problem("", "", detail),
    });
    this.path = new PacketPath(options.sockets, {
      learned: (side) => this.#learned(side),
      event: (event) => this.#output.event(event),
    });
    this.#sockets.user = this.path;
  }

  get size(): number {
    return this.#sessions.size;
  }
  sessionIds(): SessionId[] {
    return [...this.#sessions.keys()];
  }

  *#portsAt(bindAddress: string): Iterable<number> {
    for (const session of this.#sessions.values())
      for (const side of session.sides.values()) if (side.local.bindAddress === bindAddress) yield side.local.port;
  }

  /** The controller's pools. A pool that stays as it was keeps its ports and their drain times. */
  setPools(specs: readonly PortPool[]): void {
    this.#pools.set(specs);
  }
  lend(pool: string, pairs: number): readonly LocalMedia[] {
    return this.#pools.lend(pool, pairs);
  }
  takeBack(): void {
    this.#pools.takeBack();
  }

  /** Sides on ports that were lent, or that they had at a former relay. */
  assign(id: SessionId, sides: readonly AssignSide[]): void {
    const prepared = this.prepare(id, sides);
    if (prepared.ok) return;
    this.release(id);
    this.#output.event({ type: "gone", session: id, reason: `${prepared.code}: ${prepared.detail}` });
  }

  prepare(id: SessionId, sides: readonly (PrepareSide | AssignSide)[]): Prepared {
    const known = this.#sessions.get(id);
    if (known === undefined && this.#sessions.size >= SESSIONS_MAX)
      return { ok: false, code: "DESCRIPTORS_EXHAUSTED", detail: `${SESSIONS_MAX} sessions is this engine's limit` };
    const session = known ?? new Session(id);
    const made: Side[] = [];
    const local: Record<SideName, LocalMedia> = {};
    for (const wanted of sides) {
      let side = session.sides.get(wanted.side);
      if (side === undefined) {
        const opened =
          session.sides.size >= SIDES_MAX
            ? ({ ok: false, code: "REFUSED", detail: `${SIDES_MAX} sides at most` } as const)
            : this.#openSide(session, wanted);
        if (!opened.ok) {
          for (const each of made) this.#closeSide(each);
          return opened;
        }
        side = opened.value;
        made.push(side);
        session.sides.set(side.name, side);
      }
      local[side.name] = { address: side.local.advertisedAddress, port: side.local.port, rtcpPort: side.local.port + 1 };
    }
    this.#sessions.set(id, session);
    this.path.pairUp(session);
    this.#dirty.add(session);
    return { ok: true, local };
  }

  #openSide(session: Session, wanted: PrepareSide | AssignSide): Opened<Side> {
    const pool = this.#pools.get(wanted.pool);
    if (pool === undefined) return { ok: false, code: "UNKNOWN_POOL", detail: `no port pool is named ${wanted.pool}` };
    if ("port" in wanted) return this.#openAssigned(session, wanted, pool);
    const nowMs = this.#sockets.nowMs;
    for (let tries = 0; tries < TAKEN_PORTS_MAX; tries++) {
      const port = pool.ports.take(nowMs);
      if (port === undefined) break;
      const side = newSide(session, wanted, pool, port);
      const failure = this.#openFlow(side.rtp) ?? this.#openFlow(side.rtcp);
      if (failure === undefined) return { ok: true, value: side };
      this.#closeSide(side);
      if (failure.code !== "PORTS_EXHAUSTED") return failure;
    }
    return {
      ok: false,
      code: "PORTS_EXHAUSTED",
      detail: `pool ${wanted.pool} (${pool.bindAddress} ${pool.spec.portMin}-${pool.spec.portMax}) has no free port`,
    };
  }

  #openAssigned(session: Session, wanted: AssignSide, pool: Pool): Opened<Side> {
    const side = newSide(session, wanted, pool, wanted.port);
    const lent = this.#pools.use(wanted.pool, wanted.port);
    if (lent !== undefined) {
      for (const [flow, socket] of [
        [side.rtp, lent.rtp],
        [side.rtcp, lent.rtcp],
      ] as const) {
        flow.socket = socket;
        this.path.opened(flow);
      }
      return { ok: true, value: side };
    }
    const failure = this.#openFlow(side.rtp) ?? this.#openFlow(side.rtcp);
    if (failure === undefined) return { ok: true, value: side };
    this.#closeSide(side);
    return failure;
  }

  /** @returns the failure, undefined when the flow has its socket */
  #openFlow(flow: Flow): { readonly ok: false; readonly code: MediaFailureCode; readonly detail: string } | undefined {
    const { local } = flow.side;
    const opened = this.#sockets.open({
      address: local.bindAddress,
      port: flow.use === "rtcp" ? local.port + 1 : local.port,
      beside: flow.use === "stray",
      ...(local.device === undefined ? {} : { device: local.device }),
      ...(local.dscp === undefined ? {} : { dscp: local.dscp }),
    });
    if (!opened.ok) return { ok: false, code: FAILURE[opened.code], detail: opened.detail };
    flow.socket = opened.id;
    this.path.opened(flow);
    return undefined;
  }

  #closeFlow(flow: Flow): void {
    if (flow.socket !== NO_SOCKET) {
      this.path.closing(flow);
      this.#sockets.close(flow.socket);
    }
    flow.socket = NO_SOCKET;
    flow.connected = false;
    flow.learned = undefined;
  }

  #closeSide(side: Side): void {
    for (const flow of [side.stray, side.rtcp, side.rtp]) this.#closeFlow(flow);
    side.session.sides.delete(side.name);
    this.#pools.freed(side.local.bindAddress, side.local.port);
  }

  commit(commit: Commit): void {
    const session = this.#sessions.get(commit.session);
    if (session === undefined) {
      this.#output.event({ type: "gone", session: commit.session, reason: "UNKNOWN_SESSION" });
      return;
    }
    for (const [name, remote] of Object.entries(commit.remotes)) {
      const side = session.sides.get(name);
      if (side === undefined) this.#output.problem(session.id, name, "commit names a side that was not prepared");
      else this.#setRemote(side, remote);
    }
    if (commit.pair !== undefined) {
      session.pair = commit.pair;
      session.first = commit.first ?? "a";
    }
    if (commit.timeoutMs !== undefined) session.timeoutMs = commit.timeoutMs;
    this.path.pairUp(session);
    this.path.replayEarly(session);
    for (const side of session.sides.values()) {
      this.path.touch(side);
      side.timeoutReported = false;
    }
    this.#dirty.add(session);
  }

  #setRemote(side: Side, remote: RemoteMedia): void {
    const rtp = endpoint(remote.address, remote.port);
    const rtcp = endpoint(remote.rtcpAddress, remote.rtcpPort);
    side.remote = remote;
    // RFC 5761 §5.1.1: once both agreed, RTCP's own port is not used any more.
    if (remote.rtcpMux) this.#closeFlow(side.rtcp);
    else if (side.rtcp.socket === NO_SOCKET) {
      const failure = this.#openFlow(side.rtcp);
      if (failure !== undefined) this.#output.problem(side.session.id, side.name, `RTCP stays closed: ${failure.detail}`);
    }
    if (rtp === undefined)
      this.#output.problem(
        side.session.id,
        side.name,
        `${remote.address}:${remote.port} is not a transport address; packets go where theirs come from`,
      );
    this.#aim(side.rtp, this.#apartFromUs(side, rtp));
    this.#aim(side.rtcp, this.#apartFromUs(side, rtcp));
  }

  /** Two sides that name each other's ports here would let a packet circle between them for ever. */
  #apartFromUs(side: Side, remote: Endpoint | undefined): Endpoint | undefined {
    if (remote === undefined) return undefined;
    for (const { local } of side.session.sides.values()) {
      const here = remote.address === local.bindAddress || remote.address === local.advertisedAddress;
      if (!here || (remote.port !== local.port && remote.port !== local.port + 1)) continue;
      this.#output.problem(side.session.id, side.name, `${endpointText(remote)} is a port of this call itself; nothing is sent there`);
      return undefined;
    }
    return remote;
  }

  /** A changed remote opens the lock (a re-INVITE moved the stream); the same one again changes nothing. */
  #aim(flow: Flow, remote: Endpoint | undefined): void {
    // A name or nonsense still lets the signalling peer be learned.
    const target = remote ?? endpoint("0.0.0.0", 0);
    if (flow.remote !== undefined && sameEndpoint(flow.remote, target)) return;
    flow.remote = target;
    if (flow.use === "rtp") this.#closeFlow(flow.side.stray);
    if (flow.learned !== undefined) this.path.unlock(flow);
  }

  /** Where audio of our own leaves. False: there is no such side, or nobody to hear it. */
  sendOwn(id: SessionId, name: SideName, packet: Uint8Array): boolean {
    const side = this.#sessions.get(id)?.sides.get(name);
    return side !== undefined && this.path.sendOwn(side, packet);
  }

  abort(id: SessionId, name: SideName): void {
    const session = this.#sessions.get(id);
    const side = session?.sides.get(name);
    if (session === undefined || side === undefined) return;
    this.#closeSide(side);
    this.path.pairUp(session);
    this.#dirty.add(session);
  }

  stats(id: SessionId): SessionStats | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    const sides = [...session.sides.values()];
    for (const side of sides) this.path.harvest(side);
    return { session: id, sides: sides.map((side) => this.path.stats(side)) };
  }

  release(id: SessionId): SessionStats | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    const stats = this.stats(id);
    for (const side of session.sides.values()) this.#closeSide(side);
    this.#sessions.delete(id);
    this.#dirty.delete(session);
    this.#journal.changed(id, undefined);
    return stats;
  }

  #learned(side: Side): void {
    if (side.local.nat) this.#watchStrays(side);
    this.#dirty.add(side.session);
  }

  /** A connected socket does not see strangers: where they matter, an unconnected one stands beside it. */
  #watchStrays(side: Side): void {
    if (!side.rtp.connected || side.stray.socket !== NO_SOCKET) return;
    this.#sockets.shareAddress(side.rtp.socket);
    this.#openFlow(side.stray);
  }

  /** Silence and strays; once a second. */
  scan(): void {
    for (const session of this.#sessions.values()) {
      let quietMs = Number.POSITIVE_INFINITY;
      for (const side of session.sides.values()) {
        const silentMs = this.path.silentMs(side);
        this.path.harvest(side);
        quietMs = Math.min(quietMs, silentMs);
        this.path.reportStrays(side);
        if (!mustSpeak(side)) continue;
        if (silentMs >= STRAY_WATCH_AFTER_MS) this.#watchStrays(side);
        if (session.timeoutMs > 0 && silentMs >= session.timeoutMs && !side.timeoutReported) this.#timedOut(side, silentMs);
      }
      if (!this.controlled && quietMs >= ABANDONED_MS) this.#end(session, "abandoned");
    }
  }

  #timedOut(side: Side, silentMs: number): void {
    side.timeoutReported = true;
    this.#output.event({ type: "timeout", session: side.session.id, side: side.name, silentMs });
    if (!this.controlled) this.#end(side.session, `${side.name} silent for ${silentMs} ms and nobody in control`);
  }

  #end(session: Session, reason: string): void {
    if (this.release(session.id) !== undefined) this.#output.event({ type: "gone", session: session.id, reason });
  }

  /** Hands what changed to the journal; after each batch of commands and packets. */
  settle(): void {
    if (this.#dirty.size === 0) return;
    for (const session of this.#dirty) this.#journal.changed(session.id, this.record(session.id));
    this.#dirty.clear();
  }

  record(id: SessionId): SessionRecord | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    const sides: Record<SideName, SideRecord> = {};
    for (const side of session.sides.values()) {
      sides[side.name] = {
        local: side.local,
        ...(side.remote === undefined ? {} : { remote: side.remote }),
        ...(side.rtp.learned === undefined ? {} : { learned: { address: side.rtp.learned.address, port: side.rtp.learned.port } }),
        ...(side.rtcp.learned === undefined ? {} : { rtcpLearned: { address: side.rtcp.learned.address, port: side.rtcp.learned.port } }),
      };
    }
    return {
      session: id,
      timeoutMs: session.timeoutMs,
      sides,
      ...(session.pair === undefined ? {} : { pair: session.pair }),
      ...(session.first === "a" ? {} : { first: session.first }),
    };
  }

  /** Takes a journaled session up again on its ports. False: a port was lost, the session is gone. */
  restore(record: SessionRecord): boolean {
    const session = new Session(record.session);
    session.timeoutMs = record.timeoutMs;
    session.pair = record.pair;
    session.first = record.first ?? "a";
    for (const [name, kept] of Object.entries(record.sides)) {
      const side = new Side(session, name, kept.local);
      session.sides.set(name, side);
      const failure = this.#openFlow(side.rtp);
      if (failure !== undefined) {
        for (const each of session.sides.values()) this.#closeSide(each);
        return false;
      }
      if (kept.remote === undefined) this.#openFlow(side.rtcp);
      else this.#setRemote(side, kept.remote);
    }
    this.#sessions.set(session.id, session);
    this.path.pairUp(session);
    for (const side of session.sides.values()) side.heard = true;
    // Locking reads what waits already, so everything must stand before.
    for (const [name, kept] of Object.entries(record.sides)) {
      const side = session.sides.get(name)!;
      if (kept.learned !== undefined && reachable(kept.learned)) this.path.lock(side.rtp, { ...kept.learned });
      if (kept.rtcpLearned !== undefined && side.rtcp.socket !== NO_SOCKET) this.path.lock(side.rtcp, { ...kept.rtcpLearned });
    }
    return true;
  }
}
