/**
 * What a tenant, trunk, gateway or source may do beyond a peer's own fields: how many calls, how many minutes a day,
 * and where to. Data of the snapshot, and the part of it that is pure: whether a destination is allowed. Counting
 * is `admission/limit-book.ts`.
 */
import { costlyRange, countryOf } from "./countries.ts";
import { readingsOf } from "./number-readings.ts";

export const LIMIT_SUBJECTS = ["tenant", "trunk", "gateway", "source"] as const;
export type LimitSubject = (typeof LIMIT_SUBJECTS)[number];

/** Numbers dialled one after the other by calls that are hung up at once: what a hijacked account does first. */
export interface FraudPolicy {
  /** So many short calls to neighbouring numbers within the window. */
  readonly calls: number;
  readonly windowMs: number;
  /** Shorter calls are short, answered or not. */
  readonly shortMs: number;
  readonly lockMs: number;
}

/** Where nothing else is said: more than a campaign does to one company. */
export const FRAUD_LIMITS: FraudPolicy = { calls: 30, windowMs: 60_000, shortMs: 6_000, lockMs: 900_000 };

/** What is absent sets no limit, but premium numbers, which are denied. */
export interface Limits {
  readonly callsMax?: number;
  readonly callsPerSecond?: number;
  /** Talked, calls under way included; a day is UTC's. */
  readonly minutesPerDay?: number;
  /** Canonical prefixes. With these or countries named, everything else is denied. */
  readonly allowedPrefixes?: readonly string[];
  readonly deniedPrefixes?: readonly string[];
  /** ISO 3166, two letters. */
  readonly allowedCountries?: readonly string[];
  readonly deniedCountries?: readonly string[];
  readonly premium?: "allow" | "deny";
  /** `false`: not watched. */
  readonly fraud?: FraudPolicy | false;
}

export interface LimitPolicy {
  /** Of each subject of a kind, where it has no word of its own. */
  readonly defaults: Readonly<Partial<Record<LimitSubject, Limits>>>;
  readonly named: Readonly<Record<LimitSubject, ReadonlyMap<string, Limits>>>;
}

export const NO_LIMITS: LimitPolicy = {
  defaults: {},
  named: { tenant: new Map(), trunk: new Map(), gateway: new Map(), source: new Map() },
};

const NONE: Limits = {};

/** Its own words over those of its kind. */
export function limitsOf(policy: LimitPolicy, subject: LimitSubject, name: string): Limits {
  const general = policy.defaults[subject];
  const own = policy.named[subject].get(name);
  if (own === undefined) return general ?? NONE;
  return general === undefined ? own : { ...general, ...own };
}

/** The longest of the prefixes that the number begins with; "" fits every number. */
function longestIn(prefixes: readonly string[] | undefined, number: string): string | undefined {
  let found: string | undefined;
  for (const prefix of prefixes ?? [])
    if (number.startsWith(prefix) && (found === undefined || prefix.length > found.length)) found = prefix;
  return found;
}

/** Why calls to a number may not leave, in words that begin with "denied:"; undefined: they may. However it is written. */
export function destinationDenied(limits: Limits, number: string, whose: string): string | undefined {
  for (const reading of readingsOf(number)) {
    const denied = readingDenied(limits, reading, whose);
    if (denied !== undefined) return reading === number ? denied : `${denied} (${number} may be ${reading})`;
  }
  return undefined;
}

function readingDenied(limits: Limits, number: string, whose: string): string | undefined {
  const allowed = longestIn(limits.allowedPrefixes, number);
  const denied = longestIn(limits.deniedPrefixes, number);
  if (denied !== undefined && denied.length >= (allowed?.length ?? -1)) return `denied: ${denied}… by limits of ${whose}`;
  const costly = (limits.premium ?? "deny") === "deny" ? costlyRange(number) : undefined;
  if (costly !== undefined && costly.prefix.length > (allowed?.length ?? 0))
    return `denied: ${costly.prefix}… is ${costly.kind}, for ${whose}`;
  const country = countryOf(number);
  if (country !== undefined && limits.deniedCountries?.includes(country) === true) return `denied: ${country} by limits of ${whose}`;
  const chosen = (limits.allowedPrefixes?.length ?? 0) + (limits.allowedCountries?.length ?? 0) > 0;
  if (!chosen || allowed !== undefined || (country !== undefined && limits.allowedCountries?.includes(country) === true)) return undefined;
  return `denied: ${country ?? "the number"} is not among what limits of ${whose} allow`;
}
