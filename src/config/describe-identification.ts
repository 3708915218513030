/**
 * What `tandem check` says about recognition: on each listener, which address is whom, by which means peers of one
 * address are told apart, who can't be recognised, and what stays ambiguous.
 */
import { IDENTIFICATION_ORDER, type IdentificationStep } from "#routing/identify.ts";
import type { DigestUser } from "#routing/accounts.ts";
import type { Did, Listener, Peer, Snapshot } from "#routing/snapshot.ts";
import { parsePeerUri } from "./peer-uri.ts";

export interface IdentificationReport {
  readonly order: readonly IdentificationStep[];
  readonly listeners: readonly {
    readonly listener: string;
    readonly binds: string;
    readonly sources: readonly {
      readonly network: string;
      readonly peers: readonly { readonly name: string; readonly kind: "trunk" | "gateway"; readonly tenant: string }[];
      /** "address" when it is one peer's alone. */
      readonly by: string;
      /** Names that nothing tells apart. */
      readonly ambiguous: readonly string[];
    }[];
    /** Who proves himself by name and password, and what he is asked for. */
    readonly digestUsers: readonly {
      readonly username: string;
      readonly peer: string;
      readonly kind: "trunk" | "gateway";
      readonly tenant: string;
      readonly realms: readonly string[];
    }[];
    /** Who proves himself by a client certificate with one of these names. */
    readonly certificates: readonly {
      readonly names: readonly string[];
      readonly peer: string;
      readonly kind: "trunk" | "gateway";
      readonly tenant: string;
      /** Others with the same name, whom nothing tells apart. */
      readonly ambiguous: readonly string[];
    }[];
    /** Trunks whose calls come to the Contact that we registered. */
    readonly registered: readonly string[];
    /** Peers that nothing proves: calls can go to them, not come from them. */
    readonly unrecognised: readonly string[];
  }[];
}

/** Which DIDs a trunk may be called for: those open to its tenant, and those that name it. */
export interface DidUse {
  readonly tenantsWithOpen: ReadonlySet<string>;
  readonly trunksNamed: ReadonlySet<string>;
}

export function didUseOf(dids: Iterable<Did>): DidUse {
  const tenantsWithOpen = new Set<string>();
  const trunksNamed = new Set<string>();
  for (const { tenant, trunks } of dids) {
    if (trunks.length === 0) tenantsWithOpen.add(tenant);
    for (const trunk of trunks) trunksNamed.add(trunk);
  }
  return { tenantsWithOpen, trunksNamed };
}

export interface Apart {
  /** The address is one peer's alone. */
  readonly alone: boolean;
  readonly by: readonly string[];
  readonly ambiguous: readonly string[];
}

/** How peers that share an address are told apart, and which aren't: every pair needs a means. */
export function tellApart(peers: readonly Peer[], use: DidUse): Apart {
  if (peers.length < 2) return { alone: true, by: ["address"], ambiguous: [] };
  const by = new Set<string>();
  const ambiguous = new Set<string>();
  for (const [i, a] of peers.entries()) {
    for (const b of peers.slice(0, i)) {
      const means = meansBetween(a, b, use);
      if (means !== undefined) by.add(means);
      else {
        ambiguous.add(b.name);
        ambiguous.add(a.name);
      }
    }
  }
  return { alone: false, by: [...by], ambiguous: [...ambiguous] };
}

function meansBetween(a: Peer, b: Peer, use: DidUse): string | undefined {
  const shared = (a.domains ?? []).some((domain) => b.domains?.includes(domain));
  if (a.domains !== undefined && b.domains !== undefined && !shared) return "domain";
  if (a.trunkGroup !== undefined && b.trunkGroup !== undefined && a.trunkGroup !== b.trunkGroup) return "trunk group";
  if (ownsDids(a, use) && ownsDids(b, use) && (a.tenant !== b.tenant || !use.tenantsWithOpen.has(a.tenant))) return "DID";
  // Not a trunk and a gateway by the DID: a carrier's call to any other number would pass as the gateway's.
  const [portOfA, portOfB] = [portOf(a), portOf(b)];
  return portOfA !== undefined && portOfB !== undefined && portOfA !== portOfB ? "port" : undefined;
}

const ownsDids = (peer: Peer, use: DidUse): boolean =>
  peer.kind === "trunk" && (use.tenantsWithOpen.has(peer.tenant) || use.trunksNamed.has(peer.name));

const portOf = ({ uri }: Peer): number | undefined => (uri === undefined ? undefined : parsePeerUri(uri)?.port);

export function describeIdentification(snapshot: Snapshot): IdentificationReport {
  const use = didUseOf(snapshot.dids.values());
  const peers: readonly Peer[] = [...snapshot.trunks.values(), ...snapshot.gateways.values()];
  const listeners = [...snapshot.listeners.values()].map((listener) => {
    const here = peers.filter((peer) => peer.listener === listener.name);
    const networks = new Map<string, Peer[]>();
    for (const peer of here) for (const network of new Set(peer.addresses)) networks.set(network, [...(networks.get(network) ?? []), peer]);
    return {
      listener: listener.name,
      binds: bindsOf(listener),
      sources: [...networks].map(([network, sharing]) => {
        const { by, ambiguous } = tellApart(sharing, use);
        return { network, peers: sharing.map(({ name, kind, tenant }) => ({ name, kind, tenant })), by: by.join(", "), ambiguous };
      }),
      digestUsers: here.flatMap((peer) => (peer.digest === undefined ? [] : [digestUserOf(peer, peer.digest, listener)])),
      certificates: here.flatMap((peer) => certificateOf(peer, here, use)),
      registered: [...snapshot.trunks.values()].filter(({ register }) => register?.listener === listener.name).map(({ name }) => name),
      unrecognised: here
        .filter(
          (peer) =>
            peer.addresses.length === 0 &&
            peer.digest === undefined &&
            (peer.tls?.clientNames ?? []).length === 0 &&
            (peer.kind === "gateway" || peer.register === undefined),
        )
        .map(({ name }) => name),
    };
  });
  return { order: IDENTIFICATION_ORDER, listeners };
}

function bindsOf({ address, port, transports, tls }: Listener): string {
  const plain = transports.filter((transport) => transport !== "TLS");
  return [
    ...(plain.length === 0 ? [] : [`${address}:${port} ${plain.join(" ")}`]),
    ...(tls === undefined ? [] : [`${address}:${tls.port} TLS`]),
  ].join(", ");
}

function certificateOf(peer: Peer, here: readonly Peer[], use: DidUse) {
  const names = peer.tls?.clientNames ?? [];
  if (names.length === 0) return [];
  const sharing = here.filter((other) => other.tls?.clientNames.some((name) => names.includes(name)) === true);
  const { ambiguous } = tellApart(sharing, use);
  return [{ names, peer: peer.name, kind: peer.kind, tenant: peer.tenant, ambiguous: ambiguous.filter((name) => name !== peer.name) }];
}

function digestUserOf({ name, kind, tenant, domains }: Peer, { username, realm }: DigestUser, { domains: own, advertised }: Listener) {
  const hosts = domains ?? (own.length > 0 ? own : [advertised]);
  return { username, peer: name, kind, tenant, realms: realm === undefined ? hosts : [realm] };
}

export function renderIdentification({ order, listeners }: IdentificationReport): readonly string[] {
  const lines = ["Who is calling is found in this order:"];
  for (const [i, { name, says, built }] of order.entries()) {
    lines.push(`  ${String(i + 1).padStart(2)}. ${name.padEnd(16)} ${says}${built ? "" : " (not built yet)"}`);
  }
  for (const { listener, binds, sources, unrecognised, digestUsers, certificates, registered } of listeners) {
    lines.push("", `listener ${listener}  ${binds}`);
    const rows = sources.map(({ network, peers, by, ambiguous }) => [
      network,
      peers.map(({ name, kind, tenant }) => `${kind} ${name}${tenant === "default" ? "" : ` (${tenant})`}`).join(", "),
      ambiguous.length > 0 ? `AMBIGUOUS: ${ambiguous.join(", ")}` : `by ${by}`,
    ]);
    const width = (column: number): number => Math.max(0, ...rows.map((row) => row[column]!.length));
    for (const [network, who, how] of rows) lines.push(`  ${network!.padEnd(width(0))}  ${who!.padEnd(width(1))}  ${how!}`);
    for (const { names, peer, kind, tenant, ambiguous } of certificates)
      lines.push(
        `  certificate of ${names.join(" or ")}  ${kind} ${peer}${tenant === "default" ? "" : ` (${tenant})`}  ${ambiguous.length === 0 ? "by certificate" : `AMBIGUOUS with ${ambiguous.join(", ")}`}`,
      );
    for (const { username, peer, kind, tenant, realms } of digestUsers)
      lines.push(
        `  digest user ${username} of ${realms.join(", ")}  ${kind} ${peer}${tenant === "default" ? "" : ` (${tenant})`}  by digest`,
      );
    for (const trunk of registered) lines.push(`  calls to our registered Contact  trunk ${trunk}  by flow`);
    if (rows.length + digestUsers.length + certificates.length + registered.length === 0) lines.push("  nobody is recognised here");
    if (unrecognised.length > 0) lines.push(`  nothing proves ${unrecognised.join(", ")}: calls can go there, not come from there`);
  }
  return lines;
}
