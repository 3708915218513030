/**
 * The text of a configuration as plain values, and the line of any path in it.
 *
 * YAML with all scalars as text (the failsafe schema), because core YAML would read +1555… and 00 as numbers. JSON,
 * which is YAML too, goes through JSON.parse, and long plain lists through their own reader, both tens of times
 * faster; JSON's lines are then looked up only if something is wrong.
 */
import { type Document, LineCounter, type Node, isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import { readPlainList } from "./plain-list.ts";
import { type Path, isMapping } from "./reading.ts";

export interface SyntaxProblem {
  readonly line: number;
  readonly message: string;
}

export type ReadDocument =
  | { readonly ok: true; readonly value: unknown; lineOf(path: Path): number }
  | { readonly ok: false; readonly problems: readonly SyntaxProblem[] };

/** Uses of one anchor; more is an attack or a mistake. */
const ALIASES_MAX = 1_000;

/** The sections that grow long, the longest first. */
const LONG_SECTIONS = ["dids", "gateways", "trunks"] as const;

export function readDocument(text: string): ReadDocument {
  let lines: Lines | undefined;
  const lineOf = (path: Path): number => (lines ??= parseYaml(text)).lineOf(path);
  if (text.trimStart().startsWith("{")) {
    const value = parseJson(text);
    if (value !== undefined) return { ok: true, value, lineOf };
  }
  return readWithoutLists(text, LONG_SECTIONS);
}

/** Long plain lists by their own reader, the rest by the YAML parser, which needs seconds for them. */
function readWithoutLists(text: string, [section, ...others]: readonly string[]): ReadDocument {
  if (section === undefined) return readYaml(text);
  const list = readPlainList(text, section);
  if (list === undefined) return readWithoutLists(text, others);
  const rest = readWithoutLists(list.rest, others);
  if (!rest.ok) return { ok: false, problems: rest.problems.map(({ line, message }) => ({ line: list.lineBefore(line), message })) };
  if (!isMapping(rest.value)) return rest;
  const lineOf = (path: Path): number => {
    const [first, entry, field] = path;
    return first === section && typeof entry === "number"
      ? list.lineOf(entry, field === undefined ? undefined : String(field))
      : list.lineBefore(rest.lineOf(path));
  };
  return { ok: true, value: { ...rest.value, [section]: list.entries }, lineOf };
}

function readYaml(text: string): ReadDocument {
  const { document, lineOf, lineAt } = parseYaml(text);
  if (document.errors.length > 0) {
    return { ok: false, problems: document.errors.map(({ message, pos }) => ({ line: lineAt(pos[0]), message: firstSentence(message) })) };
  }
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: ALIASES_MAX }), lineOf };
  } catch (error) {
    return { ok: false, problems: [{ line: 0, message: error instanceof Error ? error.message : String(error) }] };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Flow-style YAML, or broken: the YAML parser says which and where.
    return undefined;
  }
}

interface Lines {
  readonly document: Document.Parsed;
  lineOf(path: Path): number;
  lineAt(offset: number): number;
}

function parseYaml(text: string): Lines {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, schema: "failsafe", merge: true, prettyErrors: false, logLevel: "silent" });
  const lineAt = (offset: number): number => lineCounter.linePos(offset).line;
  return { document, lineAt, lineOf: (path) => lineAt(offsetOf(document, path)) };
}

/** The place of a path, or of the deepest part of it that was written. */
function offsetOf(document: Document.Parsed, path: Path): number {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === String(key));
      if (pair === undefined || !isScalar(pair.key)) return offset;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      node = node.items[Number(key)] as Node | undefined;
      offset = node?.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

const firstSentence = (message: string): string => message.split("\n")[0]!.replace(/:$/, "");
