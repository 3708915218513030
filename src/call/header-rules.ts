/**
 * The header fields of a message towards a peer: what of the other leg passes, and what its rules set, remove and
 * rename for this kind of message. Pure.
 */
import type { HeaderField, ReceivedCommon } from "#sip/message/message.ts";
import type { RuledMessage } from "#routing/peer-rules.ts";
import type { HeaderPolicy } from "#routing/snapshot.ts";
import { isListed, passedHeaders } from "./pass-headers.ts";

const NONE: readonly never[] = [];

/**
 * `pass` and `remove` of the policy itself hold for all but BYE, `set` for INVITE; rules add to that by message.
 * @param message the far side's, where there is one
 */
export function headersToward(policy: HeaderPolicy, on: RuledMessage, message: ReceivedCommon | undefined): readonly HeaderField[] {
  const { pass, set, remove = NONE, rules = NONE } = policy;
  const mine = rules.length === 0 ? rules : rules.filter((rule) => rule.on.includes(on));
  const passing = on === "BYE" ? NONE : pass;
  const setting = on === "INVITE" ? set : NONE;
  if (mine.length === 0 && remove.length === 0) {
    if (message === undefined) return setting;
    const passed = passedHeaders(message, passing);
    return setting.length === 0 ? passed : [...passed, ...setting];
  }
  const listed = [...passing, ...mine.flatMap((rule) => [...rule.pass, ...rule.rename.map(([from]) => from)])];
  const removed = [...remove, ...mine.flatMap((rule) => rule.remove)];
  const added = [...setting, ...mine.flatMap((rule) => rule.set)];
  const taken = new Set(added.map(([name]) => name.toLowerCase()));
  const fields: HeaderField[] = [];
  for (const [name, value] of message === undefined ? [] : passedHeaders(message, listed)) {
    const lower = name.toLowerCase();
    if (isListed(lower, removed)) continue;
    const written = mine.flatMap((rule) => rule.rename).find(([from]) => isListed(lower, [from]))?.[1] ?? name;
    // What is set stands in place of what came.
    if (!taken.has(written.toLowerCase())) fields.push([written, value]);
  }
  return [...fields, ...added];
}
