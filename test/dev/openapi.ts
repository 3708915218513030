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

export async function openApiText(): Promise<string> {
  const app = await buildApi(unusedPorts());
  const text = `${JSON.stringify(app.swagger(), undefined, 2)}\n`;
  await app.close();
  return text;
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
