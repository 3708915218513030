/** The configuration of a past call from SQLite, without opening for writing or waiting for the store. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { DEFAULT_TENANT } from "#base/ids.ts";
import type { StoredRecord } from "#config/stored-resources.ts";
import { type LoggedChange, type PastConfig, type Rewound, type When, rewind } from "../rewind.ts";
import { BUSY_TIMEOUT_MS } from "./open-sqlite.ts";

/** A change of a few resources has its number there, and the file's text from before it. */
const FILE = `
  select hash, text, applied_at_ms as "appliedAtMs" from (
    select hash, text, applied_at_ms, 0 as generation from change_log where tenant = ?1 and number = ?2 and applied_at_ms <= ?3
    union all
    select changed.config_hash, (select file.text from change_log as file
        where file.tenant = ?1 and file.applied_at_ms <= changed.applied_at_ms order by file.id desc limit 1),
      changed.applied_at_ms, changed.generation
    from resource_change as changed where changed.config_number = ?2 and changed.applied_at_ms <= ?3)
  where text is not null order by applied_at_ms desc, generation desc limit 1`;
const RECORDS = 'select kind, name, tenant, managed_by as "managedBy", position, body from resource order by position, id';
const SINCE = "select tenant, text from resource_change where applied_at_ms > ? order by generation desc, id desc";

/** undefined: it isn't there any more, or never was. @throws what SQLite says */
export function readPastConfig(path: string, { generation, atMs }: When): PastConfig | undefined {
  if (!existsSync(path)) return undefined;
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    // All reads see one state.
    db.exec("begin");
    const file = db.prepare(FILE).get(DEFAULT_TENANT, generation, Math.ceil(atMs)) as Omit<PastConfig, keyof Rewound> | undefined;
    if (file === undefined) return undefined;
    const now = db.prepare(RECORDS).all() as unknown as readonly StoredRecord[];
    const since = db.prepare(SINCE).all(Math.ceil(file.appliedAtMs)) as unknown as readonly LoggedChange[];
    return { ...file, ...rewind(now, since) };
  } finally {
    db.close();
  }
}
