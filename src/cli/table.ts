/** Tables for people: aligned, coloured headings on a terminal; in a pipe plain, tab-separated lines. */

export interface Look {
  /** A terminal: colour, alignment, headings. */
  readonly terminal: boolean;
  readonly columns: number;
}

/** In a pipe, and on terminals that know no width of their own (serial lines, some containers). */
const COLUMNS = 100;

export function lookOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Look {
  const colour = env["NO_COLOR"] === undefined && env["TERM"] !== "dumb";
  return { terminal: stream.isTTY === true && colour, columns: stream.columns > 0 ? stream.columns : COLUMNS };
}

const STYLES = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33", cyan: "36" } as const;
export type Style = keyof typeof STYLES;

export const paint = (look: Look, style: Style, text: string): string => (look.terminal ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text);

/** Without control characters: what came off the wire must not drive a terminal. */
export const printable = (text: string): string => text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "?");

export function table(look: Look, headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(printable));
  if (!look.terminal)
    return [headings.map((name) => name.toLowerCase().replaceAll(" ", "_")), ...clean].map((row) => row.join("\t")).join("\n");
  const widths = headings.map((name, i) => Math.max(name.length, ...clean.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join("  ");
  return [paint(look, "bold", line(headings)), ...clean.map(line)].join("\n");
}

export function seconds(durationMs: number): string {
  const whole = Math.round(durationMs / 1000);
  return whole < 60 ? `${(durationMs / 1000).toFixed(1)} s` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
}

export const clockTime = (epochMs: number): string => new Date(epochMs).toISOString().replace("T", " ").slice(0, 19);
