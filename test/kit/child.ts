/** Child processes of a test: output kept, ended by their own pid, never by name. */
import { type ChildProcess, spawn } from "node:child_process";

export interface Child {
  readonly pid: number;
  /** Both streams as they came. */
  output(): string;
  /** Exit code once its output is closed too; -1 for a killed child, which has no code. */
  readonly ended: Promise<number>;
  /** The process itself is gone; `ended` waits for whoever it left its output to. */
  readonly exited: Promise<void>;
  kill(signal?: NodeJS.Signals): void;
  write(text: string): void;
  /** Resolves when the output matches; rejects when the child ends or the time is over first. */
  says(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
}

const OUTPUT_CHARS_MAX = 4_000_000;

export function start(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Child {
  const child: ChildProcess = spawn(program, args, { ...options, stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  let code: number | undefined;
  const watchers = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    if (output.length < OUTPUT_CHARS_MAX) output += chunk.toString("utf8");
    for (const watcher of watchers) watcher();
  };
  child.stdout!.on("data", take);
  child.stderr!.on("data", take);
  child.stdin!.on("error", () => {});
  const ended = new Promise<number>((resolve) => {
    const finish = (value: number): void => {
      code ??= value;
      resolve(code);
      for (const watcher of watchers) watcher();
    };
    child.on("error", (error) => {
      output += String(error);
      finish(127);
    });
    child.on("close", (value) => finish(value ?? -1));
  });
  const exited = new Promise<void>((resolve) => {
    child.on("error", () => resolve());
    child.on("exit", () => resolve());
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    ended,
    exited,
    kill: (signal = "SIGTERM") => void child.kill(signal),
    write: (text) => void child.stdin!.write(text),
    says: (pattern, timeoutMs = 10_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => done(new Error(`${program} did not say ${pattern} within ${timeoutMs} ms. It said:\n${output.slice(-3000)}`)),
          timeoutMs,
        );
        const done = (result: RegExpExecArray | Error): void => {
          clearTimeout(timer);
          watchers.delete(look);
          if (result instanceof Error) reject(result);
          else resolve(result);
        };
        const look = (): void => {
          const match = pattern.exec(output);
          if (match !== null) done(match);
          else if (code !== undefined)
            done(new Error(`${program} ended with ${code} before it said ${pattern}. It said:\n${output.slice(-3000)}`));
        };
        watchers.add(look);
        look();
      }),
  };
}

export async function runToEnd(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<{ readonly code: number; readonly output: string }> {
  const child = start(program, args, options);
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const code = await child.ended;
  clearTimeout(timer);
  return { code, output: child.output() };
}
