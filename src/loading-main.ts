/**
 * The configuration that signalling starts with: the file, and the resources of the store as far as they can be read.
 * A broken database keeps no call from what tandem.yaml has.
 */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { type LoadedConfig, loadConfig } from "#config/load.ts";
import { renderProblems } from "#config/render-problems.ts";
import { NOTHING_STORED, type StoredEntries } from "#config/stored-resources.ts";
import { DatabaseUrlError, askEntries, entriesNow, keptEntries } from "#store/database.ts";
import { readSqliteEntries } from "#store/sqlite/sqlite-resources.ts";

/** Starting again cannot help. */
export const EXIT_CONFIGURATION = 78;

export interface LoadedAtStart {
  readonly loaded: Extract<LoadedConfig, { readonly ok: true }>;
  readonly storeProblem: string | undefined;
}

/** Says what is wrong and ends the process where there is nothing to start with. */
export async function loadOrExit(config: string | undefined, home: string | undefined): Promise<LoadedAtStart> {
  const before = await askEntries(process.env);
  let storeProblem: string | undefined;
  const stored = (folder: string): StoredEntries => {
    try {
      return entriesNow(folder, process.env, before, readSqliteEntries, (reason) => (storeProblem = reason));
    } catch (error) {
      const where = before === undefined ? `${folder}/tandem.db` : "PostgreSQL";
      const kept = keptEntries(folder, process.env, before);
      const inForce = kept === undefined ? "only those of tandem.yaml" : "those that were last read";
      storeProblem = `the resources in ${where} can't be read, so ${inForce} are in force: ${String(error)}; repair it, then tandem reload`;
      return kept ?? NOTHING_STORED;
    }
  };
  const loaded = loadConfig({
    file: config,
    home,
    env: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
    uid: process.getuid?.() ?? 1000,
    hostname: hostname(),
    generation: 1,
    stored,
  });
  if (!loaded.ok) return refuse(renderProblems(loaded.problems, false));
  if (before?.ok === false && before.error instanceof DatabaseUrlError) return refuse(before.error.message);
  return { loaded, storeProblem };
}

function refuse(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(EXIT_CONFIGURATION);
}
