/** Types, lint and format in one go; each says its name, so that a failure is found at once. */
import { run } from "./root.ts";

export async function check(fix: boolean): Promise<boolean> {
  const steps: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
    ["types", "node_modules/.bin/tsc", ["-p", "."]],
    ["lint", "node_modules/.bin/oxlint", ["--deny-warnings", ...(fix ? ["--fix"] : []), "src", "test"]],
    ["format", "node_modules/.bin/biome", fix ? ["check", "--write", "src", "test"] : ["check", "src", "test"]],
  ];
  let ok = true;
  for (const [name, program, args] of steps) {
    const code = await run(program, args);
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name}`);
    ok &&= code === 0;
  }
  return ok;
}
