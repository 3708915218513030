/**
 * Composition root of the thread that applies resources: plans what the file changes, has the outcome checked whole
 * with tandem.yaml, writes it in one transaction, and hands the configuration over.
 *
 * It writes to the database itself, beside the store thread: it holds the rows, and passing 100,000 of them through
 * signalling would hold calls up. SQLite lets one of the two wait.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { hostname, setPriority } from "node:os";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "#base/assert.ts";
import { systemClock } from "#base/clock.ts";
import {
  APPLY_BYTES_MAX,
  type ApplyApartOptions,
  type ApplyOutcome,
  type ApplyReport,
  CHANGES_LISTED_MAX,
  type FromApply,
  SPOOL_NAME,
} from "#config/apply-apart.ts";
import { listenersKey } from "#config/check-listeners.ts";
import { partsOf } from "#config/load-messages.ts";
import { type LoadedConfig, loadConfig } from "#config/load.ts";
import { type ApplyPlan, type ResourceChange, fieldsOf, logText, planApply } from "#config/plan-apply.ts";
import { renderProblems } from "#config/render-problems.ts";
import type { StoredState } from "#config/stored-resources.ts";
import { hashOf } from "#store/resource-store.ts";
import { askState, houseAt, openResources, stateNow } from "#store/database.ts";
import { readSqliteResources } from "#store/sqlite/sqlite-resources.ts";

/** Of this thread alone, as Linux counts: where processors are scarce, calls come first. */
const NICE = 10;
assert(parentPort !== null, "apply-main.ts runs as a worker thread");
if (process.platform === "linux") setPriority(NICE);
const port = parentPort;
const { file, home, generation, wish, openListeners } = workerData as ApplyApartOptions;

interface Planned {
  readonly state: StoredState;
  readonly plan: ApplyPlan;
  readonly hash: string;
}

const refused = (
  code: Extract<ApplyOutcome, { ok: false }>["code"],
  message: string,
  problems: Extract<ApplyOutcome, { ok: false }>["problems"] = [],
): ApplyOutcome => ({ ok: false, code, message, problems });

async function apply(): Promise<{ readonly outcome: ApplyOutcome; readonly loaded?: LoadedConfig }> {
  let planned: Planned | undefined;
  let stateFolder = "";
  let unreadable: string | undefined;
  const before = await askState(process.env);
  const loaded = loadConfig({
    file,
    home,
    env: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
    uid: process.getuid?.() ?? 1000,
    hostname: hostname(),
    generation,
    stored: (folder) => {
      stateFolder = folder;
      const text = readSpool(join(folder, wish.spool));
      if (typeof text !== "string") unreadable = text.reason;
      const state = stateNow(folder, process.env, before, readSqliteResources);
      const plan = planApply(
        {
          text: typeof text === "string" ? text : "",
          file: wish.file,
          tenant: wish.tenant,
          prune: wish.prune,
          origin: wish.origin,
          remove: wish.remove,
        },
        state,
      );
      const hash = plan.ok ? hashOf(plan.after) : "";
      planned = { state, plan, hash };
      return plan.ok ? plan.entries(hash) : { hash: "", sections: { trunks: [], gateways: [], groups: [], dids: [], outbound: [] } };
    },
  });
  if (unreadable !== undefined) return { outcome: refused("SPOOL", unreadable) };
  // A broken file of resources makes the rest look broken, too: its own problems come first.
  const problems = planned !== undefined && !planned.plan.ok ? planned.plan.problems : loaded.ok ? [] : loaded.problems;
  if (planned === undefined || !planned.plan.ok || !loaded.ok)
    return { outcome: refused("CONFIGURATION", renderProblems(problems, false), problems.slice(0, CHANGES_LISTED_MAX)) };
  const { state, plan, hash } = planned;
  if (wish.expectedGeneration !== undefined && (await isLate(stateFolder, wish.expectedGeneration, state, plan.changes)))
    return { outcome: refused("CONFLICT", "the stored resources changed meanwhile; look again: tandem apply") };
  const report = reportOf(plan.changes, plan.unchanged, state.generation, loaded);
  if (!wish.commit || plan.changes.length === 0) return { outcome: { ok: true, report } };
  if (openListeners !== undefined && listenersKey(loaded.config.snapshot.listeners.values()) !== openListeners)
    return {
      outcome: refused("NEEDS_RESTART", "listeners changed in tandem.yaml: they are opened at start only; everything stays as it was"),
    };
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  const committed = await store(stateFolder, state, plan.changes, hash);
  if (!committed.ok)
    return { outcome: refused("CONFLICT", "somebody else changed the stored resources at the same time; look again: tandem apply") };
  return {
    outcome: { ok: true, report: { ...report, committed: true, generation: committed.generation } },
    ...(openListeners === undefined ? {} : { loaded }),
  };
}

function readSpool(path: string): string | { readonly reason: string } {
  if (!SPOOL_NAME.test(wish.spool)) return { reason: "not a name that tandem apply gives its files" };
  try {
    if (statSync(path).size > APPLY_BYTES_MAX) return { reason: `${wish.file} is larger than ${APPLY_BYTES_MAX / 1024 / 1024} MB` };
    const text = readFileSync(path);
    return createHash("sha256").update(text).digest("hex") === wish.sha256
      ? text.toString("utf8")
      : { reason: `${path} is not what was meant: it changed, or two state folders were mixed up` };
  } catch (error) {
    return { reason: `the file can't be taken over: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** A person was shown all changes together; a program's wish is only as old as what it touches. */
async function isLate(folder: string, expected: number, state: StoredState, changes: readonly ResourceChange[]): Promise<boolean> {
  if (expected === state.generation) return false;
  if (wish.origin !== "api" || expected > state.generation) return true;
  const resources = await openResources(houseAt(folder, process.env));
  try {
    const since = new Set((await resources.changedSince(expected)).map(({ kind, name }) => `${kind} ${name}`));
    return changes.some(({ kind, name }) => since.has(`${kind} ${name}`));
  } finally {
    await resources.close();
  }
}

async function store(folder: string, state: StoredState, changes: readonly ResourceChange[], hash: string) {
  const byTenant = Map.groupBy(changes, ({ tenant }) => tenant);
  const resources = await openResources(houseAt(folder, process.env));
  try {
    return await resources.commit({
      base: state.generation,
      upserts: changes.filter(({ change }) => change !== "remove").map(({ record }) => record),
      removals: changes.filter(({ change }) => change === "remove"),
      hash,
      texts: new Map(Array.from(byTenant, ([tenant, own]) => [tenant, logText(own)] as const)),
      atMs: systemClock.wallMs(),
    });
  } finally {
    await resources.close();
  }
}

function reportOf(
  changes: readonly ResourceChange[],
  unchanged: number,
  at: number,
  loaded: Extract<LoadedConfig, { ok: true }>,
): ApplyReport {
  const counted = (kind: ResourceChange["change"]): number => changes.filter(({ change }) => change === kind).length;
  return {
    generation: at,
    committed: false,
    added: counted("add"),
    changed: counted("change"),
    removed: counted("remove"),
    unchanged,
    changes: changes
      .slice(0, CHANGES_LISTED_MAX)
      .map((one) => ({ change: one.change, kind: one.kind, name: one.name, tenant: one.tenant, fields: fieldsOf(one) })),
    warnings: loaded.warnings.filter((warning) => warning.file === wish.file).slice(0, CHANGES_LISTED_MAX),
  };
}

const post = (message: FromApply): void => port.postMessage(message);
const { outcome, loaded } = await apply().catch((error: unknown) => ({
  outcome: refused("STORE", `nothing was changed: ${error instanceof Error ? error.message : String(error)}`),
  loaded: undefined,
}));
if (loaded !== undefined) {
  const parts = partsOf(loaded);
  port.on("message", () => {
    const next = parts.next();
    if (next.done !== true) post(next.value);
  });
}
post({ type: "outcome", outcome, follows: loaded !== undefined });
