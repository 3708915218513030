/**
 * What planning and identification look up in a snapshot beyond its own maps: DIDs with a trailing "*",
 * outbound rules by prefix, the groups that a gateway is in. Computed once per snapshot and forgotten with it.
 */
import { bareNumber } from "./numbers.ts";
import { prefixLengthsOf } from "./did-table.ts";
import type { Unmet } from "./conditions.ts";
import type { Did, OutboundRule, Peer, Snapshot } from "./snapshot.ts";

interface SnapshotIndex {
  /** Lengths of the prefixes that DIDs with a trailing "*" have, the longest first. */
  readonly prefixLengths: readonly number[];
  /** By tenant, then by prefix; rules of one prefix with a `from` before those without. */
  readonly outbound: OutboundIndex;
  readonly groupsOf: ReadonlyMap<string, readonly string[]>;
}
type OutboundIndex = ReadonlyMap<string, ReadonlyMap<string, readonly OutboundRule[]>>;

const indexes = new WeakMap<Snapshot, SnapshotIndex>();
// What a changed snapshot shares with the one before is not looked through again.
const outboundIndexes = new WeakMap<Snapshot["outbound"], OutboundIndex>();
const groupIndexes = new WeakMap<Snapshot["groups"], SnapshotIndex["groupsOf"]>();

function indexOf(snapshot: Snapshot): SnapshotIndex {
  let index = indexes.get(snapshot);
  if (index === undefined) indexes.set(snapshot, (index = buildIndex(snapshot)));
  return index;
}

/** Builds the index now, so that the first call after a reload doesn't pay for it. */
export const warmIndex = (snapshot: Snapshot): void => void indexOf(snapshot);

function buildIndex({ dids, outbound, groups }: Snapshot): SnapshotIndex {
  return {
    prefixLengths: prefixLengthsOf(dids),
    outbound: remembered(outboundIndexes, outbound, indexOutbound),
    groupsOf: remembered(groupIndexes, groups, indexGroups),
  };
}

function remembered<K extends object, V>(known: WeakMap<K, V>, key: K, build: (key: K) => V): V {
  let value = known.get(key);
  if (value === undefined) known.set(key, (value = build(key)));
  return value;
}

function indexOutbound(rules: Snapshot["outbound"]): OutboundIndex {
  const outbound = new Map<string, Map<string, OutboundRule[]>>();
  for (const rule of rules) {
    const ofTenant = outbound.get(rule.tenant) ?? new Map<string, OutboundRule[]>();
    outbound.set(rule.tenant, ofTenant);
    ofTenant.set(rule.prefix, [...(ofTenant.get(rule.prefix) ?? []), rule]);
  }
  for (const ofTenant of outbound.values()) {
    for (const same of ofTenant.values()) same.sort((a, b) => Number(a.from.length === 0) - Number(b.from.length === 0));
  }
  return outbound;
}

function indexGroups(groups: Snapshot["groups"]): SnapshotIndex["groupsOf"] {
  const groupsOf = new Map<string, string[]>();
  for (const group of groups.values()) {
    for (const { gateway } of group.members) groupsOf.set(gateway, [...(groupsOf.get(gateway) ?? []), group.name]);
  }
  return groupsOf;
}

export const findPeer = (snapshot: Snapshot, name: string): Peer | undefined => snapshot.trunks.get(name) ?? snapshot.gateways.get(name);

/** What a search may ask of a DID or rule beyond its name: undefined when it applies, else why not. */
export type Applies<T> = (entry: T) => Unmet | undefined;

export type DidMatch =
  | { readonly type: "found"; readonly did: Did; readonly number: string }
  /** A DID of the tenant, but closed to this trunk or call. */
  | { readonly type: "closed"; readonly did: Did; readonly by: "trunk" | Unmet["by"]; readonly reason: string }
  | { readonly type: "none" };

const ALWAYS = (): undefined => undefined;

/**
 * The DID that a trunk's call is for: the exact number or name, else the longest entry with a trailing "*".
 * Digits without plus also find a "+" entry. Another tenant's DIDs do not exist.
 */
export function findDid(snapshot: Snapshot, called: string, trunk: Peer, applies: Applies<Did> = ALWAYS): DidMatch {
  const ways = /^[1-9][0-9]{6,14}$/.test(called) ? [called, `+${called}`] : [called];
  let closed: Extract<DidMatch, { readonly type: "closed" }> | undefined;
  const visible = (did: Did | undefined): did is Did => {
    if (did === undefined || did.tenant !== trunk.tenant) return false;
    if (did.trunks.length > 0 && !did.trunks.includes(trunk.name)) {
      closed ??= { type: "closed", did, by: "trunk", reason: `takes calls from ${did.trunks.join(", ")} only, not from ${trunk.name}` };
      return false;
    }
    const unmet = applies(did);
    if (unmet !== undefined) closed ??= { type: "closed", did, ...unmet };
    return unmet === undefined;
  };
  for (const number of ways) {
    const did = snapshot.dids.get(number);
    if (visible(did)) return { type: "found", did, number };
  }
  for (const length of indexOf(snapshot).prefixLengths) {
    for (const number of ways) {
      if (number.length < length) continue;
      const did = snapshot.dids.get(`${number.slice(0, length)}*`);
      if (visible(did)) return { type: "found", did, number };
    }
  }
  return closed ?? { type: "none" };
}

/** The outbound rule with the longest prefix of `called` that takes calls of this gateway. */
export function findOutbound(
  snapshot: Snapshot,
  called: string,
  gateway: Peer,
  applies: Applies<OutboundRule> = ALWAYS,
): OutboundRule | undefined {
  const { outbound, groupsOf } = indexOf(snapshot);
  const ofTenant = outbound.get(gateway.tenant);
  if (ofTenant === undefined) return undefined;
  const groups = groupsOf.get(gateway.name) ?? [];
  for (let length = Math.min(called.length, OUTBOUND_PREFIX_MAX); length >= 0; length--) {
    for (const rule of ofTenant.get(called.slice(0, length)) ?? []) {
      const mayUse = rule.from.length === 0 || rule.from.some((name) => name === gateway.name || groups.includes(name));
      if (mayUse && applies(rule) === undefined) return rule;
    }
  }
  return undefined;
}

/** Characters; longer prefixes are refused by the configuration. */
export const OUTBOUND_PREFIX_MAX = 32;

/** A DID as configured: "+49 30 1234*" and "AI" become "+49301234*" and "ai". */
export function didKey(text: string): string {
  return text.endsWith("*") && /^[+0-9(]/.test(text) ? `${bareNumber(text.slice(0, -1))}*` : bareNumber(text);
}
