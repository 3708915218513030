/**
 * Composition root of `tandem-media`: runs the first relay itself, starts and watches the others.
 * Lean on purpose: after a crash every millisecond until the relays are on their ports again is silence.
 *
 *     media-main.ts [--home DIR] [--run-dir DIR] [--workers N] [--coalesce-us N] [--sockets koffi|dgram]
 *
 * Other options are ignored, for the supervisor gives both of its children the same ones. Relay N listens
 * on <run-dir>/media-N.sock and keeps <home>/media-journal-N. Exit: 0 asked to or idle, 70 a relay failed,
 * 78 starting again cannot help.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { type RelayMessage, type RelayOptions, runRelay } from "./relay-main.ts";

const EXIT_SOFTWARE = 70;
const EXIT_CONFIGURATION = 78;
/** sun_path holds 108 bytes. */
const SOCKET_PATH_BYTES_MAX = 100;
const COALESCE_US = 1_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function defaultHome(): string {
  if (process.env["TANDEM_HOME"] !== undefined) return process.env["TANDEM_HOME"];
  if (process.getuid?.() === 0) return "/var/lib/tandem";
  return join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state"), "tandem");
}

function refuse(reason: string): never {
  process.stderr.write(`media: ${reason}\n`);
  process.exit(EXIT_CONFIGURATION);
}

function options(): readonly RelayOptions[] {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    strict: false,
    allowPositionals: true,
    options: { home: text, "run-dir": text, workers: text, "coalesce-us": text, sockets: text },
  });
  const given = (name: string): string | undefined => (typeof values[name] === "string" ? values[name] : undefined);
  const home = given("home") ?? defaultHome();
  const runtime = process.env["XDG_RUNTIME_DIR"];
  const runDir = given("run-dir") ?? (runtime === undefined || given("home") !== undefined ? home : join(runtime, "tandem"));
  const workers = Number(given("workers") ?? 1);
  const coalesceUs = Number(given("coalesce-us") ?? COALESCE_US);
  const sockets = given("sockets");
  if (!Number.isInteger(workers) || workers < 1 || workers > 64) refuse(`--workers ${given("workers")} is not a number from 1 to 64`);
  if (!Number.isInteger(coalesceUs) || coalesceUs < 0 || coalesceUs > 5_000)
    refuse(`--coalesce-us ${given("coalesce-us")} is not a number from 0 to 5000`);
  if (sockets !== undefined && sockets !== "koffi" && sockets !== "dgram") refuse(`--sockets ${sockets} is neither koffi nor dgram`);
  for (const folder of [home, runDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const bootId = randomUUID();
  return Array.from({ length: workers }, (_, i) => {
    const socketPath = join(runDir, `media-${i}.sock`);
    if (Buffer.byteLength(socketPath) > SOCKET_PATH_BYTES_MAX)
      refuse(
        `${socketPath} is longer than ${SOCKET_PATH_BYTES_MAX} bytes, which a Unix socket's path may not be: give a shorter --run-dir`,
      );
    return {
      socketPath,
      journalPath: join(home, `media-journal-${i}`),
      bootId,
      workers,
      coalesceUs,
      sockets,
      startedAtMs: performance.timeOrigin,
    };
  });
}

// The supervisor may die before us and take the pipe's other end with it.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));

const relays = options();
const idle = new Set<number>();

function heard(i: number, message: RelayMessage): void {
  if (message.type === "log") say(`media ${i}: ${message.detail}`);
  else if (message.type === "ready") {
    say(
      `media ${i}: ready on ${message.socketPath} (${message.sockets}, ${message.sessions} sessions taken up again after ${message.restoredAfterMs.toFixed(0)} ms, ${message.lost} lost)`,
    );
  } else {
    if (message.idle) idle.add(i);
    else idle.delete(i);
    if (idle.size === relays.length) process.exit(0);
  }
}

/** The failed relay's descriptors live as long as the process: only its end frees the ports for the next one. */
function failed(i: number, error: Error): never {
  process.stderr.write(`media ${i}: ${error.stack ?? error.message}\n`);
  process.exit(EXIT_SOFTWARE);
}

relays.slice(1).forEach((workerData, at) => {
  const worker = new Worker(new URL("./relay-main.ts", import.meta.url), { workerData });
  worker.on("message", (message: RelayMessage) => heard(at + 1, message));
  worker.on("error", (error) => failed(at + 1, error));
  worker.on("exit", (code) => failed(at + 1, new Error(`worker ended with ${code}`)));
});
runRelay(relays[0]!, (message) => heard(0, message)).catch((error: Error) => failed(0, error));
