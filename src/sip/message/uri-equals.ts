/** When two URIs are the same: RFC 3261 §19.1.4 for sip and sips, RFC 3966 §5 for tel, text otherwise. */
import type { Parameters, Uri } from "./message.ts";
import { unescapeText } from "./parse-uri.ts";

/** Never equal when only one of the URIs has them, whatever their default means. */
const DECIDING = ["user", "ttl", "method", "maddr", "transport"];

export function uriEquals(a: Uri, b: Uri): boolean {
  if (a.scheme !== b.scheme) return false;
  if (a.opaque !== undefined || b.opaque !== undefined) return a.opaque === b.opaque;
  if (a.scheme === "tel") return telEquals(a, b);
  if (a.user !== b.user || a.password !== b.password || a.port !== b.port) return false;
  if (a.host.toLowerCase() !== b.host.toLowerCase()) return false;
  for (const name of DECIDING) if (a.parameters.has(name) !== b.parameters.has(name)) return false;
  return sharedEqual(a.parameters, b.parameters) && headersEqual(a.headers, b.headers);
}

function sharedEqual(a: Parameters, b: Parameters): boolean {
  for (const [name, value] of a) if (b.has(name) && fold(value) !== fold(b.get(name))) return false;
  return true;
}

const fold = (value: string | undefined): string | undefined =>
  value === undefined ? undefined : (unescapeText(value) ?? value).toLowerCase();

/** Headers count wholly, in any order. */
function headersEqual(a: string | undefined, b: string | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  const sorted = (headers: string): string =>
    headers
      .split("&")
      .map((header) => {
        const equals = header.indexOf("=");
        const name = equals < 0 ? header : header.slice(0, equals);
        const value = equals < 0 ? "" : header.slice(equals + 1);
        return `${fold(name)}=${unescapeText(value) ?? value}`;
      })
      .sort()
      .join("&");
  return sorted(a) === sorted(b);
}

/** Visual separators say nothing; every parameter does, in any order. */
function telEquals(a: Uri, b: Uri): boolean {
  const digits = (uri: Uri): string => (uri.user ?? "").replace(/[-.()]/g, "").toLowerCase();
  return digits(a) === digits(b) && a.parameters.size === b.parameters.size && everyEqual(a.parameters, b.parameters);
}

function everyEqual(a: Parameters, b: Parameters): boolean {
  for (const [name, value] of a) if (!b.has(name) || fold(value) !== fold(b.get(name))) return false;
  return true;
}
