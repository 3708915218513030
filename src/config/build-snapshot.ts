/** Resources that passed the check → the frozen snapshot that calls are routed by. The store feeds it the same. */
import { createHash } from "node:crypto";
import { DidTable } from "#routing/did-table.ts";
import type { LimitPolicy } from "#routing/limits.ts";
import type { Snapshot } from "#routing/snapshot.ts";
import type { Resources } from "./resources.ts";

/** Names a configuration in every decision. @param stored hash of the stored resources; "": there are none */
export const snapshotHash = (text: string, stored: string): string =>
  createHash("sha256")
    .update(stored === "" ? text : `${text}\n${stored}`)
    .digest("hex");

/** @param hash see snapshotHash */
export function buildSnapshot(resources: Resources, generation: number, hash: string, limits?: LimitPolicy): Snapshot {
  return Object.freeze({
    generation,
    hash,
    listeners: index(resources.listeners, ({ name }) => name),
    trunks: index(resources.trunks, ({ name }) => name),
    gateways: index(resources.gateways, ({ name }) => name),
    groups: index(resources.groups, ({ name }) => name),
    dids: DidTable.of(resources.dids.map((did) => deepFreeze(did))),
    outbound: deepFreeze(resources.outbound),
    ...(limits !== undefined && { limits: deepFreeze(limits) }),
  });
}

function index<T extends object>(records: readonly T[], keyOf: (record: T) => string): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const record of records) map.set(keyOf(record), deepFreeze(record));
  return map;
}

export function deepFreeze<T extends object>(value: T): T {
  if (Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  return value;
}
