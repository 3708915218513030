/**
 * Composition root of `tandem demo`: a real call through a real Tandem on loopback, no root, no peers.
 *
 * Three processes besides this one: Tandem's two, started as `tandem start` starts them, and one with the
 * built-in carrier and gateway, on sockets of its own. The first gateway is dead: nothing listens there.
 * All ports are the kernel's choice and state is a temporary folder, so a running Tandem does not matter.
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import type { StatusReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import type { CommandContext, Control } from "#cli/context.ts";
import { paint } from "#cli/table.ts";
import { ulawToLinear } from "#media/codec/g711.ts";
import type { Stamped } from "#observe/event.ts";
import { HEARD_FROM, correlate } from "#phone/correlate.ts";
import { type Phone, openPhone } from "#phone/phone.ts";
import { readWav } from "#phone/wav.ts";
import { createLocator } from "#sip/transport/location.ts";
import { systemDns } from "#net/dns.ts";

const HOST = "127.0.0.1";
const NUMBER = "+15551234567";
const READY_MS = 30_000;
const CALL_MS = 20_000;
const MEDIA_PORTS = 64;

export interface DemoReport {
  readonly ok: boolean;
  readonly setupMs: number;
  readonly attempts: readonly { readonly gateway: string; readonly status: number; readonly reason: string; readonly ms: number }[];
  readonly audio: { readonly heard: boolean; readonly correlation: number };
  readonly reason: string;
}

export interface DemoOptions {
  readonly context: CommandContext;
  /** Connects to the Tandem whose state is in that folder. */
  readonly connect: (home: string) => Promise<Control>;
  readonly renderLadder: (events: readonly Stamped[]) => string;
  /** Stops the media process in mid-call: shows that "heard" is not told without hearing. */
  readonly stopMedia: boolean;
  /** Keeps Tandem running until Ctrl-C, to look around. */
  readonly keep: boolean;
}

interface PeerPorts {
  readonly carrier: number;
  readonly gateway: number;
  readonly dead: number;
}
interface PeerCall {
  readonly answered: boolean;
  readonly setupMs: number;
  readonly status: number;
  readonly reason: string;
  readonly correlation: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
}

/** The process of the peers, spoken to in lines of JSON over its pipes. */
class Peers {
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  constructor() {
    this.#child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), "peers"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }
  async read<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the demo's peers ended early");
    return JSON.parse(value as string) as T;
  }
  write(value: unknown): void {
    this.#child.stdin.write(`${JSON.stringify(value)}\n`);
  }
  stop(): void {
    this.#child.kill("SIGTERM");
  }
}

export async function demo(options: DemoOptions): Promise<number> {
  const { context } = options;
  const startMs = performance.now();
  const say = (line: string): void => {
    if (!context.json) context.print(line);
  };
  const home = mkdtempSync(join(tmpdir(), "tandem-demo-"));
  const peers = new Peers();
  let tandem: ReturnType<typeof startTandem> | undefined;
  try {
    say(paint(context.look, "dim", "starting a carrier, two gateways (the first is dead) and Tandem on loopback …"));
    const ports = await peers.read<PeerPorts>();
    const config = join(home, "tandem.yaml");
    writeFileSync(config, yaml(ports, await freePorts(MEDIA_PORTS)));
    tandem = startTandem(home, config);
    const control = await ready(options, home, tandem);
    const status = await control.ask<StatusReport>({ type: "status" });
    const carrierSide = status.listeners.find((listener) => listener.name === "carrier");
    say(paint(context.look, "dim", `ready after ${Math.round(performance.now() - startMs)} ms; calling ${NUMBER}, speaking, listening …`));
    peers.write({ uri: `sip:${NUMBER}@${carrierSide?.address ?? ""}` });
    const call = await callResult(peers, options.stopMedia ? () => stopMedia(home) : undefined);
    const report = await reportOf(control, call);
    if (context.json) context.print(JSON.stringify(report));
    else await show(options, control, report, call, home);
    if (options.keep && !context.json) await untilInterrupted(context, home);
    return report.ok ? 0 : 1;
  } catch (error) {
    const reason = `${error instanceof Error ? error.message : String(error)}${tandem === undefined ? "" : `\n${tandem.output()}`}`;
    if (context.json)
      context.print(
        JSON.stringify({ ok: false, setupMs: 0, attempts: [], audio: { heard: false, correlation: 0 }, reason } satisfies DemoReport),
      );
    else context.warn(`the demo failed: ${reason}`);
    return 1;
  } finally {
    peers.stop();
    if (options.stopMedia) resumeMedia(home);
    await tandem?.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

function startTandem(home: string, config: string) {
  const entry = fileURLToPath(new URL("./cli-main.ts", import.meta.url));
  const env = { ...process.env, TANDEM_HOME: home, XDG_RUNTIME_DIR: home, NO_COLOR: "1", TANDEM_API: "off", DATABASE_URL: "" };
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", entry, "start", "--config", config, "--home", home], {
    stdio: ["ignore", "pipe", "pipe"],
    env,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  return {
    output: () => output.slice(-2000),
    get exited(): boolean {
      return child.exitCode !== null;
    },
    async stop(): Promise<void> {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function ready(options: DemoOptions, home: string, tandem: { readonly exited: boolean }): Promise<Control> {
  const untilMs = performance.now() + READY_MS;
  for (;;) {
    try {
      const control = await options.connect(home);
      const { media } = await control.ask<StatusReport>({ type: "status" });
      if (media.up) return control;
    } catch (error) {
      if (tandem.exited || performance.now() > untilMs) throw new Error("Tandem did not start", { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function callResult(peers: Peers, onAnswered: (() => void) | undefined): Promise<PeerCall> {
  const timeout = setTimeout(() => peers.stop(), CALL_MS);
  try {
    for (;;) {
      const line = await peers.read<{ readonly progress: string } | { readonly call: PeerCall }>();
      if ("call" in line) return line.call;
      if (line.progress.startsWith("200")) onAnswered?.();
    }
  } finally {
    clearTimeout(timeout);
  }
}

async function reportOf(control: Control, call: PeerCall): Promise<DemoReport> {
  const cdr = await newestCdr(control);
  const heard = call.answered && call.correlation >= HEARD_FROM;
  const correlation = Math.round(call.correlation * 1000) / 1000;
  return {
    ok: heard && cdr !== undefined,
    setupMs: Math.round(call.setupMs * 10) / 10,
    attempts: (cdr?.attempts ?? []).map((attempt) => ({
      gateway: attempt.peer,
      status: attempt.status,
      reason: attempt.reason,
      ms: Math.round(attempt.durationMs),
    })),
    audio: { heard, correlation },
    reason: heard
      ? "heard"
      : call.answered
        ? `answered, but what came back is not what was sent (${call.packetsReceived} of ${call.packetsSent} packets)`
        : call.reason,
  };
}

async function newestCdr(control: Control): Promise<Cdr | undefined> {
  for (let tries = 0; tries < 100; tries++) {
    const [cdr] = await control.ask<readonly Cdr[]>({ type: "cdr", limit: 1, callId: undefined, number: undefined });
    if (cdr !== undefined) return cdr;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return undefined;
}

async function show(
  { context, renderLadder }: DemoOptions,
  control: Control,
  report: DemoReport,
  call: PeerCall,
  home: string,
): Promise<void> {
  const { look } = context;
  const { events } = await control.ask<{ readonly events: readonly Stamped[] }>({ type: "trace", call: undefined, follow: false });
  context.print(`\n${renderLadder(events)}\n`);
  for (const [i, attempt] of report.attempts.entries())
    context.print(
      `attempt ${i + 1}  ${attempt.gateway}: ${attempt.status === 0 ? "no response" : attempt.status}, ${attempt.reason} (${attempt.ms} ms)`,
    );
  const verdict = report.audio.heard ? paint(look, "green", "heard") : paint(look, "red", "NOT heard");
  context.print(`set-up     ${report.setupMs} ms from INVITE to 200`);
  context.print(
    `audio      ${call.packetsSent} packets of speech out, ${call.packetsReceived} back; correlation ${report.audio.correlation}: ${verdict}`,
  );
  if (!report.ok) context.print(paint(look, "red", report.reason));
  context.print(`
What to try next
  ./tandem demo --keep     the same, then Tandem stays up; look at it from another terminal
  ./tandem check           what a tandem.yaml of yours says; the README has one to start from
  ./tandem start           the real thing
(state was in ${home}, removed now)`);
}

async function untilInterrupted(context: CommandContext, home: string): Promise<void> {
  context.print(
    `\nTandem runs on. From another terminal: TANDEM_HOME=${home} XDG_RUNTIME_DIR=${home} ./tandem cdr (or calls, trace, status). Ctrl-C ends it.`,
  );
  await new Promise<void>((resolve) => process.once("SIGINT", () => resolve()));
}

function signalMedia(home: string, signal: NodeJS.Signals): void {
  try {
    process.kill((JSON.parse(readFileSync(join(home, "media.pid"), "utf8")) as { pid: number }).pid, signal);
  } catch {
    // It is gone already.
  }
}
const stopMedia = (home: string): void => signalMedia(home, "SIGSTOP");
const resumeMedia = (home: string): void => signalMedia(home, "SIGCONT");

const yaml = (ports: PeerPorts, mediaPort: number): string => `
node: { name: demo, log_level: warn }
listeners:
  - { name: carrier, address: ${HOST}, port: 0, media: { ports: ${mediaPort}-${mediaPort + MEDIA_PORTS / 2 - 1} } }
  - { name: public, address: ${HOST}, port: 0, media: { ports: ${mediaPort + MEDIA_PORTS / 2}-${mediaPort + MEDIA_PORTS - 1} } }
trunks:
  - { name: carrier, listener: carrier, uri: "sip:${HOST}:${ports.carrier}" }
gateways:
  - { name: gateway-1, listener: public, uri: "sip:${HOST}:${ports.dead}" }
  - { name: gateway-2, listener: public, uri: "sip:${HOST}:${ports.gateway}" }
groups:
  - { name: ai, gateways: [{ gateway: gateway-1, priority: 1 }, { gateway: gateway-2, priority: 2 }] }
dids:
  - { number: "${NUMBER}", to: { group: ai } }
`;

/** The first of `count` ports that look free: the kernel's pick and what follows it. Media skips any that is taken. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const port = await kernelPort();
    if (port + count < 65_000) return port + (port & 1);
  }
}

function kernelPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", reject);
    socket.bind(0, HOST, () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** What the peers' process does: a carrier that calls and a gateway that echoes; a third port stays dead. */
async function runPeers(): Promise<void> {
  const tell = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
  const open = (user: string, answers: boolean): Promise<Phone> =>
    openPhone(
      {
        address: HOST,
        port: 0,
        transports: ["UDP"],
        user,
        clock: systemClock,
        random: systemRandom,
        makeLocator: (listeners) => createLocator({ dns: systemDns(), clock: systemClock, listeners }),
      },
      answers ? { type: "echo", ringMs: 200 } : { type: "refuse", status: 480, reasonPhrase: "Temporarily Unavailable" },
    );
  const [carrier, gateway] = [await open("+4930123456", false), await open("ai", true)];
  tell({ carrier: carrier.port, gateway: gateway.port, dead: await kernelPort() } satisfies PeerPorts);
  const speech = readWav(readFileSync(new URL("./phone/speech.wav", import.meta.url)));
  if (!speech.ok) throw new Error(`the speech sample: ${speech.reason}`);
  for await (const line of createInterface({ input: process.stdin })) {
    const { uri } = JSON.parse(line) as { readonly uri: string };
    const report = await carrier.call({
      uri,
      ulaw: speech.value,
      tailMs: 300,
      answerTimeoutMs: CALL_MS / 2,
      onProgress: (progress) => tell({ progress }),
    });
    const { correlation } = correlate(ulawToLinear(speech.value), ulawToLinear(report.recording));
    const { recording: _, ...rest } = report;
    tell({ call: { ...rest, correlation } satisfies PeerCall });
  }
  // The pipe is closed: whoever started us is gone.
  process.exit(0);
}

if (process.argv[2] === "peers") {
  process.on("SIGTERM", () => process.exit(0));
  await runPeers();
}
