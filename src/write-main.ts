/**
 * Composition root of the thread that writes small changes of resources (config/write-apart.ts): holds what is stored,
 * checks wishes against it, stores those that came together in one transaction, and tells signalling what changed.
 */
import { readFileSync } from "node:fs";
import { hostname, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "#base/assert.ts";
import { systemClock } from "#base/clock.ts";
import { carrySecrets } from "#config/accounts.ts";
import type { ApplyOutcome } from "#config/apply-apart.ts";
import { snapshotHash } from "#config/build-snapshot.ts";
import { fileEntries } from "#config/file-entries.ts";
import { loadText } from "#config/load.ts";
import { type ResourceChange, logText } from "#config/plan-apply.ts";
import { Standing } from "#config/standing.ts";
import { entriesOf } from "#config/stored-resources.ts";
import type { FromWriter, ToWriter, WriteWish, WriterOptions } from "#config/write-apart.ts";
import { LastChanges, patchTo, takeBatch } from "#config/write-batch.ts";
import type { ResourceStore } from "#store/resource-store.ts";
import { houseAt, openResources } from "#store/database.ts";

/** Of this thread alone, as Linux counts: where processors are scarce, calls come first. */
const NICE = 5;
/** What one transaction holds: whoever came first waits for the last of them. */
const BATCH_MAX = 200;

assert(parentPort !== null, "write-main.ts runs as a worker thread");
if (process.platform === "linux") setPriority(NICE);
const port = parentPort;
const { text, file, home, generation, hash } = workerData as WriterOptions;
const post = (message: FromWriter): void => port.postMessage(message);

interface Writing {
  readonly resources: ResourceStore;
  readonly standing: Standing;
  readonly last: LastChanges;
  /** Of the stored resources. */
  stored: number;
  /** Of the configuration in force. */
  number: number;
  atMs: number;
}

/** Undefined: what is stored is not what is in force. */
async function begin(): Promise<Writing | undefined> {
  const resources = await openResources(houseAt(home, process.env), true);
  const state = await resources.state();
  const surroundings = { env: process.env, readFile: (path: string) => readFileSync(path, "utf8") };
  const loaded = loadText(text, file, {
    ...surroundings,
    uid: process.getuid?.() ?? 1000,
    hostname: hostname(),
    generation,
    stored: () => entriesOf(state.records, state.hash),
  });
  if (!loaded.ok || loaded.config.snapshot.hash !== hash) {
    await resources.close();
    return undefined;
  }
  const own = fileEntries(text, file);
  return {
    resources,
    standing: new Standing(loaded.config.snapshot, state, own, {
      ...surroundings,
      listeners: own.listeners,
      callsMax: loaded.config.node.callsMax,
    }),
    last: new LastChanges(state.generation),
    stored: state.generation,
    number: generation,
    atMs: 0,
  };
}

const queue: (readonly [id: number, wish: WriteWish])[] = [];
let closing = false;
let writing: Writing | undefined;
let scheduled = false;

async function run(): Promise<void> {
  writing ??= await begin();
  if (writing === undefined) return post({ type: "behind" });
  while (queue.length > 0) if (!(await write(writing, queue.splice(0, BATCH_MAX)))) return post({ type: "behind" });
  scheduled = false;
  if (!closing) return;
  await writing.resources.close();
  post({ type: "closed" });
}

/** False: somebody else was quicker, and what we hold is of the past. */
async function write(state: Writing, wishes: readonly (readonly [id: number, wish: WriteWish])[]): Promise<boolean> {
  const { standing, last } = state;
  const { outcomes, changes } = takeBatch(
    wishes.map(([, wish]) => wish),
    standing,
    last,
    state.stored + 1,
  );
  const told = (list: readonly ApplyOutcome[]) => wishes.map(([id], i) => [id, list[i]!] as const);
  if (changes.length === 0) {
    post({ type: "written", outcomes: told(outcomes), patch: undefined, secrets: new Map() });
    return true;
  }
  const number = state.number + 1;
  const contents = standing.hash;
  standing.rename(number, snapshotHash(text, contents));
  // Decisions find their resources by the time: no two changes have the same.
  state.atMs = Math.max(systemClock.wallMs(), state.atMs + 1);
  const committed = await state.resources.commit({
    ...merged(changes),
    base: state.stored,
    hash: contents,
    atMs: state.atMs,
    config: { number, hash: standing.snapshot.hash },
  });
  if (!committed.ok) {
    queue.unshift(...wishes);
    return false;
  }
  state.stored = committed.generation;
  state.number = number;
  const patch = patchTo(standing.snapshot, changes);
  const named = <T extends { readonly name: string }>(list: readonly T[]): ReadonlyMap<string, T> =>
    new Map(list.map((one) => [one.name, one]));
  const secrets = carrySecrets({ trunks: named(patch.trunks), gateways: named(patch.gateways) });
  post({ type: "written", outcomes: told(outcomes), patch, secrets });
  return true;
}

/** Of a resource that several wishes changed, the last word; the log has all. */
function merged(changes: readonly ResourceChange[]) {
  const lasting = new Map(changes.map((change) => [`${change.kind} ${change.name}`, change]));
  const byTenant = Map.groupBy(changes, ({ tenant }) => tenant);
  return {
    upserts: [...lasting.values()].filter(({ change }) => change !== "remove").map(({ record }) => record),
    removals: [...lasting.values()].filter(({ change }) => change === "remove"),
    texts: new Map(Array.from(byTenant, ([tenant, own]) => [tenant, logText(own)] as const)),
  };
}

port.on("message", (message: ToWriter) => {
  if (message.type === "close") closing = true;
  else queue.push([message.id, message.wish]);
  if (scheduled) return;
  scheduled = true;
  // What else came in the meantime goes along.
  setImmediate(() => void run());
});
