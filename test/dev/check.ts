/** Types, lint and format in one go; each says its name, so that a failure is found at once. */
import { writeClient } from "./client.ts";
import { writeOpenApi } from "./openapi.ts";
import { run } from "./root.ts";

const FOLDERS = ["src", "test", "panel/src", "panel/vite.config.ts"];

export async function check(fix: boolean): Promise<boolean> {
  const steps: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
    ["types", "node_modules/.bin/tsc", ["-p", "."]],
    ["panel's types", "node_modules/.bin/tsc", ["-p", "panel"]],
    ["lint", "node_modules/.bin/oxlint", ["--deny-warnings", ...(fix ? ["--fix"] : []), ...FOLDERS]],
    ["format", "node_modules/.bin/biome", ["check", ...(fix ? ["--write"] : []), ...FOLDERS]],
  ];
  // What the panel is checked against is the API as it stands.
  let ok = await writeOpenApi();
  const current = (await writeClient()) || fix;
  console.log(
    `${current ? "ok    " : "FAILED"} client${current ? "" : ": src/api-client/operations.ts was not that of the API, and is now"}`,
  );
  ok &&= current;
  for (const [name, program, args] of steps) {
    const code = await run(program, args);
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name}`);
    ok &&= code === 0;
  }
  return ok;
}
