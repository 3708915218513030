/** Gateways and groups out of dispatcher rows, direct URIs of did_routing and the public side's addresses. */
import { parseAddress, sameAddress } from "#routing/addresses.ts";
import { DISABLED, INACTIVE, TRYING, algorithmOf, groupOf, probeOf } from "./kamailio-groups.ts";
import { type Making, type PeerUri, listenerOf, networkOf, readUri } from "./kamailio-peer.ts";
import type { AllowedAddress, Destination } from "./kamailio-rows.ts";
import type { DraftGroup, DraftPeer } from "./move.ts";
import { nameOfHost, slug } from "./names.ts";

/** Attributes that have done their work elsewhere, or that nothing corresponds to. */
const READ_ATTRIBUTES = new Set(["weight", "rweight", "socket", "maxload", "obproxy", "ping_from", "duid"]);

/** For destinations that no set has: nothing probed them. */
const DIRECT = -1;

interface MadeGateway {
  readonly destination: Destination;
  readonly peer: DraftPeer;
  readonly uri: PeerUri;
}

export class Gateways {
  readonly #making: Making;
  /** By all that makes two destinations one gateway. */
  readonly #made = new Map<string, MadeGateway>();
  readonly #addresses = new Map<string, string[]>();
  readonly #extra: DraftPeer[] = [];
  readonly groups: DraftGroup[] = [];

  constructor(making: Making) {
    this.#making = making;
  }

  addDestinations(destinations: readonly Destination[]): void {
    const sets = new Map<number, Destination[]>();
    for (const destination of destinations) sets.set(destination.set, [...(sets.get(destination.set) ?? []), destination]);
    for (const [set, members] of [...sets].toSorted(([a], [b]) => a - b)) this.#addSet(set, members);
  }

  /** @returns the gateway's name, or undefined when it can't be one */
  addUri(uriText: string, source: string): string | undefined {
    const destination = {
      source,
      set: DIRECT,
      uri: uriText,
      flags: 0,
      priority: 0,
      attributes: new Map<string, string>(),
      description: "",
    };
    const known = readUri(uriText);
    if (typeof known !== "string") {
      const same = [...this.#made.values()].find(({ uri }) => uri.uri === known.uri);
      if (same !== undefined) return same.peer.name;
    }
    const made = this.#gateway(destination);
    if (typeof made === "string") return undefined;
    return made.peer.name;
  }

  /** The ACL of the public side: addresses of gateways that call out. */
  addAllowed(allowed: readonly AllowedAddress[]): void {
    const { rows } = this.#making;
    const lonely = new Map<string, AllowedAddress[]>();
    for (const row of allowed) {
      const network = networkOf(row);
      const what = `address group ${row.group}, ${network ?? row.address}${row.tag === "" ? "" : ` (${row.tag})`}`;
      const note = row.port === 0 ? "" : "the source port isn't asked";
      const byHost = [...this.#made.values()].find(
        ({ uri }) => sameAddress(uri.host, row.address) || uri.host.toLowerCase() === row.address.toLowerCase(),
      );
      if (network === undefined) {
        const became = byHost === undefined ? "" : `gateway ${byHost.peer.name}`;
        rows.push({ source: row.source, what, became, note: "a name, not an address: give the gateway addresses:, or digest" });
      } else if (row.maskBits === 0) {
        rows.push({
          source: row.source,
          what,
          became: "",
          note: "everybody could call out: name addresses, or let gateways prove themselves by digest",
        });
      } else if (byHost !== undefined) {
        this.#append(byHost.peer.name, network);
        rows.push({ source: row.source, what, became: `addresses of gateway ${byHost.peer.name}`, note });
      } else {
        const byTag =
          row.tag === ""
            ? undefined
            : [...this.#made.values()].find(
                ({ peer, destination }) => slug(row.tag) === peer.name || slug(row.tag) === slug(destination.description),
              );
        if (byTag === undefined) lonely.set(slug(row.tag) || row.source, [...(lonely.get(slug(row.tag) || row.source) ?? []), row]);
        else {
          this.#append(byTag.peer.name, network);
          rows.push({
            source: row.source,
            what,
            became: `addresses of gateway ${byTag.peer.name}`,
            note: [`by its tag`, note].filter(Boolean).join("; "),
          });
        }
      }
    }
    for (const same of lonely.values()) this.#addLonely(same);
  }

  /** Addresses that no destination has: a gateway that only calls in. */
  #addLonely(same: readonly AllowedAddress[]): void {
    const { names, listeners, rows } = this.#making;
    const [first] = same;
    const name = names.give(first!.tag, `caller-${nameOfHost(first!.address)}`);
    this.#extra.push({ name, listener: listeners.towards(first!.address, "public"), addresses: same.map((row) => networkOf(row)!) });
    for (const row of same) {
      rows.push({
        source: row.source,
        what: `address group ${row.group}, ${networkOf(row)}${row.tag === "" ? "" : ` (${row.tag})`}`,
        became: `gateway ${name}`,
        note: "calls from there only: no destination has this address",
      });
    }
  }

  #append(name: string, network: string): void {
    const list = this.#addresses.get(name) ?? [];
    this.#addresses.set(name, list);
    if (!list.includes(network)) list.push(network);
  }

  drafts(): readonly DraftPeer[] {
    const made = [...this.#made.values()].map(({ peer, uri }) => {
      const own = this.#addresses.get(peer.name) ?? [];
      // A uri with an address proves itself; a list replaces that, so it must hold it.
      if (own.length === 0 || (own.length === 1 && sameAddress(own[0]!, uri.host))) return peer;
      const numeric = parseAddress(uri.host) !== undefined && !own.some((one) => sameAddress(one, uri.host));
      return { ...peer, addresses: [...(numeric ? [uri.host] : []), ...own] };
    });
    return [...made, ...this.#extra];
  }

  #addSet(set: number, destinations: readonly Destination[]): void {
    const { names, rows } = this.#making;
    const members: { readonly destination: Destination; readonly gateway: string }[] = [];
    for (const destination of destinations) {
      const what = `dispatcher set ${set}, ${destination.uri}${destination.description === "" ? "" : ` (${destination.description})`}`;
      const made = this.#gateway(destination);
      if (typeof made === "string") rows.push({ source: destination.source, what, became: "", note: made });
      else if (members.some(({ gateway }) => gateway === made.peer.name))
        rows.push({ source: destination.source, what, became: "", note: "stands in the set already" });
      else {
        members.push({ destination, gateway: made.peer.name });
        rows.push({ source: destination.source, what, became: `gateway ${made.peer.name} in group-${set}`, note: made.notes.join("; ") });
      }
    }
    if (members.length === 0) return;
    const name = names.give(`group-${set}`);
    const { draft, note } = groupOf(name, members, algorithmOf(set, this.#making.cfg));
    this.groups.push(draft);
    rows.push({
      source: `dispatcher set ${set}`,
      what: `${members.length} ${members.length === 1 ? "destination" : "destinations"}`,
      became: `group ${name}`,
      note,
    });
  }

  #gateway(destination: Destination): (MadeGateway & { readonly notes: readonly string[] }) | string {
    const { listeners, names } = this.#making;
    const uri = readUri(destination.uri);
    if (typeof uri === "string") return uri;
    if (listeners.isOwn(uri.host, uri.port ?? 5060)) return "our own listener: calls would come back to us";
    const notes = uri.cut.map((part) => `without ${part}`);
    const { attributes } = destination;
    // A socket says where calls to it leave; calls from it come to the public side's first listener.
    const egress = listenerOf(this.#making, attributes.get("socket"), uri.host, "public", notes);
    const listener = listeners.towards(uri.host, "public");
    const callsMax = Number(attributes.get("maxload") ?? 0) || undefined;
    const disabled = (destination.flags & DISABLED) !== 0;
    const key = [uri.uri, egress, callsMax, disabled].join(" ");
    const known = this.#made.get(key);
    if (known !== undefined) return { ...known, notes: ["the same gateway as in another set"] };
    listeners.need(egress, uri.transport, destination.source);
    const proxy = readUri(attributes.get("obproxy") ?? "");
    if (typeof proxy !== "string") notes.push("obproxy was for pings only; outbound_proxy takes calls too");
    if (attributes.has("ping_from")) notes.push("ping_from is not taken: probes come from our own address");
    if ((destination.flags & (INACTIVE | TRYING)) !== 0) notes.push("its state is found anew");
    if (disabled) notes.push("was disabled; drain: no to use it");
    const others = [...attributes.keys()].filter((name) => !READ_ATTRIBUTES.has(name));
    if (others.length > 0) notes.push(`attributes ${others.join(", ")} meant something to the script only`);
    const probe = destination.set === DIRECT ? undefined : probeOf(destination.flags, this.#making.cfg);
    const peer: DraftPeer = {
      name: names.give(destination.description, nameOfHost(uri.host)),
      listener,
      ...(egress === listener ? {} : { egress_listener: egress }),
      uri: uri.uri,
      ...(callsMax === undefined ? {} : { calls_max: callsMax }),
      ...(disabled ? { drain: "yes" } : {}),
      ...(typeof proxy === "string" ? {} : { outbound_proxy: proxy.uri }),
      ...(probe === undefined ? {} : { probe }),
    };
    const made = { destination, peer, uri };
    this.#made.set(key, made);
    return { ...made, notes };
  }
}
