/**
 * What a firewall must let in for a configuration: SIP on each listener from those whom it knows, RTP on each pool.
 * Pure; names of peers were resolved by the caller. `firewall-text.ts` writes it for nft, iptables and ufw.
 *
 * Deliberately nothing about what goes out, and no rule for anything but Tandem: a table of one's own stays one's own.
 */
import { parseAddress, parseNetwork } from "#routing/addresses.ts";
import { asDialled } from "#routing/peer-numbers.ts";
import type { Listener, Peer, Snapshot } from "#routing/snapshot.ts";
import type { Config } from "./config.ts";
import { parsePeerUri } from "./peer-uri.ts";

export interface FirewallSource {
  /** "192.0.2.1" or "192.0.2.0/24"; of the rule's family. */
  readonly network: string;
  /** Whose it is. */
  readonly peers: readonly string[];
}

export interface FirewallRule {
  readonly listener: string;
  readonly what: "SIP" | "RTP";
  readonly protocol: "udp" | "tcp";
  readonly family: 4 | 6;
  /** undefined: any address of this machine. */
  readonly address: string | undefined;
  readonly device: string | undefined;
  readonly portMin: number;
  readonly portMax: number;
  /** undefined: from anywhere. */
  readonly sources: readonly FirewallSource[] | undefined;
}

export interface Firewall {
  readonly rules: readonly FirewallRule[];
  /** What a person should know who uses them. */
  readonly notes: readonly string[];
}

/** By host name, lower case; a name without addresses is absent. */
export type ResolvedNames = ReadonlyMap<string, readonly string[]>;

/** Host names that the rules need addresses of. */
export function namesToResolve(snapshot: Snapshot): readonly { readonly host: string; readonly uri: string }[] {
  const names = new Map<string, string>();
  for (const peer of peersOf(snapshot)) {
    for (const uri of urisOf(peer)) {
      const parsed = parsePeerUri(uri);
      if (parsed !== undefined && !parsed.numeric) names.set(parsed.host.toLowerCase(), uri);
    }
  }
  return [...names].map(([host, uri]) => ({ host, uri }));
}

const peersOf = ({ trunks, gateways }: Snapshot): readonly Peer[] => [...trunks.values(), ...gateways.values()];

function urisOf(peer: Peer): readonly string[] {
  const registrar = peer.kind === "trunk" ? peer.register?.registrar : undefined;
  return [peer.uri, peer.outboundProxy, registrar].filter((uri) => uri !== undefined);
}

export function firewallOf({ snapshot, node }: Pick<Config, "snapshot" | "node">, resolved: ResolvedNames): Firewall {
  const notes: string[] = [];
  const peers = peersOf(snapshot);
  const rules = [...snapshot.listeners.values()].flatMap((listener) => [...sipRules(listener, peers, resolved, notes), rtpRule(listener)]);
  const names = namesToResolve(snapshot);
  if (names.some(({ host }) => resolved.has(host)))
    notes.push("Addresses of names are those of now: run this again when they change, e.g. from a timer.");
  for (const { host } of names) if (!resolved.has(host)) notes.push(`${host} has no address now, so nothing lets it in.`);
  notes.push(
    "RTP is let in from anywhere, as providers send it from changing addresses; Tandem itself takes it only from where SDP or signalling said.",
  );
  if (node.media.engine === "rtpengine") notes.push("The RTP ports are rtpengine's: they must be those of its rtpengine.conf.");
  return { rules, notes };
}

const familyOf = (address: string): 4 | 6 => parseAddress(address)?.family ?? 4;
const boundTo = (address: string): string | undefined => (address === "0.0.0.0" || address === "::" ? undefined : address);

function sipRules(listener: Listener, peers: readonly Peer[], resolved: ResolvedNames, notes: string[]): readonly FirewallRule[] {
  if (listener.port === 0) {
    notes.push(`Listener ${listener.name} lets the kernel choose its port: no rule can name it.`);
    return [];
  }
  // What a called peer sends in a call comes to the listener that the call left by.
  const here = peers.filter(
    (peer) =>
      peer.listener === listener.name ||
      asDialled(peer).listener === listener.name ||
      (peer.kind === "trunk" && peer.register?.listener === listener.name),
  );
  const digest = here.filter((peer) => peer.digest !== undefined || (peer.tls?.clientNames ?? []).length > 0).map(({ name }) => name);
  if (digest.length > 0)
    notes.push(
      `SIP to listener ${listener.name} is let in from anywhere: ${digest.join(", ")} prove${digest.length === 1 ? "s" : ""} by digest or certificate, not by address.`,
    );
  const family = familyOf(listener.address);
  const sources = digest.length > 0 ? undefined : sourcesOf(here, family, resolved);
  if (sources?.length === 0) notes.push(`Nobody with a known address uses listener ${listener.name}: nothing is let in to its SIP port.`);
  const ports = listener.transports.map((transport) => ({
    protocol: transport === "UDP" ? ("udp" as const) : ("tcp" as const),
    port: transport === "TLS" ? (listener.tls?.port ?? listener.port) : listener.port,
  }));
  return ports.map(({ protocol, port }) => ({
    listener: listener.name,
    what: "SIP" as const,
    protocol,
    family,
    address: boundTo(listener.address),
    device: listener.device,
    portMin: port,
    portMax: port,
    sources,
  }));
}

function rtpRule(listener: Listener): FirewallRule {
  return {
    listener: listener.name,
    what: "RTP",
    protocol: "udp",
    family: familyOf(listener.mediaAddress),
    address: boundTo(listener.mediaAddress),
    device: listener.device,
    portMin: listener.mediaPortMin,
    portMax: listener.mediaPortMax,
    sources: undefined,
  };
}

function sourcesOf(peers: readonly Peer[], family: 4 | 6, resolved: ResolvedNames): readonly FirewallSource[] {
  const byNetwork = new Map<string, Set<string>>();
  for (const peer of peers) {
    const hosts = urisOf(peer).flatMap((uri) => {
      const parsed = parsePeerUri(uri);
      return parsed === undefined ? [] : parsed.numeric ? [parsed.host] : (resolved.get(parsed.host.toLowerCase()) ?? []);
    });
    for (const network of [...peer.addresses, ...hosts]) {
      if (parseNetwork(network)?.address.family !== family) continue;
      const names = byNetwork.get(network) ?? new Set();
      byNetwork.set(network, names.add(peer.name));
    }
  }
  return [...byNetwork].map(([network, names]) => ({ network, peers: [...names] }));
}
