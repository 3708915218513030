/**
 * One pass over a message (RFC 3261 §7): the start line is read, header lines are noted, nothing else is
 * looked at. A value is parsed when somebody asks (received-message.ts); whether a request is good enough to
 * act on is `checkRequest`'s question.
 *
 * Deliberately strict in two points, so that no element reads another message than we do: lines end with
 * CRLF and nothing else, and the empty line must be there.
 */
import { type Parsed, bytesToWire, malformed, parsed } from "#base/bytes.ts";
import { COLON, CR, LF, SPACE, TAB, isToken, isTokenCode } from "./characters.ts";
import { headerBit, headerIdAt } from "./header-names.ts";
import { HEADERS_MAX, MESSAGE_BYTES_MAX } from "./limits.ts";
import type { ReceivedMessage } from "./message.ts";
import { methodName } from "./parse-cseq.ts";
import { IndexedRequest, IndexedResponse, type MessageIndex } from "./received-message.ts";

/**
 * @param message one datagram or one framed message; a string is a wire string
 * Malformed: nothing that can be a SIP message, or one beyond the limits. Never throws.
 */
export function parseMessage(message: string | Uint8Array): Parsed<ReceivedMessage> {
  if (message.length > MESSAGE_BYTES_MAX) return malformed("message is longer than 65,535 bytes", MESSAGE_BYTES_MAX);
  const wire = typeof message === "string" ? message : bytesToWire(message);
  // §7.5: empty lines before the start line are skipped.
  let start = 0;
  while (wire.charCodeAt(start) === CR && wire.charCodeAt(start + 1) === LF) start += 2;
  const lineEnd = endOfLine(wire, start);
  if (lineEnd < 0) return malformed("start line does not end", start);
  const index = indexHeaders(wire, lineEnd + 2);
  return index.ok ? readStartLine(index.value, start, lineEnd) : index;
}

/** Position of the CR of the line's CRLF; -1 where the line has no end or ends with a bare LF. */
function endOfLine(wire: string, at: number): number {
  const lf = wire.indexOf("\n", at);
  return lf > at && wire.charCodeAt(lf - 1) === CR ? lf - 1 : -1;
}

/** The marks of the message that is being indexed: what is handed out is a copy of the right length. */
const MARKS: number[] = Array.from({ length: 3 * (HEADERS_MAX + 1) }, () => 0);

function indexHeaders(wire: string, from: number): Parsed<MessageIndex> {
  let marked = 0;
  let seen = 0;
  let repeated = 0;
  let at = from;
  for (let headers = 0; ; ) {
    const first = wire.charCodeAt(at);
    if (first === CR && wire.charCodeAt(at + 1) === LF) break;
    if (first === SPACE || first === TAB) {
      // A continued line belongs to the header before it, whose end is where the next one starts.
      if (headers === 0) return malformed("first header line is a continuation", at);
    } else {
      if (++headers > HEADERS_MAX) return malformed("more than 200 header fields", at);
      const colon = findColon(wire, at);
      if (colon < 0)
        return malformed(at >= wire.length ? "no empty line after the header fields" : "header line without a name and a colon", at);
      let nameEnd = colon;
      while (wire.charCodeAt(nameEnd - 1) === SPACE || wire.charCodeAt(nameEnd - 1) === TAB) nameEnd--;
      const id = headerIdAt(wire, at, nameEnd);
      const bit = headerBit(id);
      repeated |= seen & bit;
      seen |= bit;
      MARKS[marked++] = id;
      MARKS[marked++] = at;
      MARKS[marked++] = colon;
    }
    const lineEnd = endOfLine(wire, at);
    if (lineEnd < 0) return malformed("header line does not end with CRLF", at);
    at = lineEnd + 2;
  }
  MARKS[marked++] = 0;
  MARKS[marked++] = at;
  MARKS[marked++] = 0;
  return parsed({ wire, marks: MARKS.slice(0, marked), bodyStart: at + 2, seen, repeated });
}

/** Position of the colon after a token and blanks; -1 if that is not what stands there. */
export function findColon(wire: string, at: number): number {
  let i = at;
  while (isTokenCode(wire.charCodeAt(i))) i++;
  if (i === at) return -1;
  while (wire.charCodeAt(i) === SPACE || wire.charCodeAt(i) === TAB) i++;
  return wire.charCodeAt(i) === COLON ? i : -1;
}

function readStartLine(index: MessageIndex, start: number, end: number): Parsed<ReceivedMessage> {
  const wire = index.wire;
  const space = wire.indexOf(" ", start);
  if (space < 0 || space >= end) return malformed("neither a request line nor a status line", start);
  const first = wire.slice(start, space);
  if (first === "SIP/2.0") return readStatusLine(index, space + 1, end);
  // RFC 4475 §3.1.2.10 (trws), §3.1.2.9 (lwsstart): blanks too many stay in version or URI, where checkRequest finds them.
  const versionStart = wire.lastIndexOf(" SIP/", end) + 1;
  if (versionStart <= space || !isToken(first)) return malformed("neither a request line nor a status line", start);
  return parsed(
    new IndexedRequest(
      index,
      methodName(first),
      wire.slice(space + 1, versionStart - 1),
      wire.startsWith("SIP/2.0", versionStart) && versionStart + 7 === end ? "SIP/2.0" : wire.slice(versionStart, end),
    ),
  );
}

/** §7.2. RFC 4475 §3.1.2.19 (bigcode): a code that is not three digits is nothing to respond to. */
function readStatusLine(index: MessageIndex, at: number, end: number): Parsed<ReceivedMessage> {
  const wire = index.wire;
  let status = 0;
  let i = at;
  for (; i < end && i < at + 4; i++) {
    const digit = wire.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) break;
    status = status * 10 + digit;
  }
  // The space before an empty reason phrase is left out by some.
  const ends = i === end || wire.charCodeAt(i) === SPACE;
  if (i !== at + 3 || !ends || status < 100 || status > 699) return malformed("bad status code", at);
  return parsed(new IndexedResponse(index, status, i === end ? "" : wire.slice(i + 1, end)));
}
