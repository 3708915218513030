/**
 * Garbage that still can be answered: `parseMessage` refused it (a line without a colon, no empty line at the
 * end, too many headers), but Via, From, To, Call-ID and CSeq are there. Lines that are no header fields
 * are left out, the body is not looked for.
 */
import { parseMessage } from "./parse-message.ts";
import { HEADERS_MAX, MESSAGE_BYTES_MAX } from "./limits.ts";
import { isTokenCode } from "./characters.ts";
import { CALL_ID, CSEQ, FROM, TO, VIA, headerId } from "./header-names.ts";
import type { ReceivedRequest } from "./message.ts";

const NEEDED: ReadonlySet<number> = new Set([VIA, FROM, TO, CALL_ID, CSEQ]);

/**
 * A request to give to `buildResponse(request, 400, …)`, its topmost Via, From, To and CSeq readable;
 * undefined: drop it. ACK and responses are never answered.
 */
export function answerable(wire: string): ReceivedRequest | undefined {
  const head = wire.slice(0, MESSAGE_BYTES_MAX).trimStart();
  const lines = head.split(/\r?\n/, HEADERS_MAX * 2);
  const kept = [lines[0]!];
  for (let i = 1; i < lines.length && lines[i] !== ""; i++) {
    const name = nameOf(lines[i]!);
    if (name !== "" && NEEDED.has(headerId(name)) && kept.length < HEADERS_MAX) kept.push(lines[i]!.replaceAll("\r", " "));
  }
  const message = parseMessage(`${kept.join("\r\n")}\r\n\r\n`);
  if (!message.ok || message.value.kind === "response" || message.value.method === "ACK") return undefined;
  const request = message.value;
  const readable = request.topVia().ok && request.from().ok && request.to().ok && request.cseq().ok;
  return readable && request.callId() !== "" ? request : undefined;
}

function nameOf(line: string): string {
  let end = 0;
  while (end < line.length && isTokenCode(line.charCodeAt(end))) end++;
  return /^[ \t]*:/.test(line.slice(end, end + 16)) ? line.slice(0, end) : "";
}
