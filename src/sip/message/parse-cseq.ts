/** CSeq = 1*DIGIT LWS Method (RFC 3261 §20.16), the number below 2^31 (§8.1.1.5). */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";
import { isToken, skipBlanks } from "./characters.ts";
import { CSEQ_MAX } from "./limits.ts";
import type { CSeq } from "./message.ts";

/** @param text the unfolded, trimmed value */
export function parseCSeq(text: string): Parsed<CSeq> {
  let at = 0;
  let number = 0;
  for (; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
    // Per digit, so that a number of any length stops here (RFC 4475 §3.1.2.4, scalar02).
    if (number > CSEQ_MAX) return malformed("CSeq number is not below 2^31", at);
  }
  if (at === 0) return malformed("CSeq without a number", 0);
  const methodStart = skipBlanks(text, at);
  if (methodStart === at) return malformed("no space after the CSeq number", at);
  const method = methodName(text.slice(methodStart));
  if (!isToken(method)) return malformed("CSeq method is not a token", methodStart);
  return parsed({ number, method });
}

const METHODS = new Map(
  [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "INFO",
    "UPDATE",
    "PRACK",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
    "PUBLISH",
  ].map((name) => [name, name] as const),
);
/** The one constant for a known method, so that comparing methods compares pointers. */
export const methodName = (text: string): string => METHODS.get(text) ?? text;
