/** A draft as the text of tandem.yaml: one entry a line where it fits, so that people and diffs can read it. */
import type { Draft } from "./move.ts";

const PLAIN = /^[A-Za-z][A-Za-z0-9_.-]*$/;
/** Words that YAML 1.1 readers take for something else than text. */
const WORDS = /^(y|n|yes|no|true|false|on|off|null)$/i;
const LINE_CHARS_MAX = 180;

function scalar(value: unknown): string {
  if (typeof value === "number") return String(value);
  const text = String(value);
  if (PLAIN.test(text) && !WORDS.test(text)) return text;
  return JSON.stringify(text);
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{ ${fields(value)
      .map(([key, one]) => `${key}: ${flow(one)}`)
      .join(", ")} }`;
  return scalar(value);
}

const fields = (entry: object): (readonly [string, unknown])[] => Object.entries(entry).filter(([, value]) => value !== undefined);

function entryLines(entry: object): readonly string[] {
  const whole = `  - ${flow(entry)}`;
  if (whole.length <= LINE_CHARS_MAX) return [whole];
  return fields(entry).flatMap(([key, value], i) => {
    const lead = i === 0 ? "  - " : "    ";
    if (!Array.isArray(value) || `${lead}${key}: ${flow(value)}`.length <= LINE_CHARS_MAX) return [`${lead}${key}: ${flow(value)}`];
    return [`${lead}${key}:`, ...value.map((one) => `      - ${flow(one)}`)];
  });
}

/** @param heading lines above it all, without "#" */
export function writeYaml(draft: Draft, heading: readonly string[] = []): string {
  const lines = heading.map((line) => (line === "" ? "#" : `# ${line}`));
  for (const [section, entries] of Object.entries(draft) as (readonly [string, readonly object[]])[]) {
    if (entries.length === 0) continue;
    if (lines.length > 0) lines.push("");
    lines.push(`${section}:`);
    for (const entry of entries) lines.push(...entryLines(entry));
  }
  return `${lines.join("\n")}\n`;
}
