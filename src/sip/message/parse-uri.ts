/**
 * URIs: sip and sips (RFC 3261 §19.1), tel (RFC 3966), any other scheme as opaque text.
 *
 * User and password come out unescaped (so they may hold any byte, NUL included) and are escaped again on
 * writing. Parameters and headers stay as written. Whether a scheme is acceptable (416) is the UAS
 * core's question, not this file's.
 */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";
import { EQUALS, QUESTION, SEMICOLON, forbiddenInUri, isUnreservedCode, isUserCode, lowerCase } from "./characters.ts";
import type { Parameters, Uri } from "./message.ts";
import { readHostPort, writeHostPort } from "./parse-host.ts";
import { NO_PARAMETERS, writeParameters } from "./parse-parameters.ts";

const SCHEME = /^[a-z][a-z0-9+.-]*$/;

/** @param text exactly the URI: no brackets, no white space around */
export function parseUri(text: string): Parsed<Uri> {
  const colon = text.indexOf(":");
  if (colon <= 0) return malformed("URI without a scheme", 0);
  const scheme = text.startsWith("sip:") ? "sip" : lowerCase(text.slice(0, colon));
  const forbidden = forbiddenInUri(text);
  if (forbidden >= 0) return malformed("character that must be escaped in a URI", forbidden);
  if (scheme === "sip" || scheme === "sips") return parseSipUri(scheme, text, colon + 1);
  if (scheme === "tel") return parseTelUri(text, colon + 1);
  if (!SCHEME.test(scheme)) return malformed("bad URI scheme", 0);
  return parsed({
    scheme,
    user: undefined,
    password: undefined,
    host: "",
    port: undefined,
    parameters: NO_PARAMETERS,
    headers: undefined,
    opaque: text.slice(colon + 1),
  });
}

function parseSipUri(scheme: "sip" | "sips", text: string, from: number): Parsed<Uri> {
  // "@" must be escaped everywhere but before the host, so the first one is it; ";" and "?" may stand in the user.
  const at = text.indexOf("@", from);
  let user: string | undefined;
  let password: string | undefined;
  if (at >= 0) {
    const colon = text.indexOf(":", from);
    const userEnd = colon >= 0 && colon < at ? colon : at;
    user = unescapeUri(text, from, userEnd);
    if (user === undefined || user === "") return malformed("bad user in a URI", from);
    if (userEnd < at) {
      password = unescapeUri(text, userEnd + 1, at);
      if (password === undefined) return malformed("bad password in a URI", userEnd);
    }
  }
  const hostStart = at < 0 ? from : at + 1;
  const hostPort = readHostPort(text, hostStart);
  if (hostPort === undefined) return malformed("bad host or port in a URI", hostStart);
  let end = hostPort.end;
  let parameters = NO_PARAMETERS;
  if (end < text.length && text.charCodeAt(end) === SEMICOLON) {
    const question = text.indexOf("?", end);
    const parametersEnd = question < 0 ? text.length : question;
    const read = readUriParameters(text, end, parametersEnd);
    if (!read.ok) return read;
    parameters = read.value;
    end = parametersEnd;
  }
  if (end < text.length && text.charCodeAt(end) !== QUESTION) return malformed("unexpected text after the host", end);
  return parsed({
    scheme,
    user,
    password,
    host: hostPort.host,
    port: hostPort.port,
    parameters,
    headers: end < text.length ? text.slice(end + 1) : undefined,
    opaque: undefined,
  });
}

function parseTelUri(text: string, from: number): Parsed<Uri> {
  const semicolon = text.indexOf(";", from);
  const numberEnd = semicolon < 0 ? text.length : semicolon;
  const number = unescapeUri(text, from, numberEnd);
  if (number === undefined || number === "") return malformed("tel: URI without a number", from);
  const parameters = readUriParameters(text, numberEnd, text.length);
  if (!parameters.ok) return parameters;
  return parsed({
    scheme: "tel",
    user: number,
    password: undefined,
    host: "",
    port: undefined,
    parameters: parameters.value,
    headers: undefined,
    opaque: undefined,
  });
}

/** `*( ";" name [ "=" value ] )` without white space; one ";" at the end is tolerated. */
function readUriParameters(text: string, from: number, end: number): Parsed<Parameters> {
  if (from >= end) return parsed(NO_PARAMETERS);
  const parameters = new Map<string, string | undefined>();
  let at = from;
  while (at < end) {
    const start = at + 1;
    if (start === end) break;
    let equals = -1;
    for (at = start; at < end; at++) {
      const code = text.charCodeAt(at);
      if (code === SEMICOLON) break;
      if (code === EQUALS && equals < 0) equals = at;
    }
    const nameEnd = equals < 0 ? at : equals;
    if (nameEnd === start) return malformed("URI parameter without a name", start);
    const name = lowerCase(text.slice(start, nameEnd));
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? undefined : text.slice(equals + 1, at));
  }
  return parsed(parameters);
}

/** Percent escapes of one part taken off; undefined where "%" is not followed by two hexadecimal digits. */
function unescapeUri(text: string, start: number, end: number): string | undefined {
  const part = text.slice(start, end);
  return part.includes("%") ? unescapeText(part) : part;
}

/** %XX → the byte XX; undefined where an escape is broken. */
export function unescapeText(text: string): string | undefined {
  let plain = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "%") {
      plain += text[at];
      continue;
    }
    const hex = text.slice(at + 1, at + 3);
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return undefined;
    plain += String.fromCharCode(Number.parseInt(hex, 16));
    at += 2;
  }
  return plain;
}

const percent = (code: number): string => `%${code < 16 ? "0" : ""}${code.toString(16).toUpperCase()}`;

/** Escapes all but unreserved and user-unreserved characters (§25.1). */
export function escapeUser(user: string): string {
  let text = "";
  for (let i = 0; i < user.length; i++) {
    const code = user.charCodeAt(i);
    text += isUserCode(code) ? user[i] : percent(code);
  }
  return text;
}

const PASSWORD_MORE = "&=+$,";
function escapePassword(password: string): string {
  let text = "";
  for (let i = 0; i < password.length; i++) {
    const code = password.charCodeAt(i);
    text += isUnreservedCode(code) || PASSWORD_MORE.includes(password[i]!) ? password[i] : percent(code);
  }
  return text;
}

/** A tel: number may hold "#", which a user part may not. */
const escapeNumber = (number: string): string =>
  number
    .split("#")
    .map((part) => escapeUser(part).replace(/[;?]/g, (c) => percent(c.charCodeAt(0))))
    .join("#");

/** The text of a URI. What `parseUri` read comes out equal, escapes and the case of names normalised. */
export function writeUri(uri: Uri): string {
  if (uri.opaque !== undefined) return `${uri.scheme}:${uri.opaque}`;
  const parameters = uri.parameters.size === 0 ? "" : writeParameters(uri.parameters);
  if (uri.scheme === "tel") return `tel:${escapeNumber(uri.user ?? "")}${parameters}`;
  const password = uri.password === undefined ? "" : `:${escapePassword(uri.password)}`;
  const user = uri.user === undefined ? "" : `${escapeUser(uri.user)}${password}@`;
  const headers = uri.headers === undefined ? "" : `?${uri.headers}`;
  return `${uri.scheme}:${user}${writeHostPort(uri.host, uri.port)}${parameters}${headers}`;
}
