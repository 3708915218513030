/**
 * What planning and identification look up in a snapshot beyond its own maps: DIDs with a trailing "*",
 * outbound rules by prefix, the groups that a gateway is in. Computed once per snapshot and forgotten with it.
 */
import { bareNumber } from "./numbers.ts";
import type { Unmet } from "./conditions.ts";
import type { Did, OutboundRule, Peer, Snapshot } from "./snapshot.ts";

interface SnapshotIndex {
  /** Lengths of the prefixes that DIDs with a trailing "*" have, the longest first. */
  readonly prefixLengths: readonly number[];
  /** By tenant, then by prefix; rules of one prefix with a `from` before those without. */
  readonly outbound: ReadonlyMap<string, ReadonlyMap<string, readonly OutboundRule[]>>;
  readonly groupsOf: ReadonlyMap<string, readonly string[]>;
}

const indexes = new WeakMap<Snapshot, SnapshotIndex>();

function indexOf(snapshot: Snapshot): SnapshotIndex {
  let index = indexes.get(snapshot);
  if (index === undefined) indexes.set(snapshot, (index = buildIndex(snapshot)));
  return index;
}

/** Builds the index now, so that the first call after a reload doesn't pay for it. */
export const warmIndex = (snapshot: Snapshot): void => void indexOf(snapshot);

function buildIndex(snapshot: Snapshot): SnapshotIndex {
  const lengths = new Set<number>();
  for (const number of snapshot.dids.keys()) if (number.endsWith("*")) lengths.add(number.length - 1);

  const outbound = new Map<string, Map<string, OutboundRule[]>>();
  for (const rule of snapshot.outbound) {
    const ofTenant = outbound.get(rule.tenant) ?? new Map<string, OutboundRule[]>();
    outbound.set(rule.tenant, ofTenant);
    ofTenant.set(rule.prefix, [...(ofTenant.get(rule.prefix) ?? []), rule]);
  }
  for (const ofTenant of outbound.values()) {
    for (const rules of ofTenant.values()) rules.sort((a, b) => Number(a.from.length === 0) - Number(b.from.length === 0));
  }

  const groupsOf = new Map<string, string[]>();
  for (const group of snapshot.groups.values()) {
    for (const { gateway } of group.members) groupsOf.set(gateway, [...(groupsOf.get(gateway) ?? []), group.name]);
  }
  return { prefixLengths: [...lengths].sort((a, b) => b - a), outbound, groupsOf };
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
