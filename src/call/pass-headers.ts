/**
 * Which header fields of one leg may appear on the other: only those that the receiving peer's policy
 * lists. Everything else a message says is generated. Names are compared without case and in full form
 * (RFC 3261 §7.3.3), so a policy that lists `subject` also finds `s`.
 *
 * Headers that a dialog, a hop or an account owns never pass, whatever a policy says.
 */
import type { HeaderField, ReceivedCommon } from "#sip/message/message.ts";
import { canonicalName } from "#sip/message/header-names.ts";

/** Fields of the far side are bounded: a policy is no licence to fill our datagrams. */
const PASSED_MAX = 32;
const PASSED_VALUE_CHARS_MAX = 2048;

const NEVER = new Set([
  "via",
  "from",
  "to",
  "call-id",
  "cseq",
  "contact",
  "route",
  "record-route",
  "max-forwards",
  "path",
  "service-route",
  "content-type",
  "content-length",
  "content-encoding",
  "content-disposition",
  "mime-version",
  "allow",
  "supported",
  "require",
  "proxy-require",
  "unsupported",
  "rseq",
  "rack",
  "session-expires",
  "min-se",
  "authorization",
  "proxy-authorization",
  "www-authenticate",
  "proxy-authenticate",
  "authentication-info",
  "p-asserted-identity",
  "p-preferred-identity",
  "remote-party-id",
  "privacy",
  "diversion",
  "history-info",
  "reason",
  "replaces",
  "join",
  "target-dialog",
  "refer-to",
  "referred-by",
  "event",
  "subscription-state",
]);

/** @param pass lower-case names of the receiving peer's policy; "x-*" is a prefix */
export function passedHeaders(message: ReceivedCommon, pass: readonly string[]): readonly HeaderField[] {
  if (pass.length === 0) return NONE;
  const passed: HeaderField[] = [];
  for (const [written, value] of message.fields()) {
    const full = canonicalName(written);
    const name = full.toLowerCase();
    if (NEVER.has(name) || value.length > PASSED_VALUE_CHARS_MAX || !isListed(name, pass)) continue;
    passed.push([full, value]);
    if (passed.length === PASSED_MAX) break;
  }
  return passed;
}
const NONE: readonly HeaderField[] = [];

export function isListed(name: string, pass: readonly string[]): boolean {
  for (const listed of pass) {
    if (listed === name || (listed.endsWith("*") && name.startsWith(listed.slice(0, -1)))) return true;
  }
  return false;
}
