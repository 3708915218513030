/** The Contact that we give (RFC 3261 §8.1.1.8): our token as user, the listener's address. */
import { writeHostPort } from "#sip/message/parse-host.ts";
import type { Target } from "./ports.ts";

/** Our Contact URI, without angle brackets. */
export function contactOf(token: string, host: string, port: number | undefined, transport: Target["transport"], requestUri = ""): string {
  // RFC 3261 §8.1.1.8, §12.1.1: a sips Request-URI wants a sips Contact, in which TLS needs no saying.
  if (/^sips:/i.test(requestUri)) return `sips:${token}@${writeHostPort(host, port)}`;
  return `sip:${token}@${writeHostPort(host, port)}${transport === "UDP" ? "" : `;transport=${transport.toLowerCase()}`}`;
}
