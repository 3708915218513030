/**
 * Reason (RFC 3326) across the two legs: the protocol and its cause pass, regenerated; the text stays
 * behind, since vendors write addresses and their own names into it.
 */
import type { HeaderField, ReceivedCommon } from "#sip/message/message.ts";

const REASON = /^\s*(SIP|Q\.850)\s*;(?:[^"]*;)?\s*cause\s*=\s*(\d{1,3})\b/i;

/** RFC 3326 §2: Q.850 causes have seven bits. */
const isQ850 = (cause: number): boolean => cause >= 1 && cause <= 127;

export function q850In(message: ReceivedCommon): number | undefined {
  for (const value of message.headerValues("reason")) {
    const found = REASON.exec(value);
    if (found === null || found[1]!.length !== 5) continue;
    const cause = Number(found[2]);
    if (isQ850(cause)) return cause;
  }
  return undefined;
}

/** The Reason fields to send on; [] when the message has none that we understand. */
export function reasonAcross(message: ReceivedCommon): readonly HeaderField[] {
  const fields: HeaderField[] = [];
  for (const value of message.headerValues("reason")) {
    const found = REASON.exec(value);
    if (found === null) continue;
    const cause = Number(found[2]);
    const q850 = found[1]!.length === 5;
    if (q850 ? !isQ850(cause) : cause < 100 || cause > 699) continue;
    // RFC 3326 §2: one value of each protocol.
    if (fields.some((field) => field[1].startsWith(q850 ? "Q" : "S"))) continue;
    fields.push(["Reason", `${q850 ? "Q.850" : "SIP"};cause=${cause}`]);
  }
  return fields;
}

export const q850Reason = (cause: number): HeaderField => ["Reason", `Q.850;cause=${cause}`];
