/**
 * Session descriptions from the wire (RFC 8866). Tolerant where devices are sloppy and nothing is at stake:
 * lines may end with LF only, s= and t= may be missing, line types that the shape has no room for (i= u= e=
 * p= r= z= k= and times) are left out. What decides where media goes (o= c= m=) must be right.
 */
import { type Parsed, bytesToWire, malformed, parsed, wireToBytes } from "#base/bytes.ts";
import type { Attribute, Bandwidth, Connection, MediaDescription, Origin, SessionDescription } from "./description.ts";

/** m-lines of one description. An answer repeats them all, so a sender could make us write many. */
export const MEDIA_MAX = 32;
const SDP_BYTES_MAX = 65_535;
const PORT_MAX = 65_535;
const KBPS_MAX = 2 ** 31 - 1;

const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+$/;
const PROTOCOL = /^[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+(?:\/[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+)*$/;
/** Numeric address or host name; without the characters that a name and an address cannot have. */
const ADDRESS = /^[A-Za-z0-9.:_-]+$/;
const DIGITS = /^[0-9]+$/;

/** A section under way: the session's own lines or those of one m-line. */
interface Section {
  connection: Connection | undefined;
  readonly bandwidths: Bandwidth[];
  readonly attributes: Attribute[];
}
interface MediaLine extends Section {
  readonly media: string;
  readonly port: number;
  readonly portCount: number;
  readonly protocol: string;
  readonly formats: readonly string[];
}

/** What was read so far. */
interface Reading {
  versionSeen: boolean;
  origin: Origin | undefined;
  sessionName: string;
  readonly session: Section;
  readonly media: MediaLine[];
  section: Section;
}

/** @param wire the body of an application/sdp part; the offset of a failure counts in it */
export function parseSdp(wire: string): Parsed<SessionDescription> {
  if (wire.length > SDP_BYTES_MAX) return malformed("SDP is too long", SDP_BYTES_MAX);
  const session: Section = { connection: undefined, bandwidths: [], attributes: [] };
  const reading: Reading = { versionSeen: false, origin: undefined, sessionName: "-", session, media: [], section: session };
  const failure = readLines(reading, wire, 0, false);
  if (failure !== undefined) return failure;
  const { origin, sessionName, media } = reading;
  if (!reading.versionSeen) return malformed("empty SDP", 0);
  if (origin === undefined) return malformed("no o= line", 0);
  return parsed({
    origin,
    sessionName,
    connection: session.connection,
    bandwidths: session.bandwidths,
    attributes: session.attributes,
    media: media satisfies MediaDescription[],
  });
}

type Malformed = ReturnType<typeof malformed>;

/**
 * @param offset of the text in the description
 * @param fresh sections are read, not looked up
 */
function readLines(reading: Reading, text: string, offset: number, fresh: boolean): Malformed | undefined {
  for (let at = 0; at < text.length; ) {
    const lf = text.indexOf("\n", at);
    const end = lf < 0 ? text.length : lf;
    const line = withoutCr(text.slice(at, end > at && text[end - 1] === "\r" ? end - 1 : end));
    const lineStart = at;
    at = end + 1;
    if (line === "") continue;
    if (line[1] !== "=") return malformed("SDP line without a type and =", offset + lineStart);
    const type = line[0]!;
    const value = line.slice(2);
    if (type === "m" && !fresh && reading.origin !== undefined) {
      const next = text.indexOf("\nm=", end);
      const sectionEnd = next < 0 ? text.length : next + 1;
      const failure = readSection(reading, text.slice(lineStart, sectionEnd), value, offset + lineStart);
      if (failure !== undefined) return failure;
      at = sectionEnd;
      continue;
    }
    const failure = readLine(reading, type, value);
    if (failure !== undefined) return malformed(failure, offset + lineStart);
  }
  return undefined;
}

/** @returns what is wrong */
function readLine(reading: Reading, type: string, value: string): string | undefined {
  const { section } = reading;
  if (!reading.versionSeen) {
    // RFC 8866 §5.1: v=0 comes first.
    if (type !== "v" || value.trim() !== "0") return "SDP does not begin with v=0";
    reading.versionSeen = true;
  } else if (type === "o" && reading.origin === undefined) {
    reading.origin = parseOrigin(value);
    if (reading.origin === undefined) return "bad o= line";
  } else if (type === "s" && section === reading.session) {
    // §5.3: an empty name is wrong and is sent; "-" is what it means.
    reading.sessionName = value === "" ? "-" : value;
  } else if (type === "c") {
    const connection = parseConnection(value);
    if (connection === undefined) return "bad c= line";
    section.connection ??= connection;
  } else if (type === "m") {
    const next = parseMedia(value);
    if (next === undefined) return "bad m= line";
    if (reading.media.length === MEDIA_MAX) return "too many m= lines";
    reading.media.push(next);
    reading.section = next;
  } else {
    readOther(section, type, value);
  }
  return undefined;
}

/**
 * Sections of m-lines by their text after the port: those of a peer are the same from call to call, so they are
 * read once, and `codecsOf` too sees the same attributes again. Bounded, because strangers may write them.
 */
const KNOWN = new Map<string, MediaLine>();
const KNOWN_MAX = 256;
/** Longer ones have keys and candidates, which never come again. */
const KNOWN_CHARS_MAX = 512;

/** True for the attributes of such a section: what is made of them may be kept as well, and holds no message. */
export const isKept = (attributes: readonly Attribute[]): boolean => KEPT.has(attributes);
const KEPT = new Set<readonly Attribute[]>();

/** @param section an m-line, whose value is `value`, and the lines under it */
function readSection(reading: Reading, section: string, value: string, offset: number): Malformed | undefined {
  const kindEnd = value.indexOf(" ");
  const portEnd = value.indexOf(" ", kindEnd + 1);
  const ports = parsePorts(value.slice(kindEnd + 1, portEnd));
  const kind = value.slice(0, kindEnd);
  const regular = kindEnd > 0 && portEnd > 0 && ports !== undefined && TOKEN.test(kind) && reading.media.length < MEDIA_MAX;
  if (!regular || section.length > KNOWN_CHARS_MAX) return readLines(reading, section, offset, true);
  const afterPort = "m=".length + portEnd + 1;
  const known = KNOWN.get(section.slice(afterPort));
  if (known !== undefined) {
    const { protocol, formats, connection, bandwidths, attributes } = known;
    const { port, portCount } = ports;
    reading.media.push({ media: kind, port, portCount, protocol, formats, connection, bandwidths, attributes });
    return undefined;
  }
  // What is kept holds no message.
  const own = bytesToWire(wireToBytes(section));
  const failure = readLines(reading, own, offset, true);
  if (failure !== undefined) return failure;
  if (KNOWN.size === KNOWN_MAX) {
    KNOWN.clear();
    KEPT.clear();
  }
  const media = reading.media.at(-1)!;
  KNOWN.set(own.slice(afterPort), media);
  KEPT.add(media.attributes);
  return undefined;
}

/** A CR within a line is no line break here and must be none for whoever reads what we write. */
const withoutCr = (line: string): string => (line.includes("\r") ? line.replaceAll("\r", " ") : line);

function readOther(section: Section, type: string, value: string): void {
  const colon = value.indexOf(":");
  if (type === "a") {
    const name = colon < 0 ? value : value.slice(0, colon);
    if (TOKEN.test(name)) section.attributes.push({ name, value: colon < 0 ? undefined : value.slice(colon + 1) });
  } else if (type === "b" && colon > 0) {
    const kbps = decimal(value.slice(colon + 1).trim(), KBPS_MAX);
    const name = value.slice(0, colon);
    if (kbps !== undefined && TOKEN.test(name)) section.bandwidths.push({ type: name, kbps });
  }
}

/** §5.2. Spaces in the user name are wrong and occur: the last five fields count. */
function parseOrigin(value: string): Origin | undefined {
  const fields = fieldsOf(value);
  const [sessionId, sessionVersion, network, addressType, address] = fields.slice(-5);
  if (fields.length < 6 || !DIGITS.test(sessionId!) || !DIGITS.test(sessionVersion!)) return undefined;
  const typed = addressTypeOf(network, addressType);
  if (typed === undefined || !ADDRESS.test(address!)) return undefined;
  return {
    username: fields.slice(0, -5).join(" "),
    sessionId: sessionId!,
    sessionVersion: sessionVersion!,
    addressType: typed,
    address: address!,
  };
}

/** §5.7. TTL and count of multicast are left out: nobody calls a group. */
function parseConnection(value: string): Connection | undefined {
  const [network, addressType, slashed] = fieldsOf(value);
  const typed = addressTypeOf(network, addressType);
  const address = slashed?.split("/", 1)[0];
  if (typed === undefined || address === undefined || !ADDRESS.test(address)) return undefined;
  return { addressType: typed, address };
}

const addressTypeOf = (network: string | undefined, type: string | undefined): "IP4" | "IP6" | undefined =>
  network === "IN" && (type === "IP4" || type === "IP6") ? type : undefined;

/** §5.14: media, port[/count], protocol, formats. */
function parseMedia(value: string): MediaLine | undefined {
  const [media, ports, protocol, ...formats] = fieldsOf(value);
  if (media === undefined || ports === undefined || protocol === undefined || formats.length === 0) return undefined;
  const read = parsePorts(ports);
  if (read === undefined || !TOKEN.test(media) || !PROTOCOL.test(protocol)) return undefined;
  const { port, portCount } = read;
  return { media, port, portCount, protocol, formats, connection: undefined, bandwidths: [], attributes: [] };
}

function parsePorts(ports: string): { readonly port: number; readonly portCount: number } | undefined {
  const slash = ports.indexOf("/");
  const port = decimal(slash < 0 ? ports : ports.slice(0, slash), PORT_MAX);
  const portCount = slash < 0 ? 1 : decimal(ports.slice(slash + 1), PORT_MAX);
  return port === undefined || portCount === undefined || portCount === 0 ? undefined : { port, portCount };
}

/** One space is the rule; several are wrong and occur. */
function fieldsOf(value: string): string[] {
  const trimmed = value.trim();
  return trimmed.includes("  ") ? trimmed.split(/ +/) : trimmed.split(" ");
}

/** Digits only, not above max. */
export function decimal(text: string, max: number): number | undefined {
  if (text.length === 0 || text.length > 15) return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value <= max ? value : undefined;
}
