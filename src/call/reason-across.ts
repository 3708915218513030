/**
 * Reason (RFC 3326) across the two legs: the protocol and its cause pass, regenerated; the text stays
 * behind, since vendors write addresses and their own names into it.
 */
import type { HeaderField, ReceivedCommon } from "#sip/message/message.ts";
import { reasonsOf } from "#sip/message/reason.ts";

const NONE: readonly HeaderField[] = [];

/** The Reason fields to send on; [] when the message has none that we understand. */
export function reasonAcross(message: ReceivedCommon): readonly HeaderField[] {
  const reasons = reasonsOf(message);
  if (reasons.length === 0) return NONE;
  const fields: HeaderField[] = [];
  const seen = new Set<string>();
  for (const { protocol: written, cause } of reasons) {
    const protocol = written.toUpperCase();
    if (cause === undefined || seen.has(protocol)) continue;
    // RFC 3326 §2: a Q.850 cause has seven bits, a SIP cause is a status; one value of each protocol.
    if (protocol === "Q.850" ? cause < 1 || cause > 127 : protocol !== "SIP" || cause < 100 || cause > 699) continue;
    seen.add(protocol);
    fields.push(["Reason", `${protocol};cause=${cause}`]);
  }
  return fields;
}

export const q850Reason = (cause: number): HeaderField => ["Reason", `Q.850;cause=${cause}`];
