/**
 * Wishes that came together, taken in their order: each is checked against those before it, and refused alone.
 * What is left is one change of the store and one patch of the snapshot.
 */
import type { SnapshotPatch } from "#routing/patch-snapshot.ts";
import type { Snapshot } from "#routing/snapshot.ts";
import { type ApplyOutcome, type ApplyReport, CHANGES_LISTED_MAX } from "./apply-apart.ts";
import { type ResourceChange, fieldsOf } from "./plan-apply.ts";
import { renderProblems } from "./render-problems.ts";
import type { PlannedChange, Standing } from "./standing.ts";
import type { ResourceKind } from "./stored-resources.ts";
import type { WriteWish } from "./write-apart.ts";

/** When each resource changed last: a wish must not be older than what it touches. */
export class LastChanges {
  /** Of what changed before that, nothing is known. */
  #since: number;
  readonly #changed = new Map<string, number>();

  constructor(generation: number) {
    this.#since = generation;
  }
  note({ kind, name }: Named, generation: number): void {
    if (this.#changed.size >= REMEMBERED_MAX) {
      this.#changed.clear();
      this.#since = generation;
    }
    this.#changed.set(`${kind} ${name}`, generation);
  }
  /** Whether one of them may have changed after that generation. */
  isOlder(generation: number, touched: Iterable<Named>): boolean {
    if (generation < this.#since) return true;
    for (const { kind, name } of touched) if ((this.#changed.get(`${kind} ${name}`) ?? 0) > generation) return true;
    return false;
  }
}
const REMEMBERED_MAX = 100_000;
interface Named {
  readonly kind: string;
  readonly name: string;
}

export interface Batch {
  /** In the order of the wishes. Those that are fine are so once the changes are stored. */
  readonly outcomes: readonly ApplyOutcome[];
  readonly changes: readonly ResourceChange[];
}

/** @param generation that the batch will be stored as */
export function takeBatch(wishes: readonly WriteWish[], standing: Standing, last: LastChanges, generation: number): Batch {
  const changes: ResourceChange[] = [];
  const outcomes = wishes.map((wish) => {
    const planned = standing.plan(
      { text: JSON.stringify(wish.sections), file: wish.file, tenant: wish.tenant, origin: "api", remove: wish.remove },
      wish.sections,
    );
    if (!planned.ok) return refusal(planned);
    const { expectedGeneration } = wish;
    const isLate = expectedGeneration !== undefined && last.isOlder(expectedGeneration, [...planned.changes, ...wish.remove]);
    if (isLate) return { ok: false, code: "CONFLICT", message: "it was changed meanwhile; look again", problems: [] } as const;
    if (planned.changes.length > 0) standing.accept(planned);
    for (const change of planned.changes) last.note(change, generation);
    changes.push(...planned.changes);
    return { ok: true, report: reportOf(planned, wish.file, planned.changes.length > 0 ? generation : generation - 1) } as const;
  });
  return { outcomes, changes };
}

const refusal = ({ problems }: Extract<PlannedChange, { readonly ok: false }>): ApplyOutcome => ({
  ok: false,
  code: "CONFIGURATION",
  message: renderProblems(problems, false),
  problems: problems.slice(0, CHANGES_LISTED_MAX),
});

function reportOf(
  { changes, unchanged, warnings }: Extract<PlannedChange, { readonly ok: true }>,
  file: string,
  generation: number,
): ApplyReport {
  const counted = (kind: ResourceChange["change"]): number => changes.filter(({ change }) => change === kind).length;
  return {
    generation,
    committed: changes.length > 0,
    added: counted("add"),
    changed: counted("change"),
    removed: counted("remove"),
    unchanged,
    changes: changes
      .slice(0, CHANGES_LISTED_MAX)
      .map((one) => ({ change: one.change, kind: one.kind, name: one.name, tenant: one.tenant, fields: fieldsOf(one) })),
    warnings: warnings.filter((warning) => warning.file === file).slice(0, CHANGES_LISTED_MAX),
  };
}

/** What became of everything that was touched, each once. */
export function patchTo(after: Snapshot, changes: readonly ResourceChange[]): SnapshotPatch {
  const names = (kind: ResourceKind): readonly string[] => [...new Set(changes.filter((one) => one.kind === kind).map(({ name }) => name))];
  const part = <T>(kind: ResourceKind, all: ReadonlyMap<string, T>): { readonly here: readonly T[]; readonly gone: readonly string[] } => ({
    here: names(kind).flatMap((name) => all.get(name) ?? []),
    gone: names(kind).filter((name) => !all.has(name)),
  });
  const trunks = part("trunk", after.trunks);
  const gateways = part("gateway", after.gateways);
  const groups = part("group", after.groups);
  const dids = part("did", after.dids);
  return {
    generation: after.generation,
    hash: after.hash,
    trunks: trunks.here,
    gateways: gateways.here,
    groups: groups.here,
    dids: dids.here,
    outbound: changes.some(({ kind }) => kind === "outbound") ? after.outbound : undefined,
    removed: { trunks: trunks.gone, gateways: gateways.gone, groups: groups.gone, dids: dids.gone },
  };
}
