/**
 * Numbers as CSV (RFC 4180) and back: a heading, then one number a line. A cell with several values has ";" between
 * them; what is more than text (hours, hunting times, targets with conditions) is JSON in its cell. The field
 * separator of a file is what its heading has: "," or, as some spreadsheets write, ";" or a tab.
 *
 * A cell that a spreadsheet would run as a formula gets an apostrophe, which reading takes off again. Numbers keep
 * their plus: they are what the file is for.
 */
import type { Entry } from "#config/stored-resources.ts";
import type { FieldError } from "./problem.ts";

const COLUMNS = ["number", "tenant", "to", "trunks", "callers", "blocked_callers", "when", "hunt"] as const;
const LISTS: ReadonlySet<string> = new Set(["to", "trunks", "callers", "blocked_callers"]);
const JSON_ONLY: ReadonlySet<string> = new Set(["when", "hunt"]);
const SEPARATORS = [",", ";", "\t"];

export const CSV_HEADING = `${COLUMNS.join(",")}\r\n`;

export interface CsvEntries {
  readonly entries: readonly Entry[];
  /** Line of each entry in the text, from 1. */
  readonly lines: readonly number[];
  readonly errors: readonly FieldError[];
}

/** @param entry as the API shows it */
export function didLine(entry: Entry): string {
  return `${COLUMNS.map((column) => quoted(cellOf(column, entry[column]))).join(",")}\r\n`;
}

function cellOf(column: string, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (LISTS.has(column) && Array.isArray(value) && value.every((one) => typeof one === "string" && !/[;[{]/.test(one)))
    return harmless(value.join("; "));
  if (typeof value === "object") return JSON.stringify(value);
  return column === "number" ? String(value) : harmless(String(value));
}

const harmless = (text: string): string => (/^[=@\t\r]|^[+-](?![0-9(])/.test(text) ? `'${text}` : text);
const quoted = (cell: string): string => (/[",;\r\n\t]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** @param rowsMax lines with a number; more is refused as a whole */
export function readDidCsv(text: string, rowsMax: number): CsvEntries {
  const bare = text.replace(/^\uFEFF/, "");
  const heading = /^[^\r\n]*/.exec(bare)![0];
  const separator = SEPARATORS.map((one) => ({ one, count: heading.split(one).length })).sort((a, b) => b.count - a.count)[0]!.one;
  const { rows, error } = rowsOf(bare, separator, rowsMax + 1);
  if (error !== undefined) return failed(error.line, "", error.message);
  const columns = (rows[0]?.cells ?? []).map((name) => name.trim().toLowerCase());
  const unknown = columns.find((name) => !COLUMNS.some((column) => column === name));
  if (!columns.includes("number") || unknown !== undefined || new Set(columns).size < columns.length)
    return failed(1, unknown ?? "", `the first line names the columns: ${COLUMNS.join(", ")}; number and to are needed`);
  const body = rows.slice(1);
  if (body.length > rowsMax) return failed(body[rowsMax]!.line, "", `more than ${rowsMax} numbers: send the file in parts`);
  const errors: FieldError[] = [];
  const entries: Entry[] = [];
  const lines: number[] = [];
  for (const { cells, line } of body) {
    if (cells.length > columns.length) {
      errors.push({
        field: `line ${line}`,
        message: `${cells.length} cells, and the heading has ${columns.length}; quote what has a "${separator}" in it`,
      });
      continue;
    }
    const entry: Record<string, unknown> = {};
    for (const [i, column] of columns.entries()) {
      const value = valueOf(column, cells[i] ?? "");
      if (value === BAD_JSON) errors.push({ field: `line ${line}, ${column}`, message: "neither a value nor JSON" });
      else if (value !== undefined) entry[column] = value;
    }
    entries.push(entry);
    lines.push(line);
  }
  return { entries, lines, errors };
}

const failed = (line: number, column: string, message: string): CsvEntries => ({
  entries: [],
  lines: [],
  errors: [{ field: column === "" ? `line ${line}` : `line ${line}, ${column}`, message }],
});

const BAD_JSON = Symbol("bad JSON");

function valueOf(column: string, raw: string): unknown {
  const cell = raw.trim().replace(/^'(?=[=@+\-\t\r])/, "");
  if (cell === "") return undefined;
  if (JSON_ONLY.has(column) || (LISTS.has(column) && /^[[{]/.test(cell))) {
    try {
      return JSON.parse(cell);
    } catch {
      return BAD_JSON;
    }
  }
  if (!LISTS.has(column)) return cell;
  return cell
    .split(";")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

interface Row {
  readonly line: number;
  readonly cells: readonly string[];
}

/** Of a line; more would only fill memory. */
const CELLS_MAX = 100;

/** @param rowsMax that are read, without empty ones; one more says that there are more */
function rowsOf(
  text: string,
  separator: string,
  rowsMax: number,
): { readonly rows: readonly Row[]; readonly error?: { readonly line: number; readonly message: string } } {
  const rows: Row[] = [];
  let cells: string[] = [];
  let line = 1;
  let begins = 1;
  let at = 0;
  const take = (row: Row): void => {
    if (rows.length === 0 || row.cells.some((one) => one.trim() !== "")) rows.push(row);
  };
  while (at < text.length) {
    let cell = "";
    if (text[at] === '"') {
      const end = closingQuote(text, at + 1);
      if (end < 0) return { rows, error: { line: begins, message: "a quote is opened and never closed" } };
      cell = text.slice(at + 1, end).replaceAll('""', '"');
      line += cell.split("\n").length - 1;
      at = end + 1;
      if (at < text.length && text[at] !== separator && text[at] !== "\r" && text[at] !== "\n")
        return { rows, error: { line, message: "something stands behind a closing quote" } };
    } else {
      const from = at;
      while (at < text.length && text[at] !== separator && text[at] !== "\r" && text[at] !== "\n") at++;
      cell = text.slice(from, at);
    }
    cells.push(cell);
    if (cells.length > CELLS_MAX) return { rows, error: { line: begins, message: `more than ${CELLS_MAX} cells` } };
    if (text[at] === separator) {
      at++;
      // A separator at the very end has an empty cell behind it.
      if (at >= text.length) cells.push("");
      continue;
    }
    if (text[at] === "\r" && text[at + 1] === "\n") at++;
    at++;
    take({ line: begins, cells });
    if (rows.length > rowsMax) return { rows };
    cells = [];
    begins = ++line;
  }
  if (cells.length > 0) take({ line: begins, cells });
  return { rows };
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) if (text[at + 1] !== '"') return at;
  return -1;
}
