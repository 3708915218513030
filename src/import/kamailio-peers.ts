/** Gateways and groups out of dispatcher rows; trunks out of carrier addresses and registrations. */
import { parseAddress, sameAddress } from "#routing/addresses.ts";
import type { KamailioCfg, Located } from "./kamailio-cfg.ts";
import type { Listeners, Side } from "./kamailio-listeners.ts";
import type { AllowedAddress, Destination, RegistrationRow } from "./kamailio-rows.ts";
import type { DraftGroup, DraftPeer, MoveRow } from "./move.ts";
import { type Names, nameOfHost, slug } from "./names.ts";

export interface Making {
  readonly cfg: KamailioCfg;
  readonly listeners: Listeners;
  readonly names: Names;
  readonly rows: MoveRow[];
}

/** "sip:user@host:port;transport=tcp" as far as a peer's uri takes it. */
export interface PeerUri {
  readonly uri: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly transport: "udp" | "tcp";
  /** Parts that were cut, for the note. */
  readonly cut: readonly string[];
}

const URI =
  /^(sips?:)?(?:([^@;?]*)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.?)(?::([0-9]{1,5}))?((?:;[^?]*)?)(\?.*)?$/i;

/** @returns a reason where it can't be taken */
export function readUri(text: string): PeerUri | string {
  const parts = URI.exec(text.trim());
  if (parts === null) return "not a SIP URI of a host";
  const [, scheme = "", user, host, port, parameters = "", headers] = parts as unknown as (string | undefined)[];
  const transport = /;transport=([^;]*)/i.exec(parameters)?.[1]?.toLowerCase() ?? "";
  if (/^sips:/i.test(scheme) || (transport !== "" && transport !== "udp" && transport !== "tcp"))
    return `${transport === "" ? "TLS" : transport.toUpperCase()} is not built in this version`;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return `port ${port} is none`;
  const others = parameters.split(";").filter((one) => one !== "" && !/^transport=/i.test(one));
  const cut = [
    ...(user === undefined ? [] : [`user ${user}, where the called number goes`]),
    ...others.map((one) => `;${one}`),
    ...(headers === undefined ? [] : [headers]),
  ];
  return {
    uri: `sip:${host}${port === undefined ? "" : `:${port}`}${transport === "" ? "" : `;transport=${transport}`}`,
    host: host!.replace(/^\[|\]$/g, ""),
    port: port === undefined ? undefined : Number(port),
    transport: transport === "tcp" ? "tcp" : "udp",
    cut,
  };
}

/** The listener of a peer, by its socket where it names one. */
export function listenerOf(making: Making, socket: string | undefined, host: string, side: Side, notes: string[]): string {
  const { listeners } = making;
  if (socket !== undefined && socket !== "") {
    const named = listeners.bySocket(socket);
    if (named !== undefined) return named;
    notes.push(`no listener for socket ${socket}`);
  }
  return listeners.towards(host, side);
}

/** Bits of `flags` (dispatcher §6.1). */
const INACTIVE = 1;
const TRYING = 2;
const DISABLED = 4;
const PROBING = 8;
const NO_PING = 32;

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

function probeOf(flags: number, { parameters }: KamailioCfg): DraftPeer["probe"] | undefined {
  const number = (name: string): number | undefined => {
    const value = parameters.get(`dispatcher.${name}`)?.value;
    return value !== undefined && /^[0-9]{1,6}$/.test(value) ? Number(value) : undefined;
  };
  const everyS = number("ds_ping_interval");
  const mode = number("ds_probing_mode") ?? 0;
  const wanted = everyS === undefined ? (flags & PROBING) !== 0 : everyS > 0 && (mode > 0 || (flags & PROBING) !== 0);
  if (!wanted || (flags & NO_PING) !== 0) return undefined;
  if (everyS === undefined) return "yes";
  const codes = acceptedCodes(parameters.get("dispatcher.ds_ping_reply_codes")?.value ?? "");
  return {
    every_s: Math.min(Math.max(everyS, 1), 3_600),
    // A probe's answer may take no longer than the time between two.
    ...(everyS < 2 ? { timeout_ms: 900 } : {}),
    down_after: Math.min(Math.max(number("ds_probing_threshold") ?? 1, 1), 100),
    up_after: Math.min(Math.max(number("ds_inactive_threshold") ?? 1, 1), 100),
    ...(codes.length > 1 ? { accepted_codes: codes } : {}),
  };
}

/** "class=2;code=480;class=4"; 200 always counts. */
function acceptedCodes(text: string): readonly string[] {
  const codes = ["200"];
  for (const part of text.split(";")) {
    const [, kind, digits] = /^\s*(class|code)\s*=\s*([1-6][0-9]{0,2})\s*$/i.exec(part) ?? [];
    if (kind === undefined || digits === undefined) continue;
    if (/class/i.test(kind)) codes.push(`${digits[0]}xx`);
    else if (digits.length === 3) codes.push(digits);
  }
  return [...new Set(codes)];
}

/** By which algorithm the script asks this set; undefined where it doesn't say in digits. */
function algorithmOf(set: number, { selections }: KamailioCfg): number | undefined {
  const own = selections.find(({ value }) => value.set === set && value.algorithm !== undefined);
  const any = selections.find(({ value }) => value.set === undefined && value.algorithm !== undefined);
  return (own ?? any)?.value.algorithm;
}

interface Algorithm {
  readonly name: string;
  readonly weight?: "weight" | "rweight";
  /** Whether Kamailio asks the priority when it chooses, or only sorts by it once. */
  readonly byPriority?: boolean;
  readonly note?: string;
}
/** ds_select_dst (dispatcher §4.1). */
const ALGORITHMS: Readonly<Record<number, Algorithm>> = {
  0: { name: "hash_call_id" },
  1: { name: "hash_caller" },
  2: { name: "hash_call_id", note: "hashing the To is not there: the Call-ID is hashed" },
  3: { name: "hash_call_id", note: "hashing the called number is not there: the Call-ID is hashed" },
  4: { name: "round_robin" },
  5: { name: "round_robin", note: "hashing the authorization user is not there" },
  6: { name: "weighted" },
  7: { name: "hash_call_id", note: "hashing a variable of the script is not there: the Call-ID is hashed" },
  8: { name: "strict_priority", byPriority: true },
  9: { name: "weighted", weight: "weight" },
  10: { name: "least_calls" },
  11: { name: "weighted", weight: "rweight" },
  12: { name: "parallel" },
  13: { name: "round_robin", byPriority: true, note: "latency is not asked" },
};

function groupOf(
  name: string,
  members: readonly { readonly destination: Destination; readonly gateway: string }[],
  number: number | undefined,
): { readonly draft: DraftGroup; readonly note: string } {
  const numberOf = (destination: Destination, key: string): number =>
    Math.min(Math.max(Number(destination.attributes.get(key) ?? 0) || 0, 0), 10_000);
  const known = number === undefined ? undefined : ALGORITHMS[number];
  const has = (key: string): boolean => members.some(({ destination }) => numberOf(destination, key) > 0);
  const weightKey = known === undefined ? (has("weight") ? "weight" : has("rweight") ? "rweight" : undefined) : known.weight;
  const byPriority = known?.byPriority ?? known === undefined;
  const priorities = [...new Set(members.map(({ destination }) => destination.priority))].toSorted((a, b) => b - a);
  const flattened = !byPriority && priorities.length > 1;
  const gateways = members.map(({ destination, gateway }) => {
    const weight = weightKey === undefined ? 0 : numberOf(destination, weightKey);
    const tier = byPriority ? priorities.indexOf(destination.priority) + 1 : 1;
    // By weight Kamailio never draws who has none; it comes in when others failed.
    const last = known?.weight !== undefined && has(known.weight) && weight === 0 ? 1 : 0;
    return { gateway, priority: tier + last, ...(weight > 0 ? { weight } : {}) };
  });
  const notes = [
    number === undefined
      ? "no script says the algorithm: by priority, then by weight"
      : known === undefined
        ? `algorithm ${number} is unknown: by priority, then by weight`
        : `algorithm ${number}`,
    ...(known?.note === undefined ? [] : [known.note]),
    ...(flattened ? [`it takes all of the set whatever their priority; give gateways priority 1, 2 … if one is a reserve`] : []),
    ...(byPriority && priorities.length > 1
      ? [`priority ${priorities.join(" > ")} became ${priorities.map((_, i) => i + 1).join(", ")}: here the lower goes first`]
      : []),
  ];
  const algorithm = known?.name ?? "weighted";
  return { draft: { name, ...(algorithm === "weighted" ? {} : { algorithm }), gateways }, note: notes.join("; ") };
}

export function networkOf({ address, maskBits }: AllowedAddress): string | undefined {
  const parsed = parseAddress(address);
  if (parsed === undefined) return undefined;
  const bits = parsed.family === 4 ? 32 : 128;
  return maskBits >= bits ? address : `${address}/${maskBits}`;
}

const CARRIER_NAME = /CARRIER|TELECOM|TRUNK|PROVIDER/;

/** Definitions such as TELECOM_CARRIER_1: whom the script sends calls out to. */
export function carriersOf({
  definitions,
}: KamailioCfg): readonly { readonly name: string; readonly uri: PeerUri; readonly at: Located<string> }[] {
  return [...definitions].flatMap(([name, at]) => {
    if (!CARRIER_NAME.test(name) || /PORT|TRANSPORT|GROUP|_ID$/.test(name)) return [];
    const port = definitions.get(`${name.replace(/_IP$/, "")}_PORT`)?.value;
    const uri = readUri(port === undefined || /:[0-9]+$/.test(at.value) ? at.value : `${at.value}:${port}`);
    return typeof uri === "string" || (parseAddress(uri.host) === undefined && !uri.host.includes(".")) ? [] : [{ name, uri, at }];
  });
}

/** @returns trunks, and of those with a name of a definition the order in which calls go out */
export function trunksOf(
  making: Making,
  allowed: readonly AllowedAddress[],
): { readonly trunks: readonly DraftPeer[]; readonly outbound: readonly string[] } {
  const { cfg, listeners, names, rows } = making;
  const carriers = carriersOf(cfg);
  const trunks: { name: string; listener: string; uri: string | undefined; addresses: string[] }[] = [];
  const outbound = new Map<string, string>();
  const byTag = new Map<string, (typeof trunks)[number]>();
  for (const row of allowed) {
    const network = networkOf(row);
    const what = `address group ${row.group}, ${network ?? row.address}${row.tag === "" ? "" : ` (${row.tag})`}`;
    if (network === undefined || row.maskBits === 0) {
      rows.push({
        source: row.source,
        what,
        became: "",
        note: network === undefined ? "a name, not an address: write its addresses into the trunk" : "everybody would be this carrier",
      });
      continue;
    }
    const carrier = carriers.find(({ uri }) => sameAddress(uri.host, row.address));
    const single = network === row.address;
    const uri =
      carrier?.uri.uri ??
      (single ? `sip:${row.address.includes(":") ? `[${row.address}]` : row.address}:${row.port === 0 ? 5060 : row.port}` : undefined);
    const known = row.tag === "" ? undefined : byTag.get(row.tag);
    const trunk = known ?? {
      name: names.give(row.tag, carrier?.name.replaceAll("_", "-") ?? "", `carrier-${nameOfHost(row.address)}`),
      listener: listeners.towards(row.address, "private"),
      uri: undefined,
      addresses: [],
    };
    if (known === undefined) {
      trunks.push(trunk);
      if (row.tag !== "") byTag.set(row.tag, trunk);
    }
    trunk.uri ??= uri;
    trunk.addresses.push(network);
    if (carrier !== undefined) outbound.set(carrier.name, trunk.name);
    rows.push({
      source: row.source,
      what,
      became: `${known === undefined ? "" : "address of "}trunk ${trunk.name}`,
      note: row.port === 0 ? "" : "the source port isn't asked",
    });
  }
  for (const { name, uri, at } of carriers) {
    const what = `${name} ${at.value}`;
    const known = outbound.get(name);
    if (known !== undefined) {
      rows.push({ source: at.source, what, became: `uri of trunk ${known}`, note: "" });
      continue;
    }
    const trunk = {
      name: names.give(name.replaceAll("_", "-")),
      listener: listeners.towards(uri.host, "private"),
      uri: uri.uri,
      addresses: [],
    };
    trunks.push(trunk);
    outbound.set(name, trunk.name);
    rows.push({
      source: at.source,
      what,
      became: `trunk ${trunk.name}`,
      note:
        parseAddress(uri.host) === undefined
          ? "nothing proves its calls: give it addresses:"
          : "no address row names it; calls from there are taken",
    });
  }
  const drafts = trunks.map(({ name, listener, uri, addresses }): DraftPeer => {
    const read = uri === undefined ? undefined : readUri(uri);
    if (read !== undefined && typeof read !== "string") listeners.need(listener, read.transport, name);
    // One address that the uri has already needs no list.
    const implied = addresses.length === 1 && read !== undefined && typeof read !== "string" && sameAddress(read.host, addresses[0]!);
    return { name, listener, ...(uri === undefined ? {} : { uri }), ...(addresses.length === 0 || implied ? {} : { addresses }) };
  });
  const order = carriers.flatMap(({ name }) => outbound.get(name) ?? []);
  return {
    trunks: drafts,
    outbound: order.length > 0 ? [...new Set(order)] : drafts.filter(({ uri }) => uri !== undefined).map(({ name }) => name),
  };
}

const REGISTRATION_OFF = 1;

export function registeringTrunks(making: Making, registrations: readonly RegistrationRow[]): readonly DraftPeer[] {
  const { listeners, names, rows } = making;
  return registrations.flatMap((row): DraftPeer[] => {
    const what = `uacreg ${row.id}: ${row.user}@${row.domain}`;
    const registrar = readUri(row.domain);
    const user = row.user || row.authUser;
    if (typeof registrar === "string" || user === "") {
      rows.push({ source: row.source, what, became: "", note: typeof registrar === "string" ? `r_domain: ${registrar}` : "no user" });
      return [];
    }
    const proxy = readUri(row.proxy);
    const viaProxy = typeof proxy !== "string" && (proxy.host !== registrar.host || proxy.port !== registrar.port);
    const notes: string[] = [];
    if (row.proxy !== "" && typeof proxy === "string") notes.push(`auth_proxy: ${proxy}`);
    const listener = listenerOf(making, row.socket, viaProxy && typeof proxy !== "string" ? proxy.host : registrar.host, "public", notes);
    listeners.need(listener, viaProxy && typeof proxy !== "string" ? proxy.transport : registrar.transport, row.source);
    if (row.password === "") notes.push(row.ha1 === "" ? "no password" : "only a hash of the password is stored: add password:");
    if (row.contactAddress !== "") notes.push("contact_addr is the listener's now");
    if (row.localUser !== "" && row.localUser !== user) notes.push(`its calls were sent on to ${row.localUser}: add a DID ${user}`);
    const off = (row.flags & REGISTRATION_OFF) !== 0;
    if (off) notes.push("registering was switched off: add register: yes to begin");
    const name = names.give(row.id, nameOfHost(registrar.host));
    const expires = row.expiresS === 0 ? undefined : Math.min(Math.max(row.expiresS, 60), 86_400);
    rows.push({ source: row.source, what, became: `trunk ${name}`, note: notes.join("; ") });
    return [
      {
        name,
        listener,
        uri: registrar.uri,
        // Without password and registering there is no account.
        ...(off && row.password === "" ? {} : { username: user }),
        ...(row.authUser === "" || row.authUser === user || (off && row.password === "") ? {} : { auth_username: row.authUser }),
        ...(row.password === "" ? {} : { password: row.password }),
        ...(row.realm === "" ? {} : { realm: row.realm }),
        ...(viaProxy && typeof proxy !== "string" ? { outbound_proxy: proxy.uri } : {}),
        ...(off ? {} : { register: { ...(expires === undefined ? {} : { expires_s: expires }) } }),
      },
    ];
  });
}
