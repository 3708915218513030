/**
 * Messages to wire strings (RFC 3261 §7). Content-Length is computed here and stands last; a caller's own is
 * left out. CR and LF never get into a line: a value that holds one is our mistake and gets a space.
 */
import { CONTENT_LENGTH, headerId } from "./header-names.ts";
import type { HeaderField, OutgoingRequest, OutgoingResponse, ReceivedMessage, ReceivedRequest, ReceivedResponse } from "./message.ts";

/** @param via the topmost Via's value, before the request's own headers */
export function serializeRequest(request: OutgoingRequest, via?: string): string {
  const start = `${oneLine(request.method)} ${oneLine(request.requestUri)} SIP/2.0\r\n`;
  const line = via === undefined ? start : `${start}Via: ${oneLine(via)}\r\n`;
  return line + serializeFields(request.headers) + serializeBody(request.body);
}

export function serializeResponse(response: OutgoingResponse): string {
  const line = `SIP/2.0 ${response.status} ${oneLine(response.reasonPhrase)}\r\n`;
  return line + serializeFields(response.headers) + serializeBody(response.body);
}

function serializeFields(fields: readonly HeaderField[]): string {
  let text = "";
  for (const [name, value] of fields) {
    // Only "Content-Length" and "l" are so long.
    if ((name.length === 14 || name.length === 1) && headerId(name) === CONTENT_LENGTH) continue;
    text += `${oneLine(name)}: ${oneLine(value)}\r\n`;
  }
  return text;
}

const serializeBody = (body: string): string =>
  body === "" ? "Content-Length: 0\r\n\r\n" : `Content-Length: ${body.length}\r\n\r\n${body}`;

const oneLine = (text: string): string => (text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]+/g, " ") : text);

/** The data of a received message: serialized again it says the same, folding and spacing aside. */
export function toOutgoing(message: ReceivedRequest): OutgoingRequest;
export function toOutgoing(message: ReceivedResponse): OutgoingResponse;
export function toOutgoing(message: ReceivedMessage): OutgoingRequest | OutgoingResponse;
export function toOutgoing(message: ReceivedMessage): OutgoingRequest | OutgoingResponse {
  const headers = message.fields().filter(([name]) => headerId(name) !== CONTENT_LENGTH);
  return message.kind === "request"
    ? { method: message.method, requestUri: message.requestUri, headers, body: message.body }
    : { status: message.status, reasonPhrase: message.reasonPhrase, headers, body: message.body };
}
