import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { StoredRecord } from "#config/stored-resources.ts";
import { alertStore } from "./alert-store.ts";
import {
  entriesNow,
  houseAt,
  openAlertStore,
  openPages,
  openTables,
  openResources,
  readState,
  resealStored,
  stateNow,
} from "./database.ts";
import { hashOf } from "./resource-store.ts";
import { keyRing, newKey, writeKeys } from "./secrets.ts";
import { openSqliteResources, readSqliteEntries, readSqliteResources } from "./sqlite/sqlite-resources.ts";

const PASSWORD = "Gr8-secret-of-ours";
const RECORDS: readonly StoredRecord[] = [
  {
    kind: "trunk",
    name: "carrier",
    tenant: "default",
    managedBy: "apply",
    position: 0,
    body: `{"digest":{"passwords":["${PASSWORD}-1","${PASSWORD}-2"],"user":"them"},"name":"carrier","password":"${PASSWORD}"}`,
  },
  { kind: "gateway", name: "ai", tenant: "default", managedBy: "apply", position: 0, body: '{"name":"ai","uri":"sip:192.0.2.1"}' },
  { kind: "did", name: "+1", tenant: "default", managedBy: "apply", position: 0, body: '{"number":"+1","to":"gateway ai"}' },
];
const change = (base: number, upserts = RECORDS) =>
  ({ base, upserts, removals: [], hash: hashOf(upserts), texts: new Map([["default", ""]]), atMs: 1 + base }) as const;

function home(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tandem-sealed-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}
/** Anywhere in the folder, in whatever file. */
const isLying = (dir: string): boolean => readdirSync(dir).some((name) => readFileSync(join(dir, name)).includes(PASSWORD));
const plain = (records: readonly StoredRecord[]) => records.map((record) => ({ ...record }));

test("passwords are sealed in the file and open for who reads", async (t) => {
  const dir = home(t);
  const house = houseAt(dir, {});
  const resources = await openResources(house);
  await resources.commit(change(0));
  assert.deepEqual(plain((await resources.state()).records), RECORDS);
  assert.deepEqual(plain((await readState(house)).records), RECORDS);
  assert.deepEqual(plain(stateNow(dir, {}, undefined, readSqliteResources).records), RECORDS);
  assert.equal(entriesNow(dir, {}, undefined, readSqliteEntries).sections.trunks[0]?.["password"], PASSWORD);
  const pages = await openPages(house);
  assert.deepEqual(plain((await pages.ofKind("trunk")).records), RECORDS.slice(0, 1));
  assert.equal((await pages.named("trunk", "carrier")).record?.body, RECORDS[0]!.body);
  assert.equal((await pages.page({ kind: "trunk", tenant: "*", limit: 5 }))[0]?.body, RECORDS[0]!.body);
  await pages.close();
  await resources.close();
  assert.equal(isLying(dir), false);
  const [stored] = readSqliteResources(join(dir, "tandem.db")).records;
  assert.match(stored!.body, /"password":"sealed:1:[0-9a-f]{8}:/);
});

test("what an older version left open is sealed once, and nothing of it stays", async (t) => {
  const dir = home(t);
  const older = await openSqliteResources(join(dir, "tandem.db"));
  await older.commit(change(0));
  await older.close();
  assert.ok(isLying(dir));
  const house = houseAt(dir, {});
  assert.deepEqual(await resealStored(house), { changed: 1, unreadable: 0 });
  assert.equal(isLying(dir), false);
  assert.deepEqual(await resealStored(house), { changed: 0, unreadable: 0 });
  assert.deepEqual(plain((await readState(house)).records), RECORDS);
});

test("what alerts are sent with is sealed, too", async (t) => {
  const dir = home(t);
  const house = houseAt(dir, {});
  await (await openResources(house)).close();
  const channel = { id: "c1", tenant: "*", kind: "telegram", name: "us", active: true, body: `{"token":"${PASSWORD}"}`, createdAtMs: 1 };
  const alerts = await openAlertStore(house);
  await alerts.saveChannel(channel);
  assert.deepEqual(
    (await alerts.channels()).map((one) => ({ ...one })),
    [channel],
  );
  await alerts.close();
  assert.equal(isLying(dir), false);
  const tables = await openTables(house.database);
  await alertStore(tables.db).saveChannel(channel);
  await tables.close();
  assert.deepEqual(await resealStored(house), { changed: 1, unreadable: 0 }, "an older version's is sealed");
  assert.equal(isLying(dir), false);
});

test("a new key takes over while somebody writes, and the old one may go", async (t) => {
  const dir = home(t);
  const house = houseAt(dir, {});
  const resources = await openResources(house);
  await resources.commit(change(0));
  writeKeys(dir, [newKey(), ...keyRing(dir, {})]);
  const changed = RECORDS.map((record) => ({ ...record, managedBy: "api" }));
  await resources.commit(change(1, changed));
  assert.deepEqual(await resealStored(house), { changed: 0, unreadable: 0 }, "an open store seals by the new key at once");
  writeKeys(dir, keyRing(dir, {}).slice(0, 1));
  assert.deepEqual(plain((await resources.state()).records), changed);
  await resources.close();
});

test("without its key a password stays sealed, is told of, and comes back with the key", async (t) => {
  const dir = home(t);
  const house = houseAt(dir, {});
  const resources = await openResources(house);
  await resources.commit(change(0));
  const keys = keyRing(dir, {});
  writeKeys(dir, [newKey()]);
  const told: string[] = [];
  const { sections } = entriesNow(dir, {}, undefined, readSqliteEntries, (reason) => told.push(reason));
  assert.match(String(sections.trunks[0]?.["password"]), /^sealed:1:/);
  assert.match(told.join(), /3 stored passwords can't be opened: key [0-9a-f]{8}/);
  assert.deepEqual(await resealStored(house), { changed: 0, unreadable: 3 });
  const { records } = await resources.state();
  await resources.commit(change(1, records));
  writeKeys(dir, keys);
  assert.deepEqual(plain((await resources.state()).records), RECORDS);
  await resources.close();
});
