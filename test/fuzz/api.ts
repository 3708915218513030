/**
 * The API asked from its own OpenAPI file: every route, hostile values in every place, by tokens of all kinds. No
 * answer may be a mistake of ours (500), tell another tenant's things or any secret; what belongs to a tenant that
 * nobody acts for must be as it was at the end.
 *
 *   ./dev fuzz api [--count 100000] [--seed 1]
 *
 * Deliberately not here: GET /api/events, which has no end.
 */
import { parseArgs } from "node:util";
import { ApiProblem } from "#api/problem.ts";
import { seededRandom } from "#base/random.ts";
import type { CallSummary, ControlCommand } from "#call/control.ts";
import { API_NOW_MS, apiAlone } from "../kit/api-alone.ts";
import { storedHouse } from "../kit/stored-house.ts";
import { type OpenApi, type Operation, sampleOf } from "../kit/walk-routes.ts";

const YAML = `
listeners: [{ name: public, address: 192.0.2.1 }]
gateways: [{ name: canary-file, tenant: victim, listener: public, uri: "sip:canary.example.com" }]
`;
/** So quickly, as the API's clock goes: below what a token may ask, and 100,000 within its life. */
const REQUEST_MS = 5;
const SECRET = "canary-password";
const LEAK = /canary/;
const ENDLESS: ReadonlySet<string> = new Set(["/api/events"]);

export interface FuzzReport {
  readonly requests: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

const deep = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
/** Stands for brackets that only text can hold: JSON.stringify has no such depth. */
const DEEP = "@deep@";
const BRACKETS = "[".repeat(20_000) + "]".repeat(20_000);
const HOSTILE: readonly unknown[] = [
  "",
  " ",
  "\0",
  "\ud800",
  "'; drop table resource; --",
  "../../etc/passwd",
  "%00%ff",
  "${7*7}",
  "<script>",
  "a".repeat(10_000),
  "*",
  "__proto__",
  "constructor",
  "٣",
  "+15551234567",
  "group nobody",
  "2026-02-30T25:61:00Z",
  "***",
  -1,
  0,
  1e308,
  2 ** 53,
  1.5,
  true,
  null,
  [],
  {},
  [null],
  [["a"]],
  { a: { b: 1 } },
  deep(50),
  DEEP,
];

export async function fuzzApi({ count, seed }: { readonly count: number; readonly seed: number }): Promise<FuzzReport> {
  const ends: (() => unknown)[] = [];
  const t = { after: (end: unknown) => void ends.unshift(end as () => unknown) };
  const house = await storedHouse(t, YAML);
  const faults: string[] = [];
  let asked = 0;
  const mistakes: string[] = [];
  const api = await apiAlone(t, {
    ...house.ports,
    ask: async (command) => switchSays(command) as never,
    nowMs: () => API_NOW_MS + asked * REQUEST_MS,
    onMistake: (id, error) => mistakes.push(`${id}: ${error.stack ?? ""}`),
  });
  for (const [path, body] of CANARIES) {
    const { status, text } = await api.ask("POST", path, body);
    if (status !== 201) throw new Error(`${path}: ${text}`);
  }
  const file = JSON.parse((await api.app.inject({ url: "/docs/openapi.json" })).body) as OpenApi;
  const operations = Object.entries(file.paths).flatMap(([path, methods]) =>
    ENDLESS.has(path) ? [] : Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const victims = async () => JSON.stringify((await house.resources.state()).records.filter(({ tenant }) => tenant === "victim"));
  const before = await victims();
  const next = seededRandom(seed).fraction;
  const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)]!;
  const viewer = api.tokenOf("viewer", "victim");
  const owner = api.tokenOf("owner", "other");
  const tokens = [owner, owner, owner, owner, owner, api.tokenOf("operator", "other"), viewer, "nonsense", undefined];
  const statuses: Record<string, number> = {};
  const found = new Set<string>();
  // Once for each route and kind of fault: the first says as much as the hundredth.
  const fault = (kind: string, text: string): void => {
    if (!found.has(kind)) faults.push(text);
    found.add(kind);
  };

  for (let n = 0; n < count; n++) {
    const { path, method, operation } = operations[n % operations.length]!;
    asked = n;
    const token = pick(tokens);
    const { url, payload, headers } = requestOf(path, operation, file, pick, next);
    const answer = await api.app.inject({
      method: method as "GET",
      url,
      headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      ...(payload !== undefined && method !== "GET" && { payload }),
    });
    statuses[answer.statusCode] = (statuses[answer.statusCode] ?? 0) + 1;
    const where = `${method} ${url.slice(0, 200)} ${(payload ?? "").slice(0, 300)} → ${answer.statusCode} ${answer.body.slice(0, 300)}`;
    if (answer.statusCode >= 500 && answer.statusCode !== 503) fault(`${method} ${path}`, `${where}\n${mistakes.at(-1) ?? ""}`);
    if (answer.body.includes(SECRET)) fault(`${method} ${path} secret`, `a secret: ${where}`);
    const said = url + (payload ?? "");
    if (token !== viewer && LEAK.test(answer.body) && !LEAK.test(said)) fault(`${method} ${path} leak`, `a leak: ${where}`);
  }
  if ((await victims()) !== before) faults.push("what belongs to another tenant was changed");
  for (const end of ends) await end();
  return { requests: count, statuses, faults };
}

/** Those that only read are answered; the rest finds no switch. */
function switchSays({ type }: ControlCommand): unknown {
  switch (type) {
    case "status":
      return {
        startedAtMs: 1,
        calls: 1,
        callsMax: 10,
        configGeneration: 1,
        media: { engine: "embedded", up: true, detail: "" },
        listeners: [{ name: "public", address: "192.0.2.1:5060", transports: ["UDP"] }],
        registrations: { registered: 0, of: 0 },
        counters: {},
      };
    case "calls":
      return [CALL];
    case "trunks":
      return [];
    case "gateways":
      return { groups: [], gateways: [] };
    default:
      throw new ApiProblem("SWITCH_UNAVAILABLE", "no switch is here");
  }
}

type Pick = <T>(of: readonly T[]) => T;

function requestOf(path: string, { parameters = [], requestBody }: Operation, file: OpenApi, pick: Pick, next: () => number) {
  const known = ["canary-gateway", "canary-group", "canary-trunk", "+77001", "canary-user", "victim", "0canary"];
  const hostileText = (): string => {
    const value = pick(HOSTILE);
    const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
    return text.slice(0, 2_000);
  };
  const safe = (text: string): string => encodeURIComponent(text.toWellFormed()) || "x";
  const place = (): string => (next() < 0.5 ? safe(pick(known)) : next() < 0.9 ? safe(hostileText()) : "%zz");
  let url = path.replace(/\{[^}]+\}/g, place);
  const query = parameters.filter((one) => one.in === "query" && next() < 0.4).map(({ name }) => `${name}=${safe(hostileText())}`);
  if (next() < 0.05) query.push("unknown=1");
  if (query.length > 0) url += `?${query.join("&")}`;
  const headers: Record<string, string> = {};
  const ascii = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?");
  if (next() < 0.2) headers["idempotency-key"] = ascii(hostileText());
  if (next() < 0.2) headers["if-match"] = ascii(hostileText());
  const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  if (type === undefined) return { url, headers, payload: undefined };
  headers["content-type"] = path.endsWith(".csv") ? "text/csv" : type;
  const body = mutated(sampleOf(content?.schema ?? {}, file), content?.schema, pick, next);
  const payload = path.endsWith(".csv")
    ? csvOf(pick, next)
    : next() < 0.03
      ? '{"a":'
      : JSON.stringify(body).replaceAll(`"${DEEP}"`, BRACKETS);
  return { url, headers, payload };
}

/** A body that is nearly right. */
function mutated(sample: unknown, schema: unknown, pick: Pick, next: () => number): unknown {
  if (next() < 0.05) return pick(HOSTILE);
  if (typeof sample !== "object" || sample === null || Array.isArray(sample)) return sample;
  const body: Record<string, unknown> = { ...sample };
  const fields = Object.keys((schema as { readonly properties?: object } | undefined)?.properties ?? {});
  const times = Math.floor(next() * 4);
  for (let i = 0; i < times; i++) {
    const field = next() < 0.9 && fields.length > 0 ? pick(fields) : next() < 0.5 ? "unknown" : String(pick(Object.keys(body)) ?? "x");
    if (next() < 0.15) delete body[field];
    else
      body[field] =
        next() < 0.2 ? [pick(HOSTILE), pick(HOSTILE)] : next() < 0.2 ? { [field]: pick(HOSTILE), when: pick(HOSTILE) } : pick(HOSTILE);
  }
  return body;
}

const csvOf = (pick: Pick, next: () => number): string =>
  `${next() < 0.8 ? "number,to,when" : "nothing"}\n${pick(["+1555", '"', "ai", "+77001", "=x"])},${pick(["reject 486", "group nobody", '"a', "{", "[1]"])},${pick(["", "[]", "{}", "x"])}\n`;

const CALL: CallSummary = {
  callId: "0canary",
  tenant: "victim",
  state: "answered",
  caller: "canary-caller",
  called: "canary-called",
  from: "canary-trunk",
  to: "canary-gateway",
  startedAtMs: 1,
  answeredAtMs: 1,
  held: false,
};
const CANARIES: readonly (readonly [path: string, body: object])[] = [
  ["/api/trunks", { trunk_id: "canary-trunk", proxy_address: "canary.example.com", listener: "public", tenant: "victim" }],
  ["/api/gateways", { name: "canary-gateway", uri: "sip:canary.example.com", username: "u", password: SECRET, tenant: "victim" }],
  ["/api/groups", { name: "canary-group", gateways: ["canary-gateway"], tenant: "victim" }],
  ["/api/dids", { number: "+77001", to: "group canary-group", tenant: "victim" }],
  ["/api/outbound", { name: "canary-outbound", to: "trunk canary-trunk", tenant: "victim" }],
  ["/api/users", { name: "canary-user", password: SECRET, role: "owner", tenant: "victim" }],
];

if (import.meta.main) {
  const { values } = parseArgs({ options: { count: { type: "string", default: "100000" }, seed: { type: "string", default: "1" } } });
  const report = await fuzzApi({ count: Number(values.count), seed: Number(values.seed) });
  for (const fault of report.faults.slice(0, 20)) console.error(`${fault}\n`);
  console.log(JSON.stringify({ ...report, faults: report.faults.length }));
  process.exit(report.faults.length === 0 ? 0 : 1);
}
