/**
 * Who sends this request? Steps in a fixed order, kept as data: proof first where it is strong, then what narrows.
 *
 * Domain, trunk-group and DID only choose among peers that the address has proved; alone they let nobody in.
 * Deliberately not here: checking certificates and passwords, refusing or
 * challenging (the caller decides what an unknown sender gets), bans.
 */
import { type Address, type AddressTable, buildAddressTable, parseAddress, sameAddress } from "./addresses.ts";
import type { Identified, SourceFacts } from "./decision.ts";
import { type DigestUsers, createDigestUsers } from "./digest-users.ts";
import { numberFrom } from "./peer-numbers.ts";
import type { Peer, Snapshot } from "./snapshot.ts";
import { findDid, findPeer } from "./snapshot-index.ts";

export interface IdentificationStep {
  readonly name: string;
  /** "scope" limits who is looked at, "proof" accepts, "narrow" chooses among those that proof left. */
  readonly role: "scope" | "proof" | "narrow";
  readonly built: boolean;
  readonly says: string;
}

/** `tandem check` prints it. */
export const IDENTIFICATION_ORDER: readonly IdentificationStep[] = [
  { name: "listener", role: "scope", built: true, says: "only peers of the listener that received it" },
  { name: "test ticket", role: "proof", built: true, says: "the one-time permission of `tandem call`" },
  { name: "certificate", role: "proof", built: true, says: "TLS client certificate with a name that a peer lists" },
  { name: "flow", role: "proof", built: true, says: "our random Contact user, which only the registrar was told" },
  { name: "digest", role: "proof", built: true, says: "digest user, where credentials are present" },
  { name: "domain", role: "narrow", built: true, says: "R-URI or To domain that a peer lists" },
  { name: "trunk group", role: "narrow", built: true, says: "trunk-group parameter (RFC 4904)" },
  { name: "address and DID", role: "narrow", built: true, says: "source address, and the called DID is open to the trunk" },
  {
    name: "address",
    role: "proof",
    built: true,
    says: "source address, if one peer alone has it (or has it with the source port in its uri, or in the smallest network)",
  },
];

export interface Identifier {
  identify(facts: SourceFacts): Identified;
}

interface Candidate {
  readonly peer: Peer;
  readonly prefixBits: number;
}

/** Gateways of the container engines' usual networks (docker0 and its pool, Podman, Docker Desktop). */
const CONTAINER_GATEWAY = /^(172\.(1[7-9]|2[0-9]|3[01])\.0\.1|10\.88\.0\.1|192\.168\.65\.1)$/;

interface PeerTables {
  readonly gateways: Snapshot["gateways"];
  readonly listeners: Snapshot["listeners"];
  readonly byListener: ReadonlyMap<string, AddressTable<Peer>>;
  /** By listener and name in a client certificate. */
  readonly byCertificate: ReadonlyMap<string, readonly Peer[]>;
  /** Of all listeners; made when a stranger asks. */
  readonly anywhere: () => AddressTable<Peer>;
  readonly digestUsers: DigestUsers;
}
/** By the trunks they were built for: a snapshot in which only DIDs changed has the same. */
const tables = new WeakMap<Snapshot["trunks"], PeerTables>();

function tablesOf(snapshot: Snapshot): PeerTables {
  const { trunks, gateways, listeners } = snapshot;
  const known = tables.get(trunks);
  if (known?.gateways === gateways && known.listeners === listeners) return known;
  const peers: readonly Peer[] = [...trunks.values(), ...gateways.values()];
  const byListener = new Map<string, AddressTable<Peer>>();
  for (const listener of listeners.keys()) {
    byListener.set(listener, tableOf(peers.filter((peer) => peer.listener === listener)));
  }
  let anywhere: AddressTable<Peer> | undefined;
  const built = {
    gateways,
    listeners,
    byListener,
    byCertificate: certificatesOf(peers),
    anywhere: () => (anywhere ??= tableOf(peers)),
    digestUsers: createDigestUsers(snapshot),
  };
  tables.set(trunks, built);
  return built;
}

function certificatesOf(peers: readonly Peer[]): ReadonlyMap<string, readonly Peer[]> {
  const found = new Map<string, Peer[]>();
  for (const peer of peers) {
    for (const name of peer.tls?.clientNames ?? []) {
      const key = `${peer.listener} ${name}`;
      found.set(key, [...(found.get(key) ?? []), peer]);
    }
  }
  return found;
}

const NO_NAMES: readonly string[] = [];
const NO_PEERS: readonly Peer[] = [];

export function createIdentifier(snapshot: Snapshot): Identifier {
  const { byListener, byCertificate, anywhere, digestUsers } = tablesOf(snapshot);
  const certifiedBy = ({ listener, certificateNames = NO_NAMES }: SourceFacts): readonly Peer[] =>
    certificateNames.length === 0
      ? NO_PEERS
      : [...new Set(certificateNames.flatMap((name) => byCertificate.get(`${listener} ${name}`) ?? []))];

  return {
    identify(facts) {
      const ticket = facts.testTicketFor === undefined ? undefined : findPeer(snapshot, facts.testTicketFor);
      if (ticket !== undefined) return { type: "peer", peer: ticket, by: "test ticket" };
      const certified = certifiedBy(facts);
      if (certified.length === 1) return { type: "peer", peer: certified[0]!, by: "certificate" };
      if (certified.length > 1)
        return narrow(
          certified.map((peer) => ({ peer, prefixBits: 0 })),
          facts,
          snapshot,
        );
      const registered = facts.registeredTrunk === undefined ? undefined : snapshot.trunks.get(facts.registeredTrunk);
      if (registered?.register?.listener === facts.listener) return { type: "peer", peer: registered, by: "flow" };
      const user = facts.digestUser === undefined ? undefined : digestUsers.peerOf(facts.digestUser);
      if (user?.listener === facts.listener) return { type: "peer", peer: user, by: "digest" };
      const found = byListener.get(facts.listener)?.find(facts.address) ?? [];
      if (found.length === 1) return { type: "peer", peer: found[0]!.value, by: "address" };
      if (found.length === 0) return explainStranger(facts, snapshot, anywhere);
      return narrow(
        found.map(({ value, prefixBits }) => ({ peer: value, prefixBits })),
        facts,
        snapshot,
      );
    },
  };
}

const tableOf = (peers: readonly Peer[]): AddressTable<Peer> =>
  buildAddressTable(peers.flatMap((peer) => peer.addresses.map((network) => [network, peer] as const)));

/** Several peers have the address: each step keeps those that fit, or all when none does. */
function narrow(all: readonly Candidate[], facts: SourceFacts, snapshot: Snapshot): Identified {
  // A peer may list an address and its network: it counts once, with the more specific (they come first).
  let left = all.filter(({ peer }, i) => all.findIndex((other) => other.peer === peer) === i);
  const steps: readonly (readonly [by: string, keeps: (candidate: Candidate) => boolean])[] = [
    ["domain", ({ peer }) => hasDomain(peer, facts)],
    ["trunk group", ({ peer }) => peer.trunkGroup !== undefined && peer.trunkGroup === facts.trunkGroup],
    ["address and DID", ({ peer }) => ownsCalled(peer, facts, snapshot)],
    ["address", ({ peer }) => portOf(peer) === facts.port],
    ["address", ({ prefixBits }) => left.every((other) => other.prefixBits <= prefixBits)],
  ];
  if (left.length === 1) return { type: "peer", peer: left[0]!.peer, by: "address" };
  for (const [by, keeps] of steps) {
    const kept = left.filter(keeps);
    if (kept.length === 1) return { type: "peer", peer: kept[0]!.peer, by };
    if (kept.length > 0) left = kept;
  }
  return { type: "ambiguous", candidates: left.map(({ peer }) => peer.name) };
}

function hasDomain({ domains }: Peer, { requestHost, toHost }: SourceFacts): boolean {
  return domains !== undefined && (domains.includes(requestHost.toLowerCase()) || domains.includes(toHost.toLowerCase()));
}

function ownsCalled(peer: Peer, facts: SourceFacts, snapshot: Snapshot): boolean {
  return peer.kind === "trunk" && findDid(snapshot, numberFrom(peer, facts.requestUser, "called"), peer).type === "found";
}

/** Two peers on one machine differ by the port that they send from and are called at. */
function portOf({ uri }: Peer): number | undefined {
  const port = uri === undefined ? undefined : /:([0-9]+)(?:[;?]|$)/.exec(uri.replace(/^sips?:/, ""))?.[1];
  return port === undefined ? undefined : Number(port);
}

/** Nobody on this listener has the address: a stranger, a misplaced peer, or an address that something rewrote. */
function explainStranger(facts: SourceFacts, snapshot: Snapshot, anywhere: () => AddressTable<Peer>): Identified {
  const elsewhere = anywhere()
    .find(facts.address)
    .map(({ value }) => `${value.name} (listener ${value.listener})`);
  if (elsewhere.length > 0) {
    return { type: "unknown", detail: `${facts.address} came in by listener ${facts.listener}, but belongs to ${elsewhere.join(", ")}` };
  }
  const cause = rewrittenBy(facts, snapshot);
  if (cause === undefined) return { type: "unknown" };
  return {
    type: "rewritten",
    detail: `${facts.address} is ${cause}, so the sender's own address is lost; let packets through unchanged (host networking, no source NAT), or list ${facts.address} as a peer's address if it really is one`,
  };
}

function rewrittenBy({ address: source, listener }: SourceFacts, snapshot: Snapshot): string | undefined {
  const text = source.replace(/^::ffff:/i, "");
  if (CONTAINER_GATEWAY.test(text)) return "the gateway of a container network";
  for (const { name, address, advertised } of snapshot.listeners.values()) {
    if (sameAddress(address, source) || sameAddress(advertised, source)) return `the address of our own listener ${name}`;
  }
  const parsed = parseAddress(source);
  // A listener that stands on loopback itself hears nobody but this machine: a stranger there is a stranger.
  const bound = parseAddress(snapshot.listeners.get(listener)?.address ?? "");
  return isLoopback(parsed) && !isLoopback(bound) ? `this machine, where no peer of listener ${listener} is` : undefined;
}

const isLoopback = (address: Address | undefined): boolean =>
  address?.family === 4 ? address.value >>> 24 === 127 : address?.value === 1n;
