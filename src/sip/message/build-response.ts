/**
 * Responses from requests (RFC 3261 §8.2.6): what must be copied is copied as it was written, the topmost
 * Via gets `received` and `rport` (§18.2.1, RFC 3581 §4).
 */
import { lowerCase } from "./characters.ts";
import type { HeaderField, OutgoingResponse, ReceivedRequest, Via } from "./message.ts";
import { writeVia } from "./parse-via.ts";
import { reasonPhraseOf } from "./reason-phrases.ts";
import { splitHeaderValues } from "./split-header-values.ts";

export interface ResponseParts {
  /** Added to To unless the request has one there; never to a 100 (§8.2.6.2). */
  readonly toTag?: string | undefined;
  /** After the copied ones, in order. */
  readonly headers?: readonly HeaderField[];
  readonly body?: string;
  /** Required with a body. */
  readonly contentType?: string | undefined;
  /** Where the request came from. Without it the Via stays as it was. */
  readonly received?: { readonly address: string; readonly rport: number };
}

/** @param reasonPhrase undefined: our own for that status */
export function buildResponse(
  request: ReceivedRequest,
  status: number,
  reasonPhrase: string | undefined,
  parts: ResponseParts = {},
): OutgoingResponse {
  const headers: HeaderField[] = [];
  const vias = request.headerLines("Via");
  for (let i = 0; i < vias.length; i++) {
    headers.push(["Via", i === 0 && parts.received !== undefined ? topViaLine(request, vias[i]!, parts.received) : vias[i]!]);
  }
  copy(request, "From", headers);
  const to = request.header("To");
  if (to !== undefined) headers.push(["To", toWithTag(request, to, status, parts.toTag)]);
  copy(request, "Call-ID", headers);
  copy(request, "CSeq", headers);
  // §8.2.6.1: the 100 repeats the Timestamp.
  if (status === 100) copy(request, "Timestamp", headers);
  // §12.1.1: responses that make a dialog carry the Record-Route of the request.
  if (status > 100 && status < 300 && makesDialog(request.method)) {
    for (const route of request.headerLines("Record-Route")) headers.push(["Record-Route", route]);
  }
  if (parts.headers !== undefined) headers.push(...parts.headers);
  const body = parts.body ?? "";
  if (body !== "" && parts.contentType !== undefined) headers.push(["Content-Type", parts.contentType]);
  return { status, reasonPhrase: reasonPhrase ?? reasonPhraseOf(status), headers, body };
}

const makesDialog = (method: string): boolean => method === "INVITE" || method === "SUBSCRIBE" || method === "REFER";

/** What is missing stays missing (RFC 4475 §3.3.1, insuf). */
function copy(request: ReceivedRequest, name: string, headers: HeaderField[]): void {
  const value = request.header(name);
  if (value !== undefined) headers.push([name, value]);
}

function toWithTag(request: ReceivedRequest, to: string, status: number, tag: string | undefined): string {
  if (tag === undefined || status === 100) return to;
  const parsedTo = request.to();
  // Where To cannot be read (a 400), the tag is not added rather than put in a wrong place.
  return parsedTo.ok && !parsedTo.value.parameters.has("tag") ? `${to};tag=${tag}` : to;
}

function topViaLine(request: ReceivedRequest, line: string, received: { address: string; rport: number }): string {
  const via = request.topVia();
  if (!via.ok) return line;
  if (via.value.rport === "requested" && via.value.received === undefined) {
    // The usual case keeps the text as it was written.
    const after = line.indexOf(";rport") + 6;
    if (after > 5 && !line.includes(",") && (after === line.length || line[after] === ";"))
      return `${line.slice(0, after)}=${received.rport}${line.slice(after)};received=${received.address}`;
  }
  const top = fillReceived(via.value, received.address, received.rport);
  if (top === via.value) return line;
  const rest = line.includes(",") ? splitHeaderValues(line).slice(1) : [];
  return [writeVia(top), ...rest].join(", ");
}

/**
 * The Via with what the server saw. `received` is added where sent-by is another address or a name
 * (§18.2.1) and always with rport (RFC 3581 §4); what the sender claimed there is replaced.
 */
function fillReceived(via: Via, address: string, port: number): Via {
  const same = via.host === address || lowerCase(via.host) === lowerCase(address);
  if (same && via.rport === "absent" && via.received === undefined) return via;
  const parameters = new Map(via.parameters);
  if (via.rport !== "absent") parameters.set("rport", String(port));
  parameters.set("received", address);
  return { ...via, rport: via.rport === "absent" ? "absent" : port, received: address, parameters };
}
