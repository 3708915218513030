/** The contract of resources on node:sqlite, and what only this one promises: reading beside the store. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hashOf } from "#store/resource-store.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { readPastConfig } from "#store/sqlite/sqlite-history.ts";
import { openSqliteResources, readSqliteEntries, readSqliteResources } from "#store/sqlite/sqlite-resources.ts";
import { resourcesContract } from "./resources.ts";

resourcesContract({
  name: "sqlite",
  async open() {
    const dir = mkdtempSync(join(tmpdir(), "tandem-resources-"));
    const path = join(dir, "tandem.db");
    let store = await openSqliteResources(path);
    return {
      store,
      async reopen() {
        await store.close();
        store = await openSqliteResources(path);
        return store;
      },
      async remove() {
        await store.close();
        rmSync(dir, { recursive: true });
      },
    };
  },
});

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tandem-resources-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return join(dir, "tandem.db");
}

test("without a database, or with one of an older version, there are no resources and nothing is made", async (t) => {
  const path = folder(t);
  assert.equal(readSqliteResources(path).generation, 0);
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined);
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(path);
  db.exec("create table call (id text)");
  db.close();
  assert.deepEqual(readSqliteResources(path).records, []);
  assert.deepEqual(readSqliteEntries(path).sections.dids, []);
});

test("what loading reads is what was committed, while the store has the database open", async (t) => {
  const path = folder(t);
  const store = await openSqliteStore(path);
  const resources = await openSqliteResources(path);
  const common = { tenant: "default", managedBy: "apply" };
  const records = [
    { ...common, kind: "did", name: "+1", position: 0, body: '{"number":"+1","to":"gateway g"}' },
    { ...common, kind: "outbound", name: "b", position: 2, body: '{"name":"b"}' },
    { ...common, kind: "outbound", name: "a", position: 1, body: '{"name":"a"}' },
  ] as const;
  await resources.commit({ base: 0, upserts: records, removals: [], hash: hashOf(records), texts: new Map([["default", ""]]), atMs: 1 });
  const { hash, sections } = readSqliteEntries(path);
  assert.equal(hash, hashOf(records));
  assert.deepEqual(sections.dids, [{ number: "+1", to: "gateway g" }]);
  assert.deepEqual(sections.outbound, [{ name: "a" }, { name: "b" }]);
  assert.equal(statSync(path).mode & 0o777, 0o600, "passwords are in it");
  await resources.close();
  await store.close();
});

test("what is no database is an error for who reads", (t) => {
  const path = folder(t);
  writeFileSync(path, "garbage".repeat(1_000));
  assert.throws(() => readSqliteEntries(path), /not a database/);
});

test("a decision of then finds its resources, whether the whole was loaded or a change put in force", async (t) => {
  const path = folder(t);
  const store = await openSqliteStore(path);
  const resources = await openSqliteResources(path, true);
  await store.saveConfig({ number: 1, hash: "h1", text: "listeners: []", appliedAtMs: 10 });
  const record = (name: string) =>
    ({ kind: "gateway", name, tenant: "default", managedBy: "api", position: 0, body: `{"name":"${name}"}` }) as const;
  for (const [base, name] of ["a", "b"].entries())
    await resources.commit({
      base,
      upserts: [record(name)],
      removals: [],
      hash: "",
      texts: new Map([["default", `{"change":"add","kind":"gateway","name":"${name}","after":{}}`]]),
      atMs: 20 + base,
      config: { number: 2 + base, hash: `h${2 + base}` },
    });
  const at = (generation: number, atMs = 100) => readPastConfig(path, { generation, atMs });
  assert.deepEqual(
    [1, 2, 3].map((number) => at(number)?.records.map(({ name }) => name)),
    [[], ["a"], ["a", "b"]],
  );
  assert.deepEqual([at(2)?.hash, at(2)?.text, at(2, 15), at(4)], ["h2", "listeners: []", undefined, undefined]);
  // Another start counts from one again.
  await store.saveConfig({ number: 1, hash: "h5", text: "trunks: []", appliedAtMs: 50 });
  assert.deepEqual([at(1)?.text, at(1, 40)?.text, at(1)?.records.length], ["trunks: []", "listeners: []", 2]);
  await resources.close();
  await store.close();
});
