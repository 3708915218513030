/**
 * A PostgreSQL of a test's own: data and Unix socket in a temporary folder, no port, gone with it. It refuses to be
 * root's, so root gives it to nobody. Its text is sorted as people sort, which the store must not depend on.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { findProgram } from "../dev/peers.ts";

const USER = "tandem";
const READY_MS = 20_000;
const NOBODY = 65_534;
/** Speed before durability: what a test keeps is gone with it. */
const SETTINGS = [
  "fsync=off",
  "synchronous_commit=off",
  "full_page_writes=off",
  "shared_buffers=32MB",
  "max_connections=40",
  "listen_addresses=",
];

export interface TestPostgres {
  /** Of a new, empty database. */
  newDatabase(): Promise<string>;
  /** Rows of a question to one of them. */
  sql(url: string, text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** At once, as kill -9 would. */
  crash(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-pg-"));
  const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (process.getuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  const made = spawnSync(
    findProgram("initdb") ?? "initdb",
    ["-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8"],
    { ...asNobody, cwd: folder, encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(`initdb: ${made.stdout}${made.stderr}`);
  const urlOf = (database: string): string => `postgres://${USER}@/${database}?host=${encodeURIComponent(folder)}`;
  let server: ChildProcess | undefined;
  let databases = 0;

  const ask = async (url: string, text: string) => {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(text)).rows as readonly Readonly<Record<string, unknown>>[];
    } finally {
      await client.end();
    }
  };
  const start = async (): Promise<void> => {
    const settings = SETTINGS.flatMap((one) => ["-c", one]);
    server = spawn(findProgram("postgres") ?? "postgres", ["-D", data, "-k", folder, ...settings], {
      ...asNobody,
      cwd: folder,
      stdio: "ignore",
    });
    for (const untilMs = Date.now() + READY_MS; ; await sleep(50)) {
      try {
        await ask(urlOf("postgres"), "select 1");
        return;
      } catch (error) {
        if (Date.now() > untilMs) throw error;
      }
    }
  };
  const end = async (signal: "SIGQUIT" | "SIGINT"): Promise<void> => {
    const running = server;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const gone = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    await gone;
  };
  await start();
  return {
    async newDatabase() {
      const name = `test${++databases}`;
      await ask(urlOf("postgres"), `create database ${name}`);
      return urlOf(name);
    },
    sql: ask,
    crash: () => end("SIGQUIT"),
    start,
    async stop() {
      await end("SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
