/**
 * Who names a trunk, gateway or group that is no longer what it was: gone, of another kind or tenant, or without a
 * uri. Whoever names one that is new was wrong before, so that new names need no look.
 */
import type { Peer, Snapshot } from "#routing/snapshot.ts";
import type { ResourceChange } from "./plan-apply.ts";
import type { Resources } from "./resources.ts";

/** More would only repeat it. */
const REFERRERS_MAX = 1_000;

/** The names among the changed ones whose meaning to others changed. */
export function shiftedNames(changes: readonly ResourceChange[], before: Snapshot, after: Snapshot): ReadonlySet<string> {
  const shifted = new Set<string>();
  for (const { kind, name } of changes) {
    if (kind === "did" || kind === "outbound") continue;
    const was = meaningOf(before, name);
    if (was !== undefined && was !== meaningOf(after, name)) shifted.add(name);
  }
  return shifted;
}

function meaningOf({ trunks, gateways, groups }: Snapshot, name: string): string | undefined {
  const peer: Peer | undefined = trunks.get(name) ?? gateways.get(name);
  if (peer !== undefined) return `${peer.kind} ${peer.tenant} ${peer.uri === undefined ? "inbound" : "both"}`;
  const group = groups.get(name);
  return group === undefined ? undefined : `group ${group.tenant}`;
}

/** Those who refer to one of the names, but for what is changed itself; undefined: nobody. */
export function referrersOf(
  names: ReadonlySet<string>,
  { trunks, groups, dids, outbound }: Snapshot,
  changes: readonly ResourceChange[],
): Omit<Resources, "listeners"> | undefined {
  if (names.size === 0) return undefined;
  const changed = (kind: ResourceChange["kind"]): ReadonlySet<string> =>
    new Set(changes.filter((one) => one.kind === kind).map(({ name }) => name));
  const targetsOne = (targets: Snapshot["outbound"][number]["targets"]): boolean =>
    targets.some((target) =>
      names.has(
        target.type === "group" ? target.group : target.type === "gateway" ? target.gateway : target.type === "trunk" ? target.trunk : "",
      ),
    );
  const namesOne = (list: readonly string[]): boolean => list.some((name) => names.has(name));
  const found: Omit<Resources, "listeners"> = {
    trunks: first(
      trunks.values(),
      changed("trunk"),
      ({ name }) => name,
      ({ backupTrunks = [] }) => namesOne(backupTrunks),
    ),
    gateways: [],
    groups: first(
      groups.values(),
      changed("group"),
      ({ name }) => name,
      ({ members }) => members.some(({ gateway }) => names.has(gateway)),
    ),
    dids: first(
      dids.values(),
      changed("did"),
      ({ number }) => number,
      (did) => namesOne(did.trunks) || targetsOne(did.targets),
    ),
    outbound: first(
      outbound,
      changed("outbound"),
      ({ name }) => name,
      ({ from, targets }) => namesOne(from) || targetsOne(targets),
    ),
  };
  return Object.values(found).every((list) => list.length === 0) ? undefined : found;
}

function first<T>(all: Iterable<T>, but: ReadonlySet<string>, nameOf: (one: T) => string, fits: (one: T) => boolean): T[] {
  const found: T[] = [];
  for (const one of all) {
    if (!fits(one) || but.has(nameOf(one))) continue;
    found.push(one);
    if (found.length >= REFERRERS_MAX) break;
  }
  return found;
}
