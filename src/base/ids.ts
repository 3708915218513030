/**
 * Identifiers: what makes a call ours on the wire and in every record.
 *
 * A *call id* is time-ordered: 9 characters of epoch milliseconds and 7 of a counter with random
 * start, both in base 32 (digits and lower-case letters without i, l, o, u), so that text order is
 * time order. On the wire (tags, branches, Contact users, Call-IDs) it travels inside a *token*:
 *
 *     1 NN S CCCCCCCCCCCCCCCC MMMMMMMM suffix
 *     │ │  │ │                │        └ which leg, attempt and use, e.g. "a", "b2"
 *     │ │  │ │                └ 40 bits of HMAC-SHA256 over all before it
 *     │ │  │ └ call id       └──
 *     │ │  └ shard (constant 0 today)
 *     │ └ node, two characters
 *     └ version of this layout
 *
 * Any node that holds the key can tell whose an in-dialog request is, and refuses a forged one.
 * The suffix is not under the HMAC: the leg that it names compares its whole token with its own.
 */
import { type Parsed, malformed, parsed } from "./bytes.ts";
import { ShortHmac } from "./hmac.ts";

export type CallId = string & { readonly __brand: "CallId" };
export type TenantId = string & { readonly __brand: "TenantId" };

/** The tenant of a deployment that never named one. */
export const DEFAULT_TENANT = "default" as TenantId;

export interface Random {
  /** A number in [0, 1). */
  fraction(): number;
  /** An integer in [0, below), below ≤ 2^32. Unpredictable in production. */
  integer(below: number): number;
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_CHARS = 9;
const COUNTER_CHARS = 7;
const CALL_ID_CHARS = TIME_CHARS + COUNTER_CHARS;
const MAC_CHARS = 8;
const TOKEN_VERSION = "1";
const NODE_CHARS = 2;
const PREFIX_CHARS = 1 + NODE_CHARS + 1 + CALL_ID_CHARS;
export const TOKEN_CHARS = PREFIX_CHARS + MAC_CHARS;
const SHARD = "0";
/** A token is a SIP token and fits a Call-ID, a tag, a branch and a URI user unescaped. */
const TOKEN = /^1[0-9a-z]{2}[0-9a-z][0-9a-hjkmnp-tv-z]{24}/;

function base32(value: number, chars: number): string {
  let text = "";
  for (let rest = value, i = 0; i < chars; i++) {
    text = ALPHABET[rest % 32]! + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** Makes call ids that are unique within a node and sort by time. */
export class CallIds {
  #counter: number;
  readonly #wallMs: () => number;
  constructor(wallMs: () => number, random: Random) {
    this.#wallMs = wallMs;
    this.#counter = random.integer(2 ** 32);
  }
  next(): CallId {
    // 35 bits of counter: it wraps after 34 thousand million calls, in another millisecond.
    this.#counter = (this.#counter + 1) % 2 ** 35;
    return (base32(this.#wallMs(), TIME_CHARS) + base32(this.#counter, COUNTER_CHARS)) as CallId;
  }
}

/** Epoch milliseconds in which the call id was made. */
export function callIdTimeMs(callId: CallId): number {
  let value = 0;
  for (let i = 0; i < TIME_CHARS; i++) value = value * 32 + ALPHABET.indexOf(callId[i]!);
  return value;
}

/** No call id made from this time on is below it in text order, and none made before above. */
export const callIdFrom = (epochMs: number): string => base32(Math.max(0, Math.trunc(epochMs)), TIME_CHARS);

export interface Token {
  readonly node: string;
  readonly callId: CallId;
  readonly suffix: string;
}

/** Signs and reads tokens. One HMAC per call when `sign` is called once and suffixes are appended. */
export class TokenSigner {
  readonly #hmac: ShortHmac;
  readonly node: string;
  /** @param key 16 to 64 random bytes, kept 0600 in the state folder
   *  @param node two characters of [0-9a-z] */
  constructor(key: Uint8Array, node: string) {
    this.#hmac = new ShortHmac(key);
    this.node = node;
  }
  /** The token of a call without a suffix; append one of [0-9a-z.-]. */
  sign(callId: CallId): string {
    const prefix = TOKEN_VERSION + this.node + SHARD + callId;
    return prefix + this.#mac(prefix);
  }
  /** What a token from the wire says, if we (or another node with our key) made it. */
  read(text: string): Parsed<Token> {
    if (!TOKEN.test(text)) return malformed("not one of our tokens");
    const prefix = text.slice(0, PREFIX_CHARS);
    if (this.#mac(prefix) !== text.slice(PREFIX_CHARS, TOKEN_CHARS)) return malformed("forged token", PREFIX_CHARS);
    return parsed({
      node: text.slice(1, 1 + NODE_CHARS),
      callId: text.slice(2 + NODE_CHARS, PREFIX_CHARS) as CallId,
      suffix: text.slice(TOKEN_CHARS),
    });
  }
  #mac(prefix: string): string {
    const words = this.#hmac.words(prefix);
    const [first, second] = [words[0]!, words[1]!];
    // The first 40 bits are 8 characters of 5: six of the first word, one across, one of the second.
    let text = "";
    for (let shift = 27; shift > 0; shift -= 5) text += ALPHABET[(first >>> shift) & 31]!;
    return text + ALPHABET[((first << 3) | (second >>> 29)) & 31]! + ALPHABET[(second >>> 24) & 31]!;
  }
}
