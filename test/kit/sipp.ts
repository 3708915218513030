/** Runs sipp as a peer in a laboratory: a caller until its calls are over, or a gateway until stopped. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Child } from "./child.ts";
import type { Host, Lab } from "./lab.ts";

export interface SippOptions {
  readonly calls?: number;
  readonly ratePerSecond?: number;
  readonly concurrent?: number;
  /** User part of the R-URI. */
  readonly service?: string;
  readonly port?: number;
  readonly transport?: "u1" | "t1";
  readonly mediaPort?: number;
  readonly timeoutMs?: number;
  readonly args?: readonly string[];
  /** sipp's own ways with what its scenario does not expect (answer CANCEL and BYE, abort); off, so that tests see it. */
  readonly defaults?: boolean;
  /** False: no trace of messages, which grows with the run. */
  readonly trace?: boolean;
}

export interface SippResult {
  readonly code: number;
  readonly successful: number;
  readonly failed: number;
  readonly retransmissions: number;
  /** Every message sent and received (-trace_msg). */
  readonly messages: string;
  readonly output: string;
}

export interface RunningSipp {
  readonly child: Child;
  /** Every message so far, as in the result. */
  messages(): string;
  /** What the scenario's own <log> steps said so far. */
  log(): string;
  /** Ends by itself with `calls`, else by SIGUSR1 (after running calls) or at the end of the test. */
  finish(): Promise<SippResult>;
}

let runs = 0;

/** @param target "address:port" for a caller; undefined for a gateway that waits */
export function startSipp(lab: Lab, host: Host, scenario: string, target: string | undefined, options: SippOptions = {}): RunningSipp {
  const name = `sipp${runs++}`;
  const file = (suffix: string): string => join(lab.folder, `${name}.${suffix}`);
  writeFileSync(file("xml"), scenario);
  const args = [
    ...(target === undefined ? [] : [target]),
    ...["-sf", file("xml"), "-i", host.address, "-p", String(options.port ?? 5060), "-mi", host.address],
    ...["-mp", String(options.mediaPort ?? 9000), "-t", options.transport ?? "u1", "-nostdin"],
    ...(options.defaults === true ? [] : ["-nd"]),
    ...(options.calls === undefined ? [] : ["-m", String(options.calls)]),
    ...(options.ratePerSecond === undefined ? [] : ["-r", String(options.ratePerSecond)]),
    ...(options.concurrent === undefined ? [] : ["-l", String(options.concurrent)]),
    ...(options.service === undefined ? [] : ["-s", options.service]),
    ...(options.trace === false ? [] : ["-trace_msg", "-message_file", file("messages")]),
    ...["-trace_err", "-error_file", file("errors"), "-trace_logs", "-log_file", file("log")],
    ...["-trace_screen", "-screen_file", file("screen"), "-screen_overwrite", "true"],
    ...(options.args ?? []),
  ];
  const child = lab.start(host, "sipp", args);
  return {
    child,
    messages: () => readIf(file("messages")),
    log: () => readIf(file("log")),
    async finish() {
      const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 30_000);
      if (target === undefined && options.calls === undefined) child.kill("SIGUSR1");
      const code = await child.ended;
      clearTimeout(timer);
      const screen = readIf(file("screen"));
      return {
        code,
        successful: lastNumber(screen, /Successful call\s*\|\s*\d+\s*\|\s*(\d+)/g),
        failed: lastNumber(screen, /Failed call\s*\|\s*\d+\s*\|\s*(\d+)/g),
        retransmissions: lastNumber(screen, /Retransmissions\s*\|\s*\d+\s*\|\s*(\d+)/g),
        messages: readIf(file("messages")),
        output: `${child.output().slice(-2000)}\n${readIf(file("errors")).slice(0, 4000)}`,
      };
    },
  };
}

export const runSipp = (lab: Lab, host: Host, scenario: string, target: string, options: SippOptions = {}): Promise<SippResult> =>
  startSipp(lab, host, scenario, target, { calls: 1, ...options }).finish();

function readIf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function lastNumber(text: string, pattern: RegExp): number {
  return Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0);
}
