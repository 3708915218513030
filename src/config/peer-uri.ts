/** A peer's uri: "sip:host[:port][;parameters]" or "sips:…", where calls to it go. Deliberately without user part and headers. */
import { parseAddress } from "#routing/addresses.ts";
import { type Reader, describe, text } from "./reading.ts";

export interface PeerUri {
  /** Without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Lower case; "" when not said; "tls" for sips. */
  readonly transport: string;
  /** The host is an address, not a name. */
  readonly numeric: boolean;
}

const PEER_URI =
  /^sips?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?)(?::([0-9]{1,5}))?((?:;[A-Za-z0-9-]+(?:=[A-Za-z0-9.\-_~%]+)?)*)$/;
const EXAMPLE = "e.g. sip:sip.example.com, sip:192.0.2.10:5060;transport=tcp or sip:sip.example.com;transport=tls";

export function parsePeerUri(uri: string): PeerUri | undefined {
  const parts = PEER_URI.exec(uri);
  if (parts === null) return undefined;
  const host = parts[1]!.replace(/^\[|\]$/g, "");
  const port = parts[3] === undefined ? undefined : Number(parts[3]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const said = /;transport=([^;]*)/i.exec(parts[4]!)?.[1]?.toLowerCase() ?? "";
  // RFC 3261 §26.2.2: sips is TLS, and "tcp" in it says what is beneath.
  const transport = /^sips:/i.test(uri) && (said === "" || said === "tcp") ? "tls" : said;
  const numeric = parseAddress(host) !== undefined;
  // "[name]", and digits and dots that are no address.
  if (!numeric && (parts[1]!.startsWith("[") || /^[0-9.]+$/.test(host))) return undefined;
  return { host, port, transport, numeric };
}

/** Takes "host:port" too and writes "sip:" before it. */
export const readPeerUri: Reader<string> = (value, reading) => {
  const given = text(value, reading)?.trim();
  if (given === undefined) return undefined;
  if (/;transport=wss?\b/i.test(given)) return reading.note(`${describe(given)}: WebSocket is not built in this version`, EXAMPLE);
  if (given.includes("@")) return reading.note(`${describe(given)} has a user part`, "leave it out: the called number goes there");
  const scheme = /^(sips?):/i.exec(given)?.[1]?.toLowerCase();
  const uri = scheme === undefined ? `sip:${given}` : `${scheme}:${given.slice(scheme.length + 1)}`;
  const parsed = parsePeerUri(uri);
  if (parsed === undefined) return reading.note(`${describe(given)} is not a SIP uri of a host`, EXAMPLE);
  if (!["", "udp", "tcp", "tls"].includes(parsed.transport))
    return reading.note(`transport ${parsed.transport} is unknown`, "udp, tcp or tls");
  if (parsed.transport === "udp" && scheme === "sips")
    return reading.note(`${describe(given)}: sips is TLS, which UDP can't carry`, EXAMPLE);
  return uri;
};
