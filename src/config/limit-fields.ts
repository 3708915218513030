/**
 * The section `limits:` — what tenants, trunks, gateways and sources may have beyond a peer's own fields, and where
 * calls may go. One name's words come before those of `defaults`. The same fields are what the API takes.
 */
import { parseAddress } from "#routing/addresses.ts";
import { COUNTRIES } from "#routing/countries.ts";
import { FRAUD_LIMITS, LIMIT_SUBJECTS, type LimitPolicy, type LimitSubject, type Limits } from "#routing/limits.ts";
import { bareNumber } from "#routing/numbers.ts";
import {
  type Fields,
  type Finding,
  type Of,
  type Reader,
  describe,
  integer,
  isMapping,
  listOf,
  maybe,
  object,
  oneOf,
  optional,
  required,
  text,
  textLike,
  yesNo,
} from "./reading.ts";
import { suggestion } from "./suggest.ts";

/** ISO 3166, of all countries that have numbers. */
export const COUNTRY_CODES = COUNTRIES;

const prefix: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined) return undefined;
  const bare = bareNumber(given.replace(/\*$/, ""));
  if (/^\+[1-9][0-9]{0,14}$/.test(bare)) return bare;
  return reading.note(`${describe(given)} is not a prefix`, 'a plus and digits, in quotes: "+49900"');
};
const country: Reader<string> = (value, reading) => {
  const given = text(value, reading)?.toUpperCase();
  if (given === undefined || COUNTRIES.has(given)) return given;
  return reading.note(`${describe(value)} is not a country`, "two letters of ISO 3166, e.g. DE; NO in quotes, as YAML reads it as no");
};
const fraudFields = object({
  calls: optional(integer(3, 500, "short calls to neighbouring numbers"), FRAUD_LIMITS.calls),
  window_s: optional(integer(1, 3_600, "seconds"), FRAUD_LIMITS.windowMs / 1_000),
  short_s: optional(integer(1, 600, "seconds that a short call lasts at most"), FRAUD_LIMITS.shortMs / 1_000),
  lock_s: optional(integer(1, 604_800, "seconds"), FRAUD_LIMITS.lockMs / 1_000),
});
const fraud: Reader<Exclude<Limits["fraud"], undefined>> = (value, reading) => {
  if (!isMapping(value)) {
    const watched = yesNo(value, reading);
    return watched === undefined ? undefined : watched && FRAUD_LIMITS;
  }
  const read = fraudFields(value, reading);
  return read && { calls: read.calls, windowMs: read.window_s * 1_000, shortMs: read.short_s * 1_000, lockMs: read.lock_s * 1_000 };
};

const limitFields = {
  calls_max: maybe(integer(0, 1_000_000, "calls at a time; 0 for none")),
  calls_per_second: maybe(integer(1, 10_000, "new calls a second")),
  minutes_per_day: maybe(integer(0, 100_000_000, "minutes talked a day (UTC)")),
  allowed_prefixes: optional(listOf(prefix), []),
  denied_prefixes: optional(listOf(prefix), []),
  allowed_countries: optional(listOf(country), []),
  denied_countries: optional(listOf(country), []),
  premium: maybe(oneOf(["deny", "allow"])),
  fraud: maybe(fraud),
} satisfies Fields;
type LimitFields = Of<typeof limitFields>;
/** Of a source nothing goes out: it is about calls that come in. */
const WHERE = "of a tenant, trunk or gateway: a source is only where calls come from";
const SOURCE_ELSEWHERE = Object.fromEntries(
  ["allowed_prefixes", "denied_prefixes", "allowed_countries", "denied_countries", "premium", "fraud", "minutes_per_day"].map((name) => [
    name,
    WHERE,
  ]),
);
const sourceFields = { calls_max: limitFields.calls_max, calls_per_second: limitFields.calls_per_second } satisfies Fields;

const name = textLike(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a name", "1 to 64 letters, digits, . _ or -");
const address: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined || parseAddress(given) !== undefined) return given;
  return reading.note(`${describe(given)} is not an address`, "one address, e.g. 192.0.2.1; each has what defaults: source: says");
};
const readLimitsOf = object(limitFields);
const readSource = object(sourceFields, SOURCE_ELSEWHERE);
const readNamed = object({ name: required(name, "whose limits they are, e.g. name: acme"), ...limitFields });
const readNamedSource = object({ address: required(address, "e.g. address: 192.0.2.1"), ...sourceFields }, SOURCE_ELSEWHERE);

const readFields = object({
  defaults: optional(
    object({ tenant: maybe(readLimitsOf), trunk: maybe(readLimitsOf), gateway: maybe(readLimitsOf), source: maybe(readSource) }),
    undefined,
  ),
  tenants: optional(listOf(readNamed), []),
  trunks: optional(listOf(readNamed), []),
  gateways: optional(listOf(readNamed), []),
  sources: optional(listOf(readNamedSource), []),
});

/** Absent where nothing is said, so that defaults show through. */
function toLimits(fields: Partial<LimitFields>): Limits {
  const some = (list: readonly string[] | undefined): list is readonly string[] => list !== undefined && list.length > 0;
  return {
    ...(fields.calls_max !== undefined && { callsMax: fields.calls_max }),
    ...(fields.calls_per_second !== undefined && { callsPerSecond: fields.calls_per_second }),
    ...(fields.minutes_per_day !== undefined && { minutesPerDay: fields.minutes_per_day }),
    ...(some(fields.allowed_prefixes) && { allowedPrefixes: fields.allowed_prefixes }),
    ...(some(fields.denied_prefixes) && { deniedPrefixes: fields.denied_prefixes }),
    ...(some(fields.allowed_countries) && { allowedCountries: fields.allowed_countries }),
    ...(some(fields.denied_countries) && { deniedCountries: fields.denied_countries }),
    ...(fields.premium !== undefined && { premium: fields.premium }),
    ...(fields.fraud !== undefined && { fraud: fields.fraud }),
  };
}

export const readLimits: Reader<LimitPolicy> = (value, reading) => {
  const read = readFields(value, reading);
  if (read === undefined) return undefined;
  const named = (list: readonly (Partial<LimitFields> & { readonly name: string })[], section: string): ReadonlyMap<string, Limits> => {
    const map = new Map<string, Limits>();
    for (const one of list) {
      if (map.has(one.name)) reading.noteAt(section, `${one.name} stands here a second time`, "one entry for each");
      map.set(one.name, toLimits(one));
    }
    return map;
  };
  const defaults = LIMIT_SUBJECTS.flatMap((subject) => {
    const given = read.defaults?.[subject];
    return given === undefined ? [] : [[subject, toLimits(given)] as const];
  });
  return {
    defaults: Object.fromEntries(defaults),
    named: {
      tenant: named(read.tenants, "tenants"),
      trunk: named(read.trunks, "trunks"),
      gateway: named(read.gateways, "gateways"),
      source: named(
        read.sources.map(({ address: from, ...rest }) => ({ name: from, ...rest })),
        "sources",
      ),
    },
  };
};

const SECTION_OF: Readonly<Record<Exclude<LimitSubject, "source">, string>> = { tenant: "tenants", trunk: "trunks", gateway: "gateways" };

/** Limits of whom nobody knows: perhaps he comes later, by the API. */
export function strangersIn(
  { named }: LimitPolicy,
  known: Readonly<Record<Exclude<LimitSubject, "source">, ReadonlySet<string>>>,
): readonly Finding[] {
  return (["tenant", "trunk", "gateway"] as const).flatMap((subject) =>
    Array.from(named[subject].keys()).flatMap((one, i) =>
      known[subject].has(one)
        ? []
        : [
            {
              path: ["limits", SECTION_OF[subject], i, "name"],
              message: `there is no ${subject} ${one}`,
              remedy: suggestion(one, [...known[subject]], subject),
            },
          ],
    ),
  );
}
