/**
 * The two contestants of the signalling bench, each with everything a call needs: Tandem with its media
 * process and store, and Kamailio with rtpengine. Both bind addresses of their own in 127/8.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ROOT } from "../dev/root.ts";

/** Addresses of one contestant and of its peers. */
export interface Ends {
  readonly private: string;
  readonly public: string;
  readonly carrier: string;
  readonly gateway: string;
}

export interface SideUnderTest {
  readonly name: "tandem" | "kamailioRtpengine";
  readonly ends: Ends;
  /** Every process whose work belongs to a call. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

export const DID = "+15551234567";
const START_MS_MAX = 20_000;
const MEDIA_PORTS = { min: 10_000, max: 59_999 };

export function endsOf(number: number): Ends {
  const net = `127.${10 + (process.pid % 200)}.${number}`;
  return { private: `${net}.10`, public: `${net}.20`, carrier: `${net}.11`, gateway: `${net}.21` };
}

async function until(what: string, ready: () => boolean): Promise<void> {
  for (const endMs = performance.now() + START_MS_MAX; performance.now() < endMs; await sleep(50)) if (ready()) return;
  throw new Error(`${what} did not start within ${START_MS_MAX} ms`);
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}

/** @param environment e.g. NODE_OPTIONS for a profiler */
export async function startTandem(
  ends: Ends,
  folder: string,
  prefix: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<SideUnderTest> {
  const home = join(folder, "tandem");
  mkdirSync(home, { recursive: true });
  const config = join(folder, "tandem.yaml");
  writeFileSync(config, tandemYaml(ends));
  const [command, ...args] = [
    ...prefix,
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    join(ROOT, "src/cli-main.ts"),
    "start",
    "--config",
    config,
  ];
  const child = spawn(command!, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TANDEM_HOME: home, XDG_RUNTIME_DIR: home, NO_COLOR: "1", TANDEM_API: "off", ...environment },
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  // Its log is read, or the pipe would fill; only the beginning is kept, for the error below.
  child.stderr.on("data", (chunk: Buffer) => (said = said.length < 10_000 ? said + chunk.toString() : said));
  try {
    await until("Tandem", () => {
      if (child.exitCode !== null) throw new Error("Tandem ended");
      return said.includes("tandem ready");
    });
  } catch (error) {
    await stopped(child);
    throw new Error(`${String(error)}; it said:\n${said}`, { cause: error });
  }
  const pidOf = (role: string): number => (JSON.parse(readFileSync(join(home, `${role}.pid`), "utf8")) as { pid: number }).pid;
  return { name: "tandem", ends, pids: [pidOf("signalling"), pidOf("media"), child.pid!], stop: () => stopped(child) };
}

const tandemYaml = (ends: Ends): string => `
node: { name: bench, calls_max: 20000, invites_per_second_per_source: 100000 }
listeners:
  - { name: private, address: ${ends.private}, transports: [udp], media: { ports: ${MEDIA_PORTS.min}-${MEDIA_PORTS.max} } }
  - { name: public, address: ${ends.public}, transports: [udp], media: { ports: ${MEDIA_PORTS.min}-${MEDIA_PORTS.max} } }
trunks:
  - { name: carrier, listener: private, addresses: [${ends.carrier}], uri: "sip:${ends.carrier}:5060" }
gateways:
  - { name: agent, listener: public, uri: "sip:${ends.gateway}:5060" }
groups:
  - { name: ai, gateways: [{ gateway: agent }] }
dids:
  - { number: "${DID}", to: { group: ai } }
`;

export async function startKamailio(ends: Ends, folder: string, prefix: readonly string[]): Promise<SideUnderTest> {
  const template = readFileSync(fileURLToPath(new URL("./kamailio.cfg", import.meta.url)), "utf8");
  const values: Readonly<Record<string, string>> = { private: ends.private, public: ends.public, folder };
  const config = join(folder, "kamailio.cfg");
  writeFileSync(
    config,
    template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? ""),
  );
  // Group, address, mask, port (0: any), tag. Other forms are not understood and refuse everybody.
  writeFileSync(join(folder, "address.list"), `1 ${ends.carrier} 32 0 carrier\n`);
  writeFileSync(join(folder, "dispatcher.list"), `1 sip:${ends.gateway}:5060\n`);
  const relay = launch(prefix, "rtpengine", [
    ...["--foreground", "--table=-1", "--no-fallback", "--num-threads=1", "--log-level=3", "--log-stderr", "--delete-delay=0"],
    ...[`--interface=private/${ends.private}`, `--interface=public/${ends.public}`, `--listen-ng=${ends.private}:2223`],
    ...[`--port-min=${MEDIA_PORTS.min}`, `--port-max=${MEDIA_PORTS.max}`, `--pidfile=${join(folder, "rtpengine.pid")}`],
  ]);
  // Where Debian's own rtpengine runs already, ours still starts: addresses and pid file are its own.
  await sleep(500);
  const proxy = launch(prefix, "kamailio", [
    "-DD",
    "-E",
    "-m",
    "1024",
    "-M",
    "16",
    "-Y",
    folder,
    "-P",
    join(folder, "kamailio.pid"),
    "-f",
    config,
  ]);
  const children = (): number[] => childrenOf(proxy.pid!);
  await until("Kamailio", () => {
    if (proxy.exitCode !== null) throw new Error(`Kamailio ended with ${proxy.exitCode}`);
    // Main process, a receiver a listener, timers: below that it is still starting.
    return children().length >= 4;
  });
  await sleep(500);
  return {
    name: "kamailioRtpengine",
    ends,
    pids: [proxy.pid!, ...children(), relay.pid!],
    stop: async () => {
      await stopped(proxy);
      await stopped(relay);
    },
  };
}

function launch(prefix: readonly string[], program: string, args: readonly string[]): ChildProcess {
  const [command, ...rest] = [...prefix, program, ...args];
  return spawn(command!, rest, { stdio: ["ignore", "ignore", "ignore"] });
}

function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => {
      try {
        const stat = readFileSync(`/proc/${each}/stat`, "latin1");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid;
      } catch {
        return false;
      }
    });
}
