/** Stored resources of one kind in SQLite, by a connection that only reads. */
import { DatabaseSync } from "node:sqlite";
import type { StoredRecord } from "#config/stored-resources.ts";
import type { RecordReader } from "../resource-pages.ts";
import { BUSY_TIMEOUT_MS } from "./open-sqlite.ts";

/** The database must be of today's schema. @throws what SQLite says */
export function openRecordReader(path: string): RecordReader {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  const generation = db.prepare("select generation from resource_change order by generation desc limit 1");
  const records = db.prepare(
    'select kind, name, tenant, managed_by as "managedBy", position, body from resource where kind = ? order by position, id',
  );
  return {
    ofKind: (kind) =>
      settled(() => {
        // Both reads see one state.
        db.exec("begin");
        try {
          return {
            generation: (generation.get() as { generation: number } | undefined)?.generation ?? 0,
            records: records.all(kind) as unknown as readonly StoredRecord[],
          };
        } finally {
          db.exec("commit");
        }
      }),
    close: () => settled(() => db.close()),
  };
}

const settled = <T>(run: () => T): Promise<T> => new Promise((resolve) => resolve(run()));
