/**
 * Parameters of header field values (RFC 3261 §7.3.1, generic-param of §25.1). White space may stand
 * around ";" and "=". Values stay as written, quotes included (`unquote` takes them off). A repeated name
 * keeps its first value; one ";" at the very end is tolerated, because devices send it.
 */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";
import { COMMA, EQUALS, QUOTE, SEMICOLON, SPACE, isTokenCode, lowerCase, skipBlanks, skipQuoted } from "./characters.ts";
import type { Parameters } from "./message.ts";

export const NO_PARAMETERS: Parameters = new Map();
const NONE: Parsed<Parameters> = parsed(NO_PARAMETERS);

/** Reads `*( ";" name [ "=" value ] )` from `from` to the end of the text. */
export function parseParameters(text: string, from: number): Parsed<Parameters> {
  let at = skipBlanks(text, from);
  if (at >= text.length) return NONE;
  const parameters = new Map<string, string | undefined>();
  while (at < text.length) {
    if (text.charCodeAt(at) !== SEMICOLON) return malformed("no ; before a parameter", at);
    at = skipBlanks(text, at + 1);
    if (at >= text.length) break;
    const nameStart = at;
    while (at < text.length && isTokenCode(text.charCodeAt(at))) at++;
    if (at === nameStart) return malformed("parameter without a name", at);
    const name = lowerCase(text.slice(nameStart, at));
    at = skipBlanks(text, at);
    let value: string | undefined;
    if (at < text.length && text.charCodeAt(at) === EQUALS) {
      const valueStart = skipBlanks(text, at + 1);
      at = skipValue(text, valueStart);
      if (at < 0) return malformed("bad parameter value", valueStart);
      value = text.slice(valueStart, at);
      at = skipBlanks(text, at);
    }
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return parsed(parameters);
}

function skipValue(text: string, at: number): number {
  if (at < text.length && text.charCodeAt(at) === QUOTE) return skipQuoted(text, at);
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === SEMICOLON || code <= SPACE) break;
    if (code === QUOTE || code === COMMA) return -1;
  }
  return at;
}

/** ";name=value;flag", in order. */
export function writeParameters(parameters: Parameters): string {
  let text = "";
  for (const [name, value] of parameters) text += value === undefined ? `;${name}` : `;${name}=${value}`;
  return text;
}
