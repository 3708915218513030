/** The chores that run for minutes: fuzzing and soaking. CI runs them shortened. */
import { run } from "./root.ts";

const node = (file: string, args: readonly string[]): Promise<number> =>
  run(process.execPath, ["--disable-warning=ExperimentalWarning", file, ...args]);

export async function runFuzz(args: readonly string[]): Promise<boolean> {
  const [first, ...rest] = args;
  return (await (first === "api" ? node("test/fuzz/api.ts", rest) : node("test/fuzz/parser.ts", args))) === 0;
}

export async function runSoak(args: readonly string[]): Promise<boolean> {
  const [first, ...rest] = args;
  return (await (first === "writes" ? node("test/soak/writes.ts", rest) : node("test/soak/kills.ts", args))) === 0;
}
