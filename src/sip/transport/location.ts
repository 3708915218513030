/**
 * From a SIP URI to the addresses to try, in order (RFC 3263 §4): numeric host, port and transport as
 * written, SRV with priority and weight (RFC 2782), else A or AAAA on 5060.
 *
 * sips, and transport=tls, go over TLS alone: `_sips._tcp`, else 5061 (§4.1, §4.2); the target says whose certificate
 * must be shown, which is the URI's host whatever DNS made of it (RFC 5922 §4).
 *
 * Deliberately not here yet: NAPTR (§4.1, without it the transport is UDP if the listener has it).
 */
import { isIP } from "node:net";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";
import { systemRandom } from "#base/random.ts";
import { DnsCache, type Eventually } from "#net/dns-cache.ts";
import type { DnsAnswer, DnsQuestions, SrvRecord } from "#net/dns.ts";
import type { Uri } from "#sip/message/message.ts";
import { parseUri } from "#sip/message/parse-uri.ts";
import type { Target, TransportLayer, TransportName } from "./transport.ts";
import { DEFAULT_PORT, DEFAULT_TLS_PORT } from "./via-response.ts";

const TARGETS_MAX = 8;
/** RFC 1035 §2.3.4. */
const NAME_CHARS_MAX = 253;
const NAME = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?$/i;
/** In the order of preference where the URI leaves the choice. */
const SUPPORTED: readonly TransportName[] = ["UDP", "TCP", "TLS"];
/** A URI that names no transport gets one of these. */
const UNNAMED: readonly TransportName[] = ["UDP", "TCP"];

export type LocateCode =
  /** The listener is not configured. */
  | "NO_LISTENER"
  /** The URI wants a transport that we, or that listener, do not have. */
  | "NO_TRANSPORT"
  /** The host is no SIP host: tel:, empty, malformed. */
  | "NO_HOST"
  /** An IPv6 address for an IPv4 listener, or the other way round. */
  | "EAFNOSUPPORT"
  /** DNS says that there is no such name, or that it offers no SIP. */
  | "NOT_FOUND"
  /** DNS did not answer. */
  | "DNS_FAILED";

export type Located =
  | { readonly ok: true; readonly targets: readonly Target[] }
  | { readonly ok: false; readonly code: LocateCode; readonly detail: string };

export interface Locator {
  /** At once for numeric hosts and names that are in the cache. Never rejects. */
  locate(uri: Uri, listener: string): Eventually<Located>;
}

export interface LocatorOptions {
  readonly dns: DnsQuestions;
  readonly clock: Clock;
  /** For weights; a test seeds it. */
  readonly random?: Random;
  /** Says which transports and address family a listener has; without it, all that we support. */
  readonly listeners?: Pick<TransportLayer, "listener">;
}

interface Place {
  readonly listener: string;
  readonly transports: readonly TransportName[];
  /** undefined: either. */
  readonly family: 4 | 6 | undefined;
}

const failed = (code: LocateCode, detail: string): Located => ({ ok: false, code, detail });

/** Goes on at once where the value is there, so that a cached answer costs no turn of the event loop. */
function following<T, R>(value: Eventually<T>, use: (value: T) => Eventually<R>): Eventually<R> {
  return value instanceof Promise ? value.then(use) : use(value);
}

/**
 * Nobody can be called at 0.0.0.0, which Linux takes for the machine itself, at a multicast address or at all hosts of
 * a network: a name that says so has no address. Private ones are taken, as a name of a VPN has them.
 */
const UNSENDABLE = /^(0\.|2[23]\d\.|24\d\.|25[0-5]\.|::$|ff[0-9a-f]{2}:|::ffff:0\.)/i;
function sendable(answer: DnsAnswer<string>): DnsAnswer<string> {
  if (answer.type !== "found" || !answer.records.some((address) => UNSENDABLE.test(address))) return answer;
  const records = answer.records.filter((address) => !UNSENDABLE.test(address));
  return records.length === 0 ? { type: "none" } : { ...answer, records };
}

export function createLocator(options: LocatorOptions): Locator {
  const { listeners, random = systemRandom } = options;
  const cache = new DnsCache(options.dns, options.clock);

  function placeOf(listener: string): Place | undefined {
    if (listeners === undefined) return { listener, transports: SUPPORTED, family: undefined };
    const face = listeners.listener(listener);
    if (face === undefined) return undefined;
    return {
      listener,
      transports: SUPPORTED.filter((transport) => face.portOf(transport) !== undefined || face.reaches?.(transport) === true),
      family: isIP(face.address) === 6 ? 6 : 4,
    };
  }

  function addressesOf(name: string, family: 4 | 6 | undefined): Eventually<DnsAnswer<string>> {
    if (family === 4) return following(cache.a(name), sendable);
    if (family === 6) return following(cache.aaaa(name), sendable);
    return following(addressesOf(name, 4), (answer) => (answer.type === "found" ? answer : addressesOf(name, 6)));
  }

  function locateByAddress(host: string, port: number, transport: TransportName, place: Place): Eventually<Located> {
    return following(addressesOf(host, place.family), (answer) => {
      if (answer.type === "failed") return failed("DNS_FAILED", `${host}: ${answer.detail}`);
      if (answer.type === "none") return failed("NOT_FOUND", `DNS has no address for ${host}`);
      const targets = answer.records.map((address) => ({ transport, listener: place.listener, address, port }));
      return { ok: true, targets: targets.slice(0, TARGETS_MAX) };
    });
  }

  /** Asks for one transport after the other; the first that has records decides (§4.1, last paragraphs). */
  function locateByService(host: string, transports: readonly TransportName[], place: Place): Eventually<Located> {
    const [transport, ...others] = transports;
    // §4.2: no SRV record at all means an A or AAAA look-up and the default port. Deviation: the same when the SRV
    // question failed, because names of /etc/hosts must work where no name server answers.
    if (transport === undefined) return locateByAddress(host, defaultPort(place.transports[0]!), place.transports[0]!, place);
    const service = transport === "TLS" ? `_sips._tcp.${host}` : `_sip._${transport.toLowerCase()}.${host}`;
    return following(cache.srv(service), (answer) => {
      if (answer.type !== "found") return locateByService(host, others, place);
      // RFC 2782: a single record with the name "." says that the service is decidedly not there.
      const records = answer.records.filter((record) => record.name !== "" && record.name !== ".");
      if (records.length === 0) return failed("NOT_FOUND", `${service} says that there is no such service`);
      return locateRecords(orderRecords(records, random).slice(0, TARGETS_MAX), transport, place);
    });
  }

  function locateRecords(records: readonly SrvRecord[], transport: TransportName, place: Place): Eventually<Located> {
    const answers = records.map((record) => addressesOf(record.name, place.family));
    const known = answers.every((answer) => !(answer instanceof Promise)) ? (answers as DnsAnswer<string>[]) : Promise.all(answers);
    return following<readonly DnsAnswer<string>[], Located>(known, (resolved) => {
      const targets = new Map<string, Target>();
      for (const [index, answer] of resolved.entries()) {
        const { port } = records[index]!;
        if (answer.type !== "found") continue;
        for (const address of answer.records) {
          targets.set(`${address} ${port}`, targets.get(`${address} ${port}`) ?? { transport, listener: place.listener, address, port });
        }
      }
      if (targets.size > 0) return { ok: true, targets: [...targets.values()].slice(0, TARGETS_MAX) };
      const names = records.map((record) => record.name).join(", ");
      const unknown = resolved.some((answer) => answer.type === "failed");
      return failed(unknown ? "DNS_FAILED" : "NOT_FOUND", `no address for ${names}`);
    });
  }

  function locate(uri: Uri, listener: string): Eventually<Located> {
    return following(locateAddresses(uri, listener), (located) => {
      if (!located.ok || located.targets[0]?.transport !== "TLS") return located;
      const tls = { serverName: hostOf(uri).replace(/\.$/, "").toLowerCase(), terms: "" };
      return { ok: true, targets: located.targets.map((target) => ({ ...target, tls })) };
    });
  }

  function locateAddresses(uri: Uri, listener: string): Eventually<Located> {
    if (uri.scheme !== "sip" && uri.scheme !== "sips") return failed("NO_HOST", `${uri.scheme}: names no host`);
    const place = placeOf(listener);
    if (place === undefined) return failed("NO_LISTENER", `there is no listener ${listener}`);
    const named = transportOf(uri);
    const wanted = named === undefined ? UNNAMED : [named];
    const transports = place.transports.filter((transport) => wanted.includes(transport));
    if (transports.length === 0) return failed("NO_TRANSPORT", `listener ${listener} has no ${named ?? "transport"}`);
    const host = hostOf(uri);
    const numeric = isIP(host);
    if (numeric !== 0) {
      if (place.family !== undefined && place.family !== numeric) {
        return failed("EAFNOSUPPORT", `listener ${listener} is IPv${place.family} and cannot reach ${host}`);
      }
      const target = { transport: transports[0]!, listener, address: host, port: uri.port ?? defaultPort(transports[0]!) };
      return { ok: true, targets: [target] };
    }
    if (host.length > NAME_CHARS_MAX || !NAME.test(host)) return failed("NO_HOST", "the URI's host is neither an address nor a name");
    const name = host.replace(/\.$/, "").toLowerCase();
    const narrowed: Place = { ...place, transports };
    if (uri.port !== undefined) return locateByAddress(name, uri.port, transports[0]!, narrowed);
    return locateByService(name, transports, narrowed);
  }

  return { locate };
}

/** The same places, reached by a peer's own TLS terms. */
export function byTermsOf(terms: string, located: Located): Located {
  if (!located.ok || located.targets[0]?.tls === undefined) return located;
  const targets = located.targets.map((target) => (target.tls === undefined ? target : { ...target, tls: { ...target.tls, terms } }));
  return { ok: true, targets };
}

/** §4: TARGET is the maddr parameter if there is one. */
const hostOf = (uri: Uri): string => (uri.parameters.get("maddr") ?? uri.host).replace(/^\[|\]$/g, "");
const defaultPort = (transport: TransportName): number => (transport === "TLS" ? DEFAULT_TLS_PORT : DEFAULT_PORT);

/** What the URI asks for; undefined: the choice is ours. §4.1: sips over TCP is TLS, and over UDP nothing. */
function transportOf(uri: Uri): string | undefined {
  const named = uri.parameters.get("transport")?.toUpperCase();
  if (uri.scheme !== "sips") return named;
  return named === undefined || named === "TCP" || named === "TLS" ? "TLS" : `sips over ${named}`;
}

/** The same for whoever has a URI as text and takes no target for an answer (dialog's next hop). */
export function textLocator(locator: Locator): {
  /** @param terms whose TLS terms count; absent: the defaults */
  locate(uriText: string, listener: string, terms?: string): Eventually<readonly Target[]>;
} {
  return {
    locate: (uriText, listener, terms = "") => {
      const uri = parseUri(uriText);
      if (!uri.ok) return [];
      return following(locator.locate(uri.value, listener), (found) => {
        const located = byTermsOf(terms, found);
        return located.ok ? located.targets : [];
      });
    },
  };
}

/** RFC 2782: by priority; within one, drawn by weight, records of weight 0 having a small chance to come first. */
export function orderRecords(records: readonly SrvRecord[], random: Random): readonly SrvRecord[] {
  const left = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: SrvRecord[] = [];
  while (left.length > 0) {
    const end = left.findIndex((record) => record.priority !== left[0]!.priority);
    const candidates = end < 0 ? left : left.slice(0, end);
    const sum = candidates.reduce((total, record) => total + record.weight, 0);
    let draw = random.integer(sum + 1);
    const drawn = candidates.findIndex((record) => (draw -= record.weight) <= 0);
    ordered.push(...left.splice(sum === 0 ? random.integer(candidates.length) : drawn, 1));
  }
  return ordered;
}
