/**
 * The DNS questions that finding a SIP server takes (RFC 3263): SRV, A and AAAA, asked of the system's
 * servers, after /etc/hosts. Answers are values; "there is no such name" differs from "nobody answered",
 * because the first may be believed and the second must not empty a cache.
 *
 * Deliberately not here: caching, NAPTR, DNSSEC, search domains.
 */
import { Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { socketError } from "./socket-error.ts";

export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** A name, without the closing dot. */
  readonly name: string;
}

export type DnsAnswer<T> =
  | { readonly type: "found"; readonly records: readonly T[]; readonly ttlMs: number }
  /** The servers say that there is no such record. */
  | { readonly type: "none" }
  /** Nobody knows: time-out, refused, SERVFAIL. */
  | { readonly type: "failed"; readonly code: string; readonly detail: string };

/** Never rejects. */
export interface DnsQuestions {
  srv(name: string): Promise<DnsAnswer<SrvRecord>>;
  a(name: string): Promise<DnsAnswer<string>>;
  aaaa(name: string): Promise<DnsAnswer<string>>;
}

/** Node tells no TTL of SRV records. */
const SRV_TTL_MS = 60_000;
const HOSTS_TTL_MS = 10_000;
/** Far above what any service has; an answer with thousands is not to be kept. */
const RECORDS_MAX = 64;
const HOSTS_FILE = "/etc/hosts";
/** Codes of c-ares for an authoritative "no". */
const NEGATIVE = new Set(["ENOTFOUND", "ENODATA"]);

export interface DnsOptions {
  /** For one question to one server, doubled with each of `tries`. */
  readonly timeoutMs?: number;
  readonly tries?: number;
  /** "10.0.0.53" or "10.0.0.53:5353"; none: the system's. */
  readonly servers?: readonly string[];
}

export function systemDns({ timeoutMs = 700, tries = 2, servers = [] }: DnsOptions = {}): DnsQuestions {
  const resolver = new Resolver({ timeout: timeoutMs, tries });
  if (servers.length > 0) resolver.setServers(servers);
  const address = async (name: string, family: 4 | 6): Promise<DnsAnswer<string>> => {
    const local = await localAddresses(name, family);
    if (local.length > 0) return { type: "found", records: local, ttlMs: HOSTS_TTL_MS };
    return ask(async () => {
      const records = family === 4 ? await resolver.resolve4(name, { ttl: true }) : await resolver.resolve6(name, { ttl: true });
      const ttlS = records.reduce((least, record) => Math.min(least, record.ttl), Number.POSITIVE_INFINITY);
      return { records: records.map((record) => record.address), ttlMs: ttlS * 1000 };
    });
  };
  return {
    a: (name) => address(name, 4),
    aaaa: (name) => address(name, 6),
    srv: (name) =>
      ask(async () => {
        const records = await resolver.resolveSrv(name);
        return {
          // Before the surplus is cut off: what is kept is what would be tried first.
          records: records
            .toSorted((a, b) => a.priority - b.priority)
            .map(({ priority, weight, port, name: host }) => ({ priority, weight, port, name: host })),
          ttlMs: SRV_TTL_MS,
        };
      }),
  };
}

async function ask<T>(question: () => Promise<{ records: readonly T[]; ttlMs: number }>): Promise<DnsAnswer<T>> {
  try {
    const { records, ttlMs } = await question();
    return records.length === 0 ? { type: "none" } : { type: "found", records: records.slice(0, RECORDS_MAX), ttlMs };
  } catch (error) {
    const { code, detail } = socketError(error);
    return NEGATIVE.has(code) ? { type: "none" } : { type: "failed", code, detail };
  }
}

/** What the machine itself says of a name: RFC 6761 §6.3 for localhost, /etc/hosts for others. */
async function localAddresses(name: string, family: 4 | 6): Promise<readonly string[]> {
  const wanted = name.toLowerCase();
  if (wanted === "localhost" || wanted.endsWith(".localhost")) return [family === 4 ? "127.0.0.1" : "::1"];
  try {
    return addressesInHosts(await readFile(HOSTS_FILE, "utf8"), wanted, family);
  } catch {
    return [];
  }
}

/** @param wanted in lower case */
export function addressesInHosts(hosts: string, wanted: string, family: 4 | 6): readonly string[] {
  const found: string[] = [];
  for (const line of hosts.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (isIP(address) === family && names.some((name) => name.toLowerCase() === wanted)) found.push(address);
  }
  return found;
}
