import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { FastifyInstance } from "fastify";
import type { CallSummary, ControlCommand, LimitReport, TrunkReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import type { CdrFilter } from "#store/cdr-store.ts";
import { signLocalToken } from "./local-token.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem } from "./problem.ts";
import { buildApi } from "./server.ts";

const KEY = new Uint8Array(32).fill(7);
const NOW_MS = Date.UTC(2026, 10, 20, 12);
const CALL = "0000000000000000";
const LIVE = "0000000000000001";

const cdr = {
  callId: CALL,
  tenant: "acme",
  direction: "outbound",
  caller: "+1555",
  called: "+1666",
  route: "outbound world",
  configGeneration: 1,
  startedAtMs: NOW_MS,
  answeredAtMs: NOW_MS,
  endedAtMs: NOW_MS + 9_000,
  setupMs: 10,
  durationMs: 9_000,
  outcome: "answered",
  sipStatus: 200,
  endedBy: "caller",
  endReason: "BYE",
  legs: [
    {
      leg: "a",
      direction: "inbound",
      peer: "ai",
      peerKind: "gateway",
      remoteAddress: "",
      codec: "PCMA",
      packetsReceived: 90,
      packetsSent: 90,
      packetsLost: 10,
      jitterMs: 2,
      strays: 0,
    },
    {
      leg: "b1",
      direction: "outbound",
      peer: "carrier",
      peerKind: "trunk",
      remoteAddress: "",
      codec: "PCMA",
      packetsReceived: 0,
      packetsSent: 90,
      packetsLost: 0,
      jitterMs: 0,
      strays: 3,
    },
  ],
  attempts: [
    {
      number: 1,
      peer: "carrier",
      peerKind: "trunk",
      target: "udp:x",
      startedAtMs: NOW_MS,
      durationMs: 10,
      status: 200,
      outcome: "answered",
      reason: "answered",
    },
  ],
  skipped: [{ peer: "second", reason: "down" }],
} as unknown as Cdr;
const live = {
  callId: LIVE,
  tenant: "acme",
  state: "ringing",
  caller: "+1",
  called: "+2",
  from: "ai",
  to: "carrier",
  startedAtMs: NOW_MS,
  held: false,
} as unknown as CallSummary;
const limit = (subject: LimitReport["subject"], name: string, tenant: string): LimitReport => ({
  subject,
  name,
  tenant,
  calls: 1,
  minutesToday: 2,
  limits: { callsMax: 3 },
  isSet: false,
  lock: undefined,
});

/** The routes that are about one call, its decision and its limits, with a switch that answers from a table. */
describe("what a person asks about a call", () => {
  let app: FastifyInstance;
  const asked: ControlCommand[] = [];
  const mistakes: string[] = [];
  before(async () => {
    const ask = (command: ControlCommand): unknown => {
      asked.push(command);
      switch (command.type) {
        case "calls":
          return [live];
        case "trunks":
          return [{ name: "carrier", tenant: "acme", provider: "vodafone" } as TrunkReport];
        case "gateways":
          return {
            groups: [],
            gateways: [
              {
                name: "ai",
                kind: "gateway",
                tenant: "acme",
                state: "up",
                reason: "",
                calls: 0,
                callsMax: 5,
                probed: true,
                targets: [],
                history: [],
              },
            ],
          };
        case "limits":
          return [limit("tenant", "acme", "acme"), limit("trunk", "carrier", "acme"), limit("source", "192.0.2.1", "")];
        case "limit-set":
        case "limit-unlock":
          return limit(command.subject, command.name, "acme");
        case "route":
          if (command.from === "nobody") throw new ApiProblem("NOT_FOUND", "no trunk or gateway");
          return {
            from: "carrier",
            identifiedBy: "",
            outcome: "reject",
            tenant: "acme",
            route: "none",
            called: "+1",
            caller: "",
            status: 404,
            reason: "no DID",
            attempts: [],
            skipped: [{ peer: "x", reason: "down" }],
          };
        default:
          throw new Error(command.type);
      }
    };
    const ports = {
      ask: async (command: ControlCommand) => ask(command),
      cdrs: { list: async ({ tenant, callId }: CdrFilter) => (callId === CALL && (tenant === "*" || tenant === "acme") ? [cdr] : []) },
      insight: {
        traced: async () => ({
          ladder: {
            parties: [{ name: "ai", isUs: false }],
            entries: [{ kind: "note", atMs: NOW_MS, offsetMs: 0, type: "route-decided", text: "route none" }],
          },
          findings: [{ code: "NO_RTP", severity: "error", title: "t", evidence: [{ text: "e", message: 3 }, { text: "f" }], advice: "a" }],
          attempts: [{ number: 1, peer: "carrier", target: "udp:x", status: 0, outcome: "", reason: "under way" }],
          skipped: [],
        }),
        preflight: async () => ({ ok: false, steps: [{ step: "dns", verdict: "fail", found: "no", remedy: "yes" }] }),
      },
      records: { addAudit: async () => {} },
      key: KEY,
      nowMs: () => NOW_MS,
      version: "0",
      onMistake: (_: string, error: Error) => void mistakes.push(error.message),
    };
    app = await buildApi(ports as unknown as ApiPorts);
  });
  after(() => app.close());
  afterEach(() => assert.deepEqual(mistakes, []));

  const request = async (
    method: "GET" | "POST" | "PUT" | "DELETE",
    url: string,
    body?: object,
    tenant = "*",
    role: "owner" | "viewer" = "owner",
  ) => {
    const authorization = `Bearer ${signLocalToken(KEY, { name: "test", role, tenant }, NOW_MS, 600)}`;
    const answer = await app.inject({ method, url, headers: { authorization }, ...(body !== undefined && { payload: body }) });
    return { status: answer.statusCode, json: JSON.parse(answer.body) as Record<string, never> };
  };

  test("the page of a call has its attempts, those skipped too, quality by leg and findings", async () => {
    const { status, json } = await request("GET", `/api/calls/${CALL}`);
    assert.equal(status, 200, JSON.stringify(json));
    const { attempts, quality, findings } = json as unknown as Record<string, readonly Record<string, unknown>[]>;
    assert.deepEqual(
      attempts!.map(({ peer, skipped, reason }) => [peer, skipped, reason]),
      [
        ["carrier", false, "answered"],
        ["second", true, "down"],
      ],
    );
    assert.deepEqual(
      quality!.map(({ loss_percent, silent, strays }) => [loss_percent, silent, strays]),
      [
        [10, false, 0],
        [0, true, 3],
      ],
    );
    assert.deepEqual(findings![0]!["evidence"], [
      { text: "e", message: 3 },
      { text: "f", message: null },
    ]);
    const up = (await request("GET", `/api/calls/${LIVE}`)).json as unknown as {
      active: object;
      attempts: readonly { reason: string }[];
      record: null;
    };
    assert.deepEqual([up.record, up.attempts[0]!.reason], [null, "under way"]);
  });

  test("another tenant sees no call, no ladder, no gateway, no limit, and learns of no name by asking", async () => {
    for (const url of [`/api/calls/${CALL}`, `/api/calls/${LIVE}`, `/api/calls/${CALL}/ladder`, "/api/gateways/ai/status"])
      assert.equal((await request("GET", url, undefined, "other")).status, 404, url);
    assert.deepEqual((await request("GET", "/api/gateways/status", undefined, "other")).json, { items: [] });
    assert.deepEqual((await request("GET", "/api/limits", undefined, "other")).json, { items: [] });
    assert.equal((await request("POST", "/api/trunks/carrier/preflight", undefined, "other")).status, 404);
    const known = await request("POST", "/api/route", { to: "+1", trunk: "carrier" }, "other");
    const unknown = await request("POST", "/api/route", { to: "+1", trunk: "nobody" }, "other");
    assert.deepEqual([known.status, unknown.status], [404, 404]);
    const source = await request("POST", "/api/route", { to: "+1", source: "192.0.2.1" }, "other");
    assert.deepEqual([source.status, source.json["from_peer"], source.json["tenant"]], [200, "", ""]);
    assert.equal((await request("PUT", "/api/limits/tenant/acme", { calls_max: 9 }, "other")).status, 404);
  });

  test("a tenant sees his limits and doesn't lift them", async () => {
    const { json } = await request("GET", "/api/limits", undefined, "acme");
    assert.deepEqual(
      (json["items"] as unknown as readonly { subject: string }[]).map(({ subject }) => subject),
      ["tenant", "trunk"],
    );
    assert.equal((await request("PUT", "/api/limits/tenant/acme", { calls_max: 9 }, "acme")).status, 403);
    assert.equal((await request("POST", "/api/limits/tenant/acme/unlock", undefined, "acme")).status, 403);
    assert.equal((await request("POST", "/api/limits/tenant/acme/unlock", undefined, "*", "viewer")).status, 403);
    asked.length = 0;
    const fraud = { calls: 5, window_s: 60, short_s: 5, lock_s: 60 };
    assert.equal((await request("PUT", "/api/limits/tenant/acme", { calls_max: 9, allowed_countries: ["de"], fraud })).status, 200);
    assert.deepEqual(asked, [
      {
        type: "limit-set",
        subject: "tenant",
        name: "acme",
        limits: { callsMax: 9, allowedCountries: ["DE"], fraud: { calls: 5, windowMs: 60_000, shortMs: 5_000, lockMs: 60_000 } },
      },
    ]);
  });

  test("what is wrong in a question is named by field", async () => {
    const fieldsOf = async (url: string, method: "POST" | "PUT", body: object) => {
      const { status, json } = await request(method, url, body);
      assert.equal(status, 422, url);
      return (json["errors"] as unknown as readonly { field: string }[]).map(({ field }) => field);
    };
    assert.deepEqual(await fieldsOf("/api/route", "POST", { trunk: "a" }), ["to"]);
    assert.deepEqual(await fieldsOf("/api/route", "POST", { to: "1", trunk: "a", source: "192.0.2.1" }), ["source"]);
    assert.deepEqual(await fieldsOf("/api/route", "POST", { to: "1", at: "yesterday" }), ["at"]);
    assert.deepEqual(await fieldsOf("/api/limits/tenant/acme", "PUT", { denied_countries: ["Germany"] }), ["denied_countries[0]"]);
    assert.deepEqual(await fieldsOf("/api/limits/tenant/acme", "PUT", { calls_per_second: 0 }), ["calls_per_second"]);
  });

  test("a preflight is a list of steps with what to do", async () => {
    const { json } = await request("POST", "/api/trunks/carrier/preflight");
    assert.deepEqual(json, { ok: false, steps: [{ step: "dns", result: "fail", found: "no", advice: "yes" }] } as unknown as typeof json);
  });
});
