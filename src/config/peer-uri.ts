/** A peer's uri: "sip:host[:port][;parameters]", where calls to it go. Deliberately without user part and headers. */
import { parseAddress } from "#routing/addresses.ts";
import { type Reader, describe, text } from "./reading.ts";

export interface PeerUri {
  /** Without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Lower case; "" when not said. */
  readonly transport: string;
  /** The host is an address, not a name. */
  readonly numeric: boolean;
}

const PEER_URI =
  /^sip:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?)(?::([0-9]{1,5}))?((?:;[A-Za-z0-9-]+(?:=[A-Za-z0-9.\-_~%]+)?)*)$/;
const EXAMPLE = "e.g. sip:sip.example.com or sip:192.0.2.10:5060;transport=tcp";

export function parsePeerUri(uri: string): PeerUri | undefined {
  const parts = PEER_URI.exec(uri);
  if (parts === null) return undefined;
  const host = parts[1]!.replace(/^\[|\]$/g, "");
  const port = parts[3] === undefined ? undefined : Number(parts[3]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const transport = /;transport=([^;]*)/i.exec(parts[4]!)?.[1]?.toLowerCase() ?? "";
  const numeric = parseAddress(host) !== undefined;
  // "[name]", and digits and dots that are no address.
  if (!numeric && (parts[1]!.startsWith("[") || /^[0-9.]+$/.test(host))) return undefined;
  return { host, port, transport, numeric };
}

/** Takes "host:port" too and writes "sip:" before it. */
export const readPeerUri: Reader<string> = (value, reading) => {
  const given = text(value, reading)?.trim();
  if (given === undefined) return undefined;
  if (/^sips:/i.test(given) || /;transport=(tls|ws|wss)\b/i.test(given))
    return reading.note(`${describe(given)}: TLS and WebSocket are not built in this version`, EXAMPLE);
  if (given.includes("@")) return reading.note(`${describe(given)} has a user part`, "leave it out: the called number goes there");
  const uri = /^sip:/i.test(given) ? `sip:${given.slice(4)}` : `sip:${given}`;
  const parsed = parsePeerUri(uri);
  if (parsed === undefined) return reading.note(`${describe(given)} is not a SIP uri of a host`, EXAMPLE);
  if (parsed.transport !== "" && parsed.transport !== "udp" && parsed.transport !== "tcp")
    return reading.note(`transport ${parsed.transport} is unknown`, "udp or tcp");
  return uri;
};
