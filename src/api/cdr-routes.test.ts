import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fastify, { type FastifyInstance } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { CallIds, type TenantId } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import type { CdrStore } from "#store/cdr-store.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { sampleCdr } from "../../test/contract/store.ts";
import { csvCell } from "./cdr-csv.ts";
import { cdrRoutes } from "./cdr-routes.ts";
import { signLocalToken } from "./local-token.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem } from "./problem.ts";
import { guard } from "./sessions.ts";

const KEY = new Uint8Array(32).fill(7);
const NOW_MS = Date.UTC(2026, 0, 4);

describe("records of calls over the API", () => {
  let folder: string;
  let store: CdrStore;
  let app: FastifyInstance;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "tandem-cdr-"));
    store = await openSqliteStore(join(folder, "tandem.db"));
    const ports = {
      ask: async () => [{ name: "exolve", provider: "MTS Exolve", tenant: "default" }] as never,
      cdrs: store,
      nowMs: () => NOW_MS,
      key: KEY,
    } as unknown as ApiPorts;
    app = fastify();
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    app.setErrorHandler((error, _, reply) =>
      reply
        .code(error instanceof ApiProblem ? error.status : 422)
        .serializer(JSON.stringify)
        .send({ detail: String(error) }),
    );
    guard(app, ports);
    await app.register(cdrRoutes(ports));
    let callMs = 0;
    const ids = new CallIds(() => callMs, seededRandom(1));
    await store.insert(
      Array.from({ length: 48 }, (_, n) => {
        callMs = Date.UTC(2026, 0, 2, n);
        const busy = n % 4 === 0;
        return sampleCdr(ids.next(), n, {
          startedAtMs: callMs,
          tenant: (n % 8 === 7 ? "other" : "default") as TenantId,
          outcome: busy ? "busy" : "answered",
          durationMs: busy ? 0 : 10_000,
          endReason: n === 0 ? '=cmd("x"), and\nmore' : "BYE",
        });
      }),
    );
  });
  after(async () => {
    await app.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const get = async (url: string, tenant = "*") => {
    const token = signLocalToken(KEY, { name: "t", role: "viewer", tenant }, Date.now() > NOW_MS ? NOW_MS : Date.now(), 600);
    const answer = await app.inject({ url, headers: { authorization: `Bearer ${token}` } });
    return {
      status: answer.statusCode,
      body: answer.body,
      json: <T>() => JSON.parse(answer.body) as T,
      type: answer.headers["content-type"],
    };
  };
  interface Page {
    readonly items: readonly { readonly call_id: string; readonly started_at: string; readonly tenant: string; readonly outcome: string }[];
    readonly next: string | null;
  }
  const countOf = async (query: string, tenant?: string): Promise<number> =>
    (await get(`/api/calls/cdr?limit=1000${query}`, tenant)).json<Page>().items.length;

  test("by day, number, its beginning, trunk, provider, outcome and tenant", async () => {
    assert.equal(await countOf(""), 48);
    assert.equal(await countOf("&from=2026-01-03"), 24);
    assert.equal(await countOf("&from=2026-01-02&to=2026-01-02"), 24, "a day counts whole");
    assert.equal(await countOf("&from=2026-01-02T01:00:00Z&to=2026-01-02T03:00:00Z"), 2);
    assert.equal(await countOf("&number=%2B79160000007"), 1);
    assert.equal(await countOf("&number=7916000004*"), 8);
    assert.equal(await countOf("&trunk=exolve"), 48);
    assert.equal(await countOf("&provider=MTS%20Exolve"), 48);
    assert.equal(await countOf("&provider=nobody"), 0);
    assert.equal(await countOf("&outcome=busy"), 12);
    assert.equal(await countOf("&outcome=busy,answered&from=2026-01-03&number=7916*"), 24);
    assert.equal(await countOf("&tenant=other"), 6);
    assert.equal(await countOf("", "other"), 6, "a tenant sees its own");
    assert.equal((await get("/api/calls/cdr?tenant=default", "other")).status, 403);
  });

  test("pages lead to each call once", async () => {
    const seen: string[] = [];
    for (let url = "/api/calls/cdr?limit=7"; ; ) {
      const { items, next } = (await get(url)).json<Page>();
      seen.push(...items.map(({ call_id }) => call_id));
      if (next === null) break;
      url = `/api/calls/cdr?limit=7&cursor=${next}`;
    }
    assert.equal(new Set(seen).size, 48);
    assert.deepEqual(seen, seen.toSorted().toReversed());
  });

  test("what makes no sense is said by field", async () => {
    for (const query of [
      "from=yesterday",
      "outcome=great",
      "number=*",
      "number=1*2",
      "from=2026-01-03&to=2026-01-02",
      "colour=red",
      "limit=0",
    ])
      assert.equal((await get(`/api/calls/cdr?${query}`)).status, 422, query);
  });

  test("CSV has the same calls, and no cell that a spreadsheet would run", async () => {
    const { body, type } = await get("/api/calls/cdr.csv?from=2026-01-02&to=2026-01-02");
    assert.match(String(type), /^text\/csv/);
    assert.match(body, /^call_id,tenant,direction,/);
    assert.equal(body.match(/^[0-9a-z]{16},/gm)?.length, 24);
    assert.ok(body.includes(`"'=cmd(""x""), and\nmore"`));
    assert.ok(body.includes(",+79160000003,"), "a number stays one");
    assert.equal((await get("/api/calls/cdr.csv?limit=5")).body.trim().split("\r\n").length, 6);
    assert.equal((await get("/api/calls/cdr.csv", "third")).body.trim().split("\r\n").length, 1);
  });

  test("cells", () => {
    assert.deepEqual(["+7916", "-1", "+cmd", "@x", "a,b", null, 5].map(csvCell), ["+7916", "-1", "'+cmd", "'@x", '"a,b"', "", "5"]);
  });

  test("statistics by hour, trunk and gateway", async () => {
    interface Statistics {
      readonly items: readonly {
        readonly key: string;
        readonly calls: number;
        readonly answered: number;
        readonly answer_rate: number;
        readonly duration_seconds: number;
        readonly outcomes: Readonly<Record<string, number>>;
      }[];
    }
    const of = async (query: string, tenant?: string) => (await get(`/api/calls/statistics?${query}`, tenant)).json<Statistics>().items;
    const days = "from=2026-01-02&to=2026-01-03";
    assert.equal((await of(`by=hour&${days}`)).length, 48);
    assert.equal((await of("by=hour")).length, 24, "the last day unless told");
    const [trunk] = await of(`by=trunk&${days}`);
    assert.deepEqual(
      [trunk?.key, trunk?.calls, trunk?.answered, trunk?.answer_rate, trunk?.duration_seconds],
      ["exolve", 48, 36, 0.75, 360],
    );
    assert.deepEqual(
      (await of(`by=gateway&${days}`)).map(({ key, outcomes }) => [key, outcomes]),
      [
        ["livekit-1", { timeout: 48 }],
        ["livekit-2", { answered: 48 }],
      ],
    );
    assert.equal((await of(`by=trunk&${days}`, "other"))[0]?.calls, 6);
    assert.equal((await get("/api/calls/statistics?tenant=default", "other")).status, 403);
  });
});
