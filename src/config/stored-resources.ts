/**
 * Resources that live in the store, and how they come together with those of tandem.yaml: as if they stood behind
 * the file's own entries, so that one check sees both. What is stored is the entry as it was written, not what
 * became of it: defaults that a later version changes apply to it as they do to the file.
 *
 * Deliberately not here: listeners and the node's own settings, which only the file has.
 */
import { didKey } from "#routing/snapshot-index.ts";
import { type Finding, type Path, isBlank, isMapping, pathText } from "./reading.ts";

export const RESOURCE_KINDS = ["trunk", "gateway", "group", "did", "outbound"] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

export const SECTION_OF_KIND = {
  trunk: "trunks",
  gateway: "gateways",
  group: "groups",
  did: "dids",
  outbound: "outbound",
} as const satisfies Readonly<Record<ResourceKind, string>>;
export type StoredSection = (typeof SECTION_OF_KIND)[ResourceKind];
export const STORED_SECTIONS: readonly StoredSection[] = Object.values(SECTION_OF_KIND);

/** Values as the YAML parser gives them: scalars are text. */
export type Entry = Readonly<Record<string, unknown>>;

/** One resource as the store keeps it. */
export interface StoredRecord {
  readonly kind: ResourceKind;
  /** A DID's is its number. One kind has a name once, whatever the tenant. */
  readonly name: string;
  readonly tenant: string;
  /** Who declared it: "apply". */
  readonly managedBy: string;
  /** Order among outbound rules, of which the first that fits takes a call; 0 for the rest. */
  readonly position: number;
  /** The entry as canonical JSON. */
  readonly body: string;
}

export interface StoredState {
  /** One more with each change; 0: never was there one. */
  readonly generation: number;
  /** Names the contents; see `hashOf`. "" at generation 0. */
  readonly hash: string;
  /** In the order that they were made in; outbound rules by position. */
  readonly records: readonly StoredRecord[];
}

/** What loading needs of it. */
export interface StoredEntries {
  readonly hash: string;
  readonly sections: Readonly<Record<StoredSection, readonly Entry[]>>;
  /** Where an entry, or a field of it, was written; undefined: only the store knows it. */
  readonly placeOf?: (section: StoredSection, index: number, rest: Path) => Place | undefined;
}

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly field: string;
}

export const NOTHING_STORED: StoredEntries = { hash: "", sections: { trunks: [], gateways: [], groups: [], dids: [], outbound: [] } };

/** Names a problem's file where there is none. */
export const IN_THE_STORE = "the store";

export interface Merged {
  readonly value: unknown;
  /** Names that both have, placed in the file. */
  readonly twice: readonly Finding[];
  /** Undefined: the path is the file's own. */
  placeOf(path: Path): Place | undefined;
}

/** The file's sections with the store's entries behind them. @param value the file as plain values */
export function mergeStored(value: unknown, stored: StoredEntries): Merged {
  const written = isMapping(value) ? value : {};
  const used = STORED_SECTIONS.filter((section) => stored.sections[section].length > 0);
  if (used.length === 0 || (!isMapping(value) && !isBlank(value))) return { value, twice: [], placeOf: () => undefined };
  const merged: Record<string, unknown> = { ...written };
  /** Section → its entries in the file. */
  const own = new Map<string, number>();
  for (const section of used) {
    const entries = written[section];
    // A section that is no list is a problem of its own, which reading tells.
    if (!isBlank(entries) && !Array.isArray(entries)) continue;
    const list: readonly unknown[] = Array.isArray(entries) ? entries : [];
    own.set(section, list.length);
    merged[section] = list.concat(stored.sections[section]);
  }
  return { value: merged, twice: namedTwice(written, stored), placeOf };

  function placeOf([section, index, ...rest]: Path): Place | undefined {
    const ownEntries = own.get(String(section));
    if (ownEntries === undefined || typeof index !== "number" || index < ownEntries) return undefined;
    const at = section as StoredSection;
    const entry = stored.sections[at][index - ownEntries];
    const field = rest.length === 0 ? "" : `.${pathText(rest)}`;
    return (
      stored.placeOf?.(at, index - ownEntries, rest) ?? {
        file: IN_THE_STORE,
        line: 0,
        field: `${at} ${String(entry?.["name"] ?? entry?.["number"] ?? "?")}${field}`,
      }
    );
  }
}

/** Trunks, gateways and groups share one space of names. */
const PEERS: readonly StoredSection[] = ["trunks", "gateways", "groups"];

function namedTwice(written: Entry, stored: StoredEntries): readonly Finding[] {
  const spaces = [PEERS, ["dids"], ["outbound"]] as const;
  const twice: Finding[] = [];
  for (const sections of spaces) {
    // Usually the file has none of what the store has in masses.
    if (!sections.some((section) => Array.isArray(written[section]))) continue;
    const names = new Map<string, StoredSection>();
    for (const section of sections as readonly StoredSection[])
      for (const entry of stored.sections[section]) for (const name of namesOf(section, entry)) names.set(name, section);
    for (const section of sections as readonly StoredSection[]) {
      const entries = written[section];
      if (!Array.isArray(entries)) continue;
      for (const [i, entry] of entries.entries()) {
        const other = isMapping(entry) ? namesOf(section, entry).find((name) => names.has(name)) : undefined;
        if (other === undefined) continue;
        twice.push({
          path: [section, i, section === "dids" ? "number" : "name"],
          message: `${other} is also in ${names.get(other)!} of the store`,
          remedy: "keep it in one of the two: take it out of this file, or out of the store with tandem apply --prune",
        });
      }
    }
  }
  return twice;
}

/** The keys that an entry is known by: one, or as many as a DID has numbers. */
export function namesOf(section: StoredSection, entry: Entry): readonly string[] {
  if (section !== "dids") return typeof entry["name"] === "string" ? [entry["name"]] : [];
  const numbers = entry["number"];
  return (Array.isArray(numbers) ? numbers : [numbers])
    .filter((one) => typeof one === "string" || typeof one === "number")
    .map((one) => didKey(String(one)));
}

/** Records → what loading takes. */
export function entriesOf(records: Iterable<StoredRecord>, hash: string): StoredEntries {
  const bodies: Record<StoredSection, string[]> = { trunks: [], gateways: [], groups: [], dids: [], outbound: [] };
  for (const { kind, body } of records) bodies[SECTION_OF_KIND[kind]].push(body);
  const parse = (list: readonly string[]): readonly Entry[] => JSON.parse(`[${list.join(",")}]`) as Entry[];
  return {
    hash,
    sections: {
      trunks: parse(bodies.trunks),
      gateways: parse(bodies.gateways),
      groups: parse(bodies.groups),
      dids: parse(bodies.dids),
      outbound: parse(bodies.outbound),
    },
  };
}
