/** The configuration of a past call from PostgreSQL. */
import { sql } from "kysely";
import { DEFAULT_TENANT } from "#base/ids.ts";
import type { StoredRecord } from "#config/stored-resources.ts";
import { type LoggedChange, type PastConfig, type Rewound, type When, rewind } from "../rewind.ts";
import { once } from "./postgres-resources.ts";

/** undefined: it isn't there any more, or never was. */
export const readPostgresPast = (url: string, { generation, atMs }: When): Promise<PastConfig | undefined> =>
  once(url, async (db) => {
    const untilMs = Math.ceil(atMs);
    const [file] = (
      await sql<Omit<PastConfig, keyof Rewound>>`select hash, text, applied_at_ms as "appliedAtMs" from (
        select hash, text, applied_at_ms, 0 as generation from change_log
          where tenant = ${DEFAULT_TENANT} and number = ${generation} and applied_at_ms <= ${untilMs}
        union all
        select changed.config_hash, (select file.text from change_log as file
            where file.tenant = ${DEFAULT_TENANT} and file.applied_at_ms <= changed.applied_at_ms order by file.id desc limit 1),
          changed.applied_at_ms, changed.generation
        from resource_change as changed where changed.config_number = ${generation} and changed.applied_at_ms <= ${untilMs}) as one
        where text is not null order by applied_at_ms desc, generation desc limit 1`.execute(db)
    ).rows;
    if (file === undefined) return undefined;
    const now = await sql<StoredRecord>`select kind, name, tenant, managed_by as "managedBy", position, body from resource
      order by position, id`.execute(db);
    const since = await sql<LoggedChange>`select tenant, text from resource_change where applied_at_ms > ${Math.ceil(file.appliedAtMs)}
      order by generation desc, id desc`.execute(db);
    return { ...file, ...rewind(now.rows, since.rows) };
  });
