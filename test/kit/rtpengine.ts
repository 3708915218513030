/** Starts a real rtpengine in userspace with ports and addresses of its own, for the contract suite and interop. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RtpengineOptions {
  /** Where it takes commands; the port beside it is its command line's. */
  readonly address: string;
  readonly port: number;
  /** "name/address" or "name/address!advertised" */
  readonly interfaces: readonly string[];
  readonly portMin: number;
  readonly portMax: number;
  readonly args?: readonly string[];
  /** Put before the program, as of a laboratory's host. */
  readonly prefix?: readonly string[];
}

export interface RunningRtpengine {
  readonly pid: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Resolves when it takes commands. */
export async function startRtpengine(options: RtpengineOptions): Promise<RunningRtpengine> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-rtpengine-"));
  const [program, ...args] = [
    ...(options.prefix ?? []),
    "rtpengine",
    // The machine's own file would add ports that are taken.
    "--config-file=none",
    "--foreground",
    "--table=-1",
    "--log-stderr",
    "--log-level=6",
    "--num-threads=1",
    ...options.interfaces.map((each) => `--interface=${each}`),
    `--listen-ng=${options.address}:${options.port}`,
    `--listen-cli=${options.address}:${options.port + 1}`,
    `--port-min=${options.portMin}`,
    `--port-max=${options.portMax}`,
    `--pidfile=${join(folder, "pid")}`,
    ...(options.args ?? []),
  ];
  const child: ChildProcess = spawn(program!, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const exited = once(child, "exit");
  void exited.then(() => rmSync(folder, { recursive: true, force: true }));
  await new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", () => reject(new Error(`rtpengine ended: ${said.slice(-2_000)}`)));
    child.stderr!.on("data", (chunk) => {
      said = (said + String(chunk)).slice(-8_000);
      if (said.includes("Startup complete")) resolve();
    });
  });
  return {
    pid: child.pid!,
    async kill(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await exited;
    },
  };
}
