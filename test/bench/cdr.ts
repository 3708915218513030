/**
 * Questions to ten million CDRs on SQLite: how long a page of 100 takes, warm and with the file out of the page cache.
 * Last line: JSON. `--quick`: 100,000 CDRs; `--calls N`: so many. The file is deleted at the end.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type CdrFilter, type CdrStore, EVERY_TENANT } from "#store/cdr-store.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { DAYS, FIRST_MS, fillMany, manyCall } from "../kit/many-calls.ts";

const CALLS = 10_000_000;
const QUICK_CALLS = 100_000;
const LIMIT = 100;
const REPEATS = 20;
const TARGET_MS = 200;
const DAY_MS = 86_400_000;
const PAGES_EXPORTED = 50;

type Question = (store: CdrStore, n: number) => Promise<unknown>;

function questionsOf(calls: number): Readonly<Record<string, Question>> {
  // Each repeat asks for another day and number: no answer is warm because it was just read.
  const some = (n: number) => manyCall((n * 48_271 + 7_919) % calls, calls);
  const day = (n: number) => {
    const fromMs = FIRST_MS + ((n * 7) % DAYS) * DAY_MS;
    return { fromMs, toMs: fromMs + DAY_MS };
  };
  const page =
    (filter: (n: number) => Omit<CdrFilter, "limit">): Question =>
    (store, n) =>
      store.page({ tenant: EVERY_TENANT, ...filter(n), limit: LIMIT });
  return {
    newest: page(() => ({})),
    day: page(day),
    number: page((n) => ({ number: some(n).caller })),
    "number called often": page((n) => ({ number: some(n).called })),
    "number, none": page((n) => ({ number: `+4930${n}` })),
    "number, day": page((n) => ({ ...day(n), number: some(n).called })),
    "prefix, rare": page((n) => ({ numberPrefix: some(n).caller.slice(0, 9) })),
    "prefix, frequent": page(() => ({ numberPrefix: "+7495" })),
    "prefix, frequent, day": page((n) => ({ ...day(n), numberPrefix: `+74950000${n % 10}` })),
    trunk: page((n) => ({ peers: [some(n).trunk] })),
    "trunk, hardly used": page(() => ({ peers: ["carrier-99"] })),
    "trunk, day": page((n) => ({ ...day(n), peers: [some(n).trunk] })),
    outcome: page(() => ({ outcomes: ["carrier_blocked"] })),
    "trunk, day, outcome": page((n) => ({ ...day(n), peers: [some(n).trunk], outcomes: ["carrier_blocked"] })),
    "trunk, outcome, tenant": page((n) => ({ tenant: some(n).tenant, peers: ["carrier-00"], outcomes: ["busy", "failed"] })),
    "statistics of a day by trunk": (store, n) => store.totals({ by: "trunk", tenant: EVERY_TENANT, ...day(n) }),
    "statistics of 30 days by hour": (store) =>
      store.totals({ by: "hour", tenant: EVERY_TENANT, fromMs: FIRST_MS, toMs: FIRST_MS + DAYS * DAY_MS }),
  };
}

const rounded = (ms: number): number => Math.round(ms * 10) / 10;
async function timed(run: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await run();
  return performance.now() - from;
}

/** Takes the file's pages out of the cache, without touching what else the machine has there; false where dd can't. */
function chill(path: string): boolean {
  const ran = (program: string, ...args: readonly string[]): boolean => spawnSync(program, args).status === 0;
  return ran("sync", path) && ran("dd", `if=${path}`, "iflag=nocache", "count=0", "status=none");
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: "boolean", default: false }, calls: { type: "string" }, folder: { type: "string" } },
  });
  const calls = Number(values.calls ?? (values.quick ? QUICK_CALLS : CALLS));
  const folder = mkdtempSync(join(values.folder ?? tmpdir(), "tandem-bench-cdr-"));
  const path = join(folder, "tandem.db");
  try {
    await (await openSqliteStore(path)).close();
    const fillMs = await timed(() =>
      Promise.resolve(fillMany(path, calls, (done) => done % 1_000_000 === 0 && console.log(`${done / 1_000_000} million CDRs`))),
    );
    let store!: CdrStore;
    const migrateMs = await timed(async () => {
      store = await openSqliteStore(path);
    });
    await store.close();
    const bytes = statSync(path).size;
    console.log(
      `${calls} CDRs, ${Math.round(bytes / 1e6)} MB; filled in ${Math.round(fillMs / 1000)} s, indexes in ${Math.round(migrateMs / 1000)} s`,
    );
    const results: Record<string, { p50Ms: number; maxMs: number; coldMs: number | null }> = {};
    for (const [name, ask] of Object.entries(questionsOf(calls))) {
      // Cold first: with a connection that has read nothing either.
      const cold: number[] = [];
      for (let n = 0; n < 3 && chill(path); n++) {
        store = await openSqliteStore(path);
        cold.push(await timed(() => ask(store, n)));
        await store.close();
      }
      store = await openSqliteStore(path);
      await ask(store, REPEATS);
      const times: number[] = [];
      for (let n = 0; n < REPEATS; n++) times.push(await timed(() => ask(store, n)));
      await store.close();
      times.sort((a, b) => a - b);
      const coldMs = cold.length === 0 ? null : rounded(Math.max(...cold));
      results[name] = { p50Ms: rounded(times[REPEATS / 2]!), maxMs: rounded(times.at(-1)!), coldMs };
      console.log(
        `${name.padEnd(32)} median ${results[name].p50Ms} ms, slowest ${results[name].maxMs} ms, cold ${coldMs ?? "not measured"} ms`,
      );
    }
    store = await openSqliteStore(path);
    let before: string | undefined;
    let exported = 0;
    const exportMs = await timed(async () => {
      for (let n = 0; n < PAGES_EXPORTED; n++) {
        const { cdrs, next } = await store.page({ tenant: EVERY_TENANT, limit: 200, before });
        exported += cdrs.length;
        before = next;
      }
    });
    await store.close();
    const slowest = Math.max(...Object.values(results).flatMap(({ maxMs, coldMs }) => [maxMs, coldMs ?? 0]));
    console.log(
      JSON.stringify({
        bench: "cdr",
        calls,
        fileMb: Math.round(bytes / 1e6),
        migrateS: rounded(migrateMs / 1000),
        targetMs: TARGET_MS,
        slowestMs: slowest,
        withinTarget: slowest < TARGET_MS,
        exportedPerSecond: Math.round(exported / (exportMs / 1000)),
        questions: results,
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
