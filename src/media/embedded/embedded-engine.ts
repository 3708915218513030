/**
 * The media engine as the signalling process sees it: one relay worker of `tandem-media` behind
 * media.sock. Commands of one turn of the event loop leave in one write, in their order; what nobody waits
 * for, commits, aborts and the end of a session, waits some milliseconds for company, because waking the
 * other process costs more than most commands.
 *
 * When the connection goes, waiting releases and stats resolve undefined, and the calls' audio goes on.
 * Prepares wait for the next process and fail with ENGINE_GONE only when none comes in time: a crash of media
 * delays new calls, and refuses none. Commits, aborts and releases meant meanwhile are sent after the
 * reconnect; a process that was restarted gets the last commit of every session once more, because
 * its journal may lack the newest.
 */
import { type Socket, createConnection } from "node:net";
import type { Clock, Timer } from "#base/clock.ts";
import type { CallId } from "#base/ids.ts";
import type {
  Commit,
  LocalMedia,
  MediaCapability,
  MediaEngine,
  MediaEvent,
  Play,
  PortPool,
  Prepared,
  PrepareSide,
  SessionId,
  SessionStats,
  SideName,
} from "#media/engine.ts";
import type { Publish } from "#observe/event.ts";
import { FrameReader, MESSAGE_BYTES_MAX, encodeFrame } from "./frames.ts";
import { LentPorts } from "./lent-ports.ts";
import { type Command, type Hello, PROTOCOL_VERSION, parseMessage } from "./protocol.ts";
import { ToldSessions } from "./told-sessions.ts";

/** The first attempt is quick: a restarted media process is back within some 100 ms. */
const RECONNECT_MS = [10, 20, 40, 80, 160, 320, 500] as const;
/** So long a new call waits for a process that is away; within a gateway's try. */
const PREPARE_WAIT_MS = 1_500;
/** A process that leaves questions unanswered so long, without a word, is taken for gone. */
const SILENT_MS = 2_000;
const READ_BYTES = 64 << 10;
/** How long a command that nobody waits for may wait: below the time in which the ACK is followed by audio. */
const PATIENT_MS = 4;
/** The same while signalling rests between its turns: a command leaves with the rest that ends its wait. */
const PATIENT_RESTING_MS = 6;
/** Without a rest for so long signalling is not under load any more. */
const RESTING_MS = 20;
/** Commands kept for a process that is away; what exceeds it could not be meant for running calls. */
const DEFERRED_MAX = 100_000;

export interface EmbeddedEngineOptions {
  readonly socketPath: string;
  readonly pools: readonly PortPool[];
  readonly clock: Clock;
  readonly publish: Publish;
  /** Largest coalescing delay of the packet loop, µs; undefined leaves the process's own. */
  readonly coalesceUs?: number;
  /** After each connection, when the relay has said what it has room for. */
  readonly onHello?: (hello: Hello) => void;
}

export interface EmbeddedEngine extends MediaEngine {
  /** Between an "up" and a "down" event. */
  readonly connected: boolean;
  /** What the relay said of itself; undefined before the first connection. */
  readonly hello: Hello | undefined;
  /** Replaces the pools, e.g. when the configuration changes. Sessions keep their ports. */
  setPools(pools: readonly PortPool[]): void;
  /** The event loop is about to sleep: what has waited long enough leaves now, and the other process works meanwhile. */
  beforeRest(): void;
  close(): void;
}

/** Starts connecting; prepares before the first "up" event wait for it a while. */
export function connectEmbeddedEngine(options: EmbeddedEngineOptions): EmbeddedEngine {
  return new Connection(options);
}

/** A prepare may be said to the next process once more: it names the same ports for a side that it has already. */
interface WaitingPrepare {
  readonly prepared: (prepared: Prepared) => void;
  readonly command: Command;
  /** Runs while nobody is connected. */
  patience: Timer | undefined;
}
type Waiting = WaitingPrepare | { readonly stats: (stats: SessionStats | undefined) => void };

const goneWhile = (detail: string): Prepared => ({ ok: false, code: "ENGINE_GONE", detail });

class Connection implements EmbeddedEngine {
  readonly name = "embedded";
  readonly capabilities: ReadonlySet<MediaCapability> = new Set([
    "relay",
    "rtcp-mux",
    "nat-learning",
    "restart-on-same-ports",
    "any-pair",
    "play",
  ]);
  onEvent: ((event: MediaEvent) => void) | undefined = undefined;
  hello: Hello | undefined = undefined;
  connected = false;
  readonly #options: EmbeddedEngineOptions;
  #pools: readonly PortPool[];
  #socket: Socket | undefined;
  #closed = false;
  #retry: Timer | undefined;
  #failures = 0;
  #heardMs = 0;
  #watch: Timer | undefined;
  #nextId = 1;
  #poolsSaidId = 0;
  readonly #waiting = new Map<number, Waiting>();
  #out: Buffer[] = [];
  #flushing: "no" | "later" | "now" = "no";
  #flushTimer: Timer | undefined;
  /** Of the oldest command that waits. */
  #waitsSinceMs = 0;
  #restedMs = Number.NEGATIVE_INFINITY;
  /** Meant while nobody was there. */
  #deferred: Command[] = [];
  readonly #told = new ToldSessions();
  readonly #lent = new LentPorts();
  /** Sessions of a former signalling process: which sides they have is the relay's to know. */
  readonly #inherited = new Set<SessionId>();
  #lostAtMs = 0;

  constructor(options: EmbeddedEngineOptions) {
    this.#options = options;
    this.#pools = options.pools;
    this.#connect();
  }

  #connect(): void {
    if (this.#closed) return;
    const reader = new FrameReader(MESSAGE_BYTES_MAX);
    let reason = "connection closed";
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    // Without the machinery of a readable stream: this runs for every call several times.
    const callback = (bytes: number): boolean => {
      this.#heardMs = this.#options.clock.nowMs();
      // The reader keeps what it is given, and the buffer is written again.
      const frames = reader.push(Buffer.from(buffer.subarray(0, bytes)));
      if (frames.ok) for (const value of frames.values) this.#receive(value);
      else {
        reason = frames.reason;
        socket.destroy();
      }
      return true;
    };
    const socket: Socket = createConnection({ path: this.#options.socketPath, onread: { buffer, callback } });
    this.#socket = socket;
    socket.on("error", (error) => {
      reason = error.message;
    });
    socket.on("close", () => this.#lost(socket, reason));
  }

  #lost(socket: Socket, reason: string): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#out = [];
    const wasConnected = this.connected;
    this.connected = false;
    const waiting = [...this.#waiting];
    const again: Command[] = [];
    for (const [id, each] of waiting) {
      if ("prepared" in each && !this.#closed) {
        this.#keepWaiting(id, each);
        again.push(each.command);
        continue;
      }
      this.#waiting.delete(id);
      if ("stats" in each) each.stats(undefined);
      else this.#giveUp(each, reason);
    }
    // Before what was meant since, e.g. the release of the same call. Those that wait since before are in it already.
    const held = new Set(this.#deferred);
    this.#deferred = [...again.filter((command) => !held.has(command)), ...this.#deferred];
    if (wasConnected) {
      this.#lostAtMs = this.#options.clock.nowMs();
      this.#lent.reset([], this.#lostAtMs);
      this.#failures = 0;
      this.#options.publish({ type: "process", what: "media-down", detail: reason });
      this.onEvent?.({ type: "down", reason });
    }
    if (this.#closed) return;
    const delayMs = RECONNECT_MS[Math.min(this.#failures++, RECONNECT_MS.length - 1)]!;
    this.#retry = this.#options.clock.after(delayMs, () => this.#connect());
  }

  #receive(value: unknown): void {
    const message = parseMessage(value);
    if (message === undefined) return;
    switch (message.type) {
      case "hello":
        this.#greeted(message);
        return;
      case "prepared": {
        const waiting = this.#take(message.id);
        if (waiting !== undefined && "prepared" in waiting) waiting.prepared(message.prepared);
        return;
      }
      case "lent":
        // Asked for before the pools changed: taken back already.
        if (message.id > this.#poolsSaidId) this.#lent.add(message.pool, message.ports, this.#heardMs);
        return;
      case "stats": {
        const waiting = this.#take(message.id);
        if (waiting !== undefined && "stats" in waiting) waiting.stats(message.stats ?? undefined);
        return;
      }
      case "event":
        if (message.event.type === "gone") this.#told.forget(message.event.session);
        this.onEvent?.(message.event);
        return;
      case "problem": {
        // A session is a call of ours; problems of pools name none.
        const about = message.session === "" ? {} : { callId: message.session as CallId };
        this.#options.publish({ type: "media", what: "problem", side: message.side, detail: message.detail, ...about });
        return;
      }
      default:
        // A relay of a later release may have more to say.
        message satisfies never;
    }
  }

  /** A stopped or stuck process keeps its connection: only its silence tells. One timer for all questions. */
  #expectAnswer(): void {
    if (this.#watch !== undefined) return;
    const askedMs = this.#options.clock.nowMs();
    this.#watch = this.#options.clock.after(SILENT_MS, () => {
      this.#watch = undefined;
      if (this.#waiting.size === 0 || !this.connected) return;
      if (this.#heardMs >= askedMs) return this.#expectAnswer();
      const socket = this.#socket;
      if (socket === undefined) return;
      this.#lost(socket, `tandem-media has not answered for ${SILENT_MS} ms`);
      socket.destroy();
    });
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #greeted(hello: Hello): void {
    if (hello.version !== PROTOCOL_VERSION) {
      this.#options.publish({
        type: "process",
        what: "media-version",
        detail: `tandem-media speaks version ${hello.version}, this process ${PROTOCOL_VERSION}: restart both`,
      });
      this.#socket?.destroy();
      return;
    }
    /** undefined: the first one of all. */
    const restarted = this.hello === undefined ? undefined : this.hello.bootId !== hello.bootId;
    this.hello = hello;
    this.connected = true;
    this.#failures = 0;
    this.#sendPools();
    if (restarted === undefined) for (const session of hello.sessions) this.#inherited.add(session);
    else for (const command of this.#told.again(new Set(hello.sessions), restarted, this.#lostAtMs)) this.#send(command);
    // Not before: what is assigned again has its ports first.
    for (const { name } of this.#pools) this.#askForPorts(name);
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const command of deferred) this.#send(command);
    for (const each of this.#waiting.values()) {
      if (!("prepared" in each)) continue;
      each.patience?.cancel();
      each.patience = undefined;
    }
    this.#options.publish({
      type: "process",
      what: "media-up",
      detail: `${hello.bootId}, ${hello.sessions.length} sessions, ${hello.socketsMax} sockets over ${hello.sockets}`,
    });
    this.#options.onHello?.(hello);
    const sessions = new Set([...hello.sessions, ...this.#told.assignedSessions()]);
    this.onEvent?.({ type: "up", bootId: hello.bootId, sessions: [...sessions] });
  }

  #sendPools(): void {
    this.#send({
      op: "pools",
      pools: this.#pools,
      ...(this.#options.coalesceUs === undefined ? {} : { coalesceUs: this.#options.coalesceUs }),
    });
    this.#poolsSaidId = this.#nextId++;
    this.#lent.reset(this.#pools, this.#options.clock.nowMs());
  }

  #askForPorts(pool: string): void {
    if (this.hello?.lends !== true) return;
    const pairs = this.#lent.missing(pool, this.#options.clock.nowMs());
    if (pairs > 0) this.#send({ op: "lend", id: this.#nextId++, pool, pairs });
  }

  #send(command: Command): void {
    this.#out.push(encodeFrame(command));
    if (this.#flushing === "now") return;
    const urgent = command.op === "prepare" || command.op === "stats" || command.op === "pools";
    if (urgent) setImmediate(this.#flush);
    else if (this.#flushing === "no") {
      const nowMs = this.#options.clock.nowMs();
      this.#waitsSinceMs = nowMs;
      this.#flushTimer = this.#options.clock.after(nowMs - this.#restedMs < RESTING_MS ? RESTING_MS : PATIENT_MS, this.#flush);
    }
    this.#flushing = urgent ? "now" : "later";
  }

  beforeRest(): void {
    this.#restedMs = this.#options.clock.nowMs();
    if (this.#out.length > 0 && this.#restedMs - this.#waitsSinceMs >= PATIENT_RESTING_MS) this.#flush();
  }

  readonly #flush = (): void => {
    this.#flushing = "no";
    this.#flushTimer?.cancel();
    const frames = this.#out;
    this.#out = [];
    if (frames.length > 0) this.#socket?.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  };

  /** Sends now, or after the next connection. */
  #sendOrDefer(command: Command): void {
    if (this.connected) this.#send(command);
    else if (this.#deferred.length < DEFERRED_MAX) this.#deferred.push(command);
  }

  setPools(pools: readonly PortPool[]): void {
    this.#pools = pools;
    if (!this.connected) return;
    this.#sendPools();
    for (const { name } of pools) this.#askForPorts(name);
  }

  prepare(session: SessionId, sides: readonly PrepareSide[]): Promise<Prepared> {
    if (this.#closed || this.#deferred.length >= DEFERRED_MAX) return Promise.resolve(goneWhile("tandem-media is not connected"));
    const local = this.#fromLent(session, sides);
    if (local !== undefined) return Promise.resolve({ ok: true, local });
    this.#told.asked(session, sides);
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const prepared = (result: Prepared): void => {
        if (!result.ok) this.#told.refused(session, sides);
        resolve(result);
      };
      const command: Command = { op: "prepare", id, session, sides };
      const waiting: WaitingPrepare = { prepared, command, patience: undefined };
      this.#waiting.set(id, waiting);
      if (this.connected) this.#expectAnswer();
      else this.#keepWaiting(id, waiting);
      this.#sendOrDefer(command);
    });
  }

  /** Without asking, where every side is new and plain enough for a port that is open already. */
  #fromLent(session: SessionId, sides: readonly PrepareSide[]): Record<SideName, LocalMedia> | undefined {
    if (!this.connected || this.hello?.lends !== true || this.#inherited.has(session)) return undefined;
    if (sides.some(({ side, dscp }) => dscp !== undefined || this.#told.hasSide(session, side))) return undefined;
    const pools = sides.map(({ pool }) => pool);
    const ports = this.#lent.take(pools);
    if (ports !== undefined) this.#send(this.#told.assigned(session, sides, ports, this.#options.clock.nowMs()));
    for (const pool of pools) this.#askForPorts(pool);
    return ports === undefined ? undefined : Object.fromEntries(sides.map(({ side }, i) => [side, ports[i]!]));
  }

  #keepWaiting(id: number, waiting: WaitingPrepare): void {
    if (waiting.patience !== undefined) return;
    waiting.patience = this.#options.clock.after(PREPARE_WAIT_MS, () => {
      if (this.#take(id) === undefined) return;
      this.#deferred = this.#deferred.filter((command) => command !== waiting.command);
      this.#giveUp(waiting, `tandem-media was away for ${PREPARE_WAIT_MS} ms`);
    });
  }
  #giveUp(waiting: WaitingPrepare, reason: string): void {
    waiting.patience?.cancel();
    waiting.prepared(goneWhile(reason));
  }

  play(play: Play): void {
    // Not kept for later: a tone that nobody heard in time is over.
    if (this.connected) this.#send({ op: "play", play });
  }

  commit(commit: Commit): void {
    this.#told.commit(commit, this.#options.clock.nowMs());
    this.#sendOrDefer({ op: "commit", commit });
  }

  abort(session: SessionId, side: SideName): void {
    this.#told.abort(session, side);
    this.#sendOrDefer({ op: "abort", session, side });
  }

  release(session: SessionId): Promise<SessionStats | undefined> {
    this.#told.forget(session);
    this.#inherited.delete(session);
    return this.#ask("release", session);
  }

  stats(session: SessionId): Promise<SessionStats | undefined> {
    return this.#ask("stats", session);
  }

  #ask(op: "release" | "stats", session: SessionId): Promise<SessionStats | undefined> {
    const id = this.#nextId++;
    if (!this.connected) {
      if (op === "release") this.#sendOrDefer({ op, id, session });
      return Promise.resolve(undefined);
    }
    return new Promise((stats) => {
      this.#waiting.set(id, { stats });
      this.#expectAnswer();
      this.#send({ op, id, session });
    });
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#watch?.cancel();
    this.#socket?.end();
    const socket = this.#socket;
    if (socket !== undefined) this.#lost(socket, "closed by us");
  }
}
