/** The Reason header field (RFC 3326): why a request or response was sent, with Q.850 causes. */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";
import { isToken, parseDecimal } from "./characters.ts";
import type { ReceivedCommon } from "./message.ts";
import { parseParameters } from "./parse-parameters.ts";
import { unquote } from "./quoted-string.ts";

export interface Reason {
  /** "Q.850", "SIP", "preemption" … as written. */
  readonly protocol: string;
  readonly cause: number | undefined;
  /** Unquoted; the sender's words, not for passing on. */
  readonly text: string | undefined;
}

const CAUSE_MAX = 999;
const Q850_CAUSE_MAX = 127;

/** @param text one value, trimmed */
export function parseReason(text: string): Parsed<Reason> {
  const semicolon = text.indexOf(";");
  const end = semicolon < 0 ? text.length : semicolon;
  const protocol = text.slice(0, end).trim();
  if (!isToken(protocol)) return malformed("Reason protocol is not a token", 0);
  const parameters = parseParameters(text, end);
  if (!parameters.ok) return parameters;
  const cause = parameters.value.get("cause");
  const number = cause === undefined ? undefined : parseDecimal(unquote(cause), CAUSE_MAX);
  if (cause !== undefined && number === undefined) return malformed("Reason cause is not a number", end);
  const words = parameters.value.get("text");
  return parsed({ protocol, cause: number, text: words === undefined ? undefined : unquote(words) });
}

/** All that can be read; what cannot is left out. */
export function reasonsOf(message: ReceivedCommon): readonly Reason[] {
  if (message.headerCount("Reason") === 0) return [];
  const reasons: Reason[] = [];
  for (const value of message.headerValues("Reason")) {
    const reason = parseReason(value);
    if (reason.ok) reasons.push(reason.value);
  }
  return reasons;
}

/** The Q.850 cause (1–127) that a message names, if any. */
export function q850CauseOf(message: ReceivedCommon): number | undefined {
  for (const reason of reasonsOf(message)) {
    const { cause } = reason;
    if (reason.protocol.toUpperCase() === "Q.850" && cause !== undefined && cause >= 1 && cause <= Q850_CAUSE_MAX) return cause;
  }
  return undefined;
}
