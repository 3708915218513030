/** What tandem.yaml itself has: which names are its own, and where an entry stands in it. */
import type { ConfigProblem } from "./config.ts";
import { readDocument } from "./document.ts";
import { type Path, Reading, isMapping, pathText } from "./reading.ts";
import type { Sections } from "./resources.ts";
import { SECTION_READERS } from "./schema.ts";
import { IN_THE_STORE, type Place, STORED_SECTIONS, type StoredSection, namesOf } from "./stored-resources.ts";

export interface FileEntries {
  readonly listeners: Sections["listeners"];
  /** That the file has the name already, of an entry that is to be stored. */
  twice(section: StoredSection, name: string): readonly ConfigProblem[];
  /** Of an entry of the file; any other is only known to the store. */
  placeOf(section: string, name: string, rest: Path): Place;
}

/** Trunks, gateways and groups share one space of names. */
const PEERS: readonly StoredSection[] = ["trunks", "gateways", "groups"];

/** @param text of a configuration that was loaded before */
export function fileEntries(text: string, file: string): FileEntries {
  const document = readDocument(text);
  const value = document.ok && isMapping(document.value) ? document.value : {};
  /** Section → name → index. */
  const places = new Map<string, Map<string, number>>();
  for (const section of STORED_SECTIONS) {
    const entries = value[section];
    const names = new Map<string, number>();
    places.set(section, names);
    if (!Array.isArray(entries)) continue;
    for (const [i, entry] of (entries as readonly unknown[]).entries())
      if (isMapping(entry)) for (const name of namesOf(section, entry)) names.set(name, i);
  }
  const lineOf = (path: Path): number => (document.ok ? document.lineOf(path) : 0);
  return {
    listeners: SECTION_READERS.listeners.read(value["listeners"], new Reading()) ?? [],
    twice(section, name) {
      const beside = PEERS.includes(section) ? PEERS : [section];
      return beside.flatMap((other) => {
        const index = places.get(other)!.get(name);
        if (index === undefined) return [];
        const path = [other, index, other === "dids" ? "number" : "name"];
        return {
          file,
          line: lineOf(path),
          field: pathText(path),
          message: `${name} is also in ${section} of the store`,
          remedy: "keep it in one of the two: take it out of this file, or out of the store with tandem apply --prune",
        };
      });
    },
    placeOf(section, name, rest) {
      const index = places.get(section)?.get(name);
      if (index === undefined)
        return { file: IN_THE_STORE, line: 0, field: `${section} ${name}${rest.length === 0 ? "" : `.${pathText(rest)}`}` };
      const path = [section, index, ...rest];
      return { file, line: lineOf(path), field: pathText(path) };
    },
  };
}
