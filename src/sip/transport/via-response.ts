/**
 * Reading and changing the topmost Via of a message that we are about to send: where a response goes
 * (RFC 3261 §18.2.2, RFC 3581 §4), which transaction a request belongs to, and its transport token when
 * a request too large for UDP leaves by TCP (§18.1.1).
 *
 * Deliberately not followed: `maddr`. It lets the sender of a request choose whom the response hits;
 * without multicast, which we do not speak, nobody needs it.
 */
import { parseVia } from "#sip/message/parse-via.ts";
import type { Flow } from "./transport.ts";

export const DEFAULT_PORT = 5060;
/** §19.1.2: of sips and of TLS. */
export const DEFAULT_TLS_PORT = 5061;

export interface ResponseDestination {
  readonly address: string;
  readonly port: number;
}

/** Start and end of the first Via value, its header name left out; undefined when there is none. */
function topVia(wire: string): { readonly from: number; readonly to: number } | undefined {
  const second = wire.indexOf("\r\n");
  // What we write ourselves begins so; an expression over the whole message costs more than sending it.
  const from = second >= 0 && wire.startsWith(OUR_VIA, second) ? second + OUR_VIA.length : searchVia(wire);
  if (from < 0) return undefined;
  const lineEnd = wire.indexOf("\r\n", from);
  return { from, to: lineEnd < 0 ? wire.length : lineEnd };
}

const OUR_VIA = "\r\nVia: ";

function searchVia(wire: string): number {
  const field = /\r\nv(?:ia)?[ \t]*:[ \t]*/i.exec(wire);
  return field === null ? -1 : field.index + field[0].length;
}

/**
 * Where a response leaves for. Over UDP with rport: where the request came from, port included. Without:
 * that address, but the port that the sender's Via names.
 * @param wire the serialized response; its topmost Via is the request's
 */
export function responseDestination(wire: string, flow: Flow): ResponseDestination {
  const address = flow.remoteAddress;
  const range = topVia(wire);
  if (range === undefined) return { address, port: flow.remotePort };
  const text = firstValue(wire.slice(range.from, range.to));
  // RFC 3581 §4: the source port, which the flow knows better than what the parameter was filled with.
  if (flow.transport === "UDP" && /;[ \t]*rport(?![^\s=;])/i.test(text)) return { address, port: flow.remotePort };
  const via = parseVia(text);
  if (!via.ok) return { address, port: flow.remotePort };
  return { address, port: via.value.port ?? (flow.transport === "TLS" ? DEFAULT_TLS_PORT : DEFAULT_PORT) };
}

/** A Via value ends at a comma outside of quotes; inside one, only extension parameters are quoted. */
function firstValue(values: string): string {
  if (!values.includes(",")) return values;
  let quoted = false;
  for (let at = 0; at < values.length; at++) {
    const char = values[at];
    if (char === "\\" && quoted) at++;
    else if (char === '"') quoted = !quoted;
    else if (char === "," && !quoted) return values.slice(0, at);
  }
  return values;
}

/** The branch of the topmost Via; "" when it has none. */
export function topBranch(wire: string): string {
  const range = topVia(wire);
  if (range === undefined) return "";
  return /;[ \t]*branch[ \t]*=[ \t]*([^;,\s]+)/i.exec(firstValue(wire.slice(range.from, range.to)))?.[1] ?? "";
}

/** The message with another transport in its topmost Via; undefined where that Via is not one of UDP. */
export function viaOverTcp(wire: string): string | undefined {
  const range = topVia(wire);
  if (range === undefined || !wire.startsWith("SIP/2.0/UDP", range.from)) return undefined;
  return `${wire.slice(0, range.from)}SIP/2.0/TCP${wire.slice(range.from + "SIP/2.0/UDP".length)}`;
}
