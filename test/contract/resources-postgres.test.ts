/** The contract of resources on a real PostgreSQL, and pages, history, users and what the API keeps there. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { hashOf } from "#store/resource-store.ts";
import { openPostgresApiRecords } from "#store/postgres/postgres-api-records.ts";
import { readPostgresPast } from "#store/postgres/postgres-history.ts";
import { openPostgresIdentities } from "#store/postgres/postgres-identities.ts";
import { openPostgresPages } from "#store/postgres/postgres-pages.ts";
import { openPostgresResources, readPostgresEntries } from "#store/postgres/postgres-resources.ts";
import { openPostgresStore } from "#store/postgres/open-postgres.ts";
import { skipWithout } from "../kit/peers.ts";
import { type TestPostgres, startPostgres } from "../kit/postgres.ts";
import { apiRecordsContract, identitiesContract } from "./identities.ts";
import { resourcesContract } from "./resources.ts";

describe("PostgreSQL", { skip: skipWithout("initdb", "postgres") }, () => {
  let server: TestPostgres;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());

  resourcesContract({
    name: "postgres",
    async open() {
      const url = await server.newDatabase();
      let store = openPostgresResources(url);
      return {
        store,
        async reopen() {
          await store.close();
          store = openPostgresResources(url);
          return store;
        },
        remove: () => store.close(),
      };
    },
  });
  identitiesContract("postgres", async () => {
    const store = openPostgresIdentities(await server.newDatabase());
    return { store, remove: () => store.close() };
  });
  apiRecordsContract("postgres", async () => {
    const store = openPostgresApiRecords(await server.newDatabase());
    return { store, remove: () => store.close() };
  });

  test("entries, pages and the configuration of a past call are what was committed", async () => {
    const url = await server.newDatabase();
    const common = { tenant: "default", managedBy: "apply", position: 0 };
    const records = [
      { ...common, kind: "gateway", name: "ai", body: '{"name":"ai","title":"Big AI","uri":"sip:192.0.2.1"}' },
      { ...common, kind: "gateway", name: "Zed", tenant: "t1", body: '{"name":"Zed","uri":"sip:192.0.2.2"}' },
      { ...common, kind: "outbound", name: "b", position: 2, body: '{"name":"b"}' },
      { ...common, kind: "outbound", name: "a", position: 1, body: '{"name":"a"}' },
    ] as const;
    const [resources, calls, pages] = [openPostgresResources(url), openPostgresStore(url), openPostgresPages(url)];
    try {
      const texts = new Map([["default", `{"change":"add","kind":"gateway","name":"ai","after":${records[0].body}}`]]);
      await calls.saveConfig({ number: 4, hash: "four", text: "trunks: []", appliedAtMs: 50 });
      await resources.commit({ base: 0, upserts: records, removals: [], hash: hashOf(records), texts, atMs: 100 });
      const { hash, sections } = await readPostgresEntries(url);
      assert.equal(hash, hashOf(records));
      assert.deepEqual(sections.outbound, [{ name: "a" }, { name: "b" }]);

      const names = async (wish: Partial<Parameters<typeof pages.page>[0]>) =>
        (await pages.page({ kind: "gateway", tenant: "*", limit: 10, ...wish })).map(({ name }) => name);
      assert.deepEqual(await names({}), ["Zed", "ai"], "by bytes, whatever the server's locale");
      assert.deepEqual(await names({ text: "big" }), ["ai"]);
      assert.deepEqual(await names({ tenant: "t1" }), ["Zed"]);
      assert.deepEqual(await names({ after: { name: "Zed", position: 0 } }), ["ai"]);
      assert.deepEqual(await names({ kind: "outbound", after: { name: "a", position: 1 } }), ["b"]);
      assert.equal((await pages.named("gateway", "ai")).generation, 1);
      assert.deepEqual(await pages.among("gateway", ["ai", "no"]), new Map([["ai", "default"]]));
      assert.deepEqual(await pages.foreign(["ai", "Zed", "t1"], "default"), new Set(["Zed", "t1"]));
      assert.deepEqual(
        await pages.tenants(),
        new Map([
          ["default", 3],
          ["t1", 1],
        ]),
      );
      assert.equal((await pages.configText())?.text(), "trunks: []");
      assert.equal((await pages.ofKind("outbound")).records.length, 2);

      const past = await readPostgresPast(url, { generation: 4, atMs: 60 });
      assert.equal(past?.text, "trunks: []");
      assert.equal(
        past?.records.some(({ name }) => name === "ai"),
        false,
        "what was added since is undone",
      );
      assert.equal(await readPostgresPast(url, { generation: 5, atMs: 60 }), undefined);
    } finally {
      for (const one of [resources, calls, pages]) await one.close();
    }
  });
});
