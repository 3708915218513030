/** host [ ":" port ] of RFC 3261 §25.1 with the corrections of RFC 5118, shared by URIs and Via. */
import { isIPv6 } from "node:net";
import { COLON, isDigitCode, isHostCode } from "./characters.ts";
import { PORT_MAX } from "./limits.ts";

export interface HostPort {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Position after what was read. */
  readonly end: number;
}

const BRACKET = 0x5b;

/** Reads a host at `at`; undefined when there is none or its port is none. The caller looks at what follows. */
export function readHostPort(text: string, at: number): HostPort | undefined {
  let end = at;
  let host: string;
  if (text.charCodeAt(at) === BRACKET) {
    end = text.indexOf("]", at) + 1;
    const address = end === 0 ? undefined : readIpv6(text.slice(at + 1, end - 1));
    if (address === undefined) return undefined;
    host = address;
  } else {
    while (end < text.length && isHostCode(text.charCodeAt(end))) end++;
    if (end === at) return undefined;
    host = text.slice(at, end);
  }
  if (end >= text.length || text.charCodeAt(end) !== COLON) return { host, port: undefined, end };
  let port = 0;
  const portStart = ++end;
  for (; end < text.length && isDigitCode(text.charCodeAt(end)); end++) {
    port = port * 10 + text.charCodeAt(end) - 0x30;
    if (port > PORT_MAX) return undefined;
  }
  return end === portStart || port === 0 ? undefined : { host, port, end };
}

function readIpv6(text: string): string | undefined {
  // A zone means something to its own host only. isIPv6 would let it pass.
  if (text.includes("%")) return undefined;
  if (isIPv6(text)) return text;
  // RFC 5118 §4.10: the first grammar of RFC 3261 made ":::" before an IPv4 tail; read it as "::".
  const mended = text.includes(".") ? text.replace(":::", "::") : text;
  return isIPv6(mended) ? mended : undefined;
}

/** Brackets around IPv6, the port where there is one. */
export function writeHostPort(host: string, port: number | undefined): string {
  const bracketed = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? bracketed : `${bracketed}:${port}`;
}
