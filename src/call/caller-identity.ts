/**
 * Who is calling, as the called side may see it: From (RFC 3261 §20.20), P-Asserted-Identity (RFC 3325),
 * Remote-Party-ID (draft-ietf-sip-privacy-04, where a policy asks for it) and Privacy (RFC 3323). Number and display name are the caller's identity and pass, or are set or hidden
 * by the peer's policy; hosts, parameters and everything else of those headers are ours.
 *
 * Signed identity (STIR, RFC 8224) is deliberately absent: it would not survive the new From.
 */
import type { HeaderField, ReceivedRequest } from "#sip/message/message.ts";
import { parseNameAddr } from "#sip/message/parse-name-addr.ts";
import { writeHostPort } from "#sip/message/parse-host.ts";
import { escapeUser } from "#sip/message/parse-uri.ts";
import { quote } from "#sip/message/quoted-string.ts";
import { IDENTITY_AS_IT_IS, type IdentityHeader } from "#routing/peer-rules.ts";
import type { Peer } from "#routing/snapshot.ts";

export interface Caller {
  readonly displayName: string | undefined;
  /** From's user part, the asserted one where From is anonymous; "" where neither has one. */
  readonly user: string;
  readonly anonymous: boolean;
  readonly asserted: { readonly displayName: string | undefined; readonly user: string } | undefined;
  /** Known tokens of Privacy, "" when it was absent. */
  readonly privacy: string;
}

export interface CallerFields {
  /** From value without tag. */
  readonly localUri: string;
  readonly headers: readonly HeaderField[];
}

const DISPLAY_NAME_CHARS_MAX = 128;
/** RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1. */
const PRIVACY_TOKENS = new Set(["none", "header", "session", "user", "critical", "id", "history"]);
const ANONYMOUS_URI = "sip:anonymous@anonymous.invalid";

/** @param read where the sender's policy says that the number stands, in order; empty: From, the asserted one where From is anonymous */
export function callerOf(request: ReceivedRequest, read: readonly IdentityHeader[] = []): Caller {
  const from = request.from();
  const assertions: Readonly<Record<IdentityHeader, Caller["asserted"]>> = {
    from: undefined,
    pai: read.length === 0 || read.includes("pai") ? assertedOf(request, "p-asserted-identity") : undefined,
    rpid: read.includes("rpid") ? assertedOf(request, "remote-party-id") : undefined,
  };
  const asserted = read.map((header) => assertions[header]).find((one) => one !== undefined) ?? assertions.pai;
  const user = from.ok ? (from.value.uri.user ?? "") : "";
  const anonymous = user.toLowerCase() === "anonymous" || (from.ok && from.value.uri.host.toLowerCase() === "anonymous.invalid");
  return {
    displayName: anonymous || !from.ok ? undefined : clean(from.value.displayName),
    user: userBy(read, anonymous ? "" : user, assertions) ?? (anonymous && asserted !== undefined ? asserted.user : user),
    anonymous,
    asserted,
    privacy: privacyOf(request),
  };
}

/** The first number in the order of a policy. */
function userBy(
  read: readonly IdentityHeader[],
  from: string,
  assertions: Readonly<Record<IdentityHeader, Caller["asserted"]>>,
): string | undefined {
  for (const header of read) {
    const user = header === "from" ? from : (assertions[header]?.user ?? "");
    if (user !== "") return user;
  }
  return undefined;
}

/** @param number the caller's number as this peer writes it
 *  @param host host part of our From: the peer's `fromDomain` or our own address
 *  @param write an asserted number as this peer writes it; undefined: one that it may not be shown */
export function callerToward(
  caller: Caller,
  peer: Peer,
  number: string,
  host: string,
  write: (user: string) => string | undefined = (user) => user,
): CallerFields {
  const headers: HeaderField[] = [];
  if (peer.privacy === "hide") {
    // RFC 3323 §4.1.1.3: the anonymous From; nothing that asserts the identity goes with it.
    return { localUri: `"Anonymous" <${ANONYMOUS_URI}>`, headers: [["Privacy", "id"]] };
  }
  const written = peer.fromDomain === "" ? host : peer.fromDomain;
  const own = peer.callerNumber !== "";
  const { send, anonymous: policy } = peer.identity ?? IDENTITY_AS_IT_IS;
  const hidden = caller.anonymous && !own && !(policy === "reveal" && isNumber(number));
  const silent = caller.anonymous && !own && policy === "withhold";
  // A From that is anonymous or set by policy leaves the number in the assertion only.
  const user = caller.asserted === undefined || caller.anonymous || own ? number : (write(caller.asserted.user) ?? number);
  const identity = nameAddr(own ? undefined : (caller.asserted ?? caller).displayName, user, written);
  if (!silent && isNumber(user)) {
    if (send.length === 0 ? caller.asserted !== undefined : send.includes("pai")) headers.push(["P-Asserted-Identity", identity]);
    if (send.includes("rpid")) {
      const screen = caller.asserted === undefined ? "no" : "yes";
      headers.push(["Remote-Party-ID", `${identity};party=calling;screen=${screen};privacy=${caller.anonymous && !own ? "full" : "off"}`]);
    }
  }
  const privacy = caller.privacy === "" && caller.anonymous && !own && (policy !== "pass" || send.length > 0) ? "id" : caller.privacy;
  if (privacy !== "") headers.push(["Privacy", privacy]);
  const localUri = hidden ? `"Anonymous" <${ANONYMOUS_URI}>` : nameAddr(own ? undefined : caller.displayName, number, written);
  return { localUri, headers };
}

const isNumber = (user: string): boolean => user !== "" && user.toLowerCase() !== "anonymous";

/** A name-addr of ours: `"Name" <sip:user@host>`. */
export function nameAddr(displayName: string | undefined, user: string, host: string): string {
  const name = displayName === undefined ? "" : `${quote(displayName)} `;
  return `${name}<sip:${user === "" ? "" : `${escapeUser(user)}@`}${writeHostPort(host, undefined)}>`;
}

function assertedOf(request: ReceivedRequest, name: string): Caller["asserted"] {
  // RFC 3325 §9.1: at most one sip and one tel value; the first with a user says enough.
  for (const value of request.headerValues(name)) {
    const parsed = parseNameAddr(value);
    if (!parsed.ok || parsed.value.uri.user === undefined) continue;
    // Remote-Party-ID may name the called side as well.
    if ((parsed.value.parameters.get("party") ?? "calling").toLowerCase() !== "calling") continue;
    const user = numberPart(parsed.value.uri.user);
    if (user !== "") return { displayName: clean(parsed.value.displayName), user };
  }
  return undefined;
}

/** Parameters within a user part (";phone-context=…", ";npdi") can name networks, so they stay behind. */
export const numberPart = (user: string): string => /^[+0-9A-Za-z._*#-]{1,64}/.exec(user)?.[0] ?? "";

function privacyOf(request: ReceivedRequest): string {
  const value = request.header("privacy");
  if (value === undefined) return "";
  const tokens = value
    .toLowerCase()
    .split(/[;,]/)
    .map((token) => token.trim());
  return tokens.filter((token, index) => PRIVACY_TOKENS.has(token) && tokens.indexOf(token) === index).join(";");
}

function clean(displayName: string | undefined): string | undefined {
  if (displayName === undefined || displayName === "") return undefined;
  return displayName.replace(/[\x00-\x1f\x7f]/g, " ").slice(0, DISPLAY_NAME_CHARS_MAX);
}
