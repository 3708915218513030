/** How `headers:` is written: what passes to a peer, what is set, removed and renamed, by message where it says so. */
import { textToWire } from "#base/bytes.ts";
import { type HeaderRule, RULED_MESSAGES } from "#routing/peer-rules.ts";
import type { HeaderPolicy } from "#routing/snapshot.ts";
import {
  type Fields,
  type Of,
  type Reader,
  describe,
  isBlank,
  isMapping,
  listOf,
  object,
  oneOf,
  optional,
  required,
  text,
  textLike,
} from "./reading.ts";
import { shaped } from "./shape.ts";

/** The core writes these itself; passing or setting them would break dialogs or show one side to the other. */
const CORE_HEADERS = new Set([
  "via",
  "from",
  "to",
  "call-id",
  "cseq",
  "contact",
  "route",
  "record-route",
  "max-forwards",
  "content-length",
  "content-type",
  "content-encoding",
  "authorization",
  "proxy-authorization",
  "v",
  "f",
  "t",
  "i",
  "m",
  "l",
  "c",
  "e",
]);
/** What `identity:` writes anew instead, as they came they would name the other side's hosts. */
const IDENTITY_HEADERS: Readonly<Record<string, string>> = {
  diversion: "identity: { diversion: pass }",
  "history-info": "identity: { diversion: pass }",
};
const headerName: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined) return undefined;
  if (!/^[A-Za-z0-9\-.!%_+`'~]+\*?$/.test(given))
    return reading.note(`${describe(given)} is not a header name`, "e.g. X-Account, or x-* for all that begin so");
  if (CORE_HEADERS.has(given.toLowerCase())) return reading.note(`header ${given} is always written by the switch itself`, "leave it out");
  return given;
};
const passedName: Reader<string> = (value, reading) => {
  const given = headerName(value, reading);
  const instead = given === undefined ? undefined : IDENTITY_HEADERS[given.toLowerCase()];
  return instead === undefined ? given : reading.note(`header ${given} names hosts of the other side`, instead);
};
/** A whole name, as it is sent. */
const wholeName: Reader<string> = (value, reading) => {
  const given = headerName(value, reading);
  return given?.endsWith("*") === true ? reading.note(`${given} is a pattern, and a header needs its whole name`, "e.g. X-Account") : given;
};
const headersToSet: Reader<readonly (readonly [string, string])[]> = (value, reading) => {
  if (isBlank(value)) return [];
  if (!isMapping(value)) return reading.note(`${describe(value)} instead of headers`, "set: {X-Account: 4711}");
  const values = listOf(textLike(/^[^\r\n\0]*$/, "a header value", "one line of text"));
  const set: (readonly [string, string])[] = [];
  for (const [key, given] of Object.entries(value)) {
    const named = reading.at(key, key, wholeName);
    for (const one of reading.at(key, given, values) ?? []) if (named !== undefined) set.push([named, one]);
  }
  return set;
};
const renamed: Reader<readonly (readonly [string, string])[]> = (value, reading) => {
  if (isBlank(value)) return [];
  if (!isMapping(value)) return reading.note(`${describe(value)} instead of names`, "rename: {X-Their-Id: X-Our-Id}");
  const pairs: (readonly [string, string])[] = [];
  for (const [from, to] of Object.entries(value)) {
    const [old, fresh] = [reading.at(from, from, passedName), reading.at(from, to, wholeName)];
    if (old !== undefined && fresh !== undefined) pairs.push([old, fresh]);
  }
  return pairs;
};

shaped(headersToSet, () => ({ type: "names", of: { type: "list", of: { type: "text" } } }));
shaped(renamed, () => ({ type: "names", of: { type: "text" } }));

const rule = {
  on: required(listOf(oneOf(RULED_MESSAGES)), `on: [${RULED_MESSAGES.join(", ")}]: which messages to this peer`),
  pass: optional(listOf(passedName), []),
  remove: optional(listOf(headerName), []),
  set: optional(headersToSet, []),
  rename: optional(renamed, []),
} satisfies Fields;
const headers = {
  pass: optional(listOf(passedName), []),
  set: optional(headersToSet, []),
  remove: optional(listOf(headerName), []),
  rules: optional(listOf(object(rule)), []),
} satisfies Fields;

export type HeaderFields = Of<typeof headers>;
export const HEADERS_AS_THEY_ARE: HeaderFields = { pass: [], set: [], remove: [], rules: [] };
export const readHeaders = object(headers);

const lower = (names: readonly string[]): readonly string[] => names.map((name) => name.toLowerCase());
// Messages hold wire strings, the file holds text.
const onWire = (set: HeaderFields["set"]): HeaderPolicy["set"] => set.map(([name, value]) => [name, textToWire(value)] as const);

export function toHeaderPolicy({ pass, set, remove, rules }: HeaderFields): HeaderPolicy {
  return {
    pass: lower(pass),
    set: onWire(set),
    ...(remove.length > 0 && { remove: lower(remove) }),
    ...(rules.length > 0 && {
      rules: rules.map(
        (one): HeaderRule => ({
          on: one.on,
          pass: lower(one.pass),
          remove: lower(one.remove),
          set: onWire(one.set),
          rename: one.rename.map(([from, to]) => [from.toLowerCase(), to] as const),
        }),
      ),
    }),
  };
}
