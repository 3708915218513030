/**
 * Bencode, the form in which rtpengine's ng protocol says everything: integers "i42e", byte strings "4:spam",
 * lists "l…e" and dictionaries "d…e". Both ways over wire strings (one char per byte); pure.
 *
 * Not here: that dictionary keys must be sorted. rtpengine neither sorts nor asks for it.
 */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";

/** What is sent. Text must be wire strings; fields that are undefined are left out. */
export type Encodable = number | string | readonly Encodable[] | { readonly [key: string]: Encodable | undefined };

/** What was received. Dictionaries are maps: no key of somebody else's means anything to us by itself. */
export type Bencoded = number | string | readonly Bencoded[] | BencodedFields;
export type BencodedFields = ReadonlyMap<string, Bencoded>;

/** rtpengine's answers are 7 levels deep; more is an attack on our stack. */
export const BENCODE_DEPTH_MAX = 32;
/** Of a length or number; more digits are no number that we can hold. */
const DIGITS_MAX = 15;

export function bencode(value: Encodable): string {
  if (typeof value === "number") return `i${Math.trunc(value)}e`;
  if (typeof value === "string") return `${value.length}:${value}`;
  if (isList(value)) {
    let text = "l";
    for (const each of value) text += bencode(each);
    return `${text}e`;
  }
  let text = "d";
  for (const key of Object.keys(value)) {
    const field = value[key];
    if (field !== undefined) text += `${key.length}:${key}${bencode(field)}`;
  }
  return `${text}e`;
}

const isList = (value: readonly Encodable[] | object): value is readonly Encodable[] => Array.isArray(value);

/** The one value that the text is, to its last byte. */
export function bdecode(text: string): Parsed<Bencoded> {
  const decoder = new Decoder(text);
  const value = decoder.value(0);
  if (value === undefined) return malformed(decoder.reason, decoder.at);
  return decoder.at === text.length ? parsed(value) : malformed("something follows the value", decoder.at);
}

const COLON = 0x3a;
const END = 0x65;
const MINUS = 0x2d;
const INTEGER = 0x69;
const LIST = 0x6c;
const DICTIONARY = 0x64;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** Undefined means malformed throughout; `reason` and `at` say why and where. */
class Decoder {
  readonly #text: string;
  at = 0;
  reason = "";

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Bencoded | undefined {
    if (depth > BENCODE_DEPTH_MAX) return this.#fail("too deep");
    const kind = this.#text.charCodeAt(this.at);
    if (isDigit(kind)) return this.#string();
    switch (kind) {
      case INTEGER:
        this.at++;
        return this.#integer(END);
      case LIST:
        return this.#list(depth);
      case DICTIONARY:
        return this.#dictionary(depth);
      default:
        return this.#fail("no value begins so");
    }
  }

  #list(depth: number): readonly Bencoded[] | undefined {
    const values: Bencoded[] = [];
    this.at++;
    while (this.#text.charCodeAt(this.at) !== END) {
      const each = this.value(depth + 1);
      if (each === undefined) return undefined;
      values.push(each);
    }
    this.at++;
    return values;
  }

  #dictionary(depth: number): BencodedFields | undefined {
    const fields = new Map<string, Bencoded>();
    this.at++;
    while (this.#text.charCodeAt(this.at) !== END) {
      const key = this.#string();
      if (key === undefined) return undefined;
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      fields.set(key, value);
    }
    this.at++;
    return fields;
  }

  #string(): string | undefined {
    const length = this.#integer(COLON);
    if (length === undefined) return undefined;
    if (length < 0 || length > this.#text.length - this.at) return this.#fail("string longer than what is left");
    const start = this.at;
    this.at += length;
    return this.#text.slice(start, this.at);
  }

  #integer(end: number): number | undefined {
    const start = this.at;
    if (this.#text.charCodeAt(this.at) === MINUS) this.at++;
    const digits = this.at;
    let value = 0;
    for (;;) {
      const code = this.#text.charCodeAt(this.at);
      if (!isDigit(code)) {
        if (code !== end || this.at === digits) return this.#fail("not a number");
        break;
      }
      if (this.at - digits >= DIGITS_MAX) return this.#fail("number too large");
      value = value * 10 + (code - 0x30);
      this.at++;
    }
    this.at++;
    return digits === start || value === 0 ? value : -value;
  }

  #fail(reason: string): undefined {
    if (this.reason === "") this.reason = reason;
    return undefined;
  }
}

// Reading what was decoded: a field of another kind is as good as none.

export const textOf = (fields: BencodedFields, key: string): string => {
  const value = fields.get(key);
  return typeof value === "string" ? value : "";
};
export const numberOf = (fields: BencodedFields, key: string): number => {
  const value = fields.get(key);
  return typeof value === "number" ? value : 0;
};
export const listOf = (fields: BencodedFields, key: string): readonly Bencoded[] => {
  const value = fields.get(key);
  return Array.isArray(value) ? (value as readonly Bencoded[]) : [];
};
export const fieldsOf = (value: Bencoded | undefined): BencodedFields => (value instanceof Map ? value : NO_FIELDS);
const NO_FIELDS: BencodedFields = new Map();
