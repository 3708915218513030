/**
 * `./dev bench routing [--quick] [--dids N] [--gateways N]`: how long a decision takes, how long a reload, and how
 * long `tandem apply`, with a large deployment. The last line is one JSON object.
 *
 * A decision is what an INVITE costs before anything is sent: who is calling, which DID, in which order its group is
 * tried with health of all of them at hand. A reload is the file read and checked in its thread, handed over and put
 * in force; meanwhile the longest time in which the event loop did nothing else is measured, as that is what calls feel.
 * An apply is that for resources of the store: compared, checked, written in one transaction. With --quick the last
 * part, beside calls of a running Tandem, is left out.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "#base/random.ts";
import { applyApart } from "#config/apply-apart.ts";
import { listenersKey } from "#config/check-listeners.ts";
import { loadApart } from "#config/load-apart.ts";
import { type LoadedConfig, loadText } from "#config/load.ts";
import type { SourceFacts } from "#routing/decision.ts";
import { diceOf } from "#routing/groups.ts";
import { createIdentifier } from "#routing/identify.ts";
import { createHealth } from "#routing/peer-health.ts";
import { planCall } from "#routing/plan-dial.ts";
import type { Snapshot } from "#routing/snapshot.ts";
import { warmIndex } from "#routing/snapshot-index.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { type LiveApply, applyLive } from "./apply-live.ts";

const PER_GROUP = 5;
const TENANTS = 20;
const ALGORITHMS = ["weighted", "round_robin", "hash_caller", "least_calls"];
const WARM_UP = 20_000;

/** Every tenant has a trunk, its share of groups, DIDs and gateways; every tenth DID is a prefix. */
function deployment(dids: number, gateways: number): string {
  const groups = Math.floor(gateways / PER_GROUP);
  const tenantOf = (i: number): string => `t${i % TENANTS}`;
  const lines = ["listeners:", "  - { name: private, address: 127.0.0.1 }", "  - { name: public, address: 127.0.0.2 }", "trunks:"];
  for (let i = 0; i < TENANTS; i++)
    lines.push(`  - { name: trunk${i}, tenant: ${tenantOf(i)}, listener: private, uri: "sip:127.1.0.${i + 1}" }`);
  lines.push("gateways:");
  for (let i = 0; i < gateways; i++)
    lines.push(
      `  - { name: g${i}, tenant: ${tenantOf(Math.floor(i / PER_GROUP))}, listener: public, uri: "sip:127.2.${i >> 8}.${i & 255}", probe: yes, calls_max: 100 }`,
    );
  lines.push("groups:");
  for (let i = 0; i < groups; i++) {
    const members = Array.from(
      { length: PER_GROUP },
      (_, k) => `{ gateway: g${i * PER_GROUP + k}, priority: ${1 + (k >> 2)}, weight: ${i % ALGORITHMS.length === 1 ? 1 : 1 + k} }`,
    );
    const algorithm = ALGORITHMS[i % ALGORITHMS.length]!;
    lines.push(`  - { name: group${i}, tenant: ${tenantOf(i)}, algorithm: ${algorithm}, gateways: [${members.join(", ")}] }`);
  }
  lines.push(
    "outbound:",
    ...Array.from({ length: TENANTS }, (_, i) => `  - { name: out${i}, tenant: ${tenantOf(i)}, to: trunk trunk${i} }`),
    "dids:",
  );
  for (let i = 0; i < dids; i++) lines.push("  - " + didLine(i, groups, tenantOf));
  return `${lines.join("\n")}\n`;
}
const numberOf = (i: number): string => `+1${String(2_000_000_000 + i * 17)}`;
function didLine(i: number, groups: number, tenantOf: (i: number) => string): string {
  const group = i % groups;
  return `{ number: "${numberOf(i)}${i % 10 === 0 ? "*" : ""}", tenant: ${tenantOf(group)}, to: group group${group} }`;
}

interface Applied {
  readonly snapshot: Snapshot;
  readonly ms: number;
  readonly longestStallMs: number;
}

/** How long the rest takes to be in force, and how long it held up whoever shares the event loop. */
async function timed(load: () => Promise<LoadedConfig>): Promise<Applied> {
  const startedMs = performance.now();
  let lastMs = startedMs;
  let longestStallMs = 0;
  let going = true;
  const look = (): void => {
    const nowMs = performance.now();
    longestStallMs = Math.max(longestStallMs, nowMs - lastMs);
    lastMs = nowMs;
    if (going) setImmediate(look);
  };
  setImmediate(look);
  const loaded = await load();
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems.slice(0, 3)));
  const { snapshot } = loaded.config;
  warmIndex(snapshot);
  createIdentifier(snapshot);
  const ms = performance.now() - startedMs;
  look();
  going = false;
  return { snapshot, ms, longestStallMs };
}

const reload = (file: string, home: string): Promise<Applied> =>
  timed(() => loadApart(new URL("../../src/config-main.ts", import.meta.url), { file, home, generation: 2 }));

/** Listeners stay in the file; all the rest goes to an empty store. */
const SPOOL = "apply-0000000000000000.yaml";
async function apply(text: string, folder: string): Promise<Applied> {
  const home = mkdtempSync(join(folder, "home-"));
  const file = join(home, "tandem.yaml");
  const resources = text.slice(text.indexOf("trunks:"));
  writeFileSync(file, text.slice(0, text.indexOf("trunks:")));
  writeFileSync(join(home, SPOOL), resources);
  const listeners = loadText(readFileSync(file, "utf8"), file, {
    env: {},
    readFile: () => "",
    uid: 1000,
    hostname: "bench",
    home,
  });
  if (!listeners.ok) throw new Error(JSON.stringify(listeners.problems));
  // A running Tandem has its database.
  await (await openSqliteStore(join(home, "tandem.db"))).close();
  const sha256 = createHash("sha256").update(resources).digest("hex");
  return timed(async () => {
    const { outcome, loaded } = await applyApart(new URL("../../src/apply-main.ts", import.meta.url), {
      file,
      home,
      generation: 2,
      wish: { spool: SPOOL, sha256, file: "resources.yaml", tenant: undefined, prune: true, commit: true, expectedGeneration: undefined },
      openListeners: listenersKey(listeners.config.snapshot.listeners.values()),
    });
    if (!outcome.ok || loaded === undefined) throw new Error(outcome.ok ? "nothing changed" : outcome.message);
    return loaded;
  });
}

interface Decided {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly planned: number;
}

function decide(snapshot: Snapshot, dids: number, decisions: number): Decided {
  const identifier = createIdentifier(snapshot);
  const health = createHealth((name) => snapshot.gateways.get(name)?.probe);
  const { integer } = seededRandom(11);
  // A tenth of the gateways is dead, a tenth has calls.
  for (const [i, { name }] of [...snapshot.gateways.values()].entries())
    if (i % 10 === 3) for (let k = 0; k < 3; k++) health.note(name, "udp:127.0.0.9:5060", { type: "silent" }, 0);
  const turns = new Map<string, number>();
  const turn = (group: string): number => {
    const now = turns.get(group) ?? 0;
    turns.set(group, now + 1);
    return now;
  };
  const groups = snapshot.groups.size;
  const took = new Float64Array(decisions);
  let planned = 0;
  for (let i = -WARM_UP; i < decisions; i++) {
    const did = integer(dids);
    const tenant = (did % groups) % TENANTS;
    const called = did % 10 === 0 ? `${numberOf(did)}5` : numberOf(did);
    const facts: SourceFacts = {
      listener: "private",
      transport: "UDP",
      address: `127.1.0.${tenant + 1}`,
      port: 5060,
      requestUser: called,
      requestHost: "127.0.0.1",
      toHost: "127.0.0.1",
      fromUser: "+4930123456",
      fromHost: "127.1.0.1",
      testTicketFor: undefined,
    };
    const id = `call${i}`;
    const startedMs = performance.now();
    const who = identifier.identify(facts);
    if (who.type !== "peer") throw new Error(`${facts.address} is ${who.type}`);
    const plan = planCall({
      snapshot,
      source: who.peer,
      calledUser: called,
      callerUser: facts.fromUser,
      healthOf: (peer) => health.healthOf(peer, peer.length, 1),
      nowMs: 1,
      dice: diceOf(id),
      sipCallId: id,
      turn,
    });
    const endedMs = performance.now();
    if (i < 0) continue;
    took[i] = (endedMs - startedMs) * 1000;
    if (plan.type === "dial") planned++;
  }
  took.sort();
  const at = (share: number): number => Math.round(took[Math.floor(share * (decisions - 1))]! * 10) / 10;
  return { p50Us: at(0.5), p99Us: at(0.99), p999Us: at(0.999), planned };
}

async function medianOf(what: string, run: () => Promise<Applied>): Promise<Applied> {
  const rounds = [await run(), await run(), await run()];
  for (const { ms, longestStallMs } of rounds)
    console.log(`${what} ${Math.round(ms)} ms, longest stall of the event loop ${longestStallMs.toFixed(1)} ms`);
  return rounds.toSorted((a, b) => a.ms - b.ms)[1]!;
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    strict: false,
    options: { quick: { type: "boolean" }, dids: { type: "string" }, gateways: { type: "string" } },
  });
  const dids = Number(values["dids"] ?? 100_000);
  const gateways = Number(values["gateways"] ?? 1_000);
  const decisions = values["quick"] === true ? 100_000 : 1_000_000;
  const folder = mkdtempSync(join(tmpdir(), "bench-routing-"));
  try {
    const file = join(folder, "tandem.yaml");
    const text = deployment(dids, gateways);
    writeFileSync(file, text);
    const { snapshot, ...reloaded } = await medianOf("reload", () => reload(file, folder));
    const applied = await medianOf("apply", () => apply(text, folder));
    let live: LiveApply | undefined;
    if (values["quick"] !== true) {
      live = await applyLive(text.slice(text.indexOf("trunks:")).replaceAll(" probe: yes,", ""));
      console.log(
        `apply beside calls: command ${Math.round(live.commandMs)} ms, ${live.callsMeanwhile} new calls meanwhile, ${live.lost} lost, slowest set-up ${live.slowestMeanwhileMs.toFixed(1)} ms (before ${live.slowestBeforeMs.toFixed(1)} ms); killed signalling is back after ${live.restartMs} ms`,
      );
    }
    const decided = decide(snapshot, dids, decisions);
    if (decided.planned !== decisions) console.log(`${decisions - decided.planned} decisions found no usable gateway`);
    console.log(`decision p50 ${decided.p50Us} µs, p99 ${decided.p99Us} µs, p99.9 ${decided.p999Us} µs`);
    console.log(
      JSON.stringify({
        bench: "routing",
        dids,
        gateways,
        decisions,
        decisionP50Us: decided.p50Us,
        decisionP99Us: decided.p99Us,
        decisionP999Us: decided.p999Us,
        reloadMs: Math.round(reloaded.ms),
        reloadLongestStallMs: Math.round(reloaded.longestStallMs * 10) / 10,
        applyMs: Math.round(applied.ms),
        applyLongestStallMs: Math.round(applied.longestStallMs * 10) / 10,
        live,
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
