/**
 * Header field names: any case, compact forms (RFC 3261 §7.3.3, §20), and a small number for each known
 * one, so that the index of a message compares numbers. Unknown names have the number 0 and are
 * compared as text.
 */

/** Canonical name, compact form. The position is the number less one; Via … Record-Route are used by number. */
const KNOWN: readonly (readonly [name: string, compact: string])[] = [
  ["Via", "v"],
  ["From", "f"],
  ["To", "t"],
  ["Call-ID", "i"],
  ["CSeq", ""],
  ["Contact", "m"],
  ["Max-Forwards", ""],
  ["Content-Length", "l"],
  ["Content-Type", "c"],
  ["Route", ""],
  ["Record-Route", ""],
  ["Accept", ""],
  ["Accept-Contact", "a"],
  ["Accept-Encoding", ""],
  ["Accept-Language", ""],
  ["Alert-Info", ""],
  ["Allow", ""],
  ["Allow-Events", "u"],
  ["Authorization", ""],
  ["Call-Info", ""],
  ["Content-Disposition", ""],
  ["Content-Encoding", "e"],
  ["Content-Language", ""],
  ["Date", ""],
  ["Diversion", ""],
  ["Event", "o"],
  ["Expires", ""],
  ["Identity", "y"],
  ["Identity-Info", "n"],
  ["Min-SE", ""],
  ["P-Asserted-Identity", ""],
  ["P-Preferred-Identity", ""],
  ["Path", ""],
  ["Privacy", ""],
  ["Proxy-Authenticate", ""],
  ["Proxy-Authorization", ""],
  ["Proxy-Require", ""],
  ["RAck", ""],
  ["RSeq", ""],
  ["Reason", ""],
  ["Refer-To", "r"],
  ["Referred-By", "b"],
  ["Reject-Contact", "j"],
  ["Remote-Party-ID", ""],
  ["Replaces", ""],
  ["Request-Disposition", "d"],
  ["Require", ""],
  ["Retry-After", ""],
  ["Server", ""],
  ["Session-Expires", "x"],
  ["Subject", "s"],
  ["Supported", "k"],
  ["Timestamp", ""],
  ["Unsupported", ""],
  ["User-Agent", ""],
  ["WWW-Authenticate", ""],
  ["Warning", ""],
];

export const UNKNOWN = 0;
export const VIA = 1;
export const FROM = 2;
export const TO = 3;
export const CALL_ID = 4;
export const CSEQ = 5;
export const CONTACT = 6;
export const MAX_FORWARDS = 7;
export const CONTENT_LENGTH = 8;
export const CONTENT_TYPE = 9;
export const ROUTE = 10;
export const RECORD_ROUTE = 11;

/** One bit for each of the first 31 numbers; all others share bit 0. */
export const headerBit = (id: number): number => (id < 32 ? 1 << id : 1);

/** Lower-case names by first letter and length: the usual look-up compares one candidate. */
const BUCKETS: (readonly (readonly [lower: string, id: number])[] | undefined)[] = [];
const BY_NAME = new Map<string, number>();
const bucket = (first: number, length: number): number => (length << 5) | (first & 31);

for (const [position, [name, compact]] of KNOWN.entries()) {
  const id = position + 1;
  BY_NAME.set(name, id);
  for (const spelling of compact === "" ? [name] : [name, compact]) {
    const lower = spelling.toLowerCase();
    BY_NAME.set(lower, id);
    const key = bucket(lower.charCodeAt(0), lower.length);
    BUCKETS[key] = [...(BUCKETS[key] ?? []), [lower, id]];
  }
}

/** The number of the name that stands in `wire` from `start` to `end`. */
export function headerIdAt(wire: string, start: number, end: number): number {
  const candidates = BUCKETS[bucket(wire.charCodeAt(start), end - start)];
  if (candidates === undefined) return UNKNOWN;
  for (const [lower, id] of candidates) {
    let i = 0;
    for (; i < lower.length; i++) {
      const code = wire.charCodeAt(start + i);
      if ((code >= 0x41 && code <= 0x5a ? code | 0x20 : code) !== lower.charCodeAt(i)) break;
    }
    if (i === lower.length) return id;
  }
  return UNKNOWN;
}

/** The number of a name as a caller writes it; canonical and lower-case spellings cost one map look-up. */
export const headerId = (name: string): number => BY_NAME.get(name) ?? headerIdAt(name, 0, name.length);

/** "v" and "VIA" → "Via"; an unknown name comes back as written. */
export function canonicalName(name: string): string {
  return KNOWN[headerId(name) - 1]?.[0] ?? name;
}
