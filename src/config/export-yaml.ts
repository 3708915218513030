/**
 * Stored resources as YAML that `tandem apply` takes back to the same state: one entry a line where it fits, DIDs in
 * the plain form that is read quickly.
 */
import { HIDDEN, hasPasswords, withoutPasswords } from "./canonical-entry.ts";
import { isMapping } from "./reading.ts";
import { type Entry, RESOURCE_KINDS, SECTION_OF_KIND, type StoredRecord } from "./stored-resources.ts";

export interface ExportOptions {
  /** Only this tenant's. */
  readonly tenant?: string | undefined;
  /** Passwords as they are, instead of hidden. */
  readonly secrets: boolean;
}

const LINE_CHARS_MAX = 160;
/** These come first, as people look for them. */
const FIRST = ["name", "number", "tenant", "preset", "listener", "uri"];

export function exportYaml(records: readonly StoredRecord[], { tenant, secrets }: ExportOptions): string {
  const chosen = records.filter((record) => tenant === undefined || record.tenant === tenant);
  const lines: string[] = [];
  if (!secrets && chosen.some(({ body }) => hasPasswords(body)))
    lines.push(`# Passwords are hidden as "${HIDDEN}", which tandem apply takes for those that are stored; --with-secrets shows them.`);
  for (const kind of RESOURCE_KINDS) {
    const ofKind = chosen.filter((record) => record.kind === kind);
    if (ofKind.length === 0) continue;
    lines.push(`${SECTION_OF_KIND[kind]}:`);
    for (const { body } of ofKind) {
      const entry = JSON.parse(body) as Entry;
      lines.push(...entryLines(secrets ? entry : withoutPasswords(entry)));
    }
  }
  return lines.length === 0 ? "# no resources in the store\n" : `${lines.join("\n")}\n`;
}

function entryLines(entry: Entry): readonly string[] {
  const fields = Object.entries(entry).sort(([a], [b]) => rank(a) - rank(b));
  const whole = `  - { ${fields.map(([key, value]) => `${plainOrQuoted(key)}: ${flow(value)}`).join(", ")} }`;
  if (whole.length <= LINE_CHARS_MAX) return [whole];
  return fields.map(([key, value], i) => `${i === 0 ? "  - " : "    "}${plainOrQuoted(key)}: ${flow(value)}`);
}
const rank = (key: string): number => (FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length);

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (isMapping(value))
    return `{ ${Object.entries(value)
      .map(([key, inner]) => `${plainOrQuoted(key)}: ${flow(inner)}`)
      .join(", ")} }`;
  return plainOrQuoted(String(value));
}

/** Plain only where no YAML reader takes it for something else than text. JSON's quotes and escapes are YAML's. */
function plainOrQuoted(text: string): string {
  return /^[A-Za-z][A-Za-z0-9_.-]*$/.test(text) && !/^(y|n|yes|no|true|false|on|off|null)$/i.test(text) ? text : JSON.stringify(text);
}
