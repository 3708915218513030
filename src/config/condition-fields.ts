/** How `when:` and `callers:` are written, on a DID, an outbound rule or one of their targets. */
import { bareNumber } from "#routing/numbers.ts";
import type { TimeWindow } from "#routing/snapshot.ts";
import { type Fields, type Reader, describe, isMapping, listOf, object, optional, text, textLike } from "./reading.ts";
import { shapedAs } from "./shape.ts";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const DAY = new RegExp(`^(${DAYS.join("|")})[a-z]*$`);

/** "mon", "Monday", "mon-fri", "fri-mon". */
const days: Reader<readonly number[]> = (value, reading) => {
  const given = text(value, reading)?.trim().toLowerCase();
  if (given === undefined) return undefined;
  const [first, last = first, ...more] = given.split("-").map((word) => DAYS.indexOf(DAY.exec(word.trim())?.[1] ?? ""));
  if (first === undefined || last === undefined || first < 0 || last < 0 || more.length > 0) {
    return reading.note(`${describe(value)} is not a day`, "mon, tue, wed, thu, fri, sat, sun, or a span such as mon-fri");
  }
  const span: number[] = [];
  for (let day = first; ; day = (day + 1) % 7) {
    span.push(day);
    if (day === last) return span;
  }
};

const clockTime: Reader<number> = (value, reading) => {
  const given = textLike(
    /^([01]?[0-9]|2[0-3]):[0-5][0-9]$|^24:00$/,
    "a time of day",
    'hours and minutes in quotes, e.g. "08:00"',
  )(value, reading);
  if (given === undefined) return undefined;
  const [hours, minutes] = given.split(":").map(Number);
  return (hours! * 60 + minutes!) % 1_440;
};

const timezone: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined) return undefined;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: given });
    return given;
  } catch {
    return reading.note(`${describe(value)} is not a time zone`, "a name of the IANA database, e.g. Europe/Berlin or UTC");
  }
};

const windowFields = object({
  days: optional(listOf(days), []),
  from: optional(clockTime, 0),
  to: optional(clockTime, 0),
  timezone: optional(timezone, "UTC"),
});
const window: Reader<TimeWindow> = (value, reading) => {
  if (!isMapping(value))
    return reading.note(
      `${describe(value)} is not a time window`,
      '{ days: mon-fri, from: "08:00", to: "18:00", timezone: Europe/Berlin }',
    );
  const read = windowFields(value, reading);
  return read && { days: [...new Set(read.days.flat())].sort(), fromMinute: read.from, toMinute: read.to, timezone: read.timezone };
};

shapedAs(window, windowFields);

/** A caller's number, a prefix of it with "*", or "anonymous". */
export const caller: Reader<string> = (value, reading) => {
  const given = text(value, reading)?.trim();
  if (given === undefined) return undefined;
  if (/^anonymous$/i.test(given)) return "anonymous";
  const star = given.endsWith("*");
  const number = bareNumber(star ? given.slice(0, -1) : given);
  if (!/^\+?[0-9]*$/.test(number) || (number === "" && !star)) {
    return reading.note(`${describe(value)} is not a caller`, '"+49301234567", "+4930*" for all that begin so, or anonymous');
  }
  return star ? `${number}*` : number;
};

export const conditions = {
  when: optional(listOf(window), []),
  callers: optional(listOf(caller), []),
} satisfies Fields;
