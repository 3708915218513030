/**
 * Composition root of `tandem apply`: leaves the text in the state folder, where the running Tandem takes it from
 * whoever asks and whatever may read the original, or does the same itself where none runs.
 */
import { createHash, randomBytes } from "node:crypto";
import { chownSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApplyDesk } from "#cli/apply.ts";
import { type Control, ControlError } from "#cli/context.ts";
import { APPLY_BYTES_MAX, SPOOL_NAME, type ApplyOutcome, type ApplyWish, applyApart } from "#config/apply-apart.ts";

export interface SpoolOptions {
  /** As given; "-" is standard input. */
  readonly file: string;
  /** What stands there, where it is at hand. */
  readonly text?: string;
  readonly home: string;
  /** --config */
  readonly config: string | undefined;
  readonly tenant: string | undefined;
  readonly prune: boolean;
  readonly connect: () => Promise<Control>;
}

export function spoolApply(options: SpoolOptions): { readonly apply: ApplyDesk["apply"]; remove(): void } {
  const { home, config, tenant, prune } = options;
  const text = options.text ?? readText(options.file);
  const spool = `apply-${randomBytes(8).toString("hex")}.yaml`;
  const path = join(home, spool);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  removeStale(home);
  writeFileSync(path, text, { mode: 0o600, flag: "wx" });
  const { uid, gid } = statSync(home);
  // Root asks a Tandem that runs as somebody else.
  if (process.getuid?.() === 0 && uid !== 0) chownSync(path, uid, gid);
  const wishOf = (commit: boolean, expectedGeneration: number | undefined): ApplyWish => ({
    spool,
    sha256: createHash("sha256").update(text).digest("hex"),
    file: options.file === "-" ? "(standard input)" : options.file,
    tenant,
    prune,
    commit,
    expectedGeneration,
  });
  return {
    async apply(commit, expectedGeneration) {
      const wish = wishOf(commit, expectedGeneration);
      const control = await whoRuns(options);
      if (control !== undefined) return { outcome: await control.ask<ApplyOutcome>({ type: "apply", ...wish }), running: true };
      const { outcome } = await applyApart(new URL("./apply-main.ts", import.meta.url), {
        file: config,
        home,
        generation: 1,
        wish,
        openListeners: undefined,
      });
      // One that came up meanwhile may have read the store before.
      const late = outcome.ok && outcome.report.committed ? await whoRuns(options) : undefined;
      await late?.ask({ type: "reload" });
      return { outcome, running: late !== undefined };
    },
    remove: () => rmSync(path, { force: true }),
  };
}

const STARTING_MS = 10_000;
const LOOK_AGAIN_MS = 100;
/** The running Tandem; one whose signalling is being started again is waited for. Undefined: none runs. */
async function whoRuns({ connect, home }: SpoolOptions): Promise<Control | undefined> {
  const untilMs = Date.now() + STARTING_MS;
  for (;;) {
    try {
      return await connect();
    } catch (error) {
      if (!(error instanceof ControlError) || error.code !== "NOT_RUNNING") throw error;
      if (!isSupervised(home) || Date.now() > untilMs) return undefined;
      await sleep(LOOK_AGAIN_MS);
    }
  }
}

/** The supervisor's lock names a living process. */
function isSupervised(home: string): boolean {
  try {
    process.kill((JSON.parse(readFileSync(join(home, "supervisor.lock"), "utf8")) as { readonly pid: number }).pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** What a killed command left behind may hold passwords. */
const STALE_MS = 3_600_000;
function removeStale(home: string): void {
  for (const name of readdirSync(home).filter((one) => SPOOL_NAME.test(one))) {
    const path = join(home, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > STALE_MS) rmSync(path, { force: true });
  }
}

/** A question on the terminal. Ctrl-C and the end of input are a no. */
export async function askPerson(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
  const answer = await Promise.race([lines.question(question).catch(() => ""), closed]);
  lines.close();
  return /^y(es)?$/i.test(answer.trim());
}

export function readText(file: string): Buffer {
  try {
    const text = readFileSync(file === "-" ? 0 : file);
    if (text.length > APPLY_BYTES_MAX) throw new ControlError("TOO_LARGE", `${file} is larger than ${APPLY_BYTES_MAX / 1024 / 1024} MB`);
    return text;
  } catch (error) {
    if (error instanceof ControlError) throw error;
    throw new ControlError("NO_FILE", `${file} can't be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
