/** A snapshot with some of its records changed: all that is the same is shared with the snapshot before. Pure. */
import { DidTable } from "./did-table.ts";
import type { Did, Gateway, GatewayGroup, OutboundRule, Snapshot, Trunk } from "./snapshot.ts";

/** Records are frozen, and whole: nothing of the former one is kept. */
export interface SnapshotPatch {
  readonly generation: number;
  readonly hash: string;
  readonly trunks: readonly Trunk[];
  readonly gateways: readonly Gateway[];
  readonly groups: readonly GatewayGroup[];
  readonly dids: readonly Did[];
  /** All rules, as their order counts; undefined: they are as they were. */
  readonly outbound: readonly OutboundRule[] | undefined;
  readonly removed: Readonly<Record<"trunks" | "gateways" | "groups" | "dids", readonly string[]>>;
}

export function patchSnapshot(snapshot: Snapshot, patch: SnapshotPatch): Snapshot {
  const { generation, hash, removed } = patch;
  return Object.freeze({
    generation,
    hash,
    listeners: snapshot.listeners,
    trunks: changed(snapshot.trunks, patch.trunks, removed.trunks),
    gateways: changed(snapshot.gateways, patch.gateways, removed.gateways),
    groups: changed(snapshot.groups, patch.groups, removed.groups),
    dids: changedDids(snapshot.dids, patch.dids, removed.dids),
    outbound: patch.outbound ?? snapshot.outbound,
    ...(snapshot.limits !== undefined && { limits: snapshot.limits }),
  });
}

/** What is replaced keeps its place, what is new comes last. */
function changed<T extends { readonly name: string }>(
  records: ReadonlyMap<string, T>,
  upserts: readonly T[],
  removals: readonly string[],
): ReadonlyMap<string, T> {
  if (upserts.length === 0 && removals.length === 0) return records;
  const map = new Map(records);
  for (const name of removals) map.delete(name);
  for (const record of upserts) map.set(record.name, record);
  return map;
}

function changedDids(dids: Snapshot["dids"], upserts: readonly Did[], removals: readonly string[]): Snapshot["dids"] {
  if (upserts.length === 0 && removals.length === 0) return dids;
  return (dids instanceof DidTable ? dids : DidTable.of(dids.values())).with(upserts, removals);
}
