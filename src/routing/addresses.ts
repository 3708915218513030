/**
 * IP addresses and networks as values (RFC 4632, RFC 4291 §2.2), and a table that finds who lists an address.
 *
 * Deliberately no DNS and no sockets. IPv4-mapped IPv6 addresses are IPv4; a zone ("%eth0") is cut.
 */

export type Address = { readonly family: 4; readonly value: number } | { readonly family: 6; readonly value: bigint };

export interface Network {
  readonly address: Address;
  readonly prefixBits: number;
}

const BITS = { 4: 32, 6: 128 } as const;

function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    // A leading zero is octal to some programs and decimal to others: neither is taken.
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

/** The groups of one side of "::"; the last may be dotted IPv4. */
function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (part.includes(".") && i === parts.length - 1) {
      const ipv4 = parseIpv4(part);
      if (ipv4 === undefined) return undefined;
      groups.push(Math.floor(ipv4 / 65536), ipv4 % 65536);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!);
  const tail = halves.length === 2 ? parseGroups(halves[1]!) : [];
  if (head === undefined || tail === undefined) return undefined;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined;
  let value = 0n;
  for (const group of [...head, ...Array<number>(gap).fill(0), ...tail]) value = (value << 16n) | BigInt(group);
  return value;
}

/** An address without brackets; undefined when it is none. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(":")) {
    const value = parseIpv4(text);
    return value === undefined ? undefined : { family: 4, value };
  }
  const zone = text.indexOf("%");
  const value = parseIpv6(zone < 0 ? text : text.slice(0, zone));
  if (value === undefined) return undefined;
  // RFC 4291 §2.5.5.2: what a dual-stack socket reports for an IPv4 sender.
  if (value >> 32n === 0xffffn) return { family: 4, value: Number(value & 0xffffffffn) };
  return { family: 6, value };
}

/** "10.0.0.0/24", or an address, which is a network of one. Bits below the prefix are ignored. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash < 0) return { address, prefixBits: BITS[address.family] };
  const bits = text.slice(slash + 1);
  if (!/^[0-9]{1,3}$/.test(bits) || Number(bits) > BITS[address.family]) return undefined;
  return { address, prefixBits: Number(bits) };
}

/** The same text for every way to write one address: a map key, not for people. */
export function addressKey(address: Address): string {
  if (address.family === 6) return `6:${address.value.toString(16)}`;
  const { value } = address;
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

export function sameAddress(a: string, b: string): boolean {
  if (a === b) return true;
  const left = parseAddress(a);
  const right = parseAddress(b);
  return left !== undefined && right !== undefined && addressKey(left) === addressKey(right);
}

function masked(address: Address, prefixBits: number): number | bigint {
  if (address.family === 6) return address.value >> BigInt(128 - prefixBits);
  // A shift by 32 is a shift by 0 in JavaScript.
  return prefixBits === 0 ? 0 : address.value >>> (32 - prefixBits);
}

export interface AddressMatch<T> {
  readonly value: T;
  readonly prefixBits: number;
}

export interface AddressTable<T> {
  /** Everyone who lists the address, the most specific network first. */
  find(address: string): readonly AddressMatch<T>[];
}

interface Level<T> {
  readonly family: 4 | 6;
  readonly prefixBits: number;
  readonly entries: Map<number | bigint, AddressMatch<T>[]>;
}

const NOBODY: readonly never[] = [];

interface Parsed extends Network {
  /** Of a network of one address. */
  readonly host: string | undefined;
}
/** Tables are built anew with each change of a peer, mostly of the same networks. */
const parsedNetworks = new Map<string, Parsed | undefined>();
const PARSED_MAX = 20_000;

function remembered(text: string): Parsed | undefined {
  let parsed = parsedNetworks.get(text);
  if (parsed !== undefined || parsedNetworks.has(text)) return parsed;
  const network = parseNetwork(text);
  if (network !== undefined)
    parsed = { ...network, host: network.prefixBits === BITS[network.address.family] ? addressKey(network.address) : undefined };
  if (parsedNetworks.size >= PARSED_MAX) parsedNetworks.clear();
  parsedNetworks.set(text, parsed);
  return parsed;
}

/** Entries that are no network are left out: the configuration check has named them. */
export function buildAddressTable<T>(entries: Iterable<readonly [network: string, value: T]>): AddressTable<T> {
  const hosts = new Map<string, AddressMatch<T>[]>();
  const levels = new Map<string, Level<T>>();
  for (const [text, value] of entries) {
    const network = remembered(text);
    if (network === undefined) continue;
    const { address, prefixBits, host } = network;
    const match = { value, prefixBits };
    if (host !== undefined) append(hosts, host, match);
    else {
      const key = `${address.family}/${prefixBits}`;
      let level = levels.get(key);
      if (level === undefined) levels.set(key, (level = { family: address.family, prefixBits, entries: new Map() }));
      append(level.entries, masked(address, prefixBits), match);
    }
  }
  const specificFirst = [...levels.values()].sort((a, b) => b.prefixBits - a.prefixBits);

  return {
    find(text) {
      const direct = hosts.get(text);
      if (direct !== undefined && specificFirst.length === 0) return direct;
      const address = parseAddress(text);
      if (address === undefined) return NOBODY;
      let found: readonly AddressMatch<T>[] = direct ?? hosts.get(addressKey(address)) ?? NOBODY;
      for (const { family, prefixBits, entries } of specificFirst) {
        if (family !== address.family) continue;
        const more = entries.get(masked(address, prefixBits));
        if (more !== undefined) found = found.length === 0 ? more : [...found, ...more];
      }
      return found;
    },
  };
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
