/**
 * Kills of signalling and media under load, reconciled: sipp calls through Tandem all the while, and in the
 * end its own log is held against the CDRs.
 *
 *     ./dev soak [--kills N] [--seconds S] [--rate CALLS-PER-SECOND] [--seed N]
 *
 * Every call that sipp saw answered has exactly one CDR that says so, and was ended in order; no call has
 * two; no CDR is of a call that sipp doesn't know; no process, call or port is left over. With --seconds the
 * load lasts that long and kills go on; without, it ends with the last kill. The last line is one JSON
 * object; exit 1 when anything differs.
 */
import { cpSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "#base/random.ts";
import type { StatusReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { foldRecords } from "#media/relay/session-record.ts";
import { LIST_MAX } from "#store/cdr-store.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { findProgram } from "../dev/peers.ts";
import { labYaml } from "../interop/lab-yaml.ts";
import { pause } from "../kit/crowd.ts";
import { type Lab, type RunningTandem, isRunning, loopbackLab, startTandem } from "../kit/lab.ts";
import { type RunningSipp, startSipp } from "../kit/sipp.ts";
import { CALLER, GATEWAY } from "./load-scenarios.ts";
import { type Mismatch, reconcile } from "./reconcile.ts";

type Role = "signalling" | "media";

const DID = "+15551234567";
const KILLS = 50;
const RATE = 25;
const CONCURRENT_MAX = 400;
const WARM_UP_MS = 2_000;
const BETWEEN_MS = { min: 300, max: 2_000 } as const;
/** One kill in so many hits the process that is just starting. */
const AGAIN_ONE_IN = 8;
const PROGRESS_MS = 5_000;
/** RFC 3261's 64*T1 and a little: the longest that a call can take to end when its peer was away. */
const LAST_CALLS_MS = 45_000;
const MISMATCHES_SHOWN = 40;
/** Longer runs keep no messages. */
const TRACED_S = 600;
const TRACED_KILLS = 500;
/**
 * Sockets of media that are no port of a call: control, resolver, Node's own; and those lent ahead, some 8 pairs at
 * this rate. What each kill leaves behind would soon be above it.
 */
const MEDIA_SOCKETS_MAX = 64;

/**
 * A call of lent ports that began when media was just dying, and whose signalling was killed before media was back:
 * only that process could have told media of it. It ends with BYE to both and a CDR that says so; more than these
 * few are a mistake.
 */
const BOTH_GONE = "media lost: the engine does not know the session";
const BOTH_GONE_MAX = 2;

const { values } = parseArgs({
  options: { kills: { type: "string" }, seconds: { type: "string" }, rate: { type: "string" }, seed: { type: "string" } },
});
const wanted = (text: string | undefined, otherwise: number): number => {
  const number = text === undefined ? otherwise : Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  console.error(`"${text}" is not a positive number`);
  process.exit(2);
};
const seconds = values.seconds === undefined ? Infinity : wanted(values.seconds, 0);
const killsMax = wanted(values.kills, seconds === Infinity ? KILLS : Number.MAX_SAFE_INTEGER);
const rate = wanted(values.rate, RATE);
const seed = wanted(values.seed, (Date.now() % 1_000_000) + 1);
const random = seededRandom(seed);

const between = ({ min, max }: { readonly min: number; readonly max: number }): number => min + Math.floor(random.fraction() * (max - min));

/** @returns false when there was nobody to kill just now */
function kill(tandem: RunningTandem, role: Role): boolean {
  try {
    process.kill(tandem.pidOf(role), "SIGKILL");
    return true;
  } catch {
    return false;
  }
}

interface Load {
  readonly caller: RunningSipp;
  readonly gateway: RunningSipp;
}

function startLoad(lab: Lab): Load {
  const common = { defaults: true, trace: seconds < TRACED_S || killsMax < TRACED_KILLS, timeoutMs: LAST_CALLS_MS } as const;
  const gateway = startSipp(lab, lab.gateways[0], GATEWAY, undefined, common);
  const caller = startSipp(lab, lab.carrier, CALLER, `${lab.sbcPrivate.address}:5060`, {
    ...common,
    service: DID,
    ratePerSecond: rate,
    concurrent: CONCURRENT_MAX,
  });
  return { caller, gateway };
}

const lines = (log: string, word: string): number => log.split("\n").filter((line) => line.startsWith(word)).length;

async function killAway(tandem: RunningTandem, load: Load): Promise<Record<Role, number>> {
  const kills: Record<Role, number> = { signalling: 0, media: 0 };
  const endMs = performance.now() + seconds * 1000;
  let toldMs = performance.now();
  await pause(WARM_UP_MS);
  for (let turn = 0; kills.signalling + kills.media < killsMax && performance.now() < endMs; turn++) {
    const role: Role = turn % 2 === 0 ? "signalling" : "media";
    if (kill(tandem, role)) kills[role]++;
    if (random.integer(AGAIN_ONE_IN) === 0) {
      await pause(between({ min: 20, max: 150 }));
      if (kill(tandem, role)) kills[role]++;
    }
    await pause(between(BETWEEN_MS));
    if (performance.now() - toldMs >= PROGRESS_MS) {
      toldMs = performance.now();
      const log = load.caller.log();
      console.log(
        `${kills.signalling} kills of signalling, ${kills.media} of media; ${lines(log, "placed")} calls, ${lines(log, "answered")} answered, ${lines(log, "refused")} refused, ${lines(log, "lost")} lost`,
      );
    }
  }
  return kills;
}

/** Sockets of a process; undefined where that can't be seen. */
function socketsOf(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:");
      } catch {
        return false;
      }
    }).length;
  } catch {
    return undefined;
  }
}

async function allCdrs(home: string): Promise<readonly Cdr[]> {
  const store = await openSqliteStore(join(home, "tandem.db"));
  const all: Cdr[] = [];
  for (;;) {
    const page = await store.list({ limit: LIST_MAX, before: all.at(-1)?.callId });
    all.push(...page);
    if (page.length < LIST_MAX) break;
  }
  await store.close();
  return all;
}

/** How calls that were not answered ended, the most frequent first. */
function reasonsOf(cdrs: readonly Cdr[]): readonly (readonly [string, number])[] {
  const reasons = Map.groupBy(
    cdrs.filter((cdr) => cdr.outcome !== "answered"),
    (cdr) => `${cdr.sipStatus} ${cdr.outcome}: ${cdr.endReason}`,
  );
  return Array.from(reasons, ([reason, own]) => [reason, own.length] as const).toSorted((a, b) => b[1] - a[1]);
}

/** Until nothing more is up. @returns what is left over */
async function leftOver(tandem: RunningTandem): Promise<Mismatch[]> {
  let calls = -1;
  for (let tries = 0; tries < 100 && calls !== 0; tries++) {
    await pause(100);
    calls = await tandem.ask<StatusReport>({ type: "status" }).then(
      (status) => status.calls,
      () => -1,
    );
  }
  const left: Mismatch[] = [];
  if (calls !== 0) left.push({ what: "calls still up when the load was over", sipCallId: String(calls) });
  const { live } = foldRecords(readFileSync(join(tandem.home, "media-journal-0"), "utf8"));
  for (const [session] of live) left.push({ what: "media still holds the session", sipCallId: session });
  const sockets = socketsOf(tandem.pidOf("media")) ?? 0;
  if (sockets > MEDIA_SOCKETS_MAX) left.push({ what: "media still holds sockets", sipCallId: String(sockets) });
  return left;
}

async function soak(lab: Lab): Promise<boolean> {
  console.log(
    `seed ${seed}, ${rate} calls/s, ${killsMax > 1e9 ? "kills" : `${killsMax} kills`}${seconds === Infinity ? "" : ` for ${seconds} s`}`,
  );
  const tandem = await startTandem({ after: () => {} }, lab, labYaml(lab));
  const load = startLoad(lab);
  const startedMs = performance.now();
  const kills = await killAway(tandem, load);
  // No new calls; those that are up go on to their ends.
  load.caller.child.kill("SIGUSR1");
  await load.caller.finish();
  const left = await leftOver(tandem);
  await load.gateway.finish();
  const pids = [tandem.pidOf("signalling"), tandem.pidOf("media")];
  const exit = await tandem.stop();
  if (exit !== 0) left.push({ what: "tandem start ended with", sipCallId: String(exit) });
  for (const pid of pids) if (isRunning(pid)) left.push({ what: "process left", sipCallId: String(pid) });
  const cdrs = await allCdrs(tandem.home);
  const { counts, mismatches } = reconcile(load.caller.log(), load.gateway.log(), cdrs);
  mismatches.push(...left);
  const bothGone = new Set(cdrs.filter(({ endReason }) => endReason === BOTH_GONE).map(({ legs }) => legs[0]?.sipCallId ?? ""));
  for (const id of bothGone) console.log(`ended, as both processes were gone at once: ${id}`);
  if (bothGone.size > BOTH_GONE_MAX)
    mismatches.push({ what: "calls ended as both processes were gone at once", sipCallId: String(bothGone.size) });
  for (const [reason, count] of reasonsOf(cdrs)) console.log(`${String(count).padStart(6)} × ${reason}`);
  for (const { what, sipCallId } of mismatches.slice(0, MISMATCHES_SHOWN)) console.log(`MISMATCH ${what}: ${sipCallId}`);
  const ok = mismatches.every(({ sipCallId }) => bothGone.has(sipCallId)) && counts.answered > 0;
  if (!ok) {
    const kept = join(tmpdir(), `tandem-soak-${seed}`);
    cpSync(lab.folder, kept, { recursive: true });
    console.log(`kept for you: ${kept}`);
  }
  console.log(
    JSON.stringify({
      soak: "kills",
      ok,
      seed,
      seconds: Math.round((performance.now() - startedMs) / 1000),
      kills,
      ...counts,
      mismatches: mismatches.length,
    }),
  );
  return ok;
}

if (findProgram("sipp") === undefined) {
  console.error("sipp is missing; ./dev peers installs it");
  process.exit(1);
}
const endings: (() => unknown)[] = [];
const end = async (): Promise<void> => {
  for (const ending of endings.splice(0)) await ending();
};
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end().then(() => process.exit(1)));
const lab = loopbackLab({ after: (run) => void endings.push(run as () => unknown) });
let ok = false;
try {
  ok = await soak(lab);
} finally {
  await end();
}
process.exit(ok ? 0 : 1);
