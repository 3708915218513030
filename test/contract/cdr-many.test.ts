/** 100,000 calls: what is found is what was stored, also where a page's work ends before the page is full. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type CdrFilter, type CdrStore, EVERY_TENANT } from "#store/cdr-store.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { FIRST_MS, type ManyCall, fillMany, manyCall } from "../kit/many-calls.ts";

const CALLS = 100_000;
const DAY_MS = 86_400_000;

describe("100,000 calls", () => {
  let folder: string;
  let store: CdrStore;
  const all: ManyCall[] = Array.from({ length: CALLS }, (_, i) => manyCall(i, CALLS));
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "tandem-many-"));
    const path = join(folder, "tandem.db");
    await (await openSqliteStore(path)).close();
    fillMany(path, CALLS);
    store = await openSqliteStore(path);
  });
  after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const check = (what: string, filter: Omit<CdrFilter, "limit">, fits: (call: ManyCall) => boolean): void => {
    test(what, async () => {
      const expected = all.filter((call) => (filter.tenant === EVERY_TENANT || call.tenant === (filter.tenant ?? "default")) && fits(call));
      const ids: string[] = [];
      for (let before: string | undefined; ids.length < 3_000; ) {
        const { cdrs, next } = await store.page({ ...filter, before, limit: 500 });
        ids.push(...cdrs.map(({ callId }) => callId));
        if (next === undefined) break;
        before = next;
      }
      assert.ok(expected.length > 0);
      assert.deepEqual(
        ids,
        expected
          .map(({ id }) => id)
          .toReversed()
          .slice(0, Math.max(ids.length, Math.min(expected.length, 3_000))),
      );
    });
  };
  const [some] = all.slice(12_345);
  const day = { fromMs: FIRST_MS + 3 * DAY_MS, toMs: FIRST_MS + 4 * DAY_MS };
  const within = (call: ManyCall): boolean => call.startedAtMs >= day.fromMs && call.startedAtMs < day.toMs;

  check("of a day", day, within);
  check("with a number", { number: some!.called, tenant: EVERY_TENANT }, (call) => call.called === some!.called);
  check("with a frequent beginning on a day", { ...day, numberPrefix: "7495" }, within);
  check("with a rare beginning", { numberPrefix: some!.caller.slice(0, 9) }, (call) => call.caller.startsWith(some!.caller.slice(0, 9)));
  check("of a trunk", { peers: ["carrier-00"] }, (call) => call.trunk === "carrier-00");
  check(
    "of a frequent trunk with a rare outcome",
    { peers: ["carrier-00"], outcomes: ["carrier_blocked"], tenant: EVERY_TENANT },
    (call) => call.trunk === "carrier-00" && call.outcome === "carrier_blocked",
  );
  check(
    "of a frequent beginning with another trunk of a tenant",
    { numberPrefix: "+79", peers: ["carrier-07"], tenant: all.find(({ tenant }) => tenant === "acme")!.tenant },
    (call) => call.trunk === "carrier-07",
  );
  test("in numbers", async () => {
    const totals = await store.totals({ by: "trunk", fromMs: FIRST_MS, toMs: FIRST_MS + 30 * DAY_MS, tenant: EVERY_TENANT });
    const calls = new Map<string, number>();
    for (const { peer, calls: some } of totals) calls.set(peer, (calls.get(peer) ?? 0) + some);
    const expected = [...Map.groupBy(all, ({ trunk }) => trunk)].map(([trunk, own]) => [trunk, own.length] as const);
    assert.deepEqual([...calls].sort(), expected.sort());
  });
});
