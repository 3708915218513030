/**
 * What a file of resources would change in the store: pure, and the same for the same file and store. Whether the
 * outcome makes sense as a whole is for loading to say, with the places that this gives it.
 *
 * Deliberately not here: removing what others declared. `--prune` takes only what an earlier apply brought.
 */
import { DEFAULT_TENANT } from "#base/ids.ts";
import { didKey } from "#routing/snapshot-index.ts";
import { HIDDEN, canonicalJson, hasPasswords, restorePasswords, withoutPasswords } from "./canonical-entry.ts";
import type { ConfigProblem } from "./config.ts";
import { readDocument } from "./document.ts";
import { type Path, describe, isBlank, isMapping, pathText } from "./reading.ts";
import {
  type Entry,
  type Place,
  RESOURCE_KINDS,
  type ResourceKind,
  SECTION_OF_KIND,
  STORED_SECTIONS,
  type StoredEntries,
  type StoredRecord,
  type StoredSection,
  type StoredState,
  entriesOf,
} from "./stored-resources.ts";
import { suggestion } from "./suggest.ts";

/** Who declared what came by apply. */
export const MANAGED_BY_APPLY = "apply";
/** Who declared what came by the API: no file's to prune. */
export const MANAGED_BY_API = "api";

export interface ApplyRequest {
  readonly text: string;
  /** Its name in problems. */
  readonly file: string;
  /** Entries without a tenant are this one's, and no other's may be touched. */
  readonly tenant: string | undefined;
  /** Remove what an earlier apply brought and the file no longer has. */
  readonly prune: boolean;
  /** Absent: a file's wish, which then manages what it names. The API leaves that as it was. */
  readonly origin?: "api" | undefined;
  /** To be taken out beside what the file says. */
  readonly remove?: readonly { readonly kind: string; readonly name: string }[] | undefined;
}

export interface FieldChange {
  readonly field: string;
  /** As JSON, passwords hidden; absent: it wasn't there, or isn't any more. */
  readonly before?: string;
  readonly after?: string;
}

export interface ResourceChange {
  readonly change: "add" | "change" | "remove";
  readonly kind: ResourceKind;
  readonly name: string;
  readonly tenant: string;
  readonly record: StoredRecord;
  /** Undefined: it is new. */
  readonly former: StoredRecord | undefined;
}

export type ApplyPlan =
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }
  | {
      readonly ok: true;
      readonly changes: readonly ResourceChange[];
      readonly unchanged: number;
      /** The store as it would be. */
      readonly after: readonly StoredRecord[];
      /** The same for the loader, which places problems in the file. */
      readonly entries: (hash: string) => StoredEntries;
    };

interface Declared {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly tenant: string;
  readonly entry: Entry;
  /** In the file. */
  readonly index: number;
}

/** Resources by kind and name. Two maps rather than one text of both: 100,000 of those are felt. */
class Named<T> {
  readonly #kinds = new Map<ResourceKind, Map<string, T>>();
  ofKind(kind: ResourceKind): Map<string, T> {
    let names = this.#kinds.get(kind);
    if (names === undefined) this.#kinds.set(kind, (names = new Map<string, T>()));
    return names;
  }
}

function byName(records: readonly StoredRecord[]): Named<StoredRecord> {
  const named = new Named<StoredRecord>();
  for (const record of records) named.ofKind(record.kind).set(record.name, record);
  return named;
}

export function planApply(request: ApplyRequest, state: StoredState): ApplyPlan {
  const document = readDocument(request.text);
  if (!document.ok) {
    const remedy = "YAML: spaces for indentation, quotes around special characters";
    return {
      ok: false,
      problems: document.problems.map(({ line, message }) => ({ file: request.file, line, field: "", message, remedy })),
    };
  }
  const problems: ConfigProblem[] = [];
  const note: Note = (path, message, remedy) =>
    void problems.push({ file: request.file, line: document.lineOf(path), field: pathText(path), message, remedy });
  const stored = byName(state.records);
  const declared = readDeclared(document.value, request, stored, note);
  if (problems.length > 0) return { ok: false, problems };
  return compare(request, declared, stored, document.lineOf, state.records);
}

type Note = (path: Path, message: string, remedy: string) => void;

function readDeclared(value: unknown, request: ApplyRequest, stored: Named<StoredRecord>, note: Note): readonly Declared[] {
  if (isBlank(value)) return [];
  if (!isMapping(value)) return (note([], `${describe(value)} instead of sections`, `sections: ${STORED_SECTIONS.join(", ")}`), []);
  for (const section of Object.keys(value)) {
    if (STORED_SECTIONS.some((one) => one === section)) continue;
    if (section === "node" || section === "listeners")
      note([section], `${section} can't be applied: it is read at start`, `write ${section} in tandem.yaml`);
    else note([section], `unknown section ${section}`, suggestion(section, STORED_SECTIONS, "section"));
  }
  const declared: Declared[] = [];
  for (const kind of RESOURCE_KINDS) {
    const section = SECTION_OF_KIND[kind];
    const entries = value[section];
    if (isBlank(entries)) continue;
    if (!Array.isArray(entries)) {
      note([section], `${describe(entries)} instead of a list`, 'one entry a line, each beginning with "- "');
      continue;
    }
    const seen = new Set<string>();
    for (const [index, entry] of (entries as readonly unknown[]).entries())
      for (const one of readEntry(kind, entry, index, request, stored, note)) {
        if (seen.has(one.name)) note([section, index], `${one.name} stands here a second time`, "each may stand once");
        seen.add(one.name);
        declared.push(one);
      }
  }
  return declared;
}

/** A DID with several numbers becomes as many resources. */
function readEntry(
  kind: ResourceKind,
  entry: unknown,
  index: number,
  request: ApplyRequest,
  stored: Named<StoredRecord>,
  note: Note,
): readonly Declared[] {
  const path = [SECTION_OF_KIND[kind], index];
  if (!isMapping(entry))
    return (note(path, `${describe(entry)} instead of fields`, kind === "did" ? "number, to" : "name and what else it needs"), []);
  const key = kind === "did" ? "number" : "name";
  const given = entry[key];
  const names = kind === "did" && Array.isArray(given) ? (given as readonly unknown[]) : [given];
  if (names.length === 0 || names.some((name) => (typeof name !== "string" && typeof name !== "number") || name === ""))
    return (note(path, `${key} is missing`, `${key}: what it is known by`), []);
  const tenant = isBlank(entry["tenant"]) ? (request.tenant ?? DEFAULT_TENANT) : String(entry["tenant"]);
  if (request.tenant !== undefined && tenant !== request.tenant)
    note([...path, "tenant"], `this is tenant ${tenant}'s, and --tenant ${request.tenant} was said`, "one of the two");
  return names.map((one) => {
    const name = kind === "did" ? didKey(String(one)) : String(one);
    const former = stored.ofKind(kind).get(name);
    if (request.tenant !== undefined && former !== undefined && former.tenant !== request.tenant)
      note([...path, key], `${name} is taken by another tenant`, "names are unique in the deployment: choose another");
    const { tenant: _, ...rest } = entry;
    let whole: Entry = { ...rest, [key]: name, ...(tenant === DEFAULT_TENANT ? {} : { tenant }) };
    if (kind === "trunk" || kind === "gateway") whole = withPasswords(whole, former, path, note);
    return { kind, name, tenant, entry: whole, index };
  });
}

function withPasswords(entry: Entry, former: StoredRecord | undefined, path: Path, note: Note): Entry {
  const restored = restorePasswords(entry, former === undefined ? undefined : (JSON.parse(former.body) as Entry));
  if (restored.ok) return restored.entry;
  note(
    [...path, ...restored.field.split(".")],
    `"${HIDDEN}" stands for a stored password, and there is none`,
    "write the password, or export with --with-secrets",
  );
  return entry;
}

function compare(
  request: ApplyRequest,
  declared: readonly Declared[],
  stored: Named<StoredRecord>,
  lineOf: (path: Path) => number,
  records: readonly StoredRecord[],
): ApplyPlan {
  const positions = positionsOf(declared, stored);
  const changes: ResourceChange[] = [];
  /** Index in the file. */
  const written = new Named<number>();
  const replaced = new Map<StoredRecord, StoredRecord | undefined>();
  // What is to go goes, whatever is said of it beside.
  const gone = new Set((request.remove ?? []).map(({ kind, name }) => `${kind} ${name}`));
  let unchanged = 0;
  for (const { kind, name, tenant, entry, index } of declared) {
    if (gone.size > 0 && gone.has(`${kind} ${name}`)) continue;
    written.ofKind(kind).set(name, index);
    const position = kind === "outbound" ? (positions.get(name) ?? 0) : 0;
    const former = stored.ofKind(kind).get(name);
    const managedBy = request.origin === "api" ? (former?.managedBy ?? MANAGED_BY_API) : MANAGED_BY_APPLY;
    const record: StoredRecord = { kind, name, tenant, managedBy, position, body: canonicalJson(entry) };
    if (former !== undefined && same(former, record)) {
      unchanged++;
      continue;
    }
    changes.push({ change: former === undefined ? "add" : "change", kind, name, tenant, record, former });
    if (former !== undefined) replaced.set(former, record);
  }
  for (const former of request.prune ? records : []) {
    const { kind, name, tenant, managedBy } = former;
    if (managedBy !== MANAGED_BY_APPLY || written.ofKind(kind).has(name)) continue;
    if (request.tenant !== undefined && tenant !== request.tenant) continue;
    changes.push({ change: "remove", kind, name, tenant, record: former, former });
    replaced.set(former, undefined);
  }
  for (const { kind, name } of request.remove ?? []) {
    const former = records.find((record) => record.kind === kind && record.name === name);
    if (former === undefined || (request.tenant !== undefined && former.tenant !== request.tenant)) continue;
    changes.push({ change: "remove", kind: former.kind, name, tenant: former.tenant, record: former, former });
    replaced.set(former, undefined);
  }
  const after: StoredRecord[] = [];
  for (const record of records) {
    const now = replaced.has(record) ? replaced.get(record) : record;
    if (now !== undefined) after.push(now);
  }
  for (const { change, record } of changes) if (change === "add") after.push(record);
  after.sort((a, b) => a.position - b.position);
  return { ok: true, changes, unchanged, after, entries: (hash) => placedEntries(after, hash, written, request.file, lineOf) };
}

const same = (a: StoredRecord, b: StoredRecord): boolean =>
  a.body === b.body && a.tenant === b.tenant && a.managedBy === b.managedBy && a.position === b.position;

/**
 * Outbound rules keep the order of the file: those that are stored share out the places that they have, new ones
 * come behind all others.
 */
function positionsOf(declared: readonly Declared[], stored: Named<StoredRecord>): ReadonlyMap<string, number> {
  const former = stored.ofKind("outbound");
  const rules = declared.filter(({ kind }) => kind === "outbound").map(({ name }) => name);
  const places = rules.flatMap((name) => former.get(name)?.position ?? []).sort((a, b) => a - b);
  let last = 0;
  for (const { position } of former.values()) last = Math.max(last, position);
  const positions = new Map<string, number>();
  for (const name of rules) if (former.has(name)) positions.set(name, places.shift()!);
  for (const name of rules) if (!former.has(name)) positions.set(name, ++last);
  return positions;
}

function placedEntries(
  after: readonly StoredRecord[],
  hash: string,
  written: Named<number>,
  file: string,
  lineOf: (path: Path) => number,
): StoredEntries {
  const bySection = new Map<StoredSection, StoredRecord[]>();
  const placeOf = (section: StoredSection, index: number, rest: Path): Place | undefined => {
    if (bySection.size === 0)
      for (const [kind, of] of Map.groupBy(after, (record) => record.kind)) bySection.set(SECTION_OF_KIND[kind], of);
    const record = bySection.get(section)?.[index];
    const inFile = record === undefined ? undefined : written.ofKind(record.kind).get(record.name);
    if (inFile === undefined) return undefined;
    const path = [section, inFile, ...rest];
    return { file, line: lineOf(path), field: pathText(path) };
  };
  return { ...entriesOf(after, hash), placeOf };
}

/** What a change means, field by field; nothing for what is new or gone. */
export function fieldsOf({ change, record, former }: ResourceChange): readonly FieldChange[] {
  if (change !== "change" || former === undefined) return [];
  const before = JSON.parse(former.body) as Entry;
  const after = JSON.parse(record.body) as Entry;
  const shownBefore = withoutPasswords(before);
  const shownAfter = withoutPasswords(after);
  const fields: FieldChange[] = [];
  for (const field of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
    if (canonicalJson(before[field]) === canonicalJson(after[field])) continue;
    fields.push({ field, ...shown("before", shownBefore[field]), ...shown("after", shownAfter[field]) });
  }
  if (former.managedBy !== record.managedBy) fields.push({ field: "managed_by", before: former.managedBy, after: record.managedBy });
  if (former.position !== record.position)
    fields.push({ field: "place among the rules", before: String(former.position), after: String(record.position) });
  return fields;
}
const shown = (key: "before" | "after", value: unknown): Partial<FieldChange> =>
  value === undefined ? {} : { [key]: canonicalJson(value) };

/** What the log of changes keeps: a line of JSON per change, passwords hidden. */
export function logText(changes: readonly ResourceChange[]): string {
  const bodyOf = ({ body }: StoredRecord): string =>
    hasPasswords(body) ? canonicalJson(withoutPasswords(JSON.parse(body) as Entry)) : body;
  return changes
    .map(({ change, kind, name, record, former }) => {
      const before = former === undefined ? "" : `,"before":${bodyOf(former)}`;
      const after = change === "remove" ? "" : `,"after":${bodyOf(record)}`;
      return `{"change":"${change}","kind":"${kind}","name":${JSON.stringify(name)}${before}${after}}`;
    })
    .join("\n");
}
