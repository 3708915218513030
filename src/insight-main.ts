/**
 * Composition for the API's questions about one call or peer: ladders come over the control port, findings from
 * `observe`, and a preflight is `tandem preflight` in a process of its own.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Insight, PreflightReport } from "#api/insight.ts";
import { ApiProblem } from "#api/problem.ts";
import type { ControlCommand } from "#call/control.ts";
import { diagnose } from "#observe/diagnose.ts";
import type { Stamped } from "#observe/event.ts";
import { ladderView } from "#observe/ladder-view.ts";

const PREFLIGHT_MS = 45_000;
/** Each is a process of 60 MB, and asks a carrier. */
const PREFLIGHTS_MAX = 2;

interface InsightParts {
  ask<T>(command: ControlCommand): Promise<T>;
  readonly home: string;
  /** What the running switch was started with. */
  configFile(): Promise<string>;
}

export function createInsight({ ask, home, configFile }: InsightParts): Insight {
  let running = 0;
  return {
    async traced(callId, cdr, trunks) {
      const { events } = await ask<{ readonly events: readonly Stamped[] }>({ type: "trace", call: callId, follow: false });
      const registrations = trunks.flatMap(({ name, registration }) =>
        registration === undefined ? [] : [{ trunk: name, standing: registration.standing, reason: registration.reason }],
      );
      return { ladder: ladderView(events), findings: diagnose({ cdr, events, registrations }), ...attemptsIn(events) };
    },
    async preflight(peer) {
      if (running >= PREFLIGHTS_MAX) throw new ApiProblem("CONFLICT", "two preflights are running: ask again when they are done");
      running++;
      try {
        return await preflightApart(peer, home, await configFile());
      } finally {
        running--;
      }
    },
  };
}

function attemptsIn(events: readonly Stamped[]) {
  const attempts = new Map<number, { number: number; peer: string; target: string; status: number; outcome: string; reason: string }>();
  const skipped: { readonly peer: string; readonly reason: string }[] = [];
  for (const { event } of events) {
    if (event.type === "attempt-started")
      attempts.set(event.attempt, {
        number: event.attempt,
        peer: event.peer,
        target: event.target,
        status: 0,
        outcome: "",
        reason: "under way",
      });
    if (event.type === "attempt-ended") {
      const { attempt: number, peer, status, outcome, reason } = event;
      attempts.set(number, { number, peer, target: attempts.get(number)?.target ?? "", status, outcome, reason });
    }
    if (event.type === "route-decided")
      for (const text of event.skipped) {
        const colon = text.indexOf(": ");
        skipped.push({ peer: text.slice(0, colon), reason: text.slice(colon + 2) });
      }
  }
  return { attempts: [...attempts.values()], skipped };
}

function preflightApart(peer: string, home: string, configFile: string): Promise<PreflightReport> {
  const script = fileURLToPath(new URL("./cli-main.ts", import.meta.url));
  const args = ["--disable-warning=ExperimentalWarning", script, "--config", configFile, "--home", home, "--json", "preflight", "--", peer];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: PREFLIGHT_MS, maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      try {
        const { ok, steps } = JSON.parse(stdout) as PreflightReport;
        resolve({ ok, steps });
      } catch {
        const why = error !== null && error.killed === true ? `not done within ${PREFLIGHT_MS / 1000} s` : stderr.trim().split("\n").at(-1);
        reject(new ApiProblem("INTERNAL", `the preflight said nothing: ${why ?? ""}`));
      }
    });
  });
}
