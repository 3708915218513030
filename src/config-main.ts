/** Composition root of the thread that reads the configuration for a reload: checks it whole and hands it over in parts. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "#base/assert.ts";
import type { LoadApartOptions } from "#config/load-apart.ts";
import { type FromLoader, partsOf } from "#config/load-messages.ts";
import { loadConfig } from "#config/load.ts";
import { askEntries, entriesNow } from "#store/database.ts";
import { readSqliteEntries } from "#store/sqlite/sqlite-resources.ts";

assert(parentPort !== null, "config-main.ts runs as a worker thread");
const port = parentPort;
const { file, home, generation } = workerData as LoadApartOptions;
const before = await askEntries(process.env);
const parts = partsOf(
  loadConfig({
    file,
    home,
    env: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
    uid: process.getuid?.() ?? 1000,
    hostname: hostname(),
    generation,
    stored: (folder) => entriesNow(folder, process.env, before, readSqliteEntries),
  }),
);
function post(): void {
  const next = parts.next();
  if (next.done !== true) port.postMessage(next.value satisfies FromLoader);
}
port.on("message", post);
post();
