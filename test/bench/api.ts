/**
 * `./dev bench api [--quick] [--seconds N] [--requests N] [--calls N]`: what calls notice of the API, and the API of
 * calls. sipp places calls all the while; first alone, then beside a mix of reads and writes at a fixed rate, sent
 * whether or not the ones before are answered, and a download of 100,000 call records. The last line is one JSON object.
 *
 * Set-up is from the INVITE to its 200 as the caller sees it. Of the requests three in ten change something: trunks
 * are made, changed and taken out, each change checked, stored and in force when it is answered.
 */
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { type ApiClient, apiOf } from "../kit/api-client.ts";
import { type Lab, type Scope, loopbackLab, startTandem } from "../kit/lab.ts";
import { fillMany } from "../kit/many-calls.ts";
import { startSipp } from "../kit/sipp.ts";
import { ack, answer, bye, invite, pause, recv, respond, respondWithin, uac, uas } from "../kit/sipp-scenario.ts";

const DID = "+15551234567";
const RECORDS = 100_000;
const HOLD_MS = 1_000;
const TRUNKS = 50;
const WARM_UP_S = 3;
const TARGET = { setupP99RiseMs: 10, apiP99Ms: 100, failedCalls: 0, apiErrors: 0 } as const;

const CALLER = uac([
  invite().replace("<send", '<send start_rtd="setup"'),
  recv(100, { optional: true }),
  recv(180, { optional: true }),
  recv(200).replace("<recv", '<recv rtd="setup"'),
  ack(),
  pause(HOLD_MS),
  bye(),
  recv(200),
]);
const GATEWAY = uas([
  '<recv request="INVITE" rrs="true" crlf="true"></recv>',
  respond(180, "Ringing"),
  answer(),
  '<recv request="ACK" crlf="true"></recv>',
  '<recv request="BYE"></recv>',
  respondWithin(200, "OK"),
]);

interface Calls {
  readonly failed: number;
  readonly placed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}
interface Requests {
  readonly sent: number;
  readonly errors: number;
  readonly writes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly writeP99Ms: number;
  readonly longestMs: number;
}

const rounded = (ms: number): number => Math.round(ms * 10) / 10;
function quantile(sorted: readonly number[], share: number): number {
  return rounded(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
}

async function call(lab: Lab, ratePerSecond: number, seconds: number): Promise<Calls> {
  const placed = ratePerSecond * seconds;
  const args = ["-trace_rtt", "-rtt_freq", "1", "-recv_timeout", "20000"];
  const caller = startSipp(lab, lab.carrier, CALLER, `${lab.sbcPrivate.address}:5060`, {
    calls: placed,
    ratePerSecond,
    concurrent: 100_000,
    service: DID,
    trace: false,
    timeoutMs: (seconds + 60) * 1_000,
    args,
  });
  const { pid } = caller.child;
  const { successful } = await caller.finish();
  const times = readdirSync(lab.folder).filter((name) => name.endsWith(`_${pid}_rtt.csv`));
  const lines = times.flatMap((name) => readFileSync(join(lab.folder, name), "latin1").split("\n").slice(1));
  const took = lines.flatMap((line) => (line === "" ? [] : Number(line.split(";")[1]))).sort((a, b) => a - b);
  // Calls that were never made failed too.
  return {
    failed: placed - successful,
    placed,
    p50Ms: quantile(took, 0.5),
    p99Ms: quantile(took, 0.99),
    longestMs: rounded(took.at(-1) ?? 0),
  };
}

type Kind = "read" | "write";
/** The n-th request of the mix. */
function requestOf(n: number): readonly [kind: Kind, method: string, path: string, body?: object] {
  const trunk = `load-${n % TRUNKS}`;
  switch (n % 10) {
    case 0:
    case 3:
    case 6:
      return ["write", "PUT", `/api/trunks/${trunk}`, { max_concurrent_calls: 1 + (n % 89), name: `n${n}` }];
    case 1:
      return ["read", "GET", "/api/calls/cdr?limit=20"];
    case 2:
      return ["read", "GET", "/api/trunks/status"];
    case 4:
      return ["read", "GET", "/api/calls/active"];
    case 5:
      return ["read", "GET", "/api/trunks"];
    default:
      return ["read", "GET", `/api/trunks/${trunk}`];
  }
}

async function ask(api: ApiClient, perSecond: number, seconds: number): Promise<Requests> {
  const took: Record<Kind, number[]> = { read: [], write: [] };
  const refused: Record<string, number> = {};
  const asked: Promise<void>[] = [];
  const startedMs = performance.now();
  for (let n = 0; n < perSecond * seconds; n++) {
    const dueMs = startedMs + (n * 1_000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const [kind, method, path, body] = requestOf(n);
    const sentMs = performance.now();
    asked.push(
      api.send(method, path, body).then(({ status }) => {
        took[kind].push(performance.now() - Math.min(dueMs, sentMs));
        if (status < 200 || status > 299) refused[`${method} ${status}`] = (refused[`${method} ${status}`] ?? 0) + 1;
      }),
    );
  }
  await Promise.all(asked);
  const all = [...took.read, ...took.write].sort((a, b) => a - b);
  if (Object.keys(refused).length > 0) console.log("refused", refused);
  return {
    sent: all.length,
    errors: Object.values(refused).reduce((sum, count) => sum + count, 0),
    writes: took.write.length,
    p50Ms: quantile(all, 0.5),
    p99Ms: quantile(all, 0.99),
    writeP99Ms: quantile(
      took.write.sort((a, b) => a - b),
      0.99,
    ),
    longestMs: rounded(all.at(-1) ?? 0),
  };
}

async function measure(
  scope: Scope,
  { seconds, perSecond, rate }: { readonly seconds: number; readonly perSecond: number; readonly rate: number },
) {
  const lab = loopbackLab(scope);
  const home = join(lab.folder, "home");
  mkdirSync(home, { recursive: true });
  const database = join(home, "tandem.db");
  await (await openSqliteStore(database)).close();
  fillMany(database, RECORDS);
  await (await openSqliteStore(database)).close();
  const tandem = await startTandem(
    scope,
    lab,
    `node: { api: { port: 0 }, log_level: warn, invites_per_second_per_source: 10000 }
listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, media: { ports: 20000-29999 } }
  - { name: public, address: ${lab.sbcPublic.address}, media: { ports: 20000-29999 } }
trunks: [{ name: carrier, listener: private, addresses: [${lab.carrier.address}] }]
gateways: [{ name: ai, listener: public, uri: "sip:${lab.gateways[0].address}:5060" }]
dids: [{ number: "${DID}", to: gateway ai }]
`,
  );
  startSipp(lab, lab.gateways[0], GATEWAY, undefined, { trace: false });
  const api = await apiOf(tandem);
  for (let i = 0; i < TRUNKS; i++) {
    const { status, text } = await api.send("POST", "/api/trunks", { trunk_id: `load-${i}`, proxy_address: `192.0.2.${1 + i}` });
    if (status !== 201) throw new Error(`trunk ${i}: ${status} ${text}`);
  }
  await Promise.all([call(lab, rate, WARM_UP_S), ask(api, perSecond, WARM_UP_S)]);
  const alone = await call(lab, rate, seconds);
  console.log(`calls alone: ${JSON.stringify(alone)}`);
  const [beside, requests, download] = await Promise.all([
    call(lab, rate, seconds),
    ask(api, perSecond, seconds),
    api.download(`/api/calls/cdr.csv?from=2026-01-01T00:00:00Z&to=2026-02-28T00:00:00Z`),
  ]);
  api.close();
  const rows = download.lines - 1;
  const setupP99RiseMs = rounded(beside.p99Ms - alone.p99Ms);
  const reached = {
    setupP99Rise: setupP99RiseMs <= TARGET.setupP99RiseMs,
    apiP99: requests.p99Ms < TARGET.apiP99Ms,
    failedCalls: alone.failed + beside.failed <= TARGET.failedCalls,
    apiErrors: requests.errors <= TARGET.apiErrors && download.status === 200 && rows >= RECORDS,
  };
  return { setupP99RiseMs, alone, beside, requests, download: { ...download, rows, ms: Math.round(download.ms) }, target: TARGET, reached };
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    strict: false,
    options: { quick: { type: "boolean" }, seconds: { type: "string" }, requests: { type: "string" }, calls: { type: "string" } },
  });
  const plan = {
    seconds: Number(values["seconds"] ?? (values["quick"] === true ? 5 : 20)),
    perSecond: Number(values["requests"] ?? 500),
    rate: Number(values["calls"] ?? 200),
  };
  const endings: (() => unknown)[] = [];
  const scope = { after: (run: () => unknown) => void endings.push(run) } as Scope;
  try {
    console.log(JSON.stringify({ bench: "api", ...plan, ...(await measure(scope, plan)) }));
  } finally {
    for (const end of endings) await end();
  }
}
