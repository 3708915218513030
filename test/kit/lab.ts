/**
 * A laboratory for real peers: a carrier network, Tandem with a leg in both, and an AI network.
 *
 * Two kinds, the same tests: on loopback, where each laboratory takes a /24 of 127/8 of its own (no root
 * needed, port 5060 is free there), and in three network namespaces without a route between the two
 * networks, where whatever leaks the wrong side's address cannot be reached and fails loudly.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { ControlCommand } from "#call/control.ts";
import { connectJsonLines } from "#net/json-lines.ts";
import { ROOT } from "../dev/root.ts";
import { type Child, runToEnd, start } from "./child.ts";

export interface Host {
  readonly name: string;
  readonly address: string;
  /** Put before a program's argv: ["ip", "netns", "exec", …] or nothing. */
  readonly prefix: readonly string[];
}

export interface Lab {
  readonly kind: "loopback" | "namespaces";
  readonly folder: string;
  readonly carrier: Host;
  /** A second host in the carrier's network. */
  readonly carrier2: Host;
  readonly sbcPrivate: Host;
  readonly sbcPublic: Host;
  readonly gateways: readonly [Host, Host, Host];
  start(host: Host, program: string, args: readonly string[], cwd?: string): Child;
  run(
    host: Host,
    program: string,
    args: readonly string[],
    timeoutMs: number,
    cwd?: string,
  ): Promise<{ readonly code: number; readonly output: string }>;
  /** At the end of the test, before the laboratory's own processes are killed: what was asked last runs first. */
  atEnd(run: () => Promise<void> | void): void;
}

/** What a laboratory needs of a test: a soak gives its own. */
export type Scope = Pick<TestContext, "after">;

let labs = 0;

export function loopbackLab(t: Scope): Lab {
  const net = `127.${100 + (process.pid % 100)}.${1 + ((Math.floor(process.pid / 100) + labs++ * 7) % 250)}`;
  const host = (name: string, last: number): Host => ({ name, address: `${net}.${last}`, prefix: [] });
  return makeLab(t, "loopback", {
    carrier: host("carrier", 11),
    carrier2: host("carrier2", 12),
    sbcPrivate: host("sbc", 10),
    sbcPublic: host("sbc", 20),
    gateways: [host("gateway1", 21), host("gateway2", 22), host("gateway3", 23)],
  });
}

export function namespaceLab(t: Scope): Lab {
  const id = `t${process.pid}n${labs++}`;
  const names = { carrier: `${id}c`, sbc: `${id}s`, ai: `${id}a` };
  const ip = (...args: readonly string[]): void => {
    const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
  };
  t.after(() => {
    for (const name of Object.values(names)) spawnSync("ip", ["netns", "del", name]);
  });
  for (const name of Object.values(names)) {
    ip("netns", "add", name);
    ip("-n", name, "link", "set", "lo", "up");
  }
  ip("link", "add", "c0", "netns", names.carrier, "type", "veth", "peer", "name", "s0", "netns", names.sbc);
  ip("link", "add", "a0", "netns", names.ai, "type", "veth", "peer", "name", "s1", "netns", names.sbc);
  const address = (space: string, device: string, ...addresses: readonly string[]): void => {
    for (const one of addresses) ip("-n", space, "addr", "add", `${one}/24`, "dev", device);
    ip("-n", space, "link", "set", device, "up");
  };
  address(names.carrier, "c0", "10.230.73.220", "10.230.73.221");
  address(names.sbc, "s0", "10.230.73.225");
  address(names.sbc, "s1", "203.0.113.234");
  address(names.ai, "a0", "203.0.113.50", "203.0.113.51", "203.0.113.52");
  const host = (name: string, space: string, at: string): Host => ({ name, address: at, prefix: ["ip", "netns", "exec", space] });
  return makeLab(t, "namespaces", {
    carrier: host("carrier", names.carrier, "10.230.73.220"),
    carrier2: host("carrier2", names.carrier, "10.230.73.221"),
    sbcPrivate: host("sbc", names.sbc, "10.230.73.225"),
    sbcPublic: host("sbc", names.sbc, "203.0.113.234"),
    gateways: [
      host("gateway1", names.ai, "203.0.113.50"),
      host("gateway2", names.ai, "203.0.113.51"),
      host("gateway3", names.ai, "203.0.113.52"),
    ],
  });
}

function makeLab(t: Scope, kind: Lab["kind"], hosts: Pick<Lab, "carrier" | "carrier2" | "sbcPrivate" | "sbcPublic" | "gateways">): Lab {
  const folder = mkdtempSync(join(tmpdir(), "tandem-lab-"));
  const children: Child[] = [];
  const endings: (() => Promise<void> | void)[] = [];
  // One hook for all: node:test runs hooks in the order they were added, and what was built last must go first.
  t.after(async () => {
    for (const end of endings.reverse()) await end();
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map((child) => child.ended));
    rmSync(folder, { recursive: true, force: true });
  });
  const argv = (host: Host, program: string, args: readonly string[]): readonly [string, readonly string[]] => {
    const [first, ...rest] = [...host.prefix, program, ...args];
    return [first!, rest];
  };
  return {
    kind,
    folder,
    ...hosts,
    start(host, program, args, cwd = folder) {
      const child = start(...argv(host, program, args), { cwd });
      children.push(child);
      return child;
    },
    run: (host, program, args, timeoutMs, cwd = folder) => runToEnd(...argv(host, program, args), timeoutMs, { cwd }),
    atEnd: (run) => void endings.push(run),
  };
}

export interface RunningTandem {
  readonly child: Child;
  readonly home: string;
  /** Pid of one of its two processes, now. */
  pidOf(role: "signalling" | "media"): number;
  /** A command straight over the control socket; throws what it refused. */
  ask<T>(command: ControlCommand): Promise<T>;
  /** A command of the CLI with --json; the parsed value. */
  cli<T>(...args: readonly string[]): Promise<T>;
  /** Until status answers. */
  ready(timeoutMs?: number): Promise<void>;
  stop(): Promise<number>;
}

const ROLES = ["signalling", "media"] as const;
/** Above what the supervisor itself gives its processes. */
const STOP_MS = 20_000;

function killRecorded(home: string, role: (typeof ROLES)[number]): void {
  try {
    process.kill(pidIn(home, role), "SIGKILL");
  } catch {
    // No such file or process: it was stopped in order.
  }
}
const pidIn = (home: string, role: string): number => (JSON.parse(readFileSync(join(home, `${role}.pid`), "utf8")) as { pid: number }).pid;

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie answers signals as well.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

/** Starts Tandem on the laboratory's SBC with this configuration and waits until it takes calls. @param more of its environment */
export async function startTandem(_t: Scope, lab: Lab, yaml: string, more: Readonly<Record<string, string>> = {}): Promise<RunningTandem> {
  const home = join(lab.folder, "home");
  mkdirSync(home, { recursive: true });
  const config = join(lab.folder, "tandem.yaml");
  writeFileSync(config, yaml);
  const env = [
    "env",
    `TANDEM_HOME=${home}`,
    `XDG_RUNTIME_DIR=${home}`,
    "NO_COLOR=1",
    "TANDEM_API=off",
    "DATABASE_URL=",
    ...Object.entries(more).map(([name, value]) => `${name}=${value}`),
  ];
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", join(ROOT, "src/cli-main.ts")];
  const child = lab.start(lab.sbcPrivate, env[0]!, [...env.slice(1), ...node, "start", "--config", config]);
  const tandem: RunningTandem = {
    child,
    home,
    pidOf: (role) => pidIn(home, role),
    async ask(command) {
      const client = await connectJsonLines(join(home, "control.sock"));
      const outcome = await client.ask(command);
      client.close();
      if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
      return outcome.value as never;
    },
    async cli(...args) {
      const { code, output } = await lab.run(lab.sbcPrivate, env[0]!, [...env.slice(1), ...node, ...args, "--json"], 20_000);
      try {
        return JSON.parse(output);
      } catch {
        throw new Error(`tandem ${args.join(" ")} ended with ${code}:\n${output}`);
      }
    },
    async ready(timeoutMs = 15_000) {
      await child.says(/^tandem ready|^signalling: running already/m, timeoutMs);
    },
    async stop() {
      child.kill("SIGTERM");
      return child.ended;
    },
  };
  lab.atEnd(async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await child.exited;
    clearTimeout(late);
    // Where a test killed the supervisor, its two processes go on alone and hold its output open.
    for (const role of ROLES) killRecorded(home, role);
    await child.ended;
  });
  await tandem.ready();
  return tandem;
}
