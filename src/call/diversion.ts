/**
 * Who diverted a call before it came to us: Diversion (RFC 5806) and History-Info (RFC 7044), only where the peer's
 * policy wants them. Written anew: number, reason and counter are the call's, hosts and free text stay behind.
 */
import type { HeaderField, ReceivedRequest } from "#sip/message/message.ts";
import { parseNameAddr } from "#sip/message/parse-name-addr.ts";
import type { IdentityPolicy } from "#routing/peer-rules.ts";
import { nameAddr, numberPart } from "./caller-identity.ts";

const ENTRIES_MAX = 5;
/** RFC 5806 §10. */
const REASONS = new Set([
  "unknown",
  "user-busy",
  "no-answer",
  "unavailable",
  "unconditional",
  "time-of-day",
  "do-not-disturb",
  "deflection",
  "follow-me",
  "out-of-service",
  "away",
]);
const PRIVACIES = new Set(["full", "name", "uri", "off"]);

/**
 * @param request undefined: nobody called us
 * @param called the number that was called here, as the peer writes numbers
 * @param write a number of the caller's side, as the peer writes numbers
 * @param hideHistory the caller asked for it (RFC 7044 §10.1)
 */
export function diversionsToward(
  request: ReceivedRequest | undefined,
  policy: IdentityPolicy["diversion"],
  {
    host,
    called,
    write,
    hideHistory,
  }: { readonly host: string; readonly called: string; readonly write: (user: string) => string; readonly hideHistory: boolean },
): readonly HeaderField[] {
  if (policy === "drop") return [];
  if (policy === "set") return [["Diversion", `${nameAddr(undefined, called, host)};reason=unconditional;counter=1;privacy=off`]];
  if (request === undefined) return [];
  const fields: HeaderField[] = [];
  for (const value of request.headerValues("diversion").slice(0, ENTRIES_MAX)) {
    const entry = parseNameAddr(value);
    const user = entry.ok ? numberPart(entry.value.uri.user ?? "") : "";
    if (!entry.ok || user === "") continue;
    const { parameters } = entry.value;
    const reason = (parameters.get("reason") ?? "").replaceAll('"', "").toLowerCase();
    const counter = parameters.get("counter") ?? "";
    const privacy = (parameters.get("privacy") ?? "").replaceAll('"', "").toLowerCase();
    const told = [
      REASONS.has(reason) ? reason : "unknown",
      /^[1-9][0-9]?$/.test(counter) ? counter : "1",
      PRIVACIES.has(privacy) ? privacy : "off",
    ];
    fields.push(["Diversion", `${nameAddr(undefined, write(user), host)};reason=${told[0]};counter=${told[1]};privacy=${told[2]}`]);
  }
  if (hideHistory) return fields;
  for (const value of request.headerValues("history-info").slice(0, ENTRIES_MAX)) {
    const entry = parseNameAddr(value);
    const user = entry.ok ? numberPart(entry.value.uri.user ?? "") : "";
    const index = entry.ok ? (entry.value.parameters.get("index") ?? "") : "";
    if (!entry.ok || user === "" || !/^[0-9]{1,3}(\.[0-9]{1,3}){0,9}$/.test(index)) continue;
    const cause = /(?:^|&)Reason=SIP%3B\s*cause%3D([2-6][0-9]{2})(?![0-9])/i.exec(entry.value.uri.headers ?? "")?.[1];
    const address = nameAddr(undefined, write(user), host);
    fields.push([
      "History-Info",
      `${cause === undefined ? address : `${address.slice(0, -1)}?Reason=SIP%3Bcause%3D${cause}>`};index=${index}`,
    ]);
  }
  return fields;
}
