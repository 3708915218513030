/**
 * The requests and header fields that the transaction layer makes itself: the topmost Via, the ACK to a
 * non-2xx (RFC 3261 §17.1.1.3) and CANCEL (§9.1).
 */
import type { HeaderField, OutgoingRequest, ReceivedResponse } from "#sip/message/message.ts";
import { MAGIC_COOKIE } from "#sip/message/parse-via.ts";
import type { ListenerFace, TransportName } from "#sip/transport/transport.ts";

/** §8.1.1.6; a hop-by-hop request needs no more, and none less. */
const MAX_FORWARDS: HeaderField = ["Max-Forwards", "70"];
/** A host that no one can answer to, for a listener that does not exist: the send fails anyway. */
const NOWHERE = "invalid";

/** The Via value of a request that leaves by this listener (§18.1.1, RFC 3581 §3). */
export function viaValue(face: ListenerFace | undefined, transport: TransportName, branch: string): string {
  const host = face?.advertised ?? NOWHERE;
  const sentBy = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const port = face?.portOf(transport);
  // RFC 5923 §5: requests to us may come back on this connection. Where we don't listen for TLS they must.
  const alias = transport === "TLS" ? ";alias" : "";
  return `SIP/2.0/${transport} ${sentBy}${port === undefined ? "" : `:${port}`};branch=${MAGIC_COOKIE}${branch};rport${alias}`;
}

/** §17.1.1.3: as the INVITE, but the To of the response, and no body. */
export function ackToRefusal(invite: OutgoingRequest, via: string, response: ReceivedResponse): OutgoingRequest {
  const to = response.header("to") ?? fieldValue(invite.headers, "to") ?? "";
  return sameTransaction("ACK", invite, via, to, []);
}

/** §9.1: Request-URI, Call-ID, To, CSeq number, From and Route as in the INVITE, its topmost Via alone. */
export function cancelOf(invite: OutgoingRequest, via: string, headers: readonly HeaderField[]): OutgoingRequest {
  return sameTransaction("CANCEL", invite, via, fieldValue(invite.headers, "to") ?? "", headers);
}

function sameTransaction(
  method: "ACK" | "CANCEL",
  invite: OutgoingRequest,
  via: string,
  to: string,
  more: readonly HeaderField[],
): OutgoingRequest {
  const cseq = Number.parseInt(fieldValue(invite.headers, "cseq") ?? "1", 10);
  const headers: HeaderField[] = [["Via", via]];
  for (const field of invite.headers) if (field[0].toLowerCase() === "route") headers.push(field);
  headers.push(
    MAX_FORWARDS,
    ["From", fieldValue(invite.headers, "from") ?? ""],
    ["To", to],
    ["Call-ID", fieldValue(invite.headers, "call-id") ?? ""],
    ["CSeq", `${cseq} ${method}`],
    ...more,
  );
  return { method, requestUri: invite.requestUri, headers, body: "" };
}

/** The first field of that name. @param name in lower case */
function fieldValue(headers: readonly HeaderField[], name: string): string | undefined {
  for (const field of headers) if (field[0].length === name.length && field[0].toLowerCase() === name) return field[1];
  return undefined;
}
