/**
 * Call records as CSV (RFC 4180), a page at a time: each page is a question of its own to the database, so an export of
 * any length holds up no write and keeps nothing in memory. A slow reader is waited for.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { CdrFilter, CdrPage } from "#store/cdr-store.ts";
import type { CallRecord } from "./call-record.ts";
import type { Cdr } from "#cdr/record.ts";

/** So many are read in a few milliseconds, and three times as long it is the turn of everybody else. */
const PAGE = 100;
const PAUSES_PER_PAGE = 3;
const PAUSE_MS_MAX = 30;

type Cell = string | number | null;
const COLUMNS: Readonly<Record<string, (record: CallRecord) => Cell>> = {
  call_id: (record) => record.call_id,
  tenant: (record) => record.tenant,
  direction: (record) => record.direction,
  provider: (record) => record.provider,
  from_number: (record) => record.from_number,
  to_number: (record) => record.to_number,
  from_peer: (record) => record.legs.find(({ leg }) => leg === "a")?.peer ?? null,
  to_peer: (record) => record.legs.findLast(({ leg }) => leg !== "a")?.peer ?? record.attempts.at(-1)?.peer ?? null,
  route: (record) => record.route,
  started_at: (record) => record.started_at,
  answered_at: (record) => record.answered_at,
  ended_at: (record) => record.ended_at,
  setup_ms: (record) => record.setup_ms,
  duration_seconds: (record) => record.duration_seconds,
  outcome: (record) => record.outcome,
  sip_status: (record) => record.sip_status,
  q850: (record) => record.q850,
  ended_by: (record) => record.ended_by,
  end_reason: (record) => record.end_reason,
  attempts: (record) => record.attempts.length,
};

/** A spreadsheet takes what begins so for a formula; a number with its plus is none. */
const FORMULA = /^[=+\-@\t\r]/;
const NUMBER = /^[+-]?[0-9.]*$/;

export function csvCell(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const line = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(",")}\r\n`;

/** Newest first; with a limit at most so many. */
export async function* csvOf(
  page: (filter: CdrFilter) => Promise<CdrPage>,
  filter: Omit<CdrFilter, "limit" | "before">,
  shown: (cdr: Cdr) => CallRecord,
  limit = Infinity,
): AsyncGenerator<string> {
  yield line(Object.keys(COLUMNS));
  let left = limit;
  for (let before: string | undefined; left > 0; ) {
    const startedMs = performance.now();
    const { cdrs, next } = await page({ ...filter, before, limit: Math.min(PAGE, left) });
    left -= cdrs.length;
    const lines = cdrs.map((cdr) => {
      const record = shown(cdr);
      return line(Object.values(COLUMNS).map((cell) => cell(record)));
    });
    const tookMs = performance.now() - startedMs;
    if (lines.length > 0) yield lines.join("");
    if (next === undefined) return;
    before = next;
    await pause(Math.min(PAUSES_PER_PAGE * tookMs, PAUSE_MS_MAX));
  }
}
