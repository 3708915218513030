/**
 * rtpengine as a media engine: any number of them, new sessions shared by weight among those that are up, each
 * session staying where it was made. rtpengine tells nothing by itself, so silence, first packets and lost
 * sessions are found by asking; an rtpengine that comes back is asked for every session it should have.
 *
 * Not here: how rtpengine is started or configured, SRTP, ICE, transcoding.
 */
import type { Clock } from "#base/clock.ts";
import type { CallId, Random } from "#base/ids.ts";
import type {
  Commit,
  LocalMedia,
  MediaCapability,
  MediaEngine,
  MediaEvent,
  PortPool,
  Prepared,
  PrepareSide,
  SessionId,
  SessionStats,
  SideName,
} from "#media/engine.ts";
import type { Publish } from "#observe/event.ts";
import { listOf } from "./bencode.ts";
import { NgNode, type NgPlace } from "./ng-node.ts";
import { NgSession, type NgSessionOwner } from "./ng-session.ts";
import { type OpenNgSocket, openNgSocket } from "./ng-socket.ts";

/** An answer must fit a datagram: so many names of calls do. */
const LISTED_MAX = 1_000;

export interface NgEngineOptions {
  readonly nodes: readonly NgPlace[];
  readonly pools: readonly PortPool[];
  /** rtpengine's interface for a pool where the names differ. */
  readonly interfaces: Readonly<Record<string, string>>;
  /** Before our sessions' names at rtpengine: whose they are, when others use it as well. */
  readonly prefix: string;
  /** Sessions of a former process; each is looked for. */
  readonly expected: readonly SessionId[];
  readonly clock: Clock;
  readonly random: Random;
  readonly publish: Publish;
  readonly open?: OpenNgSocket;
}

export interface NgEngine extends MediaEngine {
  /** At least one rtpengine is up. */
  readonly connected: boolean;
  /** For people: each rtpengine and how it is. */
  describe(): string;
  /** Replaces the pools; sessions keep their ports. */
  setPools(pools: readonly PortPool[]): void;
  /** Sessions go on. */
  close(): void;
}

/** Starts asking; prepares before the first "up" event wait for it. */
export function connectRtpengines(options: NgEngineOptions): NgEngine {
  return new Engine(options);
}

class Engine implements NgEngine, NgSessionOwner {
  readonly name = "rtpengine";
  readonly capabilities: ReadonlySet<MediaCapability> = new Set(["relay", "rtcp-mux", "nat-learning"]);
  readonly clock: Clock;
  onEvent: ((event: MediaEvent) => void) | undefined = undefined;
  readonly #options: NgEngineOptions;
  readonly #bootId: string;
  readonly #nodes: readonly NgNode[];
  readonly #sessions = new Map<SessionId, NgSession>();
  #pools: ReadonlyMap<string, PortPool>;
  /** Expected and not found yet. */
  readonly #missing: Set<SessionId>;
  /** Those that have not said for the first time how they are and what they hold. */
  readonly #unsettled: Set<NgNode>;
  readonly #settled: Promise<void>;
  #settle: () => void = () => {};
  connected = false;
  /** The first "up" was told: from then on, what rtpengines hold is known. */
  #told = false;
  readonly #addressesTold = new Set<string>();
  #closed = false;

  constructor(options: NgEngineOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.#pools = byName(options.pools);
    this.#missing = new Set(options.expected);
    this.#bootId = `ng-${options.random.integer(2 ** 32).toString(36)}`;
    this.#settled = new Promise((settle) => {
      this.#settle = settle;
    });
    const user = { onHealth: (node: NgNode, up: boolean, reason: string) => this.#onHealth(node, up, reason) };
    this.#nodes = options.nodes.map(
      (place, i) => new NgNode(place, `${this.#bootId}-${i}-`, options.clock, options.open ?? openNgSocket, user),
    );
    this.#unsettled = new Set(this.#nodes);
  }

  // Health

  #onHealth(node: NgNode, up: boolean, reason: string): void {
    this.#options.publish({
      type: "process",
      what: up ? "rtpengine-up" : "rtpengine-down",
      detail: up ? node.name : `${node.name}: ${reason}`,
    });
    if (!up) {
      this.#settleNode(node);
      if (this.connected && !this.#anyUp()) {
        this.connected = false;
        this.onEvent?.({ type: "down", reason: `no rtpengine is up; ${node.name}: ${reason}` });
      }
      return;
    }
    void this.#takeUp(node);
  }

  #anyUp(): boolean {
    return this.#nodes.some((node) => node.up === true);
  }

  #settleNode(node: NgNode): void {
    if (!this.#unsettled.delete(node) || this.#unsettled.size > 0) return;
    this.#settle();
    this.#tellUp();
  }

  #tellUp(): void {
    // Told before all were asked, calls of one that is not asked yet would be taken for lost.
    if (this.#closed || this.connected || this.#unsettled.size > 0 || !this.#anyUp()) return;
    this.connected = true;
    this.#told = true;
    this.#missing.clear();
    this.onEvent?.({ type: "up", bootId: this.#bootId, sessions: [...this.#sessions.keys()] });
  }

  /** What this rtpengine holds: sessions that it should have, those of a former process, and what nobody wants. */
  async #takeUp(node: NgNode): Promise<void> {
    await this.#lookThrough(node);
    this.#settleNode(node);
    this.#tellUp();
  }

  async #lookThrough(node: NgNode): Promise<void> {
    const resumed = [...this.#sessions.values()].filter((session) => session.node === node).map((session) => session.resume());
    await Promise.all([...resumed, ...[...this.#missing].map((id) => this.#find(id, node))]);
    const listed = await node.request({ command: "list", limit: LISTED_MAX });
    if (!listed.ok) return;
    for (const name of listOf(listed.fields, "calls")) {
      if (typeof name !== "string" || !name.startsWith(this.#options.prefix)) continue;
      const id = name.slice(this.#options.prefix.length);
      if (this.#sessions.has(id)) continue;
      // At the start the owner is told of it and decides; later it is one that was released while we could not say so.
      if (!this.#told) await this.#find(id, node);
      else void node.request({ command: "delete", "call-id": name, "delete delay": 0 });
    }
  }

  async #find(id: SessionId, node: NgNode): Promise<void> {
    const callId = this.#options.prefix + id;
    const answer = await node.request({ command: "query", "call-id": callId });
    if (!answer.ok || this.#sessions.has(id)) return;
    this.#missing.delete(id);
    this.#sessions.set(id, NgSession.found(id, callId, node, this, answer.fields));
  }

  // What sessions ask of us

  pool(name: string): PortPool | undefined {
    return this.#pools.get(name);
  }
  interfaceOf(pool: string): string {
    return this.#options.interfaces[pool] ?? pool;
  }
  emit(event: MediaEvent): void {
    this.onEvent?.(event);
  }
  problem(session: SessionId, side: SideName, detail: string): void {
    // A session is a call of ours.
    this.#options.publish({ type: "media", what: "problem", side, detail, callId: session as CallId });
  }
  onLocal(pool: PortPool, node: NgNode, local: LocalMedia): void {
    if (local.address === pool.advertisedAddress) return;
    // rtpengine takes its first interface where it does not know the name, and says nothing.
    const detail = `${node.name} gives ${local.address} on interface "${this.interfaceOf(pool.name)}", but listener ${pool.name} says ${pool.advertisedAddress}: is there such an interface?`;
    if (this.#addressesTold.has(detail)) return;
    this.#addressesTold.add(detail);
    this.#options.publish({ type: "process", what: "rtpengine-address", detail });
  }
  onEnded(session: NgSession): void {
    if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id);
  }

  // The engine

  async prepare(id: SessionId, sides: readonly PrepareSide[]): Promise<Prepared> {
    const unknown = sides.find((side) => !this.#pools.has(side.pool));
    if (unknown !== undefined) return { ok: false, code: "UNKNOWN_POOL", detail: `no pool ${unknown.pool}` };
    const known = await this.#known(id);
    if (known !== undefined) return known.prepare(sides);
    const tried = new Set<NgNode>();
    let failure: Prepared = { ok: false, code: "ENGINE_GONE", detail: `no rtpengine is up: ${this.describe()}` };
    for (let node = this.#choose(tried); node !== undefined; node = this.#choose(tried)) {
      tried.add(node);
      const session = new NgSession(id, this.#options.prefix + id, node, this);
      this.#sessions.set(id, session);
      const prepared = await session.prepare(sides);
      if (prepared.ok) return { ok: true, local: prepared.local };
      failure = { ok: false, code: prepared.code, detail: prepared.detail };
      this.#sessions.delete(id);
      void session.release();
      if (prepared.elsewhere !== true) break;
    }
    return failure;
  }

  #choose(tried: ReadonlySet<NgNode>): NgNode | undefined {
    const candidates = this.#nodes.filter((node) => node.up === true && node.weight > 0 && !tried.has(node));
    let at = this.#options.random.fraction() * candidates.reduce((sum, node) => sum + node.weight, 0);
    for (const node of candidates) {
      at -= node.weight;
      if (at < 0) return node;
    }
    return candidates.at(-1);
  }

  commit(commit: Commit): void {
    void this.#commitTo(commit);
  }
  async #commitTo(commit: Commit): Promise<void> {
    const session = await this.#known(commit.session);
    if (session !== undefined) return session.commit(commit);
    // One that may yet be found is not lost.
    if (!this.#missing.has(commit.session)) this.emit({ type: "gone", session: commit.session, reason: "no rtpengine has the session" });
  }
  abort(id: SessionId, side: SideName): void {
    void this.#abortIn(id, side);
  }
  async #abortIn(id: SessionId, side: SideName): Promise<void> {
    await (await this.#known(id))?.abort(side);
  }
  async release(id: SessionId): Promise<SessionStats | undefined> {
    return (await this.#known(id))?.release();
  }
  async stats(id: SessionId): Promise<SessionStats | undefined> {
    return (await this.#known(id))?.stats();
  }

  /** Until all were asked what they hold, nobody can say which session is unknown. */
  async #known(id: SessionId): Promise<NgSession | undefined> {
    await this.#settled;
    return this.#sessions.get(id);
  }

  describe(): string {
    const held = (node: NgNode): number => [...this.#sessions.values()].filter((session) => session.node === node).length;
    return this.#nodes
      .map((node) => `${node.name} ${node.up === true ? `up, ${held(node)} sessions` : `down (${node.reason})`}`)
      .join("; ");
  }

  setPools(pools: readonly PortPool[]): void {
    this.#pools = byName(pools);
  }

  close(): void {
    this.#closed = true;
    for (const session of this.#sessions.values()) session.leave();
    for (const node of this.#nodes) node.close();
  }
}

const byName = (pools: readonly PortPool[]): ReadonlyMap<string, PortPool> => new Map(pools.map((pool) => [pool.name, pool]));
