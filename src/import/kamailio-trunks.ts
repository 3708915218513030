/** Trunks out of carrier addresses, definitions such as TELECOM_CARRIER_1, and uacreg. */
import { parseAddress, sameAddress } from "#routing/addresses.ts";
import type { KamailioCfg, Located } from "./kamailio-cfg.ts";
import { type Making, type PeerUri, listenerOf, networkOf, readUri } from "./kamailio-peer.ts";
import type { AllowedAddress, RegistrationRow } from "./kamailio-rows.ts";
import type { DraftPeer } from "./move.ts";
import { nameOfHost } from "./names.ts";

interface Carrier {
  readonly name: string;
  readonly uri: PeerUri;
  readonly at: Located<string>;
}
const CARRIER_NAME = /CARRIER|TELECOM|TRUNK|PROVIDER/;

/** Definitions such as TELECOM_CARRIER_1: whom the script sends calls out to. */
function carriersOf({ definitions }: KamailioCfg): readonly Carrier[] {
  return [...definitions].flatMap(([name, at]) => {
    if (!CARRIER_NAME.test(name) || /PORT|TRANSPORT|GROUP|_ID$/.test(name)) return [];
    const port = definitions.get(`${name.replace(/_IP$/, "")}_PORT`)?.value;
    const uri = readUri(port === undefined || /:[0-9]+$/.test(at.value) ? at.value : `${at.value}:${port}`);
    return typeof uri === "string" || (parseAddress(uri.host) === undefined && !uri.host.includes(".")) ? [] : [{ name, uri, at }];
  });
}

interface MadeTrunk {
  readonly name: string;
  readonly listener: string;
  uri: string | undefined;
  readonly addresses: string[];
}

/** @returns trunks, and the names of those that calls go out to, in order */
export function trunksOf(
  making: Making,
  allowed: readonly AllowedAddress[],
): { readonly trunks: readonly DraftPeer[]; readonly outbound: readonly string[] } {
  const trunks: MadeTrunk[] = [];
  const carriers = carriersOf(making.cfg);
  /** Definition → trunk. */
  const defined = new Map<string, string>();
  addAddresses(making, allowed, carriers, trunks, defined);
  addCarriers(making, carriers, trunks, defined);
  const drafts = trunks.map((trunk) => draftOf(making, trunk));
  const order = carriers.flatMap(({ name }) => defined.get(name) ?? []);
  const dialled = drafts.filter(({ uri }) => uri !== undefined).map(({ name }) => name);
  return { trunks: drafts, outbound: order.length > 0 ? [...new Set(order)] : dialled };
}

/** One trunk for each tag; rows without one stand alone. */
function addAddresses(
  { listeners, names, rows }: Making,
  allowed: readonly AllowedAddress[],
  carriers: readonly Carrier[],
  trunks: MadeTrunk[],
  defined: Map<string, string>,
): void {
  const byTag = new Map<string, MadeTrunk>();
  for (const row of allowed) {
    const network = networkOf(row);
    const what = `address group ${row.group}, ${network ?? row.address}${row.tag === "" ? "" : ` (${row.tag})`}`;
    if (network === undefined || row.maskBits === 0) {
      const note = network === undefined ? "a name, not an address: write its addresses into the trunk" : "everybody would be this carrier";
      rows.push({ source: row.source, what, became: "", note });
      continue;
    }
    const carrier = carriers.find(({ uri }) => sameAddress(uri.host, row.address));
    const known = row.tag === "" ? undefined : byTag.get(row.tag);
    const trunk: MadeTrunk = known ?? {
      name: names.give(row.tag, carrier?.name.replaceAll("_", "-") ?? "", `carrier-${nameOfHost(row.address)}`),
      listener: listeners.towards(row.address, "private"),
      uri: undefined,
      addresses: [],
    };
    if (known === undefined) trunks.push(trunk);
    if (row.tag !== "") byTag.set(row.tag, trunk);
    trunk.uri ??= carrier?.uri.uri ?? (network === row.address ? uriOf(row) : undefined);
    trunk.addresses.push(network);
    if (carrier !== undefined) defined.set(carrier.name, trunk.name);
    const became = `${known === undefined ? "" : "address of "}trunk ${trunk.name}`;
    rows.push({ source: row.source, what, became, note: row.port === 0 ? "" : "the source port isn't asked" });
  }
}

const uriOf = ({ address, port }: AllowedAddress): string =>
  `sip:${address.includes(":") ? `[${address}]` : address}:${port === 0 ? 5060 : port}`;

/** Definitions that no address row made a trunk of. */
function addCarriers(
  { listeners, names, rows }: Making,
  carriers: readonly Carrier[],
  trunks: MadeTrunk[],
  defined: Map<string, string>,
): void {
  for (const { name, uri, at } of carriers) {
    const what = `${name} ${at.value}`;
    const known = defined.get(name);
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
    defined.set(name, trunk.name);
    const named = parseAddress(uri.host) === undefined;
    const note = named ? "nothing proves its calls: give it addresses:" : "no address row names it; calls from there are taken";
    rows.push({ source: at.source, what, became: `trunk ${trunk.name}`, note });
  }
}

function draftOf({ listeners }: Making, { name, listener, uri, addresses }: MadeTrunk): DraftPeer {
  const read = uri === undefined ? "" : readUri(uri);
  if (typeof read !== "string") listeners.need(listener, read.transport, name);
  // One address that the uri has already needs no list.
  const implied = addresses.length === 1 && typeof read !== "string" && sameAddress(read.host, addresses[0]!);
  return { name, listener, ...(uri === undefined ? {} : { uri }), ...(addresses.length === 0 || implied ? {} : { addresses }) };
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
