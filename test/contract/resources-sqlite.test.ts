/** The contract of resources on node:sqlite, and what only this one promises: reading beside the store. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hashOf } from "#store/resource-store.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
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
