/**
 * `./dev bench routing [--quick] [--dids N] [--gateways N]`: how long a decision takes, and how long a reload, with
 * a large deployment. The last line is one JSON object.
 *
 * A decision is what an INVITE costs before anything is sent: who is calling, which DID, in which order its group is
 * tried with health of all of them at hand. A reload is the file read and checked in its thread, handed over and put
 * in force; meanwhile the longest time in which the event loop did nothing else is measured, as that is what calls feel.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "#base/random.ts";
import { loadApart } from "#config/load-apart.ts";
import type { SourceFacts } from "#routing/decision.ts";
import { diceOf } from "#routing/groups.ts";
import { createIdentifier } from "#routing/identify.ts";
import { createHealth } from "#routing/peer-health.ts";
import { planCall } from "#routing/plan-dial.ts";
import type { Snapshot } from "#routing/snapshot.ts";
import { warmIndex } from "#routing/snapshot-index.ts";

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

async function apply(file: string, home: string): Promise<Applied> {
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
  const loaded = await loadApart(new URL("../../src/config-main.ts", import.meta.url), { file, home, generation: 2 });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems.slice(0, 3)));
  const { snapshot } = loaded.config;
  warmIndex(snapshot);
  createIdentifier(snapshot);
  const ms = performance.now() - startedMs;
  look();
  going = false;
  return { snapshot, ms, longestStallMs };
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
    writeFileSync(file, deployment(dids, gateways));
    const rounds = [await apply(file, folder), await apply(file, folder), await apply(file, folder)];
    for (const { ms, longestStallMs } of rounds)
      console.log(`apply ${Math.round(ms)} ms, longest stall of the event loop ${longestStallMs.toFixed(1)} ms`);
    const { snapshot, ms, longestStallMs } = rounds.toSorted((a, b) => a.ms - b.ms)[1]!;
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
        applyMs: Math.round(ms),
        applyLongestStallMs: Math.round(longestStallMs * 10) / 10,
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
