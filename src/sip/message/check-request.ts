/**
 * What every request must have before anybody acts on it (RFC 3261 §8.1.1, §8.2; the verdicts of RFC 4475).
 *
 * Left to others: whether a URI scheme, method, extension or body is supported (416, 405, 420, 415: the UAS
 * core), Max-Forwards 0 (483), merged requests (482), Date, Expires and Warning (we act on none of them).
 */
import { headerBit, headerId } from "./header-names.ts";
import type { ReceivedCommon, ReceivedRequest, ReceivedResponse } from "./message.ts";
import { MAGIC_COOKIE } from "./parse-via.ts";

export interface Refusal {
  readonly status: 400 | 505;
  /** Fixed words of ours, fit for a reason phrase or Warning. */
  readonly reason: string;
}

const bad = (reason: string): Refusal => ({ status: 400, reason });

/** Header fields that may stand once only (§7.3.1). Repeated with the same text they are tolerated: Meta does so. */
const SINGLE = ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type"];
const SINGLE_BITS = SINGLE.reduce((bits, name) => bits | headerBit(headerId(name)), 0);
const WHITE_SPACE = /\s/;

/** undefined: the request may go on. An ACK that is refused is dropped, it has no response. */
export function checkRequest(request: ReceivedRequest): Refusal | undefined {
  if (request.version !== "SIP/2.0") return checkVersion(request.version);
  const common = checkCommon(request);
  if (common !== undefined) return bad(common);
  const cseq = request.cseq();
  if (cseq.ok && cseq.value.method !== request.method) return bad("CSeq names another method");
  const uri = request.uri();
  if (!uri.ok) return bad("Malformed Request-URI");
  // §19.1.1: headers are not allowed in a Request-URI (RFC 4475 §3.1.2.11, escruri).
  if (uri.value.headers !== undefined) return bad("Headers in the Request-URI");
  if (!request.maxForwards().ok) return bad("Max-Forwards is not 0 to 255");
  if (!request.contact().ok) return bad("Malformed Contact");
  if (!request.recordRoutes().ok || !request.routes().ok) return bad("Malformed Route");
  return undefined;
}

/** False: drop it, nothing can be said to a response (§17.1.3, §18.1.2). */
export function checkResponse(response: ReceivedResponse): boolean {
  return checkCommon(response) === undefined;
}

/** RFC 4475 §3.1.2.16 (badvers) is 505; what is no version at all is 400. */
function checkVersion(version: string): Refusal | undefined {
  if (/^SIP\/2\.0$/i.test(version)) return undefined;
  return /^SIP\/\d+\.\d+$/i.test(version) ? { status: 505, reason: "Only SIP/2.0 is supported" } : bad("Malformed request line");
}

function checkCommon(message: ReceivedCommon): string | undefined {
  const via = message.topVia();
  if (!via.ok) return "Missing or malformed Via";
  // RFC 4475 §3.2.1 (badbranch): the cookie promises an identifier and there is none.
  if (via.value.branch === MAGIC_COOKIE) return "Via branch is empty";
  if (!message.from().ok) return "Missing or malformed From";
  if (!message.to().ok) return "Missing or malformed To";
  const callId = message.callId();
  if (callId === "" || WHITE_SPACE.test(callId)) return "Missing or malformed Call-ID";
  if (!message.cseq().ok) return "Missing or malformed CSeq";
  if ((message.repeatedHeaders & SINGLE_BITS) !== 0) {
    const name = SINGLE.find((single) => differ(message.headerLines(single)));
    if (name !== undefined) return `More than one ${name}`;
  }
  const length = message.contentLength();
  if (!length.ok) return "Malformed Content-Length";
  // §18.3: a body shorter than promised is an error; a longer one was cut.
  if (length.value !== undefined && length.value > message.body.length) return "Body is shorter than Content-Length";
  return undefined;
}

const differ = (lines: readonly string[]): boolean => lines.some((line) => line !== lines[0]);
