/** The contracts of identities and of what else the API keeps on node:sqlite. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "#store/sqlite/open-sqlite.ts";
import { openSqliteApiRecords } from "#store/sqlite/sqlite-api-records.ts";
import { openSqliteIdentities } from "#store/sqlite/sqlite-identities.ts";
import { apiRecordsContract, identitiesContract } from "./identities.ts";

const opening =
  <T extends { close(): Promise<void> }>(open: (path: string) => T) =>
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "tandem-identities-"));
    const path = join(dir, "tandem.db");
    await (await openSqliteStore(path)).close();
    const store = open(path);
    return {
      store,
      async remove() {
        await store.close();
        rmSync(dir, { recursive: true });
      },
    };
  };

identitiesContract("sqlite", opening(openSqliteIdentities));
apiRecordsContract("sqlite", opening(openSqliteApiRecords));
