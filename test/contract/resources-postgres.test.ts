/** The contract of resources on a real PostgreSQL, and pages, history, users and what the API keeps there. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { alertStore } from "#store/alert-store.ts";
import { openTables } from "#store/database.ts";
import { hashOf } from "#store/resource-store.ts";
import { openPostgresApiRecords } from "#store/postgres/postgres-api-records.ts";
import { readPostgresPast } from "#store/postgres/postgres-history.ts";
import { openPostgresIdentities } from "#store/postgres/postgres-identities.ts";
import { openPostgresPages } from "#store/postgres/postgres-pages.ts";
import { openPostgresResources, readPostgresEntries } from "#store/postgres/postgres-resources.ts";
import { openPostgresStore } from "#store/postgres/open-postgres.ts";
import { type Delivery, webhookStore } from "#store/webhook-store.ts";
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

  test("webhooks and alerts are kept as in SQLite", async () => {
    const { db, close } = await openTables({ kind: "postgres", url: await server.newDatabase() });
    try {
      const webhooks = webhookStore(db);
      const hook = {
        id: "w1",
        tenant: "t1",
        url: "https://a.example",
        events: ["call"],
        active: true,
        secretVersion: 1,
        createdAtMs: 5,
        hearsFromMs: 6,
      };
      await webhooks.save(hook);
      await webhooks.save({ ...hook, active: false });
      assert.deepEqual(await webhooks.webhooks("t1"), [{ ...hook, active: false }]);
      const delivery = (id: string, lane: string): Delivery => ({
        ...{ id, tenant: "t1", webhookId: "w1", eventId: `e${id}`, eventType: "call.ended", callId: "c", lane, target: "w1" },
        ...{
          url: hook.url,
          body: "{}",
          state: "pending",
          attempts: 0,
          createdAtMs: 1,
          nextAtMs: 10,
          endedAtMs: undefined,
          status: 0,
          problem: "",
        },
      });
      await webhooks.enqueue([delivery("1", "a"), delivery("2", "a"), delivery("3", "b")], "place");
      await webhooks.enqueue([delivery("1", "a")], undefined);
      assert.deepEqual(
        (await webhooks.due("w1", 10, 5)).map(({ id }) => id),
        ["1", "3"],
        "one after the other in a lane",
      );
      await webhooks.settle([{ ...delivery("1", "a"), state: "delivered", attempts: 1, endedAtMs: 11, status: 200 }]);
      assert.deepEqual(
        (await webhooks.due("w1", 10, 5)).map(({ id }) => id),
        ["2", "3"],
      );
      assert.deepEqual([await webhooks.place(), await webhooks.nextDueMs("w1"), await webhooks.targets()], ["place", 10, ["w1"]]);
      assert.deepEqual(await webhooks.counts(), [{ webhookId: "w1", state: "pending", count: 2 }]);
      await webhooks.purge(100, 100);
      assert.equal((await webhooks.deliveries({ tenant: "*", webhookId: "w1", state: undefined, before: undefined, limit: 9 })).length, 2);

      const alerts = alertStore(db);
      const alert = {
        id: "1",
        tenant: "*",
        rule: "disk",
        subject: "",
        severity: "warning",
        detail: "90 %",
        raisedAtMs: 1,
        clearedAtMs: undefined,
      };
      await alerts.save([alert]);
      assert.deepEqual(await alerts.alerts({ tenant: "*", open: true, before: undefined, limit: 9 }), [alert]);
      await alerts.save([{ ...alert, clearedAtMs: 5 }]);
      assert.deepEqual(await alerts.alerts({ tenant: "*", open: true, before: undefined, limit: 9 }), []);
    } finally {
      await close();
    }
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
