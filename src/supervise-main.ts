/**
 * Composition root of `tandem start`: starts media, then signalling, restarts each with backoff, stops
 * signalling before media on SIGTERM. When the supervisor itself dies both go on; the next start takes
 * the lock over and adopts them. Knows no SIP and no media: only processes.
 *
 *     supervise-main.ts WISH     what `tandem start` turns into, a SuperviseWish as JSON: without the configuration that
 *                                it has read and checked, which would stay in memory for as long as the switch runs
 */
import { type ChildProcess, spawn } from "node:child_process";
import { flushCompileCache } from "node:module";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The first restart is at once: calls wait for it. */
const BACKOFF_MS = [0, 100, 250, 500, 1000, 2000, 5000];
/** A child that lived so long starts from the first backoff again: what fails by itself fails sooner, and calls wait. */
const SETTLED_MS = 1_000;
/** After SIGTERM a child has this long before SIGKILL. */
const STOP_MS = 8_000;
const ADOPTED_POLL_MS = 50;
/** EX_CONFIG of sysexits.h: the child says that starting it again cannot help. */
export const EXIT_CONFIGURATION = 78;

export type Role = "media" | "signalling";

export interface SuperviseWish {
  readonly home: string;
  /** What each child is started with, e.g. ["--config", "tandem.yaml"]. */
  readonly childArgs: {
    readonly signalling: readonly string[];
    /** undefined: another engine carries the audio, and no process of ours. */
    readonly media: readonly string[] | undefined;
  };
  /** Standard output has one JSON value, and nothing of us. */
  readonly quiet: boolean;
}
export interface SuperviseOptions extends Omit<SuperviseWish, "quiet"> {
  readonly print: (line: string) => void;
}

/** The launcher names the compile cache; who starts us otherwise must not wait for a compiler after each crash. */
const ENVIRONMENT: NodeJS.ProcessEnv = {
  NODE_COMPILE_CACHE: join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tandem", `compile-${process.versions.node}`),
  ...process.env,
};

const ENTRY: Readonly<Record<Role, string>> = {
  media: fileURLToPath(new URL("./media-main.ts", import.meta.url)),
  signalling: fileURLToPath(new URL("./main.ts", import.meta.url)),
};

/**
 * How V8 collects. A collection of the young generation is a pause of calls as long as what it finds alive: a small
 * one is asked often and pauses shortly. It goes on while the old one is marked, else all that is made meanwhile is
 * copied at the end in one pause of 50 to 150 ms. The old one is collected at 2.5 times what it held last: V8 would
 * find fewer enough after a calm minute, and mark it all in one pause when the load is back. On a single core helpers
 * for the young one only make it longer.
 */
const COLLECTOR: Readonly<Record<Role, readonly string[]>> = {
  media: [],
  signalling: [
    "--max-semi-space-size=4",
    "--no-separate-gc-phases",
    "--heap-growing-percent=150",
    ...(availableParallelism() === 1 ? ["--no-parallel-scavenge"] : []),
  ],
};

/** Start time of a process in clock ticks since boot: with the pid it names one process. "" when gone or unknown. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie answers signals as well.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" && process.platform !== "linux";
  }
}

interface Recorded {
  readonly pid: number;
  readonly startTime: string;
}

function readRecorded(file: string): Recorded | undefined {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(file, "utf8")) as Recorded;
    return isAlive(pid) && startTimeOf(pid) === startTime ? { pid, startTime } : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined when this process now holds the lock, else the pid that does */
function takeLock(file: string): number | undefined {
  const holder = readRecorded(file);
  if (holder !== undefined && holder.pid !== process.pid) return holder.pid;
  rmSync(file, { force: true });
  try {
    const descriptor = openSync(file, "wx", 0o600);
    writeFileSync(descriptor, JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) }));
    closeSync(descriptor);
    return undefined;
  } catch {
    return readRecorded(file)?.pid ?? 0;
  }
}

/** One child, started or adopted, kept alive until told to stop. */
class Kept {
  readonly #role: Role;
  readonly #options: SuperviseOptions;
  readonly #pidFile: string;
  #child: ChildProcess | undefined;
  #pid = 0;
  #startedAtMs = 0;
  #failures = 0;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;
  #onGone: (() => void) | undefined;
  readonly #onHopeless: () => void;

  constructor(role: Role, options: SuperviseOptions, onHopeless: () => void) {
    this.#role = role;
    this.#options = options;
    this.#onHopeless = onHopeless;
    this.#pidFile = join(options.home, `${role}.pid`);
  }

  start(): void {
    const running = readRecorded(this.#pidFile);
    if (running === undefined) this.#spawn();
    else this.#adopt(running.pid);
  }

  /** Resolves when the process is gone. */
  stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    if (this.#pid === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const kill = setTimeout(() => this.#signal("SIGKILL"), STOP_MS);
      this.#onGone = () => {
        clearTimeout(kill);
        resolve();
      };
      this.#signal("SIGTERM");
    });
  }

  /** Signalling reads its configuration again and says so. */
  reload(): void {
    if (this.#pid !== 0) this.#signal("SIGHUP");
  }

  #spawn(): void {
    this.#startedAtMs = performance.now();
    // Its own process group: a terminal's Ctrl-C reaches the supervisor only, which stops in order.
    const child = spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        ...COLLECTOR[this.#role],
        ENTRY[this.#role],
        ...(this.#options.childArgs[this.#role] ?? []),
      ],
      {
        stdio: ["ignore", "inherit", "inherit"],
        detached: true,
        env: ENVIRONMENT,
      },
    );
    this.#child = child;
    this.#pid = child.pid ?? 0;
    if (child.pid !== undefined)
      writeFileSync(this.#pidFile, JSON.stringify({ pid: child.pid, startTime: startTimeOf(child.pid) }), { mode: 0o600 });
    child.on("error", (error) => this.#options.print(`${this.#role}: cannot start: ${error.message}`));
    child.on("exit", (code, signal) => {
      if (code === EXIT_CONFIGURATION && !this.#stopping) this.#onHopeless();
      this.#gone(signal ?? `exit ${code}`);
    });
  }

  #adopt(pid: number): void {
    this.#options.print(`${this.#role}: running already as ${pid}, adopted`);
    this.#pid = pid;
    this.#startedAtMs = performance.now();
    // Not our child, so no exit event: look.
    const poll = setInterval(() => {
      if (isAlive(pid)) return;
      clearInterval(poll);
      this.#gone("gone");
    }, ADOPTED_POLL_MS);
  }

  #gone(how: string): void {
    this.#pid = 0;
    this.#child = undefined;
    rmSync(this.#pidFile, { force: true });
    if (this.#stopping) {
      this.#onGone?.();
      return;
    }
    this.#failures = performance.now() - this.#startedAtMs > SETTLED_MS ? 0 : this.#failures + 1;
    const waitMs = BACKOFF_MS[Math.min(Math.max(0, this.#failures - 1), BACKOFF_MS.length - 1)]!;
    this.#options.print(`${this.#role}: ended (${how}), restarting${waitMs === 0 ? "" : ` in ${waitMs} ms`}`);
    if (waitMs === 0) this.#spawn();
    else this.#timer = setTimeout(() => this.#spawn(), waitMs);
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      if (this.#child !== undefined) this.#child.kill(signal);
      else process.kill(this.#pid, signal);
    } catch {
      // Gone between look and kill: the exit event or the poll says so.
    }
  }
}

/** Runs until SIGTERM or SIGINT. @returns the exit code */
export async function supervise(options: SuperviseOptions): Promise<number> {
  mkdirSync(options.home, { recursive: true, mode: 0o700 });
  const lockFile = join(options.home, "supervisor.lock");
  const holder = takeLock(lockFile);
  if (holder !== undefined) {
    options.print(`Tandem runs already (supervisor ${holder}, state in ${options.home}). Stop it, or give another --home.`);
    return 1;
  }
  const code = await new Promise<number>((resolve) => {
    const hopeless = (): void => void stop(EXIT_CONFIGURATION);
    const signalling = new Kept("signalling", options, hopeless);
    const media = options.childArgs.media === undefined ? undefined : new Kept("media", options, hopeless);
    const stop = async (status: number): Promise<void> => {
      // Signalling first: it says BYE while its media still flows.
      await signalling.stop();
      await media?.stop();
      resolve(status);
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(0));
    // A service's SIGHUP means "read the configuration again"; a terminal's, that it is gone.
    process.on("SIGHUP", () => (process.stdout.isTTY ? void stop(0) : signalling.reload()));
    media?.start();
    signalling.start();
  });
  rmSync(lockFile, { force: true });
  return code;
}

const FILE = fileURLToPath(import.meta.url);

/** The process goes on as the supervisor under the same pid, or, where it can't, as what it is. @returns the exit code */
export function becomeSupervisor(wish: SuperviseWish): Promise<number> {
  if (process.platform === "linux" && process.execve !== undefined) {
    // Nothing of this process has an end that could write it.
    flushCompileCache();
    process.execve(process.execPath, [process.execPath, "--disable-warning=ExperimentalWarning", FILE, JSON.stringify(wish)], process.env);
  }
  return supervise({ ...wish, print: printer(wish) });
}

const printer =
  ({ quiet }: SuperviseWish) =>
  (line: string): void =>
    void (quiet ? process.stderr : process.stdout).write(`${line}\n`);

if (process.argv[1] === FILE) {
  // A terminal that is gone must not end the switch.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const wish = JSON.parse(process.argv[2] ?? "") as SuperviseWish;
  process.exit(await supervise({ ...wish, print: printer(wish) }));
}
