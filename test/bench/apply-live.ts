/**
 * `tandem apply` of a large deployment beside calls: a running Tandem, calls that are up, others that come in all
 * the while. What is told is how long it took, and what callers noticed: calls lost, and the slowest set-up.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StatusReport } from "#call/control.ts";
import type { ApplyReport } from "#config/apply-apart.ts";
import { loopbackLab, startTandem } from "../kit/lab.ts";
import { WireAgent, type WireCall } from "../kit/wire-agent.ts";

const DID = "+15551234567";
const UP = 20;
const EVERY_MS = 100;
const BEFORE_MS = 2_000;
const RTP = { gateway: 9_100, carrier: 9_200 };

export interface LiveApply {
  /** The command from its start to its end. */
  readonly commandMs: number;
  /** Of new calls, before and meanwhile. */
  readonly slowestBeforeMs: number;
  readonly slowestMeanwhileMs: number;
  readonly callsMeanwhile: number;
  /** Of those, and of those that were up. */
  readonly lost: number;
  /** A killed signalling with all that in the store takes calls again after. */
  readonly restartMs: number;
}

/** @param text resources for the store; their listeners are called private and public */
export async function applyLive(text: string): Promise<LiveApply> {
  const endings: (() => unknown)[] = [];
  const scope = { after: (run: () => unknown) => void endings.push(run) } as Parameters<typeof loopbackLab>[0];
  try {
    return await measure(scope, text);
  } finally {
    for (const end of endings) await end();
  }
}

async function measure(scope: Parameters<typeof loopbackLab>[0], text: string): Promise<LiveApply> {
  const lab = loopbackLab(scope);
  const tandem = await startTandem(
    scope,
    lab,
    `listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, media: { ports: 20000-20999 } }
  - { name: public, address: ${lab.sbcPublic.address}, media: { ports: 20000-20999 } }
trunks: [{ name: carrier, listener: private, uri: "sip:${lab.carrier.address}:5060", media_timeout_s: 600 }]
gateways: [{ name: ai, listener: public, uri: "sip:${lab.gateways[0].address}:5060", media_timeout_s: 600 }]
dids: [{ number: "${DID}", to: gateway ai }]
`,
  );
  const carrier = await WireAgent.open({ address: lab.carrier.address });
  const gateway = await WireAgent.open({ address: lab.gateways[0].address });
  lab.atEnd(async () => void (await Promise.all([carrier.close(), gateway.close()])));
  gateway.onCall = (call) => gateway.answer(call, RTP.gateway);
  const place = (): Promise<WireCall> =>
    carrier.call(DID, lab.sbcPrivate.address, RTP.carrier).until("answered or refused", (call) => call.status >= 200 || call.over);
  const up = await Promise.all(Array.from({ length: UP }, place));

  /** New calls one after the other for as long as the promise takes. */
  const callAlong = async (
    during: Promise<unknown>,
  ): Promise<{ readonly slowestMs: number; readonly calls: number; readonly lost: number }> => {
    let going = true;
    void during.finally(() => (going = false)).catch(() => {});
    let [slowestMs, calls, lost] = [0, 0, 0];
    while (going) {
      const startedMs = performance.now();
      const call = await place();
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      calls++;
      if (call.status === 200) carrier.hangUp(call);
      else lost++;
      await sleep(EVERY_MS);
    }
    return { slowestMs, calls, lost };
  };
  const before = await callAlong(sleep(BEFORE_MS));
  const file = join(lab.folder, "resources.yaml");
  writeFileSync(file, text);
  const startedMs = performance.now();
  const applying = tandem.cli<ApplyReport & { readonly ok: boolean }>("apply", "-f", file, "--yes");
  const meanwhile = await callAlong(applying);
  const commandMs = performance.now() - startedMs;
  const report = await applying;
  if (!report.ok || !report.committed) throw new Error(JSON.stringify(report).slice(0, 1_000));
  const { calls: stillUp } = await tandem.ask<StatusReport>({ type: "status" });
  for (const call of up) carrier.hangUp(call);
  process.kill(tandem.pidOf("signalling"), "SIGKILL");
  const ready = await tandem.child.says(/^signalling: ended \(SIGKILL\)[^]*^tandem ready: .* after (\d+) ms/m, 60_000);
  return {
    commandMs,
    slowestBeforeMs: before.slowestMs,
    slowestMeanwhileMs: meanwhile.slowestMs,
    callsMeanwhile: meanwhile.calls,
    lost: before.lost + meanwhile.lost + Math.max(0, UP - stillUp),
    restartMs: Number(ready[1]),
  };
}
