/** Resources as they were: what changed since is undone from the log of changes. Pure. */
import { type Entry, RESOURCE_KINDS, type StoredRecord } from "#config/stored-resources.ts";

/** One row of the log. */
export interface LoggedChange {
  readonly tenant: string;
  /** A line of JSON per change, as config/plan-apply.ts writes it. */
  readonly text: string;
}

export interface Rewound {
  readonly records: readonly StoredRecord[];
  /** The log has no places: outbound rules that are gone by now stand behind the others. */
  readonly placesLost: boolean;
}

export interface PastConfig extends Rewound {
  /** The file's, passwords hidden. */
  readonly text: string;
  readonly hash: string;
  readonly appliedAtMs: number;
}

export interface When {
  /** It starts again with each start: of several, the last before the time is meant. */
  readonly generation: number;
  /** Epoch milliseconds. */
  readonly atMs: number;
}

const LAST = Number.MAX_SAFE_INTEGER;

/** @param changes to be undone, newest first */
export function rewind(now: readonly StoredRecord[], changes: readonly LoggedChange[]): Rewound {
  const keyOf = ({ kind, name }: Pick<StoredRecord, "kind" | "name">): string => `${kind} ${name}`;
  const records = new Map(now.map((record) => [keyOf(record), record]));
  let placesLost = false;
  for (const { tenant, text } of changes) {
    for (const line of text.split("\n").reverse()) {
      const change = readLine(line);
      if (change === undefined) continue;
      const key = keyOf(change);
      const { kind, name, before } = change;
      if (before === undefined) {
        records.delete(key);
        continue;
      }
      const former = records.get(key);
      if (former === undefined && kind === "outbound") placesLost = true;
      const position = former?.position ?? (kind === "outbound" ? LAST : 0);
      const owner = typeof before["tenant"] === "string" ? before["tenant"] : tenant;
      records.set(key, { kind, name, tenant: owner, managedBy: former?.managedBy ?? "", position, body: JSON.stringify(before) });
    }
  }
  return { records: [...records.values()].sort((a, b) => a.position - b.position), placesLost };
}

function readLine(line: string): (Pick<StoredRecord, "kind" | "name"> & { readonly before: Entry | undefined }) | undefined {
  if (line === "") return undefined;
  const change = JSON.parse(line) as { readonly kind?: unknown; readonly name?: unknown; readonly before?: Entry };
  const kind = RESOURCE_KINDS.find((one) => one === change.kind);
  return kind === undefined || typeof change.name !== "string" ? undefined : { kind, name: change.name, before: change.before };
}
