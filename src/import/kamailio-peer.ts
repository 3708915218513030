/** What gateways and trunks have alike when they are made of Kamailio's rows: URIs, listeners, networks. */
import { parseAddress } from "#routing/addresses.ts";
import type { KamailioCfg } from "./kamailio-cfg.ts";
import type { Listeners, Side } from "./kamailio-listeners.ts";
import type { AllowedAddress } from "./kamailio-rows.ts";
import type { MoveRow } from "./move.ts";
import type { Names } from "./names.ts";

export interface Making {
  readonly cfg: KamailioCfg;
  readonly listeners: Listeners;
  readonly names: Names;
  readonly rows: MoveRow[];
}

/** "sip:user@host:port;transport=tcp" as far as a peer's uri takes it. */
export interface PeerUri {
  readonly uri: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly transport: "udp" | "tcp";
  /** Parts that were cut, for the note. */
  readonly cut: readonly string[];
}

const URI =
  /^(sips?:)?(?:([^@;?]*)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.?)(?::([0-9]{1,5}))?((?:;[^?]*)?)(\?.*)?$/i;

/** @returns a reason where it can't be taken */
export function readUri(text: string): PeerUri | string {
  const parts = URI.exec(text.trim());
  if (parts === null) return "not a SIP URI of a host";
  const [, scheme = "", user, host, port, parameters = "", headers] = parts as unknown as (string | undefined)[];
  const transport = /;transport=([^;]*)/i.exec(parameters)?.[1]?.toLowerCase() ?? "";
  if (/^sips:/i.test(scheme) || (transport !== "" && transport !== "udp" && transport !== "tcp"))
    return /^(tls)?$/.test(transport)
      ? "TLS wants certificates, which are not taken over: docs/tls.md"
      : `${transport.toUpperCase()} is not built in this version`;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return `port ${port} is none`;
  const others = parameters.split(";").filter((one) => one !== "" && !/^transport=/i.test(one));
  const cut = [
    ...(user === undefined ? [] : [`user ${user}, where the called number goes`]),
    ...others.map((one) => `;${one}`),
    ...(headers === undefined ? [] : [headers]),
  ];
  return {
    uri: `sip:${host}${port === undefined ? "" : `:${port}`}${transport === "" ? "" : `;transport=${transport}`}`,
    host: host!.replace(/^\[|\]$/g, ""),
    port: port === undefined ? undefined : Number(port),
    transport: transport === "tcp" ? "tcp" : "udp",
    cut,
  };
}

/** The listener of a peer, by its socket where it names one. */
export function listenerOf(making: Making, socket: string | undefined, host: string, side: Side, notes: string[]): string {
  const { listeners } = making;
  if (socket !== undefined && socket !== "") {
    const named = listeners.bySocket(socket);
    if (named !== undefined) return named;
    notes.push(`no listener for socket ${socket}`);
  }
  return listeners.towards(host, side);
}

export function networkOf({ address, maskBits }: AllowedAddress): string | undefined {
  const parsed = parseAddress(address);
  if (parsed === undefined) return undefined;
  const bits = parsed.family === 4 ? 32 : 128;
  return maskBits >= bits ? address : `${address}/${maskBits}`;
}
