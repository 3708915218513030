/**
 * Peers that prove themselves by digest: whose name and password count, in which realm, and which callers are
 * asked for them at all. Nobody is asked whose domain has no digest users on the listener he came in by: he
 * gets silence, as any stranger.
 */
import { isIP } from "node:net";
import { DIGEST_ALGORITHMS, type DigestAlgorithm, type DigestUser } from "./accounts.ts";
import type { Listener, Peer, Snapshot } from "./snapshot.ts";

export interface DigestUsers {
  /** No peer has one: nothing needs to be examined. */
  readonly none: boolean;
  /** The peer of a user whose password was right. */
  peerOf(username: string): Peer | undefined;
  /** undefined: no such user, or not in that realm. */
  userOf(username: string, realm: string): DigestUser | undefined;
  /** What users of a realm on that listener all know; where nothing is, what the first knows. */
  algorithmsOf(listener: string, realm: string): readonly DigestAlgorithm[];
  /** What to ask a stranger for who called one of these hosts on this listener; undefined: nothing. */
  realmFor(listener: string, hosts: readonly string[]): string | undefined;
}

const UNSPECIFIED = new Set(["0.0.0.0", "::"]);

export function createDigestUsers(snapshot: Snapshot): DigestUsers {
  const users = new Map<string, Peer>();
  /** Per listener: called host → realm. */
  const realms = new Map<string, Map<string, string>>();
  /** Per listener and realm. */
  const offers = new Map<string, readonly DigestAlgorithm[]>();
  for (const peer of [...snapshot.trunks.values(), ...snapshot.gateways.values()]) {
    const listener = snapshot.listeners.get(peer.listener);
    if (peer.digest === undefined || listener === undefined) continue;
    users.set(peer.digest.username, peer);
    const here = realms.get(listener.name) ?? new Map<string, string>();
    realms.set(listener.name, here);
    for (const host of hostsOf(peer, listener)) {
      const realm = peer.digest.realm ?? host;
      if (!here.has(host)) here.set(host, realm);
      const key = `${listener.name}\n${realm}`;
      const before = offers.get(key) ?? peer.digest.algorithms;
      const common = before.filter((one) => peer.digest!.algorithms.includes(one));
      offers.set(key, common.length > 0 ? common : before);
    }
  }
  const realmFor = (name: string, hosts: readonly string[]): string | undefined => {
    const here = realms.get(name);
    if (here === undefined) return undefined;
    for (const host of hosts.map((one) => one.toLowerCase())) {
      const realm = here.get(host) ?? (isIP(host) === 0 ? undefined : anyAddress(here, host));
      if (realm !== undefined) return realm;
    }
    return undefined;
  };
  return {
    none: users.size === 0,
    peerOf: (username) => users.get(username),
    algorithmsOf: (listener, realm) => offers.get(`${listener}\n${realm}`) ?? DIGEST_ALGORITHMS,
    userOf(username, realm) {
      const peer = users.get(username);
      if (peer?.digest === undefined) return undefined;
      // The same user name at somebody else's server is none of ours.
      const ours = peer.digest.realm ?? realmFor(peer.listener, [realm]);
      return ours === realm ? peer.digest : undefined;
    },
    realmFor,
  };
}

/** What callers of this peer call: its domains, else the listener's own names. */
function hostsOf(peer: Peer, listener: Listener): readonly string[] {
  const hosts = peer.domains ?? [...listener.domains, listener.advertised, listener.address];
  return hosts.map((host) => host.toLowerCase());
}

/** A listener on all addresses may be called by any of them. */
function anyAddress(realms: ReadonlyMap<string, string>, host: string): string | undefined {
  for (const [known, realm] of realms) if (UNSPECIFIED.has(known)) return realm === known ? host : realm;
  return undefined;
}
