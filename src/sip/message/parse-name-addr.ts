/**
 * name-addr and addr-spec with parameters (RFC 3261 §20.10, §25.1): From, To, Contact, Route,
 * Record-Route, P-Asserted-Identity and their like.
 */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";
import { COMMA, LESS, QUOTE, isBlank, skipBlanks, skipQuoted } from "./characters.ts";
import type { NameAddr, Parameters } from "./message.ts";
import { parseParameters, writeParameters } from "./parse-parameters.ts";
import { parseUri } from "./parse-uri.ts";
import { quote, unquote } from "./quoted-string.ts";

/** @param text one value, trimmed */
export function parseNameAddr(text: string): Parsed<NameAddr> {
  let displayName: string | undefined;
  let open: number;
  if (text.charCodeAt(0) === QUOTE) {
    const end = skipQuoted(text, 0);
    if (end < 0) return malformed("quote that never closes", 0);
    displayName = unquote(text.slice(0, end));
    open = skipBlanks(text, end);
    if (open >= text.length || text.charCodeAt(open) !== LESS) return malformed("no < after the display name", open);
  } else {
    open = text.indexOf("<");
    if (open < 0) return parseAddrSpec(text);
    const name = text.slice(0, open).trim();
    // A "<" that stands in a parameter of an addr-spec is no name-addr; it fails as a URI then.
    const bad = findForbiddenInName(name);
    if (bad >= 0) return malformed("display name must be quoted", bad);
    if (name !== "") displayName = name;
  }
  const close = text.indexOf(">", open);
  if (close < 0) return malformed("< that never closes", open);
  return finish(displayName, text.slice(open + 1, close), parseParameters(text, close + 1), open + 1);
}

/** Without brackets every parameter belongs to the header, and the URI may hold no "," or "?" (§20.10). */
function parseAddrSpec(text: string): Parsed<NameAddr> {
  const semicolon = text.indexOf(";");
  let end = semicolon < 0 ? text.length : semicolon;
  const parameters = parseParameters(text, end);
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end--;
  const uriText = text.slice(0, end);
  for (let i = 0; i < end; i++) {
    if (text[i] === "?" || text.charCodeAt(i) === COMMA) return malformed("URI must stand in < >", i);
  }
  return finish(undefined, uriText, parameters, 0);
}

function finish(displayName: string | undefined, uriText: string, parameters: Parsed<Parameters>, offset: number): Parsed<NameAddr> {
  if (!parameters.ok) return parameters;
  const uri = parseUri(uriText);
  if (!uri.ok) return malformed(uri.reason, uri.offset + offset);
  return parsed({ displayName, uri: uri.value, uriText, parameters: parameters.value });
}

/** Tokens and blanks by the grammar. Deviation: other characters pass (carriers send "(0)30", "@", UTF-8), delimiters not. */
function findForbiddenInName(name: string): number {
  for (let i = 0; i < name.length; i++) if (',;:"\\>'.includes(name[i]!)) return i;
  return -1;
}

/** `"Display name" <uri>;parameters`: always with brackets, the name always quoted. */
export function writeNameAddr(nameAddr: Pick<NameAddr, "displayName" | "uriText" | "parameters">): string {
  const name = nameAddr.displayName === undefined ? "" : `${quote(nameAddr.displayName)} `;
  return `${name}<${nameAddr.uriText}>${writeParameters(nameAddr.parameters)}`;
}
