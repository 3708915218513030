/**
 * Writes the typed client's generated file. It is in the repository, because the command line uses it; `./dev check`
 * says when it is not that of the API beside it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type OpenApi, clientText } from "./client-text.ts";
import { openApiText } from "./openapi.ts";
import { ROOT, run } from "./root.ts";

const FILE = join(ROOT, "src/api-client/operations.ts");

/** Writes what isn't current. @returns whether all was as it should be */
export async function writeClient(): Promise<boolean> {
  const before = contents();
  writeFileSync(FILE, clientText(JSON.parse(await openApiText()) as OpenApi));
  await run("node_modules/.bin/biome", ["check", "--write", FILE], { stdio: ["ignore", "ignore", "inherit"] });
  return contents() === before;
}

function contents(): string {
  try {
    return readFileSync(FILE, "utf8");
  } catch {
    return "";
  }
}
