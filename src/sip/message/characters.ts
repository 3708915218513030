/** Character classes of RFC 3261 §25.1 as one table, and the few scans that every value parser needs. */

const TOKEN = 1;
const UNRESERVED = 2;
const USER = 4;
const HOST = 8;
const DIGIT = 16;
const NOT_IN_URI = 32;

const CLASSES = new Uint8Array(256);
const mark = (characters: string, bits: number): void => {
  for (const c of characters) CLASSES[c.charCodeAt(0)]! |= bits;
};
mark("0123456789", TOKEN | UNRESERVED | USER | HOST | DIGIT);
mark("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", TOKEN | UNRESERVED | USER | HOST);
mark("-.!%*_+`'~", TOKEN);
mark("-_.!~*'()", UNRESERVED | USER);
mark("&=+$,;?/", USER);
// "_" is not in the grammar of a host name and is in use.
mark("-._", HOST);
// White space, controls and delimiters never stand in a URI unescaped. Bytes above ASCII are let through.
mark('<>"\x7f', NOT_IN_URI);
for (let code = 0; code <= 0x20; code++) CLASSES[code]! |= NOT_IN_URI;

export const SPACE = 0x20;
export const TAB = 0x09;
export const CR = 0x0d;
export const LF = 0x0a;
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const LESS = 0x3c;
export const GREATER = 0x3e;
export const QUESTION = 0x3f;

export const isTokenCode = (code: number): boolean => (CLASSES[code]! & TOKEN) !== 0;
export const isUserCode = (code: number): boolean => (CLASSES[code]! & USER) !== 0;
export const isUnreservedCode = (code: number): boolean => (CLASSES[code]! & UNRESERVED) !== 0;
export const isHostCode = (code: number): boolean => (CLASSES[code]! & HOST) !== 0;
export const isDigitCode = (code: number): boolean => (CLASSES[code]! & DIGIT) !== 0;
export const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/** The first position of a character that a URI may hold only escaped; -1: there is none. */
export function forbiddenInUri(text: string): number {
  for (let i = 0; i < text.length; i++) if ((CLASSES[text.charCodeAt(i)]! & NOT_IN_URI) !== 0) return i;
  return -1;
}

/** True for one or more token characters. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!isTokenCode(text.charCodeAt(i))) return false;
  return text !== "";
}

/** The first position at or after `at` that is no space or tab. CR and LF are blank too: values are unfolded. */
export function skipBlanks(text: string, at: number): number {
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && code !== TAB && code !== CR && code !== LF) break;
    at++;
  }
  return at;
}

/** @param at position of the opening quote; returns the position after the closing one, -1 if it never comes. */
export function skipQuoted(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code === BACKSLASH) i++;
  }
  return -1;
}

/** Lower case without a call into the engine where there is nothing to change, which is the usual case. */
export function lowerCase(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x41 && code <= 0x5a) return text.toLowerCase();
  }
  return text;
}

/** Decimal digits only and not above `max`; undefined otherwise. Any length of digits ends at the bound. */
export function parseDecimal(text: string, max: number): number | undefined {
  if (text === "") return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
    if (value > max) return undefined;
  }
  return value;
}
