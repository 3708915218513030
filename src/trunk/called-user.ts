/**
 * Whom a call through a registration is for. Its Request-URI is our Contact, which says only whose registration
 * it is (RFC 3261 §16.6 step 2), so the number stands elsewhere.
 */
import type { ReceivedRequest } from "#sip/message/message.ts";
import { parseNameAddr } from "#sip/message/parse-name-addr.ts";

/** User parts to look for, best first: P-Called-Party-ID (RFC 7315 §4.2), To, and the registered user. */
export function calledThroughRegistration(request: ReceivedRequest, registeredUser: string): readonly string[] {
  const called = request.header("P-Called-Party-ID");
  const party = called === undefined ? undefined : parseNameAddr(called);
  const to = request.to();
  const users = [party?.ok ? party.value.uri.user : undefined, to.ok ? to.value.uri.user : undefined, registeredUser];
  return [...new Set(users.filter((user): user is string => user !== undefined && user !== ""))];
}
