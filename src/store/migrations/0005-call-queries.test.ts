import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CallIds } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import { sampleCdr } from "../../../test/contract/store.ts";
import { openSqliteStore } from "../sqlite/open-sqlite.ts";

const TABLES = ["call_peer", "call_total"];

test("calls of an older version are found and counted as new ones are", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "tandem-migration-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "tandem.db");
  const ids = new CallIds(() => Date.UTC(2026, 0, 2), seededRandom(3));
  const rowsOf = () => {
    const db = new DatabaseSync(path);
    const rows = TABLES.map((table) => db.prepare(`select * from ${table} order by tenant, 2, 3`).all());
    db.close();
    return rows;
  };
  const store = await openSqliteStore(path);
  await store.insert(
    Array.from({ length: 20 }, (_, n) =>
      sampleCdr(ids.next(), n, { startedAtMs: Date.UTC(2026, 0, 2, n), outcome: n % 3 === 0 ? "busy" : "answered" }),
    ),
  );
  await store.close();
  const kept = rowsOf();
  assert.ok(kept.every((rows) => rows.length > 0));
  const db = new DatabaseSync(path);
  for (const table of TABLES) db.exec(`drop table ${table}`);
  for (const column of ["caller", "called", "outcome"]) db.exec(`drop index call_${column}`);
  db.exec("delete from kysely_migration where name = '0005-call-queries'");
  db.close();
  await (await openSqliteStore(path)).close();
  assert.deepEqual(rowsOf(), kept);
});
