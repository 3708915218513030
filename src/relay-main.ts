/**
 * Composition root of one relay: sockets, journal, sessions and the controller's socket in one thread.
 * Sessions of the journal are on their ports again before anything else happens. The first relay runs on
 * the main thread of media-main, because starting a thread costs 40 ms of silence after a crash; further
 * ones are workers.
 *
 * Its descriptors outlive a thread, not the process: when a relay fails, media-main ends the process, and
 * the supervisor's restart takes the sessions up again.
 */
import { unlinkSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { createConnection } from "node:net";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { systemRandom } from "#base/random.ts";
import { type Hello, PROTOCOL_VERSION } from "#media/embedded/protocol.ts";
import type { ControlListener } from "#media/relay/control-stream.ts";
import type { Play } from "#media/engine.ts";
import { Player } from "#media/endpoint/player.ts";
import { ControllerLink } from "#media/relay/controller-link.ts";
import type { PacketSockets } from "#media/relay/packet-sockets.ts";
import { Relay } from "#media/relay/relay.ts";
import { SessionJournal } from "#media/relay/session-journal.ts";
import { descriptorLimit } from "#net/descriptor-limit.ts";

export interface RelayOptions {
  readonly socketPath: string;
  readonly journalPath: string;
  readonly bootId: string;
  readonly workers: number;
  readonly coalesceUs: number;
  readonly sockets: "koffi" | "dgram" | undefined;
  /** Epoch ms. */
  readonly startedAtMs: number;
}
export type RelayMessage =
  | {
      readonly type: "ready";
      readonly socketPath: string;
      readonly sockets: string;
      readonly sessions: number;
      readonly lost: number;
      readonly restoredAfterMs: number;
    }
  | { readonly type: "log"; readonly detail: string }
  /** Neither a session nor a controller for IDLE_EXIT_MS; told when it changes. */
  | { readonly type: "idle"; readonly idle: boolean };

/** While something plays; else the packet loop sleeps as long as it may. */
const TICK_MS = 5;
const SCAN_MS = 1_000;
const IDLE_EXIT_MS = 60_000;
/** Descriptors kept for Node, the journal, controllers and what comes next. */
const RESERVED_DESCRIPTORS = 128;

/** Removes the socket file of a dead process; refuses to take a living one's place. */
async function clearSocketPath(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
  if (alive) throw new Error(`${path} is served by a running tandem-media`);
  try {
    unlinkSync(path);
  } catch {
    // It was not there.
  }
}

interface Engine {
  readonly sockets: PacketSockets & { settle: () => void };
  listen(path: string, link: ControllerLink): Promise<ControlListener>;
  setCoalescing(maxUs: number): void;
  /** How late timers and messages of this thread may be: a few ms, some, or what nobody minds. */
  setPace(pace: "punctual" | "busy" | "resting"): void;
  /** Starts the loop that never ends. */
  run(): void;
}

async function koffiEngine(socketsMax: number, descriptorsMax: number, coalesceUs: number): Promise<Engine> {
  const [{ EpollLoop, IDLE_TURN_MS, TURN_MS }, { listenInLoop }] = await Promise.all([
    import("#media/relay/epoll-loop.ts"),
    import("#media/relay/epoll-control.ts"),
  ]);
  const sockets = new EpollLoop({ socketsMax, descriptorsMax, coalesceUs });
  return {
    sockets,
    listen: async (path, link) => listenInLoop(sockets, path, link),
    setCoalescing: (maxUs) => {
      sockets.coalescing.maxUs = maxUs;
    },
    setPace: (pace) => {
      sockets.turnMs = pace === "punctual" ? TICK_MS : pace === "busy" ? TURN_MS : IDLE_TURN_MS;
    },
    run: () => {
      const turn = (): void => {
        sockets.turn();
        setImmediate(turn);
      };
      turn();
    },
  };
}

async function dgramEngine(socketsMax: number): Promise<Engine> {
  const [{ DgramSockets }, { listenOverNet }] = await Promise.all([
    import("#media/relay/dgram-sockets.ts"),
    import("#media/relay/net-control.ts"),
  ]);
  return {
    sockets: new DgramSockets({ socketsMax }),
    listen: listenOverNet,
    setCoalescing: () => {},
    setPace: () => {},
    run: () => {},
  };
}

async function openEngine(options: RelayOptions, log: (detail: string) => void): Promise<Engine> {
  const descriptorsMax = descriptorLimit();
  const socketsMax = Math.max(0, Math.floor((descriptorsMax - RESERVED_DESCRIPTORS) / options.workers));
  if (options.sockets === "dgram") return dgramEngine(socketsMax);
  try {
    return await koffiEngine(socketsMax, descriptorsMax, options.coalesceUs);
  } catch (error) {
    if (options.sockets === "koffi") throw error;
    log(`koffi's sockets are not available (${String(error)}): node:dgram does the same, slower`);
    return dgramEngine(socketsMax);
  }
}

/** Runs until the process ends. Rejects when the socket or the loop cannot be had. */
export async function runRelay(options: RelayOptions, tell: (message: RelayMessage) => void): Promise<void> {
  const log = (detail: string): void => tell({ type: "log", detail });
  const [engine] = await Promise.all([openEngine(options, log), clearSocketPath(options.socketPath)]);
  const { sockets } = engine;
  const { journal, live } = SessionJournal.open(options.journalPath, log);
  const hello = (): Hello => ({
    type: "hello",
    version: PROTOCOL_VERSION,
    bootId: options.bootId,
    pid: process.pid,
    sockets: sockets.name,
    socketsMax: sockets.socketsMax,
    sessions: relay.sessionIds(),
    workers: options.workers,
    lends: true,
  });
  let resting = false;
  const settle = (): void => {
    if (resting && relay.size > 0) {
      resting = false;
      engine.setPace("busy");
    }
    relay.settle();
    journal.flush(relay);
    link.flush();
  };
  const player = new Player({
    send: (session, side, packet) => relay.sendOwn(session, side, packet),
    random: systemRandom.integer,
  });
  let ticking: NodeJS.Timeout | undefined;
  const tick = (): void => {
    player.tick(performance.now());
    if (player.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
    engine.setPace("busy");
  };
  const play = (wanted: Play): void => {
    if (!player.play(wanted, performance.now())) return log("too much plays already: a tone is left out");
    if (ticking !== undefined) return;
    resting = false;
    engine.setPace("punctual");
    ticking = setInterval(tick, TICK_MS);
  };
  const link = new ControllerLink({ hello, settle, coalesce: (maxUs) => engine.setCoalescing(maxUs), play });
  const relay = new Relay({ sockets, journal, output: link, portStart: systemRandom.integer });
  link.attach(relay);
  sockets.settle = settle;

  let lost = 0;
  for (const record of live.values()) {
    if (relay.restore(record)) continue;
    lost++;
    journal.changed(record.session, undefined);
  }
  const restoredAfterMs = performance.timeOrigin + performance.now() - options.startedAtMs;
  settle();
  await engine.listen(options.socketPath, link);
  tell({ type: "ready", socketPath: options.socketPath, sockets: sockets.name, sessions: relay.size, lost, restoredAfterMs });

  let idleSinceMs = sockets.nowMs;
  let idle = false;
  setInterval(() => {
    relay.scan();
    settle();
    // Of several workers the first has to hear at once that another failed.
    if (!resting && relay.size === 0 && ticking === undefined && options.workers === 1) {
      resting = true;
      engine.setPace("resting");
    }
    if (link.connected || relay.size > 0) idleSinceMs = sockets.nowMs;
    if (sockets.nowMs - idleSinceMs >= IDLE_EXIT_MS === idle) return;
    idle = !idle;
    tell({ type: "idle", idle });
  }, SCAN_MS);
  // A process that is killed writes no cache at its end, and the next one has to start fast.
  flushCompileCache();
  engine.run();
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  await runRelay(workerData as RelayOptions, (message) => port.postMessage(message));
}
