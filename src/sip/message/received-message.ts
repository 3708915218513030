/**
 * A received message: the wire string, an index of numbers over it, and values made when first asked for.
 *
 * The index holds for each header line its number (header-names.ts), where the name starts and where its
 * colon stands; a value ends where the next line begins. Slices keep the whole wire string alive: what
 * outlives the message is copied with `ownText`.
 */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";
import { CR, LF, SPACE, TAB, lowerCase, parseDecimal } from "./characters.ts";
import {
  CALL_ID,
  CONTACT,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  CSEQ,
  FROM,
  MAX_FORWARDS,
  RECORD_ROUTE,
  ROUTE,
  TO,
  UNKNOWN,
  VIA,
  headerBit,
  headerId,
} from "./header-names.ts";
import { MAX_FORWARDS_MAX } from "./limits.ts";
import type { CSeq, HeaderField, NameAddr, ReceivedCommon, ReceivedRequest, ReceivedResponse, Uri, Via } from "./message.ts";
import { parseCSeq } from "./parse-cseq.ts";
import { parseNameAddr } from "./parse-name-addr.ts";
import { parseUri } from "./parse-uri.ts";
import { parseVia } from "./parse-via.ts";
import { splitHeaderValues } from "./split-header-values.ts";

/** What the one pass over a message finds. */
export interface MessageIndex {
  readonly wire: string;
  /** [id, name start, colon] per header line, then [0, end of the last line + 2, 0]. */
  readonly marks: readonly number[];
  /** Where the body begins. */
  readonly bodyStart: number;
  /** Bits (`headerBit`) of the headers that there are, and of those of which there are several. */
  readonly seen: number;
  readonly repeated: number;
}

const STRIDE = 3;
const ABSENT = undefined;

/** A copy that keeps nothing else alive: for what the journal or a dialog remembers of a message. */
export const ownText = (text: string): string => Buffer.from(text, "latin1").latin1Slice();

abstract class IndexedMessage implements ReceivedCommon {
  readonly wire: string;
  readonly #marks: readonly number[];
  readonly #bodyStart: number;
  readonly #seen: number;
  readonly repeatedHeaders: number;
  #body: string | undefined;
  #topVia: Parsed<Via> | undefined;
  #vias: Parsed<readonly Via[]> | undefined;
  #from: Parsed<NameAddr> | undefined;
  #to: Parsed<NameAddr> | undefined;
  #cseq: Parsed<CSeq> | undefined;
  #contact: Parsed<NameAddr | "star" | undefined> | undefined;

  constructor(index: MessageIndex) {
    this.wire = index.wire;
    this.#marks = index.marks;
    this.#bodyStart = index.bodyStart;
    this.#seen = index.seen;
    this.repeatedHeaders = index.repeated;
  }

  header(name: string): string | undefined {
    const at = this.#find(headerId(name), name, 0);
    return at < 0 ? ABSENT : this.#value(at);
  }
  headerLines(name: string): readonly string[] {
    const id = headerId(name);
    const lines: string[] = [];
    for (let at = this.#find(id, name, 0); at >= 0; at = this.#find(id, name, at + STRIDE)) lines.push(this.#value(at));
    return lines;
  }
  headerCount(name: string): number {
    const id = headerId(name);
    let count = 0;
    for (let at = this.#find(id, name, 0); at >= 0; at = this.#find(id, name, at + STRIDE)) count++;
    return count;
  }
  headerValues(name: string): readonly string[] {
    const lines = this.headerLines(name);
    return lines.length === 1 ? splitHeaderValues(lines[0]!) : lines.flatMap(splitHeaderValues);
  }
  fields(): readonly HeaderField[] {
    const fields: HeaderField[] = [];
    for (let at = 0; at < this.#marks.length - STRIDE; at += STRIDE) fields.push([this.#name(at), this.#value(at)]);
    return fields;
  }

  vias(): Parsed<readonly Via[]> {
    return (this.#vias ??= parseEach(this.headerValues("Via"), parseVia));
  }
  topVia(): Parsed<Via> {
    return (this.#topVia ??= this.#parseTopVia());
  }
  from(): Parsed<NameAddr> {
    return (this.#from ??= this.#parseOne(FROM, parseNameAddr));
  }
  to(): Parsed<NameAddr> {
    return (this.#to ??= this.#parseOne(TO, parseNameAddr));
  }
  fromTag(): string {
    const from = this.from();
    return from.ok ? (from.value.parameters.get("tag") ?? "") : "";
  }
  toTag(): string {
    const to = this.to();
    return to.ok ? (to.value.parameters.get("tag") ?? "") : "";
  }
  callId(): string {
    const at = this.#find(CALL_ID, "", 0);
    return at < 0 ? "" : this.#value(at);
  }
  cseq(): Parsed<CSeq> {
    return (this.#cseq ??= this.#parseOne(CSEQ, parseCSeq));
  }
  contact(): Parsed<NameAddr | "star" | undefined> {
    return (this.#contact ??= this.#parseContact());
  }
  contacts(): Parsed<readonly NameAddr[]> {
    const values = this.headerValues("Contact");
    return values.length === 1 && values[0] === "*" ? parsed([]) : parseEach(values, parseNameAddr);
  }
  routes(): Parsed<readonly NameAddr[]> {
    return this.#find(ROUTE, "", 0) < 0 ? NO_ADDRESSES : parseEach(this.headerValues("Route"), parseNameAddr);
  }
  recordRoutes(): Parsed<readonly NameAddr[]> {
    return this.#find(RECORD_ROUTE, "", 0) < 0 ? NO_ADDRESSES : parseEach(this.headerValues("Record-Route"), parseNameAddr);
  }
  maxForwards(): Parsed<number | undefined> {
    const at = this.#find(MAX_FORWARDS, "", 0);
    if (at < 0) return parsed(undefined);
    const value = parseDecimal(this.#value(at), MAX_FORWARDS_MAX);
    return value === undefined ? malformed("Max-Forwards is not 0 to 255") : parsed(value);
  }
  contentLength(): Parsed<number | undefined> {
    let length: number | undefined;
    for (let at = this.#find(CONTENT_LENGTH, "", 0); at >= 0; at = this.#find(CONTENT_LENGTH, "", at + STRIDE)) {
      const value = parseDecimal(this.#value(at), Number.MAX_SAFE_INTEGER);
      if (value === undefined) return malformed("Content-Length is not a number");
      // RFC 4475 §3.3.9 (mcl01): nobody can know which one is true.
      if (length !== undefined && length !== value) return malformed("two Content-Length that differ");
      length = value;
    }
    return parsed(length);
  }
  get body(): string {
    return (this.#body ??= this.#cutBody());
  }
  contentType(): string {
    const at = this.#find(CONTENT_TYPE, "", 0);
    if (at < 0) return "";
    const value = this.#value(at);
    const semicolon = value.indexOf(";");
    const type = lowerCase(semicolon < 0 ? value : value.slice(0, semicolon));
    // "application / sdp" is allowed by the grammar.
    return /\s/.test(type) ? type.replace(/\s+/g, "") : type;
  }

  #cutBody(): string {
    const length = this.contentLength();
    const declared = length.ok ? length.value : undefined;
    const all = this.wire.slice(this.#bodyStart);
    return declared === undefined || declared >= all.length ? all : all.slice(0, declared);
  }

  #parseTopVia(): Parsed<Via> {
    const at = this.#find(VIA, "", 0);
    if (at < 0) return malformed("no Via");
    const line = this.#value(at);
    if (!line.includes(",")) return parseVia(line);
    const first = splitHeaderValues(line)[0];
    return first === undefined ? malformed("empty Via") : parseVia(first);
  }

  #parseContact(): Parsed<NameAddr | "star" | undefined> {
    const at = this.#find(CONTACT, "", 0);
    if (at < 0) return parsed(undefined);
    const first = splitHeaderValues(this.#value(at))[0];
    if (first === undefined) return malformed("empty Contact");
    return first === "*" ? parsed("star") : parseNameAddr(first);
  }

  #parseOne<T>(id: number, parse: (text: string) => Parsed<T>): Parsed<T> {
    const at = this.#find(id, "", 0);
    return at < 0 ? malformed("header is missing") : parse(this.#value(at));
  }

  /** Position in the marks of the first header of that number (or, for unknown ones, name) from `at` on; -1 if none. */
  #find(id: number, name: string, at: number): number {
    if ((this.#seen & headerBit(id)) === 0) return -1;
    const marks = this.#marks;
    const end = marks.length - STRIDE;
    for (let i = at; i < end; i += STRIDE) {
      if (marks[i] === id && (id !== UNKNOWN || lowerCase(this.#name(i)) === lowerCase(name))) return i;
    }
    return -1;
  }

  #name(at: number): string {
    let end = this.#marks[at + 2]!;
    while (isBlankCode(this.wire.charCodeAt(end - 1))) end--;
    return this.wire.slice(this.#marks[at + 1]!, end);
  }

  #value(at: number): string {
    const wire = this.wire;
    let start = this.#marks[at + 2]! + 1;
    let end = this.#marks[at + STRIDE + 1]! - 2;
    while (start < end && isBlankCode(wire.charCodeAt(start))) start++;
    while (end > start && isBlankCode(wire.charCodeAt(end - 1))) end--;
    const value = wire.slice(start, end);
    return value.includes("\n") ? unfold(value) : value;
  }
}

const NO_ADDRESSES: Parsed<readonly NameAddr[]> = parsed([]);

const isBlankCode = (code: number): boolean => code === SPACE || code === TAB || code === CR || code === LF;

/** §7.3.1: a line that continues is one line with a space there. Split and trimmed: an expression would be quadratic in blanks. */
const unfold = (value: string): string =>
  value
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ");

function parseEach<T>(values: readonly string[], parse: (text: string) => Parsed<T>): Parsed<readonly T[]> {
  const all: T[] = [];
  for (const value of values) {
    const one = parse(value);
    if (!one.ok) return one;
    all.push(one.value);
  }
  return parsed(all);
}

/** Made by `parseMessage` and `answerable` only. */
export class IndexedRequest extends IndexedMessage implements ReceivedRequest {
  readonly kind = "request";
  readonly method: string;
  readonly requestUri: string;
  readonly version: string;
  #uri: Parsed<Uri> | undefined;

  constructor(index: MessageIndex, method: string, requestUri: string, version: string) {
    super(index);
    this.method = method;
    this.requestUri = requestUri;
    this.version = version;
  }
  uri(): Parsed<Uri> {
    return (this.#uri ??= parseUri(this.requestUri));
  }
}

/** Made by `parseMessage` only. */
export class IndexedResponse extends IndexedMessage implements ReceivedResponse {
  readonly kind = "response";
  readonly status: number;
  readonly reasonPhrase: string;

  constructor(index: MessageIndex, status: number, reasonPhrase: string) {
    super(index);
    this.status = status;
    this.reasonPhrase = reasonPhrase;
  }
}
