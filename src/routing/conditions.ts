/**
 * Does a rule apply to this caller at this time? Pure; local time comes from the time zone database of the
 * runtime (Intl), so daylight saving is its business.
 */
import { readingsOf } from "./number-readings.ts";
import type { Conditions, TimeWindow } from "./snapshot.ts";

/** Undefined: they hold. Else why not, in words. @param caller canonical number, "" when withheld @param nowMs epoch milliseconds */
export function whyNotNow({ when, callers }: Conditions, caller: string, nowMs: number): Unmet | undefined {
  if (callers !== undefined && callers.length > 0 && !matchesCaller(callers, caller)) {
    return { by: "caller", reason: `not for caller ${caller === "" ? "anonymous" : caller}` };
  }
  if (when !== undefined && when.length > 0 && !when.some((window) => isWithin(window, nowMs))) {
    return { by: "time", reason: `only ${when.map(describeWindow).join(" and ")}` };
  }
  return undefined;
}

export interface Unmet {
  readonly by: "caller" | "time";
  readonly reason: string;
}

/** Exact, by prefix with a trailing "*", or "anonymous" for a number that is withheld or no number. */
export function matchesCaller(patterns: readonly string[], caller: string): boolean {
  return patterns.some((pattern) =>
    pattern === "anonymous"
      ? caller === "" || caller === "anonymous" || caller === "unavailable" || caller === "restricted"
      : pattern.endsWith("*")
        ? caller.startsWith(pattern.slice(0, -1))
        : pattern === caller,
  );
}

/** The prefix that forbids the number, however it is written. */
export function blockingPrefix(prefixes: readonly string[] | undefined, number: string): string | undefined {
  if (prefixes === undefined || prefixes.length === 0) return undefined;
  const readings = readingsOf(number);
  return prefixes.find((prefix) => readings.some((one) => one.startsWith(prefix)));
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

export function isWithin({ days, fromMinute, toMinute, timezone }: TimeWindow, nowMs: number): boolean {
  const { day, minute } = localTime(timezone, nowMs);
  const on = (weekday: number): boolean => days.length === 0 || days.includes(weekday);
  if (fromMinute === toMinute) return on(day);
  if (fromMinute < toMinute) return on(day) && minute >= fromMinute && minute < toMinute;
  // Over midnight: this evening's part, or what is left of yesterday's.
  return (minute >= fromMinute && on(day)) || (minute < toMinute && on((day + 6) % 7));
}

interface LocalTime {
  readonly day: number;
  /** Since midnight. */
  readonly minute: number;
}

/** Formatting takes microseconds and a minute lasts long: the last one of each zone is kept. */
const clocks = new Map<string, { readonly format: Intl.DateTimeFormat; atMinute: number; time: LocalTime }>();

function localTime(timezone: string, nowMs: number): LocalTime {
  const atMinute = Math.floor(nowMs / MINUTE_MS);
  let clock = clocks.get(timezone);
  if (clock === undefined) {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    clocks.set(timezone, (clock = { format, atMinute: NaN, time: { day: 0, minute: 0 } }));
  }
  if (clock.atMinute !== atMinute) {
    clock.atMinute = atMinute;
    const parts = Object.fromEntries(clock.format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
    clock.time = { day: WEEKDAYS.indexOf(parts["weekday"] ?? ""), minute: Number(parts["hour"]) * 60 + Number(parts["minute"]) };
  }
  return clock.time;
}

/** "Mon, Tue 08:00–18:00 Europe/Berlin" */
export function describeWindow({ days, fromMinute, toMinute, timezone }: TimeWindow): string {
  const named = days.length === 0 ? "daily" : days.map((day) => WEEKDAYS[day]).join(", ");
  return fromMinute === toMinute ? `${named} ${timezone}` : `${named} ${clockText(fromMinute)}–${clockText(toMinute)} ${timezone}`;
}
const clockText = (minute: number): string =>
  `${String(Math.floor((minute % DAY_MINUTES) / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
