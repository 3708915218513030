/** Builds the panel and says what its first load costs. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ROOT, run } from "./root.ts";

export const PANEL_DIST = join(ROOT, "panel/dist");
/** What a phone loads before it shows anything, gzipped. */
export const FIRST_LOAD_BYTES_MAX = 300_000;

export async function buildPanel(): Promise<boolean> {
  const built = await run(join(ROOT, "node_modules/.bin/vite"), ["build", "--logLevel", "warn"], { cwd: join(ROOT, "panel") });
  if (built !== 0) return false;
  const bytes = firstLoadBytes();
  console.log(`panel: built into panel/dist; first load ${Math.round(bytes / 1000)} kB gzipped of at most ${FIRST_LOAD_BYTES_MAX / 1000}`);
  return bytes <= FIRST_LOAD_BYTES_MAX;
}

/** index.html, what it names, and what those scripts import statically. */
export function firstLoadBytes(): number {
  const read = (name: string): Buffer => readFileSync(join(PANEL_DIST, name));
  const index = read("index.html");
  const wanted = [...index.toString().matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, name]) => name!);
  const seen = new Set<string>();
  let bytes = gzipSync(index).length;
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const content = read(name);
    bytes += gzipSync(content).length;
    if (!name.endsWith(".js")) continue;
    for (const [, from] of content.toString().matchAll(/(?:^|[;}\s])import\s*(?:[\w*{}$,\s]+?from\s*)?["']\.\/([^"']+)["']/g))
      wanted.push(`assets/${from}`);
  }
  return bytes;
}

/** All that was built, for those who look for what stayed out of the first load. */
export const builtFiles = (): readonly string[] => globSync("assets/*", { cwd: PANEL_DIST });
