/** Some stored records read as the loader reads all: their fields, their passwords, the resources that they become. */
import { readSecrets } from "./accounts.ts";
import type { Environment } from "./places.ts";
import { type Finding, Reading } from "./reading.ts";
import { type Resources, type Sections, toResources } from "./resources.ts";
import { SECTION_READERS } from "./schema.ts";
import { SECTION_OF_KIND, type StoredRecord, entriesOf } from "./stored-resources.ts";

/** What reading needs beside the records. */
export interface EntrySurroundings {
  readonly listeners: Sections["listeners"];
  /** Of the node. */
  readonly callsMax: number;
  readonly env: Environment;
  readonly readFile: (path: string) => string;
}

export interface ChangedEntries {
  /** Of the records alone; the listeners are all. */
  readonly resources: Resources;
  readonly findings: readonly Finding[];
  recordAt(section: string, index: number): StoredRecord | undefined;
}

export function readChanged(records: readonly StoredRecord[], { listeners, callsMax, env, readFile }: EntrySurroundings): ChangedEntries {
  const reading = new Reading();
  const entries = entriesOf(records, "").sections;
  const section = <K extends keyof typeof entries>(key: K): Sections[K] =>
    (reading.at(key, entries[key], SECTION_READERS[key].read as (value: unknown, at: Reading) => Sections[K] | undefined) ??
      []) as Sections[K];
  const sections: Sections = {
    listeners,
    trunks: section("trunks"),
    gateways: section("gateways"),
    groups: section("groups"),
    dids: section("dids"),
    outbound: section("outbound"),
  };
  const { secrets, findings } = readSecrets(sections, env, readFile);
  const bySection = Map.groupBy(records, ({ kind }) => SECTION_OF_KIND[kind] as string);
  return {
    resources: toResources(sections, callsMax, secrets),
    findings: [...reading.findings, ...findings],
    recordAt: (name, index) => bySection.get(name)?.[index],
  };
}
