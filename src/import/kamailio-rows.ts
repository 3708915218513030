/**
 * Rows of dispatcher, address, did_routing and uacreg, from a dump's tables and from dispatcher.list and address
 * files (Kamailio 5.6, modules dispatcher §6.1, permissions §6, uac §3).
 */
import type { MoveRow, SourceFile } from "./move.ts";
import { type SqlRow, readSqlDump } from "./sql-dump.ts";

export interface Destination {
  readonly source: string;
  readonly set: number;
  readonly uri: string;
  readonly flags: number;
  /** Higher is preferred. */
  readonly priority: number;
  readonly attributes: ReadonlyMap<string, string>;
  readonly description: string;
}

export interface AllowedAddress {
  readonly source: string;
  readonly group: number;
  readonly address: string;
  readonly maskBits: number;
  readonly port: number;
  readonly tag: string;
}

export interface DidRow {
  readonly source: string;
  readonly did: string;
  readonly group: number | undefined;
  readonly uri: string;
  readonly enabled: boolean;
}

export interface RegistrationRow {
  readonly source: string;
  readonly id: string;
  readonly localUser: string;
  readonly user: string;
  readonly domain: string;
  readonly realm: string;
  readonly authUser: string;
  readonly password: string;
  readonly ha1: string;
  readonly proxy: string;
  readonly expiresS: number;
  readonly flags: number;
  readonly contactAddress: string;
  readonly socket: string;
}

export interface KamailioRows {
  readonly destinations: readonly Destination[];
  readonly addresses: readonly AllowedAddress[];
  readonly dids: readonly DidRow[];
  readonly registrations: readonly RegistrationRow[];
  /** What could not be read. */
  readonly left: readonly MoveRow[];
}

const FLAGS_OFF = /^(0|n|no|f|false|off|inactive|disabled)$/i;
/** Tables that hold no configuration of calls. */
const SILENT_TABLES = new Set(["version"]);
const READ_TABLES = new Set(["dispatcher", "address", "did_routing", "uacreg"]);

export function readRows(
  dumps: readonly SourceFile[],
  dispatcherLists: readonly SourceFile[],
  addressFiles: readonly SourceFile[],
): KamailioRows {
  const rows = {
    destinations: [] as Destination[],
    addresses: [] as AllowedAddress[],
    dids: [] as DidRow[],
    registrations: [] as RegistrationRow[],
    left: [] as MoveRow[],
  };
  for (const { name, text } of dumps) {
    const dump = readSqlDump(text);
    for (const { line, what } of dump.unread)
      rows.left.push({ source: `${name}:${line}`, what: "an SQL statement", became: "", note: what });
    const each = <T>(table: string, read: (row: Columns) => T | undefined): T[] =>
      (dump.tables.get(table) ?? []).flatMap((row) => read(new Columns(row, `${name}:${row.line}`)) ?? []);
    rows.destinations.push(...each("dispatcher", destinationOf));
    rows.addresses.push(...each("address", addressOf));
    rows.dids.push(...each("did_routing", didOf));
    rows.registrations.push(...each("uacreg", registrationOf));
    for (const [table, { length }] of dump.tables) {
      if (!READ_TABLES.has(table) && !SILENT_TABLES.has(table) && length > 0) {
        rows.left.push({
          source: name,
          what: `table ${table}, ${length} ${length === 1 ? "row" : "rows"}`,
          became: "",
          note: "only dispatcher, address, did_routing and uacreg are read",
        });
      }
    }
  }
  for (const file of dispatcherLists)
    readList(file, listedDestination, rows.destinations, rows.left, "setid destination [flags] [priority] [attrs]");
  for (const file of addressFiles) readList(file, listedAddress, rows.addresses, rows.left, "group address [mask] [port] [tag]");
  return rows;
}

class Columns {
  readonly source: string;
  readonly #values: ReadonlyMap<string, string | null>;

  constructor(row: SqlRow, source: string) {
    this.#values = row.values;
    this.source = source;
  }
  text(...names: readonly string[]): string {
    for (const name of names) {
      const value = this.#values.get(name);
      if (value !== undefined && value !== null) return value.trim();
    }
    return "";
  }
  number(name: string, fallback: number): number {
    const text = this.text(name);
    return /^[-+]?[0-9]{1,9}$/.test(text) ? Number(text) : fallback;
  }
}

/** "weight=50;socket=udp:10.0.0.1:5060" */
function parseAttributes(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const part of text.split(";")) {
    const equals = part.indexOf("=");
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (name !== "" && !attributes.has(name)) attributes.set(name, equals < 0 ? "" : part.slice(equals + 1).trim());
  }
  return attributes;
}

const destinationOf = (row: Columns): Destination => ({
  source: row.source,
  set: row.number("setid", 0),
  uri: row.text("destination"),
  flags: row.number("flags", 0),
  priority: row.number("priority", 0),
  attributes: parseAttributes(row.text("attrs")),
  description: row.text("description"),
});
const addressOf = (row: Columns): AllowedAddress => {
  const address = row.text("ip_addr");
  return {
    source: row.source,
    group: row.number("grp", 1),
    address,
    maskBits: maskOf(address, row.number("mask", 32)),
    port: row.number("port", 0),
    tag: row.text("tag"),
  };
};
const didOf = (row: Columns): DidRow => {
  const group = row.text("gateway_group");
  const enabled = row.text("enabled", "active", "is_active", "is_enabled", "status");
  return {
    source: row.source,
    did: row.text("did"),
    group: /^[0-9]{1,9}$/.test(group) ? Number(group) : undefined,
    uri: row.text("gateway_uri"),
    enabled: !FLAGS_OFF.test(enabled),
  };
};
const registrationOf = (row: Columns): RegistrationRow => ({
  source: row.source,
  id: row.text("l_uuid"),
  localUser: row.text("l_username"),
  user: row.text("r_username"),
  domain: row.text("r_domain"),
  realm: row.text("realm"),
  authUser: row.text("auth_username"),
  password: row.text("auth_password"),
  ha1: row.text("auth_ha1"),
  proxy: row.text("auth_proxy"),
  expiresS: row.number("expires", 0),
  flags: row.number("flags", 0),
  contactAddress: row.text("contact_addr"),
  socket: row.text("socket"),
});

/** The table's default is 32 for IPv6, too, where Kamailio means the whole address. */
const maskOf = (address: string, mask: number): number => (address.includes(":") && (mask === 32 || mask === 0) ? 128 : mask);

function readList<T>(
  file: SourceFile,
  read: (words: readonly string[], source: string) => T | undefined,
  into: T[],
  left: MoveRow[],
  form: string,
): void {
  for (const [i, line] of file.text.split("\n").entries()) {
    const text = line.replace(/#.*$/, "").trim();
    if (text === "") continue;
    const source = `${file.name}:${i + 1}`;
    const row = read(text.split(/\s+/), source);
    if (row === undefined) left.push({ source, what: text, became: "", note: `not of the form ${form}` });
    else into.push(row);
  }
}

function listedDestination(
  [set, uri, flags = "0", priority = "0", ...attributes]: readonly string[],
  source: string,
): Destination | undefined {
  if (!/^[0-9]{1,9}$/.test(set ?? "") || uri === undefined || !/^-?[0-9]{1,9}$/.test(flags) || !/^-?[0-9]{1,9}$/.test(priority))
    return undefined;
  return {
    source,
    set: Number(set),
    uri,
    flags: Number(flags),
    priority: Number(priority),
    attributes: parseAttributes(attributes.join(" ").replace(/^"|"$/g, "")),
    description: "",
  };
}

function listedAddress([group, written, mask, port = "0", tag = ""]: readonly string[], source: string): AllowedAddress | undefined {
  const [address, slashed] = (written ?? "").replace(/,$/, "").split("/");
  if (!/^[0-9]{1,9}$/.test(group ?? "") || address === undefined || address === "") return undefined;
  const bits = (mask ?? slashed ?? (address.includes(":") ? "128" : "32")).replace(/,$/, "");
  if (!/^[0-9]{1,3}$/.test(bits) || !/^[0-9]{1,5},?$/.test(port)) return undefined;
  return { source, group: Number(group), address, maskBits: Number(bits), port: Number(port.replace(",", "")), tag };
}
