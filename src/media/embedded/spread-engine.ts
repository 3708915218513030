/**
 * The relay workers of one `tandem-media` as one engine: a session lives in one worker for all its life (ADR 0006),
 * a new one goes to the worker with the fewest. Each worker has its share of every port pool; where a share is used
 * up, the session goes to another worker.
 *
 * "down" is told when the first worker is gone, "up" when all are there again, with the sessions of all: they are one
 * process. How many there are that process says; what the configuration says counts until it has.
 */
import type { Timer } from "#base/clock.ts";
import type {
  Commit,
  MediaCapability,
  MediaEvent,
  Play,
  PortPool,
  Prepared,
  PrepareSide,
  SessionId,
  SessionStats,
  SideName,
} from "#media/engine.ts";
import { type EmbeddedEngine, type EmbeddedEngineOptions, connectEmbeddedEngine } from "./embedded-engine.ts";
import type { Hello } from "./protocol.ts";

/** So long a new call waits for workers that were never there yet. */
const PREPARE_WAIT_MS = 1_500;
/** Commands kept until then. */
const HELD_MAX = 100_000;

export interface SpreadEngineOptions extends Omit<EmbeddedEngineOptions, "socketPath" | "onHello"> {
  readonly socketPathOf: (worker: number) => string;
  /** As configured, at least 1. */
  readonly workers: number;
  /** Whenever all are there. @param socketsMax of all together */
  readonly onUp?: (socketsMax: number) => void;
}

interface Worker {
  readonly engine: EmbeddedEngine;
  up: boolean;
  /** That live there. */
  sessions: number;
}

export function connectSpreadEngine(options: SpreadEngineOptions): SpreadEngine {
  return new SpreadEngine(options);
}

class SpreadEngine implements EmbeddedEngine {
  readonly name = "embedded";
  onEvent: ((event: MediaEvent) => void) | undefined = undefined;
  readonly #options: SpreadEngineOptions;
  #pools: readonly PortPool[];
  #workers: Worker[] = [];
  /** Where each session lives. Complete once all workers have been there. */
  readonly #homes = new Map<SessionId, Worker>();
  /** Meant before. */
  #held: (() => void)[] | undefined = [];
  #closed = false;
  #heardHellos: readonly (Hello | undefined)[] = [];
  #hello: Hello | undefined;

  constructor(options: SpreadEngineOptions) {
    this.#options = options;
    this.#pools = options.pools;
    this.#resize(options.workers);
  }

  get capabilities(): ReadonlySet<MediaCapability> {
    return this.#workers[0]!.engine.capabilities;
  }
  get connected(): boolean {
    return this.#workers.every(({ up }) => up);
  }
  /** Of all workers together; every call asks for it, so it is put together only when one said something new. */
  get hello(): Hello | undefined {
    if (this.#heardHellos.length !== this.#workers.length || this.#workers.some(({ engine }, i) => engine.hello !== this.#heardHellos[i])) {
      this.#heardHellos = this.#workers.map(({ engine }) => engine.hello);
      this.#hello = this.#together();
    }
    return this.#hello;
  }
  #together(): Hello | undefined {
    const hellos = this.#heardHellos.flatMap((hello) => hello ?? []);
    const [first] = hellos;
    if (first === undefined || hellos.length < this.#workers.length) return undefined;
    return {
      ...first,
      socketsMax: hellos.reduce((sum, { socketsMax }) => sum + socketsMax, 0),
      sessions: hellos.flatMap(({ sessions }) => sessions),
    };
  }
  get workers(): number {
    return this.#workers.length;
  }

  setPools(pools: readonly PortPool[]): void {
    this.#pools = pools;
    for (const [i, { engine }] of this.#workers.entries()) engine.setPools(this.#shareOf(i));
  }

  #shareOf(worker: number): readonly PortPool[] {
    return this.#pools.map((pool) => shareOf(pool, worker, this.#workers.length));
  }

  #resize(count: number): void {
    const gone = this.#workers.splice(count);
    for (const worker of gone) {
      worker.up = false;
      this.#evict(worker);
      worker.engine.close();
    }
    while (this.#workers.length < count) this.#workers.push({ engine: this.#connect(this.#workers.length, count), up: false, sessions: 0 });
    this.setPools(this.#pools);
  }

  #connect(index: number, count: number): EmbeddedEngine {
    const { socketPathOf, pools: _, workers: __, onUp: ___, ...rest } = this.#options;
    const engine = connectEmbeddedEngine({
      ...rest,
      pools: this.#pools.map((pool) => shareOf(pool, index, count)),
      socketPath: socketPathOf(index),
      onHello: ({ workers }) => {
        if (workers !== undefined && workers !== this.#workers.length && workers > 0) this.#resize(workers);
      },
    });
    engine.onEvent = (event) => this.#heard(engine, event);
    return engine;
  }

  #heard(engine: EmbeddedEngine, event: MediaEvent): void {
    const worker = this.#workers.find((one) => one.engine === engine);
    if (worker === undefined) return;
    if (event.type === "down") {
      const wasUp = this.connected;
      worker.up = false;
      if (wasUp) this.onEvent?.(event);
      return;
    }
    if (event.type !== "up") {
      if (event.type === "gone") this.#leave(event.session);
      return this.onEvent?.(event);
    }
    this.#evict(worker);
    for (const session of event.sessions) this.#move(session, worker);
    worker.up = true;
    if (!this.connected) return;
    this.#options.onUp?.(this.hello?.socketsMax ?? 0);
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const run of held) run();
    this.onEvent?.({ type: "up", bootId: event.bootId, sessions: [...this.#homes.keys()] });
  }

  #move(session: SessionId, worker: Worker): void {
    this.#leave(session);
    this.#homes.set(session, worker);
    worker.sessions++;
  }
  #leave(session: SessionId): void {
    const home = this.#homes.get(session);
    if (home === undefined) return;
    home.sessions--;
    this.#homes.delete(session);
  }
  #evict(worker: Worker): void {
    for (const [session, home] of this.#homes) if (home === worker) this.#leave(session);
  }

  /** Before it is known who lives where, nothing can be said to anybody. */
  #whenKnown(run: () => void): void {
    if (this.#held === undefined) run();
    else if (this.#held.length < HELD_MAX) this.#held.push(run);
  }

  async prepare(session: SessionId, sides: readonly PrepareSide[]): Promise<Prepared> {
    if (!(await this.#known())) return { ok: false, code: "ENGINE_GONE", detail: "tandem-media is not connected" };
    const home = this.#homes.get(session);
    if (home !== undefined) return home.engine.prepare(session, sides);
    let prepared: Prepared | undefined;
    for (const worker of this.#byLoad()) {
      this.#move(session, worker);
      prepared = await worker.engine.prepare(session, sides);
      if (prepared.ok || (prepared.code !== "PORTS_EXHAUSTED" && prepared.code !== "DESCRIPTORS_EXHAUSTED")) break;
    }
    if (prepared?.ok !== true) this.#leave(session);
    return prepared ?? { ok: false, code: "ENGINE_GONE", detail: "tandem-media has no workers" };
  }

  #known(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    if (this.#held === undefined) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const patience: Timer = this.#options.clock.after(PREPARE_WAIT_MS, () => resolve(false));
    this.#whenKnown(() => {
      patience.cancel();
      resolve(true);
    });
    return promise;
  }

  /** The fewest sessions first. */
  #byLoad(): readonly Worker[] {
    return this.#workers.length === 1 ? this.#workers : this.#workers.toSorted((a, b) => a.sessions - b.sessions);
  }

  /** Where nobody has it, any worker says so. */
  #homeOf(session: SessionId): EmbeddedEngine {
    return (this.#homes.get(session) ?? this.#workers[0]!).engine;
  }

  commit(commit: Commit): void {
    this.#whenKnown(() => this.#homeOf(commit.session).commit(commit));
  }

  abort(session: SessionId, side: SideName): void {
    this.#whenKnown(() => this.#homeOf(session).abort(session, side));
  }

  play(play: Play): void {
    this.#homes.get(play.session)?.engine.play?.(play);
  }

  async release(session: SessionId): Promise<SessionStats | undefined> {
    if (this.#held !== undefined) {
      this.#whenKnown(() => void this.release(session));
      return undefined;
    }
    const { engine } = this.#homes.get(session) ?? this.#workers[0]!;
    this.#leave(session);
    return engine.release(session);
  }

  async stats(session: SessionId): Promise<SessionStats | undefined> {
    return this.#held === undefined ? this.#homeOf(session).stats(session) : undefined;
  }

  beforeRest(): void {
    for (const { engine } of this.#workers) engine.beforeRest();
  }

  close(): void {
    this.#closed = true;
    for (const { engine } of this.#workers) engine.close();
  }
}

/** A worker's part of a pool, pairs undivided; one that is left with none has a range without a pair. */
export function shareOf(pool: PortPool, worker: number, workers: number): PortPool {
  if (workers === 1) return pool;
  const portMin = pool.portMin + (pool.portMin & 1);
  const pairs = Math.max(0, Math.floor((pool.portMax + 1 - portMin) / 2));
  const [first, end] = [Math.floor((pairs * worker) / workers), Math.floor((pairs * (worker + 1)) / workers)];
  const from = portMin + 2 * first;
  return { ...pool, portMin: from, portMax: end === first ? from : portMin + 2 * end - 1 };
}
