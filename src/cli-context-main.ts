/**
 * What the files of the `tandem` command share: how a command is declared, how it finds the configuration, the state
 * folder, and the Tandem that runs here or that TANDEM_URL names. Heavy rooms are imported by who uses them, so that
 * `tandem calls` starts quickly.
 */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { Cdr } from "#cdr/record.ts";
import type { CdrQuestion } from "#cli/cdr.ts";
import { type CommandContext, type Control, ControlError } from "#cli/context.ts";
import { lookOf } from "#cli/table.ts";
import type { LoadInput } from "#config/load.ts";
import { connectJsonLines } from "#net/json-lines.ts";

/** Options that every command understands. */
export interface Global {
  readonly json?: boolean;
  readonly config?: string;
  readonly home?: string;
}

export type Run = (context: CommandContext, global: Global, ...args: never[]) => Promise<number>;

export interface CommandLine {
  /** "hangup <call>" */
  readonly usage: string;
  readonly description: string;
  readonly configure: (made: Command) => Command;
  readonly run: Run;
}
export const command = (usage: string, description: string, configure: CommandLine["configure"], run: Run): CommandLine => ({
  usage,
  description,
  configure,
  run,
});
/** Has no options of its own. */
export const plain = (made: Command): Command => made;

export const loadInput = (global: Global): LoadInput => ({
  file: global.config,
  home: global.home,
  env: process.env,
  readFile: (path) => readFileSync(path, "utf8"),
  uid: process.getuid?.() ?? 1000,
  hostname: hostname(),
});
async function load(global: Global) {
  const { loadConfig } = await import("#config/load.ts");
  return loadConfig(loadInput(global));
}
/** With the resources of the store, as calls are routed by both. A problem where that can't be read. */
export async function loadWhole(global: Global) {
  const [{ loadConfig }, { askEntries, entriesNow }, { readSqliteEntries }] = await Promise.all([
    import("#config/load.ts"),
    import("#store/database.ts"),
    import("#store/sqlite/sqlite-resources.ts"),
  ]);
  const before = await askEntries(process.env);
  return loadConfig({ ...loadInput(global), stored: (home) => entriesNow(home, process.env, before, readSqliteEntries) });
}
/** A broken database keeps nothing from starting that the file alone makes: signalling goes on without it and says so. */
export async function loadToStart(global: Global) {
  const whole = await loadWhole(global);
  if (whole.ok || whole.storeUnreadable !== true) return whole;
  const alone = await load(global);
  return alone.ok ? alone : whole;
}

/** State folder and sockets: the configuration may name them; without one they are where they are by default. */
export async function places(global: Global): Promise<{ readonly home: string; readonly runDir: string }> {
  const loaded = await load(global);
  if (loaded.ok) return loaded.config.node;
  if (loaded.node !== undefined) return loaded.node;
  const { homeFolder, runFolder } = await import("#config/places.ts");
  const home = homeFolder(global.home, undefined, process.env, process.getuid?.() ?? 1000);
  return { home, runDir: runFolder(home, Boolean(global.home ?? process.env["TANDEM_HOME"]), process.env) };
}

export async function connect(runDir: string): Promise<Control> {
  const path = join(runDir, "control.sock");
  const client = await connectJsonLines(path).catch(() => {
    throw new ControlError(
      "NOT_RUNNING",
      `no Tandem is running here (nothing answers on ${path}); start one with: tandem start, or name its state folder with --home`,
    );
  });
  return {
    async ask<T>(command: Parameters<Control["ask"]>[0]): Promise<T> {
      const outcome = await client.ask(command);
      if (!outcome.ok) throw new ControlError(outcome.code, outcome.message);
      return outcome.value as T;
    },
    follow: (command, onEvent) => client.follow(command, (event) => onEvent(event as never)),
  };
}

/** The API of the Tandem that TANDEM_URL names; undefined: the one here is meant. */
export async function remoteClient() {
  if ((process.env["TANDEM_URL"] ?? "") === "") return undefined;
  return (await import("#cli/remote.ts")).clientOf(process.env, fetch);
}
/** How a running Tandem is asked: over its control socket, or from afar. */
async function controlOf(global: Global): Promise<Control> {
  const client = await remoteClient();
  if (client !== undefined) return (await import("#cli/remote.ts")).remoteControl(client);
  return connect((await places(global)).runDir);
}

export function contextOf(global: Global): CommandContext {
  let control: Promise<Control> | undefined;
  return {
    look: lookOf(process.stdout, process.env),
    json: global.json === true,
    print: (line) => void process.stdout.write(`${line}\n`),
    warn: (line) => void process.stderr.write(`${line}\n`),
    control: () => (control ??= controlOf(global)),
  };
}

/** What is asked of the Tandem that runs here; where none does, what `otherwise` finds. */
export async function askHere<T>(global: Global, question: Parameters<Control["ask"]>[0], otherwise: () => Promise<T>): Promise<T> {
  const { runDir } = await places(global);
  try {
    return await (await connect(runDir)).ask<T>(question);
  } catch (error) {
    if (!(error instanceof ControlError) || error.code !== "NOT_RUNNING") throw error;
    return otherwise();
  }
}

export async function readCdrs(global: Global, question: CdrQuestion): Promise<readonly Cdr[]> {
  if ((await remoteClient()) !== undefined) return (await controlOf(global)).ask<readonly Cdr[]>({ type: "cdr", ...question });
  return askHere(global, { type: "cdr", ...question }, async () => {
    // Nobody runs: the database is ours to read.
    const [{ databaseOf, openCdrStore }, { EVERY_TENANT }, { home }] = await Promise.all([
      import("#store/database.ts"),
      import("#store/cdr-store.ts"),
      places(global),
    ]);
    const store = await openCdrStore(databaseOf(home, process.env)).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ControlError(
        "STORE",
        `no Tandem is running here, and the calls of ${home} can't be read: ${reason}; name its state folder with --home`,
      );
    });
    try {
      return await store.list({ ...question, tenant: EVERY_TENANT });
    } finally {
      await store.close();
    }
  });
}
