/** Dates, numbers and durations as the language writes them. */
export interface Format {
  /** 20 Nov, 14:03:12 */
  moment(iso: string | number | null | undefined): string;
  /** 14:03:12 */
  time(iso: string | number | null | undefined): string;
  date(iso: string | number | null | undefined): string;
  number(value: number | null | undefined, digits?: number): string;
  /** 0.953 → 95.3 % */
  percent(share: number | null | undefined): string;
  /** Seconds → 1:02:03 or 2:03 */
  duration(seconds: number | null | undefined): string;
  /** 3 minutes ago */
  ago(iso: string | number, nowMs: number): string;
}

export const NOTHING = "–";

export function makeFormat(language: string): Format {
  const moment = new Intl.DateTimeFormat(language, {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const date = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric" });
  const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
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
    ago(iso, nowMs) {
      const seconds = Math.round((new Date(iso).getTime() - nowMs) / 1000);
      for (const [unit, size] of [
        ["day", 86_400],
        ["hour", 3_600],
        ["minute", 60],
      ] as const)
        if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
      return relative.format(seconds, "second");
    },
  };
}
