/** Where a process under test runs: bound to one core and weighted above the other work of the machine. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const PRIORITY = -15;
/** USER_HZ, in which /proc counts: 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

const succeeds = (command: string, args: readonly string[]): boolean => spawnSync(command, args).status === 0;

/**
 * A command's prefix. For root the weight is set in a session of its own, because Linux shares out time
 * between sessions first (sched(7), autogroup); others get what they may have.
 */
export function pinnedTo(core: number): readonly string[] {
  const prefix: string[] = [];
  if (succeeds("setsid", ["true"]))
    prefix.push("setsid", "sh", "-c", `{ echo ${PRIORITY} > /proc/self/autogroup; } 2>/dev/null; exec "$@"`, "sh");
  if (succeeds("taskset", ["-c", String(core), "true"])) prefix.push("taskset", "-c", String(core));
  if (succeeds("nice", ["-n", String(PRIORITY), "true"])) prefix.push("nice", "-n", String(PRIORITY));
  return prefix;
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch (cause) {
    throw new Error(`process ${pid} of the contest has ended: what the others used would be no figure`, { cause });
  }
}

/** User and system time of these processes with all their threads, in ms. @throws where one has ended */
export function cpuMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = statOf(pid);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks * 1_000) / TICKS_PER_SECOND;
}

/** Proportional set size of these processes in kB: shared pages count once. */
export function pssKb(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) sum += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1] ?? 0);
  return sum;
}
