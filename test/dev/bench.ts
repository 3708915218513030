/** Runs one benchmark of test/bench/. A performance figure never fails; a broken measurement does. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./root.ts";

const FOLDER = join(ROOT, "test/bench");

/** A benchmark is a file of test/bench/ that exports `bench`; what they share stands in folders below. */
export function benchNames(): readonly string[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".ts") && readFileSync(join(FOLDER, file), "utf8").includes("export async function bench("))
    .map((file) => file.replace(".ts", ""))
    .sort();
}

export async function runBench(name: string | undefined, args: readonly string[]): Promise<boolean> {
  const names = benchNames();
  if (name === undefined || !names.includes(name)) {
    console.error(`${name === undefined ? "which benchmark?" : `no benchmark "${name}"`} There are: ${names.join(", ")}`);
    return false;
  }
  const module = (await import(pathToFileURL(join(FOLDER, `${name}.ts`)).href)) as { bench(args: readonly string[]): Promise<void> };
  await module.bench(args);
  return true;
}
