/**
 * A machine of one processor and one gigabyte for a bench: a cgroup (v2, or v1's cpu, cpuset and memory) where root may
 * make one, else only a processor of its own, which is said. What is in it is measured as though it were alone: pages of
 * files, as Node itself, count once, whoever else of the real machine has them mapped.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";

const ROOT = "/sys/fs/cgroup";
const PERIOD_US = 100_000;
const MEMORY_BYTES = 1 << 30;
const KB = 1_024;

export interface SmallMachine {
  /** "cgroup v2", "cgroup v1", or what there is instead. */
  readonly kind: string;
  /** Before a program's argv: it runs inside. */
  readonly prefix: readonly string[];
  /** Most that the cgroup ever held, MB, with the page cache that it caused; undefined: not known. */
  peakMb(): number | undefined;
  close(): void;
}

export function openSmallMachine(): SmallMachine {
  const core = cpus().length - 1;
  for (const open of [openV2, openV1]) {
    try {
      const made = open(core);
      if (made !== undefined) return made;
    } catch {
      // Read-only, or not ours to divide.
    }
  }
  return {
    kind: "one processor by taskset; the memory has no limit, as no cgroup can be made here",
    prefix: ["taskset", "-c", String(core)],
    peakMb: () => undefined,
    close: () => {},
  };
}

function openV2(core: number): SmallMachine | undefined {
  if (!existsSync(join(ROOT, "cgroup.controllers"))) return undefined;
  writeFileSync(join(ROOT, "cgroup.subtree_control"), "+cpu +cpuset +memory");
  const folder = join(ROOT, `tandem-bench-${process.pid}`);
  return divided(
    "cgroup v2",
    [folder],
    [
      [folder, "cpu.max", `${PERIOD_US} ${PERIOD_US}`],
      [folder, "cpuset.cpus", String(core)],
      [folder, "memory.max", String(MEMORY_BYTES)],
    ],
    join(folder, "memory.peak"),
  );
}

function openV1(core: number): SmallMachine | undefined {
  const [cpu, cpuset, memory] = ["cpu", "cpuset", "memory"].map((name) => join(ROOT, name)) as [string, string, string];
  if (![cpu, cpuset, memory].every((folder) => existsSync(join(folder, "cgroup.procs")))) return undefined;
  const name = `tandem-bench-${process.pid}`;
  const own = [cpu, cpuset, memory].map((folder) => join(folder, name)) as [string, string, string];
  return divided(
    "cgroup v1",
    own,
    [
      [own[0], "cpu.cfs_period_us", String(PERIOD_US)],
      [own[0], "cpu.cfs_quota_us", String(PERIOD_US)],
      [own[1], "cpuset.mems", readFileSync(join(cpuset, "cpuset.mems"), "utf8").trim()],
      [own[1], "cpuset.cpus", String(core)],
      [own[2], "memory.limit_in_bytes", String(MEMORY_BYTES)],
    ],
    join(own[2], "memory.max_usage_in_bytes"),
  );
}

function divided(
  kind: string,
  folders: readonly string[],
  settings: readonly (readonly [folder: string, file: string, value: string])[],
  peakFile: string,
): SmallMachine {
  const close = (): void => {
    for (const folder of folders) {
      try {
        rmdirSync(folder);
      } catch {
        // Not made, or a process is still in it.
      }
    }
  };
  try {
    for (const folder of folders) mkdirSync(folder);
    for (const [folder, file, value] of settings) writeFileSync(join(folder, file), value);
  } catch (error) {
    close();
    throw error;
  }
  const enter = folders.map((folder) => `echo $$ > ${folder}/cgroup.procs`).join(" && ");
  return {
    kind,
    prefix: ["sh", "-c", `${enter} && exec "$@"`, "sh"],
    peakMb: () => (existsSync(peakFile) ? Math.round(Number(readFileSync(peakFile, "utf8")) / KB / KB) : undefined),
    close,
  };
}

/** Everything but the machine under test stays off its processor. */
export function stayAway(): void {
  const cores = cpus().length;
  if (cores > 1) spawnSync("taskset", ["-a", "-c", "-p", `0-${cores - 2}`, String(process.pid)]);
}

/** A process and all below it. */
export function familyOf(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").trim().split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(familyOf)];
}

/** Time on a processor of each of their threads, in ms, to the nanosecond, by "pid/thread name". */
export function ranMs(pids: readonly number[]): ReadonlyMap<string, number> {
  const ran = new Map<string, number>();
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      try {
        const folder = `/proc/${pid}/task/${thread}`;
        const ns = Number(readFileSync(`${folder}/schedstat`, "latin1").split(" ")[0]);
        ran.set(`${pid}/${thread} ${readFileSync(`${folder}/comm`, "latin1").trim()}`, ns / 1e6);
      } catch {
        // Ended between look and look.
      }
    }
  }
  return ran;
}

/** What the machine holds for these processes, in MB: their own pages, and each page of a file once. */
export function heldMb(pids: readonly number[]): number {
  let ownKb = 0;
  const files = new Map<string, number>();
  for (const pid of pids) {
    let mapping = "";
    let rssKb = 0;
    for (const line of readFileSync(`/proc/${pid}/smaps`, "latin1").split("\n")) {
      const head = /^[0-9a-f]+-[0-9a-f]+ \S+ ([0-9a-f]+) \S+ (\d+)\s*(\S*)/.exec(line);
      if (head !== null) mapping = head[2] === "0" ? "" : `${head[3]} ${head[1]}`;
      else if (line.startsWith("Rss:")) rssKb = Number(/\d+/.exec(line)![0]);
      else if (line.startsWith("Anonymous:")) {
        const anonymousKb = Number(/\d+/.exec(line)![0]);
        ownKb += anonymousKb;
        if (mapping === "") ownKb += rssKb - anonymousKb;
        else files.set(mapping, Math.max(files.get(mapping) ?? 0, rssKb - anonymousKb));
      }
    }
  }
  return (ownKb + [...files.values()].reduce((sum, kb) => sum + kb, 0)) / KB;
}
