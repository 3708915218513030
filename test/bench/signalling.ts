/**
 * `./dev bench signalling [--quick] [--rounds N] [--seconds N]`: what a call costs, INVITE to BYE, with
 * audio set up and a CDR stored: Tandem whole against Kamailio with rtpengine, interleaved in one run.
 *
 * CPU is user + system time of every process over the calls that it carried, the switch pinned to core 0
 * and sipp to core 1. Also: cost at other rates, the delay that an INVITE meets, memory per held call.
 * Medians over the rounds. The last line is one JSON object.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { findProgram } from "../dev/peers.ts";
import { type Delays, startCapture } from "./invite-delay.ts";
import { cpuMs, pinnedTo, pssKb } from "./pinned.ts";
import { Gateway, type LoadResult, play, startCaller } from "./signalling-load.ts";
import { type SideUnderTest, endsOf, startKamailio, startTandem } from "./signalling-sides.ts";

type Name = SideUnderTest["name"];

/** The rates that are compared, and those that only show how the cost goes. */
const RATES = [500, 1_000] as const;
const OTHER_RATES = [10, 100, 2_000] as const;
const DELAY_RATES = [100, 1_000] as const;
const WARM_RATE = 1_000;
const HOLD_MS = 1_000;
/** By sipp's two sides; what is sent again is counted against it. */
const MESSAGES_PER_CALL = 6;
const TARGET = {
  ratio: 0.8,
  retransmittedPercent: 0.1,
  failed: 0,
  memoryKbPerCall: 40,
  p50MsAt100: 0.5,
  p99MsAt1000: 7,
  risePercent: 20,
} as const;

interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly otherRates: readonly number[];
  readonly delaySeconds: number;
  /** Interleaved; the median counts, as stalls of the machine itself last longer than what is measured. */
  readonly delayRounds: number;
  /** Which contestants' delay and memory are measured. */
  readonly whose: readonly Name[];
  readonly heldStep: number;
  readonly heldSteps: number;
}
const FULL: Plan = {
  rounds: 3,
  seconds: 20,
  warmSeconds: 60,
  otherRates: OTHER_RATES,
  delaySeconds: 10,
  delayRounds: 5,
  whose: ["tandem", "kamailioRtpengine"],
  heldStep: 500,
  heldSteps: 5,
};
const QUICK: Plan = {
  rounds: 1,
  seconds: 4,
  warmSeconds: 5,
  otherRates: [],
  delaySeconds: 3,
  delayRounds: 1,
  whose: ["tandem"],
  heldStep: 200,
  heldSteps: 5,
};

interface Run {
  readonly msPerCall: number;
  readonly result: LoadResult;
  readonly calls: number;
}

class Bench {
  readonly #plan: Plan;
  readonly #folder: string;
  readonly #switchPrefix = pinnedTo(0);
  readonly #sippPrefix = pinnedTo(1);
  readonly #names: readonly Name[];
  readonly #runs = new Map<string, Run[]>();
  readonly #delays = new Map<string, Delays[]>();
  readonly #memory = new Map<Name, number>();
  #started = 0;

  constructor(plan: Plan, folder: string, names: readonly Name[]) {
    this.#plan = plan;
    this.#folder = folder;
    this.#names = names;
  }

  async #start(name: Name): Promise<SideUnderTest> {
    const number = ++this.#started;
    const folder = join(this.#folder, `side${number}`);
    mkdirSync(folder);
    return (name === "tandem" ? startTandem : startKamailio)(endsOf(number), folder, this.#switchPrefix);
  }

  async run(): Promise<object> {
    const { rounds, warmSeconds, otherRates, whose } = this.#plan;
    const sides: SideUnderTest[] = [];
    try {
      for (const name of this.#names) sides.push(await this.#start(name));
      // Until the compiler is done, after some 50,000 calls: a switch is started once and runs for months.
      for (const side of sides)
        await play(
          side.ends,
          { ratePerSecond: WARM_RATE, calls: WARM_RATE * warmSeconds, holdMs: HOLD_MS },
          this.#folder,
          this.#sippPrefix,
        );
      for (let round = 1; round <= rounds; round++) {
        for (const rate of RATES) for (const side of sides) await this.#cost(side, rate, this.#plan.seconds, `round ${round}`);
      }
      for (const rate of otherRates)
        for (const side of sides) await this.#cost(side, rate, rate < 100 ? 2 * this.#plan.seconds : this.#plan.seconds / 2, "");
      for (let round = 1; round <= this.#plan.delayRounds; round++)
        for (const rate of DELAY_RATES) for (const side of sides) if (whose.includes(side.name)) await this.#delay(side, rate);
    } finally {
      for (const side of sides) await side.stop();
    }
    for (const name of this.#names) if (whose.includes(name)) await this.#held(name);
    return this.#summary();
  }

  async #cost(side: SideUnderTest, ratePerSecond: number, seconds: number, what: string): Promise<void> {
    const calls = Math.round(ratePerSecond * seconds);
    const beforeMs = cpuMs(side.pids);
    const result = await play(side.ends, { ratePerSecond, calls, holdMs: HOLD_MS }, this.#folder, this.#sippPrefix);
    const run = { msPerCall: (cpuMs(side.pids) - beforeMs) / calls, result, calls };
    const key = `${side.name} ${ratePerSecond}`;
    this.#runs.set(key, [...(this.#runs.get(key) ?? []), run]);
    console.log(
      `${what.padEnd(8)} ${String(ratePerSecond).padStart(5)} calls/s  ${side.name.padEnd(18)} ${run.msPerCall.toFixed(3)} ms/call  failed ${result.failed}  sent again ${result.retransmissions}`,
    );
  }

  async #delay(side: SideUnderTest, ratePerSecond: number): Promise<void> {
    const capture = await startCapture(side.ends, this.#folder, this.#sippPrefix);
    if (capture === undefined) {
      console.log("tcpdump is not installed or not allowed: no delays");
      return;
    }
    await play(
      side.ends,
      { ratePerSecond, calls: ratePerSecond * this.#plan.delaySeconds, holdMs: HOLD_MS },
      this.#folder,
      this.#sippPrefix,
    );
    const delays = await capture.stop();
    const key = `${side.name} ${ratePerSecond}`;
    this.#delays.set(key, [...(this.#delays.get(key) ?? []), delays]);
    console.log(
      `delay    ${String(ratePerSecond).padStart(5)} calls/s  ${side.name.padEnd(18)} p50 ${delays.p50Ms} ms  p99 ${delays.p99Ms} ms  of ${delays.calls} calls`,
    );
  }

  /** The slope of the memory of a fresh switch over the calls that it holds. */
  async #held(name: Name): Promise<void> {
    const side = await this.#start(name);
    const gateway = new Gateway(side.ends, this.#folder, this.#sippPrefix);
    const callers: { stop(): void }[] = [];
    const points: (readonly [calls: number, kb: number])[] = [];
    try {
      await play(side.ends, { ratePerSecond: 100, calls: 200, holdMs: 100 }, this.#folder, this.#sippPrefix, gateway);
      const { heldStep, heldSteps } = this.#plan;
      for (let step = 1; step <= heldSteps; step++) {
        callers.push(
          startCaller(side.ends, { ratePerSecond: 250, calls: heldStep, holdMs: 600_000 }, this.#folder, this.#sippPrefix, 6_000 + step),
        );
        await sleep((heldStep / 250) * 1_000 + 1_500);
        points.push([step * heldStep, pssKb(side.pids)]);
      }
    } finally {
      for (const caller of callers) caller.stop();
      await gateway.stop();
      await side.stop();
    }
    const kb = slope(points);
    this.#memory.set(name, rounded(kb, 1));
    console.log(
      `memory   ${name.padEnd(18)} ${kb.toFixed(1)} kB/call  (${points.map(([calls, at]) => `${calls}: ${(at / 1024).toFixed(0)} MB`).join(", ")})`,
    );
  }

  /** Each figure is the median of its rounds. */
  #delayOf(name: Name, rate: number): Delays | undefined {
    const rounds = this.#delays.get(`${name} ${rate}`);
    if (rounds === undefined) return undefined;
    return {
      calls: rounds.reduce((sum, { calls }) => sum + calls, 0),
      p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
    };
  }

  #summary(): object {
    const cost = (name: Name, rate: number): number | null => {
      const runs = this.#runs.get(`${name} ${rate}`);
      return runs === undefined ? null : rounded(median(runs.map((run) => run.msPerCall)));
    };
    const ratio = (rate: number): number | null => {
      const [ours, theirs] = [cost("tandem", rate), cost("kamailioRtpengine", rate)];
      return ours === null || theirs === null ? null : rounded(ours / theirs);
    };
    const figures = (name: Name): object | null => {
      if (!this.#names.includes(name)) return null;
      const runs = [...this.#runs].filter(([key]) => key.startsWith(`${name} `)).flatMap(([, each]) => each);
      const calls = runs.reduce((sum, run) => sum + run.calls, 0);
      const sentAgain = runs.reduce((sum, run) => sum + run.result.retransmissions, 0);
      const rates = [...RATES, ...this.#plan.otherRates].sort((a, b) => a - b);
      const costs = rates.map((rate) => cost(name, rate)!);
      return {
        cpuMsPerCall: Object.fromEntries(rates.map((rate, i) => [rate, costs[i]])),
        risePercent: rounded(100 * Math.max(0, ...costs.map((each, i) => each / Math.min(...costs.slice(0, i + 1)) - 1)), 1),
        failed: runs.reduce((sum, run) => sum + run.result.failed, 0),
        retransmittedPercent: rounded((100 * sentAgain) / (calls * MESSAGES_PER_CALL)),
        delayMs: Object.fromEntries(
          DELAY_RATES.flatMap((rate) => {
            const delays = this.#delayOf(name, rate);
            return delays === undefined ? [] : [[rate, delays]];
          }),
        ),
        memoryKbPerCall: this.#memory.get(name) ?? null,
      };
    };
    return {
      bench: "signalling",
      ratio500: ratio(500),
      ratio1000: ratio(1_000),
      target: TARGET,
      p50Ms: this.#delayOf("tandem", 100)?.p50Ms ?? null,
      p99Ms: this.#delayOf("tandem", 1_000)?.p99Ms ?? null,
      memoryKbPerCall: this.#memory.get("tandem") ?? null,
      tandem: figures("tandem"),
      kamailioRtpengine: figures("kamailioRtpengine"),
      rounds: this.#plan.rounds,
      seconds: this.#plan.seconds,
      note: "one core each for the switch and for sipp; loopback; no audio flows; rtpengine without its kernel module, which only carries audio",
    };
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));

/** Least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return over / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    strict: false,
    options: { quick: { type: "boolean" }, rounds: { type: "string" }, seconds: { type: "string" } },
  });
  if (findProgram("sipp") === undefined) throw new Error("the load needs sipp: ./dev peers installs it");
  const missing = ["kamailio", "rtpengine"].filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) console.log(`${missing.join(" and ")} not installed (./dev peers): only Tandem's own figures`);
  const base = values.quick === true ? QUICK : FULL;
  const plan: Plan = { ...base, rounds: Number(values.rounds ?? base.rounds), seconds: Number(values.seconds ?? base.seconds) };
  const folder = mkdtempSync(join(tmpdir(), "bench-signalling-"));
  try {
    const result = await new Bench(plan, folder, missing.length > 0 ? ["tandem"] : ["tandem", "kamailioRtpengine"]).run();
    console.log(JSON.stringify(result));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
