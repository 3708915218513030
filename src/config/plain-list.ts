/**
 * A fast reader for a long list in a configuration: entries of plain `key: value` lines, as a program writes
 * 100,000 DIDs, for which the YAML parser takes seconds.
 *
 * It knows only what can't be misread (see ENTRY and VALUE) and gives up at the first other line; the YAML parser
 * then reads everything. Whatever it takes, it reads as the YAML parser would: a property test holds them together.
 */

/** Below this the YAML parser is quick enough. */
const LINES_MIN = 200;

const KEY = "[a-z_]+";
/** In double quotes without escapes, or plain words that YAML gives no meaning. */
const VALUE = '"[^"\\\\\\t]*"|[A-Za-z0-9+](?:[A-Za-z0-9._+-]| (?=[A-Za-z0-9]))*';
const ENTRY = new RegExp(`^( +)(- )?(${KEY}): (${VALUE})\\r?$`);
const FLOW_ENTRY = new RegExp(`^( +)- \\{ ?(${KEY}: (?:${VALUE})(?:, ${KEY}: (?:${VALUE}))*) ?\\}\\r?$`);
const FLOW_PAIR = new RegExp(`(${KEY}): (${VALUE})(?:, |$)`, "g");

export interface PlainList {
  readonly entries: readonly Readonly<Record<string, string>>[];
  /** 1-based, of an entry or of one of its fields. */
  lineOf(entry: number, field?: string): number;
  /** The text with the section empty: what is left for the YAML parser. */
  readonly rest: string;
  /** A line of the rest → of the text. */
  lineBefore(line: number): number;
}

/** The entries of a top-level section, if the whole section is that plain. */
export function readPlainList(text: string, section: string, linesMin = LINES_MIN): PlainList | undefined {
  const header = new RegExp(`^${section}:[ \\t]*\\r?\\n`, "gm");
  const found = header.exec(text);
  // Anchors and directives reach across sections; so does a second section of that name.
  if (found === null || header.exec(text) !== null || /^(%|---|\.\.\.)|(^|[\s,[{:-])[&*]\w|<</m.test(text)) return undefined;
  const start = found.index + found[0].length;
  const length = /^[^\s#-]/m.exec(text.slice(start))?.index ?? text.length - start;
  const lines = text.slice(start, start + length).split("\n");
  if (lines.length < linesMin) return undefined;
  const read = readEntries(lines);
  if (read === undefined) return undefined;
  const { entries, begins } = read;
  const firstLine = text.slice(0, found.index).split("\n").length + 1;
  const lineOf = (entry: number, field?: string): number => {
    const begin = begins[entry] ?? 0;
    for (let i = begin; field !== undefined && i < (begins[entry + 1] ?? lines.length); i++)
      if (ENTRY.exec(lines[i]!)?.[3] === field) return firstLine + i;
    return firstLine + begin;
  };
  const rest = `${text.slice(0, found.index)}${section}: []\n${text.slice(start + length)}`;
  const removed = lines.length - 1;
  return { entries, lineOf, rest, lineBefore: (line) => (line < firstLine ? line : line + removed) };
}

/** `begins`: the line that each entry begins on, from 0. */
function readEntries(
  lines: readonly string[],
): { readonly entries: Record<string, string>[]; readonly begins: readonly number[] } | undefined {
  const entries: Record<string, string>[] = [];
  const begins: number[] = [];
  let entry: Record<string, string> | undefined;
  let indent = -1;
  for (const [i, line] of lines.entries()) {
    if (line === "" || line === "\r") continue;
    const parts = ENTRY.exec(line);
    if (parts === null) {
      const flow = FLOW_ENTRY.exec(line);
      if (flow === null) return undefined;
      if (indent < 0) indent = flow[1]!.length;
      const whole = readFlowEntry(flow[2]!);
      if (flow[1]!.length !== indent || whole === undefined) return undefined;
      entries.push(whole);
      begins.push(i);
      // A line that goes on with it would be an error in YAML.
      entry = undefined;
      continue;
    }
    const [, spaces, dash, key, value] = parts as unknown as [string, string, string | undefined, string, string];
    if (dash !== undefined) {
      if (indent < 0) indent = spaces.length;
      if (spaces.length !== indent) return undefined;
      entries.push((entry = {}));
      begins.push(i);
    } else if (spaces.length !== indent + 2) return undefined;
    if (entry === undefined || Object.hasOwn(entry, key)) return undefined;
    entry[key] = unquote(value);
  }
  return { entries, begins };
}

function readFlowEntry(pairs: string): Record<string, string> | undefined {
  const entry: Record<string, string> = {};
  FLOW_PAIR.lastIndex = 0;
  // Not matchAll: it copies the expression for every line.
  for (let pair = FLOW_PAIR.exec(pairs); pair !== null; pair = FLOW_PAIR.exec(pairs)) {
    const key = pair[1]!;
    if (Object.hasOwn(entry, key)) return undefined;
    entry[key] = unquote(pair[2]!);
  }
  return entry;
}

const unquote = (value: string): string => (value.startsWith('"') ? value.slice(1, -1) : value);
