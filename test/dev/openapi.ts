/**
 * The OpenAPI file that the API would give, without starting a switch, and the panel's types made from it. Neither is
 * kept in the repository: what the panel is checked against is always the API beside it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ApiPorts } from "#api/ports.ts";
import { buildApi } from "#api/server.ts";
import { ROOT, run } from "./root.ts";

export const OPENAPI_FILE = join(ROOT, "panel/openapi.json");
const TYPES_FILE = join(ROOT, "panel/src/api/schema.d.ts");

let text: Promise<string> | undefined;

/** Made once: schemas are named in a registry of the whole process, and a second API would find the first one's names taken. */
export const openApiText = (): Promise<string> => (text ??= madeText());

async function madeText(): Promise<string> {
  const app = await buildApi(unusedPorts());
  const json = `${JSON.stringify(app.swagger(), undefined, 2)}\n`;
  await app.close();
  return json;
}

export async function writeOpenApi(): Promise<boolean> {
  mkdirSync(dirname(TYPES_FILE), { recursive: true });
  writeFileSync(OPENAPI_FILE, await openApiText());
  const made = await run(join(ROOT, "panel/node_modules/.bin/openapi-typescript"), [OPENAPI_FILE, "--output", TYPES_FILE], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return made === 0;
}

/** Routes only keep what they are given: whatever they take of it is a function that gives the same again. */
function unusedPorts(): ApiPorts {
  const unused: unknown = new Proxy(() => unused, { get: (_, name) => (name === "then" ? undefined : unused) });
  const own: Readonly<Record<string, unknown>> = {
    version: "0",
    key: new Uint8Array(32),
    panelFolder: undefined,
    requestsPerSecond: undefined,
  };
  return new Proxy(own, { get: (ports, name) => (name in ports ? ports[String(name)] : unused) }) as unknown as ApiPorts;
}
