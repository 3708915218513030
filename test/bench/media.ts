/**
 * `./dev bench media [--quick] [--rounds N] [--seconds N]`: CPU per forwarded packet and added delay of
 * tandem-media (with and without coalescing) against rtpengine in userspace, interleaved in one run.
 *
 * The relay under test is pinned to core 0, the generator to core 1; CPU is user + system time of the
 * whole process over the window. Medians over the rounds. The last line is one JSON object.
 * rtpengine's kernel module is not compared: it needs a module that few virtual machines allow.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { PortPool, RemoteMedia } from "#media/engine.ts";
import { startEmbedded } from "../contract/media-engine-embedded.ts";
import { type Ends, type RelayUnderTest, rtpengineVersion, startRtpengine } from "./media-rtpengine.ts";

const CALLS = [500, 1_000] as const;
const PRIORITY = -15;

interface Measured {
  readonly calls: number;
  readonly seconds: number;
  readonly sent: number;
  readonly received: number;
  readonly strange: number;
  readonly behindMax: number;
  readonly cpuSeconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

/** Addresses of one relay under test; all of this run's are in one 127.x.0.0/16. */
function endsOf(number: number): Ends {
  const net = `127.${10 + (process.pid % 200)}.${number}`;
  return { a: `${net}.10`, b: `${net}.20`, peerA: `${net}.11`, peerB: `${net}.21`, peerPort: 9_000 };
}

const succeeds = (command: string, args: readonly string[]): boolean => spawnSync(command, args).status === 0;
/**
 * A command's prefix that pins it to a core and, for root, puts its weight above other work of the machine:
 * in a session of its own, because Linux shares out time between sessions first (sched(7), autogroup).
 */
function pinnedTo(core: number): readonly string[] {
  const prefix: string[] = [];
  if (succeeds("setsid", ["true"])) prefix.push("setsid", "sh", "-c", `echo ${PRIORITY} > /proc/self/autogroup; exec "$@"`, "sh");
  if (succeeds("taskset", ["-c", String(core), "true"])) prefix.push("taskset", "-c", String(core));
  if (succeeds("nice", ["-n", String(PRIORITY), "true"])) prefix.push("nice", "-n", String(PRIORITY));
  return prefix;
}

async function startTandem(ends: Ends, calls: number, prefix: readonly string[], coalesceUs: number): Promise<RelayUnderTest> {
  const pool = (name: string, address: string): PortPool => ({
    name,
    bindAddress: address,
    advertisedAddress: address,
    portMin: 10_000,
    portMax: 60_000,
  });
  const { engine, pid, stop } = await startEmbedded([pool("a", ends.a), pool("b", ends.b)], ["--coalesce-us", String(coalesceUs)], prefix);
  const remote = (address: string): RemoteMedia => ({
    address,
    port: ends.peerPort,
    rtcpAddress: address,
    rtcpPort: ends.peerPort + 1,
    rtcpMux: false,
    direction: "sendrecv",
    payloadTypes: [0],
  });
  const side = { nat: false, rtcpMux: false };
  const map: string[] = [];
  for (let i = 0; i < calls; i++) {
    const session = `bench-${i}`;
    const prepared = await engine.prepare(session, [
      { side: "a", pool: "a", signallingAddress: ends.peerA, ...side },
      { side: "b1", pool: "b", signallingAddress: ends.peerB, ...side },
    ]);
    if (!prepared.ok) throw new Error(`tandem-media: ${prepared.code} ${prepared.detail}`);
    engine.commit({ session, remotes: { a: remote(ends.peerA), b1: remote(ends.peerB) }, pair: "b1", timeoutMs: 0 });
    const { a, b1 } = prepared.local;
    map.push(`${a!.address} ${a!.port} ${b1!.address} ${b1!.port}`);
  }
  // The last commit has arrived when its session answers: the generator runs while this process waits for it.
  await engine.stats(`bench-${calls - 1}`);
  return { pid, map, stop };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

interface Figures {
  readonly usPerPacket: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lossPercent: number;
}
function figures(runs: readonly Measured[]): Figures {
  return {
    usPerPacket: rounded(median(runs.map((run) => (run.cpuSeconds * 1e6) / run.received))),
    p50Ms: rounded(median(runs.map((run) => run.p50Us / 1000))),
    p99Ms: rounded(median(runs.map((run) => run.p99Us / 1000))),
    lossPercent: rounded(median(runs.map((run) => 100 * (1 - run.received / run.sent))), 3),
  };
}

interface Contestant {
  readonly name: "tandem" | "noCoalescing" | "rtpengine";
  readonly ends: Ends;
  readonly relay: RelayUnderTest;
  readonly runs: Map<number, Measured[]>;
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    strict: false,
    options: { quick: { type: "boolean" }, rounds: { type: "string" }, seconds: { type: "string" } },
  });
  const rounds = Number(values.rounds ?? (values.quick === true ? 1 : 3));
  const seconds = Number(values.seconds ?? (values.quick === true ? 4 : 8));
  const warmSeconds = values.quick === true ? 1.5 : 3;
  const folder = mkdtempSync(join(tmpdir(), "bench-media-"));
  const contestants: Contestant[] = [];
  try {
    const generator = join(folder, "rtpgen");
    if (!succeeds("gcc", ["-O2", "-o", generator, fileURLToPath(new URL("./rtpgen.c", import.meta.url))]))
      throw new Error("the generator needs gcc");
    const relayPrefix = pinnedTo(0);
    const generatorPrefix = pinnedTo(1);
    const version = rtpengineVersion();
    const callsMax = Math.max(...CALLS);
    const add = async (name: Contestant["name"], number: number, start: (ends: Ends) => Promise<RelayUnderTest>): Promise<void> => {
      const ends = endsOf(number);
      const relay = await start(ends);
      writeFileSync(join(folder, name), `${relay.map.join("\n")}\n`);
      contestants.push({ name, ends, relay, runs: new Map() });
    };
    if (version === undefined) console.log("rtpengine is not installed: only Tandem's own figures");
    else await add("rtpengine", 1, (ends) => startRtpengine(ends, callsMax, relayPrefix));
    await add("tandem", 2, (ends) => startTandem(ends, callsMax, relayPrefix, 1_000));
    await add("noCoalescing", 3, (ends) => startTandem(ends, callsMax, relayPrefix, 0));

    for (let round = 0; round < rounds; round++) {
      for (const calls of CALLS) {
        for (const contestant of contestants) {
          const { name, ends, relay, runs } = contestant;
          const [command, ...rest] = [
            ...generatorPrefix,
            generator,
            join(folder, name),
            String(calls),
            String(warmSeconds),
            String(seconds),
            ends.peerA,
            ends.peerB,
            String(ends.peerPort),
            String(relay.pid),
          ];
          const result = spawnSync(command!, rest, { encoding: "utf8" });
          if (result.status !== 0) throw new Error(`generator: ${result.stderr}`);
          const measured = JSON.parse(result.stdout) as Measured;
          runs.set(calls, [...(runs.get(calls) ?? []), measured]);
          const { usPerPacket, p50Ms, p99Ms, lossPercent } = figures([measured]);
          console.log(
            `round ${round + 1}  ${calls} calls  ${name.padEnd(12)} ${usPerPacket.toFixed(2)} µs/packet  p50 ${p50Ms} ms  p99 ${p99Ms} ms  loss ${lossPercent} %  strange ${measured.strange}  generator behind by ${measured.behindMax} at most`,
          );
        }
      }
    }
    console.log(JSON.stringify(summary(contestants, version ?? null, rounds, seconds)));
  } finally {
    await Promise.all(contestants.map(({ relay }) => relay.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

function summary(contestants: readonly Contestant[], version: string | null, rounds: number, seconds: number): object {
  const of = (name: Contestant["name"]): Record<string, Figures> | null => {
    const found = contestants.find((each) => each.name === name);
    return found === undefined ? null : Object.fromEntries(CALLS.map((calls) => [String(calls), figures(found.runs.get(calls) ?? [])]));
  };
  const [tandem, noCoalescing, rtpengine] = [of("tandem"), of("noCoalescing"), of("rtpengine")];
  const ratio = (calls: number, ours: Record<string, Figures> | null): number | null =>
    rtpengine === null || ours === null ? null : rounded(ours[String(calls)]!.usPerPacket / rtpengine[String(calls)]!.usPerPacket, 3);
  return {
    bench: "media",
    ratio500: ratio(500, tandem),
    ratio1000: ratio(1_000, tandem),
    target: { ratio500: 0.5, ratio1000: 0.6, p99Ms: 2 },
    p99Ms: tandem?.["1000"]?.p99Ms ?? null,
    tandem,
    noCoalescing:
      noCoalescing === null ? null : { ...noCoalescing, ratio500: ratio(500, noCoalescing), ratio1000: ratio(1_000, noCoalescing) },
    rtpengine: rtpengine === null ? null : { version, ...rtpengine },
    rounds,
    seconds,
    note: "rtpengine's kernel module was not compared",
  };
}
