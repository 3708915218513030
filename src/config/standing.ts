/**
 * All resources as they stand, held so that a change of a few of them costs what it touches: it is planned, read and
 * checked with what it refers to and what refers to it, and becomes a patch of the snapshot. What comes out is what
 * loading the whole anew would give; a property test holds the two together.
 *
 * Deliberately not here: tandem.yaml's own changes and `--prune`, for which everything is loaded anew; and the warning
 * of peers that share an address, which only the whole shows.
 */
import { type SnapshotPatch, patchSnapshot } from "#routing/patch-snapshot.ts";
import type { OutboundRule, Snapshot } from "#routing/snapshot.ts";
import { deepFreeze } from "./build-snapshot.ts";
import { type ChangedEntries, type EntrySurroundings, readChanged } from "./changed-entries.ts";
import type { ConfigProblem } from "./config.ts";
import { ContentsHash } from "./contents-hash.ts";
import type { Finding } from "./reading.ts";
import { type ApplyRequest, type ResourceChange, planApply } from "./plan-apply.ts";
import { isMapping } from "./reading.ts";
import { referrersOf, shiftedNames } from "./referrers.ts";
import { checkResources } from "./check-resources.ts";
import { tlsFindings } from "./load.ts";
import type { FileEntries } from "./file-entries.ts";
import {
  type Entry,
  RESOURCE_KINDS,
  type ResourceKind,
  SECTION_OF_KIND,
  type StoredRecord,
  type StoredState,
  namesOf,
} from "./stored-resources.ts";

export type StandingRequest = Omit<ApplyRequest, "prune">;

export type PlannedChange =
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }
  | {
      readonly ok: true;
      readonly changes: readonly ResourceChange[];
      readonly unchanged: number;
      /** Generation and hash are those from before: who stores it gives it its own. */
      readonly snapshot: Snapshot;
      readonly warnings: readonly ConfigProblem[];
    };

const sectionOf = (kind: ResourceKind): (typeof SECTION_OF_KIND)[ResourceKind] => SECTION_OF_KIND[kind];

export class Standing {
  readonly #records = new Map<ResourceKind, Map<string, StoredRecord>>();
  readonly #contents: ContentsHash;
  readonly #file: FileEntries;
  readonly #surroundings: EntrySurroundings;
  #snapshot: Snapshot;

  /** @param snapshot of the file and of that state, checked whole */
  constructor(snapshot: Snapshot, state: StoredState, file: FileEntries, surroundings: EntrySurroundings) {
    this.#snapshot = snapshot;
    this.#file = file;
    this.#surroundings = surroundings;
    this.#contents = ContentsHash.of(state.records);
    for (const kind of RESOURCE_KINDS) this.#records.set(kind, new Map());
    for (const record of state.records) this.#ofKind(record.kind).set(record.name, record);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }
  /** Of the stored resources; see ContentsHash. */
  get hash(): string {
    return this.#contents.text();
  }
  record(kind: ResourceKind, name: string): StoredRecord | undefined {
    return this.#ofKind(kind).get(name);
  }

  /** What a request would change. Nothing is changed by asking. */
  plan(request: StandingRequest, sections: Readonly<Record<string, unknown>>): PlannedChange {
    const touched = this.#touched(request, sections);
    const plan = planApply({ ...request, prune: false }, { generation: 0, hash: "", records: touched });
    if (!plan.ok) return plan;
    const { changes, unchanged, after } = plan;
    if (changes.length === 0) return { ok: true, changes, unchanged, snapshot: this.#snapshot, warnings: [] };
    const twice = changes.flatMap(({ change, kind, name }) => (change === "add" ? this.#file.twice(sectionOf(kind), name) : []));
    if (twice.length > 0) return { ok: false, problems: twice };

    const upserts = changes.filter(({ change }) => change !== "remove").map(({ record }) => record);
    const placedBy = plan.entries("").placeOf;
    const indexOf = indexWithin(after);
    /** @param record whose entry the path is in */
    const place = (record: StoredRecord | undefined, { path, message, remedy }: Finding): ConfigProblem => {
      const [section, , ...rest] = path;
      const own = record === undefined ? undefined : placedBy?.(sectionOf(record.kind), indexOf(record), rest);
      return { ...(own ?? this.#file.placeOf(String(section), record?.name ?? "", rest)), message, remedy };
    };
    const read = readChanged(upserts, this.#surroundings);
    const recordAt = ([section, i]: Finding["path"]): StoredRecord | undefined => read.recordAt(String(section), Number(i));
    if (read.findings.length > 0) return { ok: false, problems: read.findings.map((finding) => place(recordAt(finding.path), finding)) };

    const snapshot = patchSnapshot(this.#snapshot, this.#patchOf(changes, read));
    const checked = checkResources(read.resources, new Set(), snapshot);
    const ofFiles = tlsFindings(read.resources, this.#surroundings);
    const [errors, warnings] = [
      [...checked.errors, ...ofFiles.errors],
      [...checked.warnings, ...ofFiles.warnings],
    ];
    const problems = errors.map((finding) => place(recordAt(finding.path), finding));
    const referring = referrersOf(shiftedNames(changes, this.#snapshot, snapshot), snapshot, changes);
    if (referring !== undefined) {
      const { listeners } = read.resources;
      for (const finding of checkResources({ ...referring, listeners }, new Set(), snapshot).errors)
        problems.push(this.#placeReferrer(finding, referring));
    }
    if (problems.length > 0) return { ok: false, problems };
    return { ok: true, changes, unchanged, snapshot, warnings: warnings.map((finding) => place(recordAt(finding.path), finding)) };
  }

  /** What was planned last, and is stored by now or will be. */
  accept({ changes, snapshot }: Extract<PlannedChange, { readonly ok: true }>): void {
    for (const { change, kind, name, record, former } of changes) {
      if (former !== undefined) this.#contents.remove(former);
      if (change === "remove") this.#ofKind(kind).delete(name);
      else {
        this.#contents.add(record);
        this.#ofKind(kind).set(name, record);
      }
    }
    this.#snapshot = snapshot;
  }

  /** The accepted snapshot has a name of its own by now. */
  rename(generation: number, hash: string): void {
    this.#snapshot = Object.freeze({ ...this.#snapshot, generation, hash });
  }

  #ofKind(kind: ResourceKind): Map<string, StoredRecord> {
    return this.#records.get(kind)!;
  }

  /** The stored records that planning has to see: those that are named, and all rules where the order of rules counts. */
  #touched({ remove = [] }: StandingRequest, sections: Readonly<Record<string, unknown>>): readonly StoredRecord[] {
    const touched = new Set<StoredRecord>();
    const touch = (kind: ResourceKind, name: string): void => {
      const record = this.record(kind, name);
      if (record !== undefined) touched.add(record);
    };
    for (const kind of RESOURCE_KINDS) {
      const section = sectionOf(kind);
      const entries = sections[section];
      if (!Array.isArray(entries)) continue;
      if (kind === "outbound") for (const record of this.#rules()) touched.add(record);
      else
        for (const entry of entries as readonly unknown[])
          if (isMapping(entry)) for (const name of keysOf(section, entry)) touch(kind, name);
    }
    for (const { kind, name } of remove) {
      const known = RESOURCE_KINDS.find((one) => one === kind);
      if (known !== undefined) touch(known, name);
    }
    return [...touched];
  }

  #rules(): readonly StoredRecord[] {
    return [...this.#ofKind("outbound").values()].sort((a, b) => a.position - b.position);
  }

  #patchOf(changes: readonly ResourceChange[], { resources }: ChangedEntries): SnapshotPatch {
    const gone = (kind: ResourceKind): readonly string[] =>
      changes.filter((one) => one.change === "remove" && one.kind === kind).map(({ name }) => name);
    const { generation, hash } = this.#snapshot;
    const { trunks, gateways, groups, dids } = resources;
    deepFreeze([...trunks, ...gateways, ...groups, ...dids]);
    return {
      generation,
      hash,
      trunks,
      gateways,
      groups,
      dids,
      outbound: changes.some(({ kind }) => kind === "outbound") ? this.#rulesAfter(changes, resources.outbound) : undefined,
      removed: { trunks: gone("trunk"), gateways: gone("gateway"), groups: gone("group"), dids: gone("did") },
    };
  }

  /** The file's own rules, then the stored ones in their order. */
  #rulesAfter(changes: readonly ResourceChange[], changed: readonly OutboundRule[]): readonly OutboundRule[] {
    const rules = new Map(this.#snapshot.outbound.map((rule) => [rule.name, rule]));
    for (const rule of changed) rules.set(rule.name, rule);
    const records = new Map(this.#ofKind("outbound"));
    for (const { kind, change, name, record } of changes) {
      if (kind !== "outbound") continue;
      if (change === "remove") records.delete(name);
      else records.set(name, record);
    }
    const own = this.#snapshot.outbound.filter(({ name }) => !this.#ofKind("outbound").has(name));
    const stored = [...records.values()].sort((a, b) => a.position - b.position).map(({ name }) => rules.get(name)!);
    return deepFreeze([...own, ...stored]);
  }

  #placeReferrer({ path, message, remedy }: Finding, referring: Readonly<Record<string, readonly unknown[]>>): ConfigProblem {
    const [section, i, ...rest] = path;
    const entry = referring[String(section)]?.[Number(i)] as { readonly name?: string; readonly number?: string } | undefined;
    return { ...this.#file.placeOf(String(section), entry?.name ?? entry?.number ?? "", rest), message, remedy };
  }
}

const keysOf = (section: (typeof SECTION_OF_KIND)[ResourceKind], entry: Entry): readonly string[] =>
  section === "dids" || typeof entry["name"] !== "number" ? namesOf(section, entry) : [String(entry["name"])];

/** Place of a record among those of its kind. */
function indexWithin(records: readonly StoredRecord[]): (record: StoredRecord) => number {
  let places: Map<StoredRecord, number> | undefined;
  return (record) => {
    if (places === undefined) {
      places = new Map();
      for (const of of Map.groupBy(records, ({ kind }) => kind).values()) for (const [i, one] of of.entries()) places.set(one, i);
    }
    return places.get(record) ?? -1;
  };
}
