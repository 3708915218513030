/** The store's contract on node:sqlite. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
