/**
 * kill -9 of signalling, with the API's thread in it, while resources are written: what was acknowledged is there
 * afterwards, nothing is half there, and what is stored is what is in force. Each write says one number in three
 * fields of its trunk, so that a half of one and a half of another would show.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "#base/random.ts";
import type { StatusReport, TrunkReport } from "#call/control.ts";
import { type ApiClient, apiOf } from "./api-client.ts";
import { type RunningTandem, type Scope, loopbackLab, startTandem } from "./lab.ts";

const WRITERS = 6;
const WRITING_MS = { min: 0, max: 400 } as const;
const NUMBERS = 90;

export interface WriteKills {
  readonly kills: number;
  /** Acknowledged. */
  readonly writes: number;
  /** From the process's start until it takes calls, as it says itself; the longest. */
  readonly startMs: number;
  /** From the kill until it answers. */
  readonly backMs: number;
}

interface Writer {
  readonly trunk: string;
  sent: number;
  acknowledged: number;
}

interface TrunkAnswer {
  readonly trunk_id: string;
  readonly name: string;
  readonly provider: string;
  readonly max_concurrent_calls: number;
}

export async function killDuringWrites(
  scope: Scope,
  { kills, dids, seed = 7 }: { readonly kills: number; readonly dids: number; readonly seed?: number },
): Promise<WriteKills> {
  const lab = loopbackLab(scope);
  const tandem = await startTandem(
    scope,
    lab,
    `node: { api: { port: 0 } }
listeners: [{ name: public, address: ${lab.sbcPublic.address}, media: { ports: 20000-20999 } }]
gateways: [{ name: ai, uri: "sip:${lab.gateways[0].address}" }]
`,
  );
  if (dids > 0) await storeDids(tandem, lab.folder, dids);
  const random = seededRandom(seed);
  const writers: readonly Writer[] = Array.from({ length: WRITERS }, (_, i) => ({ trunk: `w${i}`, sent: 0, acknowledged: 0 }));
  let [writes, startMs, backMs] = [0, 0, 0];
  for (let round = 0; round <= kills; round++) {
    const api = await apiOf(tandem);
    await assertWhole(tandem, api, writers);
    if (round === kills) {
      api.close();
      break;
    }
    let going = true;
    const before = writes;
    const writing = writers.map(async (writer) => {
      while (going) {
        const made = writer.acknowledged > 0;
        const number = ++writer.sent;
        const { status, text } = await write(api, writer.trunk, number, made);
        if (status === 200 || status === 201) {
          writer.acknowledged = number;
          writes++;
        } else if (status !== 0 && going) assert.equal(status, 409, `${writer.trunk} ${number}: ${text}`);
      }
    });
    // The first write of a process brings its thread up.
    for (const untilMs = performance.now() + BACK_MS; writes === before && performance.now() < untilMs; ) await sleep(10);
    await sleep(WRITING_MS.min + random.fraction() * (WRITING_MS.max - WRITING_MS.min));
    const killedMs = performance.now();
    process.kill(tandem.pidOf("signalling"), "SIGKILL");
    going = false;
    await Promise.all(writing);
    api.close();
    await backAgain(tandem);
    backMs = Math.max(backMs, performance.now() - killedMs);
    startMs = Math.max(startMs, ...Array.from(tandem.child.output().matchAll(/^tandem ready.* after (\d+) ms$/gm), ([, ms]) => Number(ms)));
  }
  return { kills, writes, startMs, backMs: Math.round(backMs) };
}

function write(api: ApiClient, trunk: string, number: number, made: boolean) {
  const fields = { name: `n${number}`, provider: `p${number}`, max_concurrent_calls: 1 + (number % NUMBERS), proxy_address: "192.0.2.1" };
  return made ? api.send("PUT", `/api/trunks/${trunk}`, fields) : api.send("POST", "/api/trunks", { trunk_id: trunk, ...fields });
}

/** Every trunk is one that was sent, not older than the last that was acknowledged, and in force as it is stored. */
async function assertWhole(tandem: RunningTandem, api: ApiClient, writers: readonly Writer[]): Promise<void> {
  const inForce = new Map((await tandem.ask<readonly TrunkReport[]>({ type: "trunks" })).map((trunk) => [trunk.name, trunk]));
  for (const writer of writers) {
    const { status, text } = await api.send("GET", `/api/trunks/${writer.trunk}`);
    if (status === 404) {
      assert.equal(writer.acknowledged, 0, `${writer.trunk} was acknowledged, and is gone`);
      assert.ok(!inForce.has(writer.trunk));
      continue;
    }
    assert.equal(status, 200, `${text}\n${tandem.child.output().slice(-1_500)}`);
    const { name, provider, max_concurrent_calls: calls } = JSON.parse(text) as TrunkAnswer;
    const number = Number(name.slice(1));
    assert.deepEqual([name, provider, calls], [`n${number}`, `p${number}`, 1 + (number % NUMBERS)], "a whole one");
    assert.ok(
      number >= writer.acknowledged && number <= writer.sent,
      `${writer.trunk} is ${number}: acknowledged ${writer.acknowledged}, sent ${writer.sent}`,
    );
    const running = inForce.get(writer.trunk);
    assert.deepEqual([running?.title, running?.provider, running?.callsMax], [name, provider, calls], "in force as stored");
    writer.acknowledged = number;
  }
}

/** Writes go on beside `tandem apply` and `tandem reload`: none loses anything of another. @returns writes */
export async function writeBesideApply(scope: Scope): Promise<number> {
  const lab = loopbackLab(scope);
  const tandem = await startTandem(
    scope,
    lab,
    `node: { api: { port: 0 } }
listeners: [{ name: public, address: ${lab.sbcPublic.address}, media: { ports: 20000-20999 } }]
gateways: [{ name: ai, uri: "sip:${lab.gateways[0].address}" }]
`,
  );
  const api = await apiOf(tandem);
  const writers: readonly Writer[] = Array.from({ length: WRITERS }, (_, i) => ({ trunk: `w${i}`, sent: 0, acknowledged: 0 }));
  let going = true;
  const writing = writers.map(async (writer) => {
    while (going) {
      const number = ++writer.sent;
      const { status, text } = await write(api, writer.trunk, number, writer.acknowledged > 0);
      assert.ok(status === 200 || status === 201, `${writer.trunk} ${number}: ${status} ${text}`);
      writer.acknowledged = number;
    }
  });
  const file = join(lab.folder, "gateways.yaml");
  for (let round = 0; round < 3; round++) {
    const lines = Array.from({ length: 20 }, (_, i) => `  - { name: g${round}x${i}, uri: "sip:192.0.2.${1 + i}" }`);
    writeFileSync(file, `gateways:\n${lines.join("\n")}\n`);
    const applied = await tandem.cli<{ readonly ok: boolean }>("apply", "-f", file, "--yes");
    assert.equal(applied.ok, true, JSON.stringify(applied).slice(0, 1_000));
    await tandem.ask({ type: "reload" });
  }
  going = false;
  await Promise.all(writing);
  await assertWhole(tandem, api, writers);
  const { items } = JSON.parse((await api.send("GET", "/api/gateways?limit=200")).text) as {
    readonly items: readonly { readonly name: string }[];
  };
  assert.equal(items.filter(({ name }) => /^g\dx\d+$/.test(name)).length, 60, "what was applied is there");
  api.close();
  return writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
}

async function storeDids(tandem: RunningTandem, folder: string, dids: number): Promise<void> {
  const file = join(folder, "dids.yaml");
  const lines = Array.from({ length: dids }, (_, i) => `  - { number: "+1${2_000_000_000 + i * 17}", to: gateway ai }`);
  writeFileSync(file, `dids:\n${lines.join("\n")}\n`);
  const applied = await tandem.cli<{ readonly ok: boolean }>("apply", "-f", file, "--yes");
  assert.equal(applied.ok, true, JSON.stringify(applied).slice(0, 1_000));
}

const BACK_MS = 20_000;
async function backAgain(tandem: RunningTandem): Promise<void> {
  const untilMs = performance.now() + BACK_MS;
  for (;;) {
    const status = await tandem.ask<StatusReport>({ type: "status" }).catch(() => undefined);
    if (status !== undefined) return;
    assert.ok(performance.now() < untilMs, `signalling is not back within ${BACK_MS} ms`);
    await sleep(20);
  }
}
