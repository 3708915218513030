/** A dispatcher set as a group: algorithm, priorities, weights, probes (Kamailio 5.6, dispatcher §3, §4.1, §6.1). */
import type { KamailioCfg } from "./kamailio-cfg.ts";
import type { Destination } from "./kamailio-rows.ts";
import type { DraftGroup, DraftPeer } from "./move.ts";

/** Bits of `flags` (dispatcher §6.1). */
export const INACTIVE = 1;
export const TRYING = 2;
export const DISABLED = 4;
const PROBING = 8;
const NO_PING = 32;

export function probeOf(flags: number, { parameters }: KamailioCfg): DraftPeer["probe"] | undefined {
  const number = (name: string): number | undefined => {
    const value = parameters.get(`dispatcher.${name}`)?.value;
    return value !== undefined && /^[0-9]{1,6}$/.test(value) ? Number(value) : undefined;
  };
  const everyS = number("ds_ping_interval");
  const mode = number("ds_probing_mode") ?? 0;
  const wanted = everyS === undefined ? (flags & PROBING) !== 0 : everyS > 0 && (mode > 0 || (flags & PROBING) !== 0);
  if (!wanted || (flags & NO_PING) !== 0) return undefined;
  if (everyS === undefined) return "yes";
  const codes = acceptedCodes(parameters.get("dispatcher.ds_ping_reply_codes")?.value ?? "");
  return {
    every_s: Math.min(Math.max(everyS, 1), 3_600),
    // A probe's answer may take no longer than the time between two.
    ...(everyS < 2 ? { timeout_ms: 900 } : {}),
    down_after: Math.min(Math.max(number("ds_probing_threshold") ?? 1, 1), 100),
    up_after: Math.min(Math.max(number("ds_inactive_threshold") ?? 1, 1), 100),
    ...(codes.length > 1 ? { accepted_codes: codes } : {}),
  };
}

/** "class=2;code=480;class=4"; 200 always counts. */
function acceptedCodes(text: string): readonly string[] {
  const codes = ["200"];
  for (const part of text.split(";")) {
    const [, kind, digits] = /^\s*(class|code)\s*=\s*([1-6][0-9]{0,2})\s*$/i.exec(part) ?? [];
    if (kind === undefined || digits === undefined) continue;
    if (/class/i.test(kind)) codes.push(`${digits[0]}xx`);
    else if (digits.length === 3) codes.push(digits);
  }
  return [...new Set(codes)];
}

/** By which algorithm the script asks this set; undefined where it doesn't say in digits. */
export function algorithmOf(set: number, { selections }: KamailioCfg): number | undefined {
  const own = selections.find(({ value }) => value.set === set && value.algorithm !== undefined);
  const any = selections.find(({ value }) => value.set === undefined && value.algorithm !== undefined);
  return (own ?? any)?.value.algorithm;
}

interface Algorithm {
  readonly name: string;
  readonly weight?: "weight" | "rweight";
  /** Whether Kamailio asks the priority when it chooses, or only sorts by it once. */
  readonly byPriority?: boolean;
  readonly note?: string;
}
/** ds_select_dst (dispatcher §4.1). */
const ALGORITHMS: Readonly<Record<number, Algorithm>> = {
  0: { name: "hash_call_id" },
  1: { name: "hash_caller" },
  2: { name: "hash_call_id", note: "hashing the To is not there: the Call-ID is hashed" },
  3: { name: "hash_call_id", note: "hashing the called number is not there: the Call-ID is hashed" },
  4: { name: "round_robin" },
  5: { name: "round_robin", note: "hashing the authorization user is not there" },
  6: { name: "weighted" },
  7: { name: "hash_call_id", note: "hashing a variable of the script is not there: the Call-ID is hashed" },
  8: { name: "strict_priority", byPriority: true },
  9: { name: "weighted", weight: "weight" },
  10: { name: "least_calls" },
  11: { name: "weighted", weight: "rweight" },
  12: { name: "parallel" },
  13: { name: "round_robin", byPriority: true, note: "latency is not asked" },
};

export function groupOf(
  name: string,
  members: readonly { readonly destination: Destination; readonly gateway: string }[],
  number: number | undefined,
): { readonly draft: DraftGroup; readonly note: string } {
  const numberOf = (destination: Destination, key: string): number =>
    Math.min(Math.max(Number(destination.attributes.get(key) ?? 0) || 0, 0), 10_000);
  const known = number === undefined ? undefined : ALGORITHMS[number];
  const has = (key: string): boolean => members.some(({ destination }) => numberOf(destination, key) > 0);
  const weightKey = known === undefined ? (has("weight") ? "weight" : has("rweight") ? "rweight" : undefined) : known.weight;
  const byPriority = known?.byPriority ?? known === undefined;
  const priorities = [...new Set(members.map(({ destination }) => destination.priority))].toSorted((a, b) => b - a);
  const flattened = !byPriority && priorities.length > 1;
  const gateways = members.map(({ destination, gateway }) => {
    const weight = weightKey === undefined ? 0 : numberOf(destination, weightKey);
    const tier = byPriority ? priorities.indexOf(destination.priority) + 1 : 1;
    // By weight Kamailio never draws who has none; it comes in when others failed.
    const last = known?.weight !== undefined && has(known.weight) && weight === 0 ? 1 : 0;
    return { gateway, priority: tier + last, ...(weight > 0 ? { weight } : {}) };
  });
  const notes = [
    number === undefined
      ? "no script says the algorithm: by priority, then by weight"
      : known === undefined
        ? `algorithm ${number} is unknown: by priority, then by weight`
        : `algorithm ${number}`,
    ...(known?.note === undefined ? [] : [known.note]),
    ...(flattened ? [`it takes all of the set whatever their priority; give gateways priority 1, 2 … if one is a reserve`] : []),
    ...(byPriority && priorities.length > 1
      ? [`priority ${priorities.join(" > ")} became ${priorities.map((_, i) => i + 1).join(", ")}: here the lower goes first`]
      : []),
  ];
  const algorithm = known?.name ?? "weighted";
  return { draft: { name, ...(algorithm === "weighted" ? {} : { algorithm }), gateways }, note: notes.join("; ") };
}
