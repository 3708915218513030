/** The store's contract on node:sqlite. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { storeContract } from "./store.ts";

storeContract({
  name: "sqlite",
  async open() {
    const dir = mkdtempSync(join(tmpdir(), "tandem-store-"));
    let store = await openSqliteStore(join(dir, "tandem.db"));
    return {
      store,
      async reopen() {
        await store.close();
        store = await openSqliteStore(join(dir, "tandem.db"));
        return store;
      },
      async remove() {
        await store.close();
        rmSync(dir, { recursive: true });
      },
    };
  },
});

test("several that open a new database at once all find it made", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "tandem-store-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const opening = new URL("../../src/store/sqlite/open-sqlite.ts", import.meta.url).href;
  const code = `import("${opening}").then(async ({ openSqliteStore }) => (await openSqliteStore(process.argv[1])).close())`;
  const children = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "-e", code, join(dir, "tandem.db")], {
      stdio: ["ignore", "ignore", "pipe"],
    }),
  );
  const ended = children.map(async (child) => {
    const [said, [status]] = await Promise.all([child.stderr.toArray(), once(child, "exit")]);
    assert.equal(status, 0, said.join(""));
  });
  await Promise.all(ended);
});
