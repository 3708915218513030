/** Dates, numbers and durations as the language writes them. */
export interface Format {
  /** "20 Nov, 14:03:12" */
  moment(iso: string | number | null | undefined): string;
  /** 14:03:12 */
  time(iso: string | number | null | undefined): string;
  date(iso: string | number | null | undefined): string;
  number(value: number | null | undefined, digits?: number): string;
  /** 0.953 → 95.3 % */
  percent(share: number | null | undefined): string;
  /** Seconds → 1:02:03 or 2:03 */
  duration(seconds: number | null | undefined): string;
}

export const NOTHING = "–";

export function makeFormat(wanted: string): Format {
  // Browsers leave out languages. Digits alone are the same in all; grouping and the comma are Russian's in Uzbek as well.
  // One that is only half there calls its months M01 to M12.
  const isKnown =
    Intl.DateTimeFormat.supportedLocalesOf(wanted).length > 0 &&
    !/^M\d/.test(new Intl.DateTimeFormat(wanted, { month: "short" }).format(0));
  const language = isKnown ? wanted : "ru";
  const month = isKnown ? "short" : "2-digit";
  const moment = new Intl.DateTimeFormat(language, {
    day: "numeric",
    month,
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const date = new Intl.DateTimeFormat(language, { day: "numeric", month, year: "numeric" });
  const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  const dated = (how: Intl.DateTimeFormat) => (value: string | number | null | undefined) => {
    const at = new Date(value ?? Number.NaN);
    return Number.isNaN(at.getTime()) ? NOTHING : how.format(at);
  };
  return {
    moment: dated(moment),
    time: dated(time),
    date: dated(date),
    number: (value, digits = 0) =>
      value === null || value === undefined ? NOTHING : new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value),
    percent: (share) => (share === null || share === undefined ? NOTHING : percent.format(share)),
    duration(seconds) {
      if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
      const whole = Math.max(0, Math.floor(seconds));
      const two = (value: number): string => String(value).padStart(2, "0");
      const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
      return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
    },
  };
}
