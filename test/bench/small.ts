/**
 * `./dev bench small [--quick] [--calls N] [--minutes N]`: Tandem on one processor and one gigabyte. What it costs with
 * nothing to do, the built panel served; then calls held with audio both ways while somebody has the panel open.
 *
 * The panel is a real Chromium where there is one, outside of the small machine; else the requests that it makes. Apart
 * from it a request a fifth of a second is timed. The last line is one JSON object.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { TokenReport } from "#call/control.ts";
import { PANEL_DIST } from "../dev/panel.ts";
import { findProgram } from "../dev/peers.ts";
import { labYaml } from "../interop/lab-yaml.ts";
import { openBrowser, openPage } from "../kit/browser.ts";
import { Crowd } from "../kit/crowd.ts";
import { type RunningTandem, type Scope, loopbackLab, startTandem } from "../kit/lab.ts";
import { WIDE, logIn, until } from "../kit/panel.ts";
import { familyOf, heldMb, openSmallMachine, ranMs, stayAway } from "./small-machine.ts";

const TARGET = { idleMb: 300, idleCpuPercent: 1, heldCalls: 100, failed: 0 } as const;
const DID = "+15551234567";
const ASK_EVERY_MS = 200;
const LOOK_EVERY_MS = 10_000;
const TOLD_THREADS = 5;
/** A call that heard less of the other side was not held. */
const LOSS_MAX = 0.01;
/** What the pages of the panel ask for again and again. */
const ASKED = ["/api/calls/active", "/api/trunks/stats/summary", "/api/trunks/status", "/api/alerts?state=open", "/"] as const;

interface Plan {
  readonly settleMs: number;
  readonly idleMs: number;
  readonly heldMs: number;
  readonly calls: number;
}

const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));
const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

/** The whole tree over the window. @param tell of the threads that took most of it */
async function cpuPercent(tandem: RunningTandem, windowMs: number, tell: (most: string) => void = () => {}): Promise<number> {
  const pids = familyOf(tandem.child.pid);
  const [before, startMs] = [ranMs(pids), performance.now()];
  await sleep(windowMs);
  const tookMs = performance.now() - startMs;
  const shares = [...ranMs(pids)]
    .map(([thread, ms]) => ({ thread, percent: (100 * (ms - (before.get(thread) ?? 0))) / tookMs }))
    .sort((a, b) => b.percent - a.percent);
  tell(
    shares
      .slice(0, TOLD_THREADS)
      .map(({ thread, percent }) => `${thread} ${rounded(percent, 3)} %`)
      .join(", "),
  );
  return shares.reduce((sum, { percent }) => sum + percent, 0);
}

/** As a browser that opens it and closes it again: the page, its files, and what there is to ask. */
async function loadPanel(url: string): Promise<number> {
  const page = await (await fetch(url, { headers: { accept: "text/html" } })).text();
  const files = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path!);
  if (files.length === 0) throw new Error(`${url} is no panel:\n${page.slice(0, 500)}`);
  let bytes = page.length;
  for (const path of [...files, "/docs/openapi.json"]) bytes += (await (await fetch(`${url}${path}`)).arrayBuffer()).byteLength;
  return bytes;
}

async function openPanel(scope: Scope, url: string, password: string, token: string): Promise<string> {
  if (findProgram("chromium") !== undefined) {
    const browser = await openBrowser();
    scope.after(() => browser.close());
    const { page } = await openPage(browser, url, WIDE);
    await logIn(page, password);
    await page.getByRole("link", { name: "Live calls" }).click();
    return "chromium";
  }
  const closing = new AbortController();
  scope.after(() => closing.abort());
  const headers = { authorization: `Bearer ${token}` };
  const events = await fetch(`${url}/api/events`, { headers: { ...headers, accept: "text/event-stream" }, signal: closing.signal });
  void (async () => {
    try {
      for await (const chunk of events.body!) void chunk;
    } catch {
      // Closed at the end.
    }
  })();
  const polling = setInterval(() => void fetch(`${url}/api/calls/active`, { headers }).then((answer) => answer.arrayBuffer()), 2_000);
  scope.after(() => clearInterval(polling));
  return "the panel's requests, as there is no chromium";
}

/** Times a request each fifth of a second until stopped. */
function startAsking(url: string, token: string): { readonly tookMs: number[]; readonly failures: string[]; stop(): void } {
  const tookMs: number[] = [];
  const failures: string[] = [];
  let n = 0;
  const timer = setInterval(() => {
    const path = ASKED[n++ % ASKED.length]!;
    const startMs = performance.now();
    void fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${token}`, accept: path === "/" ? "text/html" : "application/json" },
    }).then(
      async (answer) => {
        await answer.arrayBuffer();
        tookMs.push(performance.now() - startMs);
        if (!answer.ok) failures.push(`${path}: ${answer.status}`);
      },
      (error: unknown) => failures.push(`${path}: ${String(error)}`),
    );
  }, ASK_EVERY_MS);
  return { tookMs, failures, stop: () => clearInterval(timer) };
}

/** @returns calls that did not stand to their end, or whose ends did not hear each other */
async function endCalls(crowd: Crowd): Promise<{ readonly failed: number; readonly lossPercent: number; readonly gapMs: number }> {
  const audio = await crowd.stopAudio();
  const bad = crowd.pairs.map(async ({ caller, callee, callerAudio, calleeAudio }) => {
    const deaf = [callerAudio.report(calleeAudio), calleeAudio.report(callerAudio)].some(
      ({ missing, sent }) => missing.length > sent * LOSS_MAX,
    );
    if (caller.over || callee.over) return true;
    crowd.carrier.hangUp(caller);
    const ended = await callee
      .until("told of the end", (call) => call.byes > 0)
      .then(
        () => true,
        () => false,
      );
    return deaf || !ended;
  });
  const failed = (await Promise.all(bad)).filter(Boolean).length;
  return { failed, lossPercent: (100 * audio.missing) / audio.sent, gapMs: audio.gapMs };
}

async function measure(plan: Plan, scope: Scope): Promise<object> {
  const machine = openSmallMachine();
  scope.after(() => machine.close());
  console.log(`the small machine: ${machine.kind}`);
  const open = loopbackLab(scope);
  const lab = { ...open, sbcPrivate: { ...open.sbcPrivate, prefix: machine.prefix } };
  const tandem = await startTandem(scope, lab, labYaml(lab, { node: { api: { port: 0 }, log_level: "warn" } }));
  const { url, token } = await until("the API", async () => {
    const report = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined });
    return report.url === undefined ? undefined : { url: report.url, token: report.token };
  });
  const ownerFile = join(tandem.home, "owner-password");
  const password = await until("the owner's password", async () =>
    existsSync(ownerFile) ? readFileSync(ownerFile, "utf8").trim() : undefined,
  );
  console.log(`the panel is served: ${Math.round((await loadPanel(url)) / 1000)} kB with its files`);
  await sleep(plan.settleMs);
  const idleCpuPercent = await cpuPercent(tandem, plan.idleMs, (most) => console.log(`most of it: ${most}`));
  const idleMb = heldMb(familyOf(tandem.child.pid));
  console.log(`idle: ${Math.round(idleMb)} MB, ${rounded(idleCpuPercent)} % of the processor over ${plan.idleMs / 1000} s`);

  const crowd = await Crowd.open(lab, DID);
  const panel = await openPanel(scope, url, password, token);
  await crowd.connectMany(plan.calls);
  await crowd.heard(10);
  crowd.measureFromNow();
  const asking = startAsking(url, token);
  const loaded: number[] = [];
  for (const endMs = performance.now() + plan.heldMs; performance.now() < endMs; ) {
    loaded.push(await cpuPercent(tandem, Math.min(LOOK_EVERY_MS, Math.max(1_000, endMs - performance.now()))));
    console.log(
      `${crowd.pairs.filter(({ caller }) => !caller.over).length} calls up, ${rounded(loaded.at(-1)!)} %, ${Math.round(heldMb(familyOf(tandem.child.pid)))} MB`,
    );
  }
  asking.stop();
  const heldMbAtEnd = heldMb(familyOf(tandem.child.pid));
  const { failed, lossPercent, gapMs } = await endCalls(crowd);
  const took = asking.tookMs.toSorted((a, b) => a - b);
  for (const failure of asking.failures.slice(0, 5)) console.log(`a request failed: ${failure}`);
  return {
    benchmark: "small",
    machine: machine.kind,
    idleMb: rounded(idleMb, 1),
    idleCpuPercent: rounded(idleCpuPercent, 3),
    heldCalls: crowd.pairs.length,
    heldMinutes: rounded(plan.heldMs / 60_000),
    failed,
    lossPercent: rounded(lossPercent, 4),
    gapMs,
    panel,
    heldMb: rounded(heldMbAtEnd, 1),
    heldCpuPercent: rounded(loaded.reduce((sum, one) => sum + one, 0) / loaded.length),
    peakMb: machine.peakMb(),
    requests: took.length,
    requestsFailed: asking.failures.length,
    requestP50Ms: rounded(percentile(took, 0.5)),
    requestP99Ms: rounded(percentile(took, 0.99)),
    target: TARGET,
  };
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    strict: false,
    options: { quick: { type: "boolean" }, calls: { type: "string" }, minutes: { type: "string" } },
  });
  const quick = values.quick === true;
  if (!existsSync(join(PANEL_DIST, "index.html"))) throw new Error("the panel isn't built: ./dev panel");
  const plan: Plan = {
    settleMs: quick ? 10_000 : 60_000,
    idleMs: quick ? 20_000 : 60_000,
    heldMs: 60_000 * Number(values.minutes ?? (quick ? 0.4 : 10)),
    calls: Number(values.calls ?? TARGET.heldCalls),
  };
  stayAway();
  const ends: (() => unknown)[] = [];
  const scope = { after: (run: () => unknown) => void ends.push(run) } as Scope;
  let figures: object;
  try {
    figures = await measure(plan, scope);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
  console.log(JSON.stringify(figures));
}
