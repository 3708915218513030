/**
 * Changing resources for the API: each change worked out from what is stored at that moment, and again where somebody
 * else changed the same meanwhile; what the switch refuses told by field, without a word about what other tenants have.
 */
import type { ApplyOutcome } from "#config/apply-apart.ts";
import type { ConfigProblem } from "#config/config.ts";
import { RESOURCE_KINDS, type ResourceKind, SECTION_OF_KIND, type StoredRecord } from "#config/stored-resources.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { type Principal, reaches } from "./access.ts";
import { type FileEntries, fileEntries } from "./file-entries.ts";
import { assertWithinTenant } from "./tenant-bounds.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, type FieldError, type ProblemCode } from "./problem.ts";

/** What problems call the text that we wrote. */
export const REQUEST_FILE = "request";
/** Somebody changes something else at the same time: worked out anew, so often. */
const TRIES = 8;
const ERRORS_MAX = 1_000;

/** What is to be changed, worked out from what is stored at a generation. */
export interface Change {
  readonly generation: number;
  readonly tenant: string | undefined;
  readonly sections: Readonly<Record<string, readonly object[]>>;
  readonly remove: readonly { readonly kind: string; readonly name: string }[];
  /** "dids[3]" in what we wrote → what the client calls it; default: the entry itself. */
  readonly placeOf?: (index: number) => string;
  /** A field of the entry → what the client calls it. */
  readonly rename?: (field: string) => string;
  /** What a contradiction is called. */
  readonly refusal?: ProblemCode;
}

export interface ResourceDesk {
  file(): Promise<FileEntries>;
  /** What a principal may see of that name, stored or in the file. @throws ApiProblem NOT_FOUND */
  find(principal: Principal, kind: ResourceKind, name: string): Promise<StoredRecord>;
  /** The stored one, to be changed. @throws ApiProblem also where it stands in the file */
  owned(principal: Principal, kind: ResourceKind, name: string): Promise<{ readonly generation: number; readonly record: StoredRecord }>;
  /** @throws ApiProblem NAME_TAKEN */
  assertFree(kind: ResourceKind, name: string, code?: ProblemCode): Promise<number>;
  /** @param work asked again when somebody else was quicker @throws ApiProblem what was refused */
  commit(principal: Principal, work: () => Promise<Change>): Promise<Extract<ApplyOutcome, { readonly ok: true }>["report"]>;
  /** Problems as this principal may read them. */
  errorsFor(principal: Principal, problems: readonly ConfigProblem[], placeOf?: (index: number) => string): Promise<readonly FieldError[]>;
}

export function resourceDesk(ports: Pick<ApiPorts, "pages" | "change">): ResourceDesk {
  const file = fileEntries(ports.pages);

  async function attempt(principal: Principal, work: () => Promise<Change>) {
    for (let tries = 1; ; tries++) {
      const { placeOf, rename, refusal = "BODY_INVALID", generation, ...wish } = await work();
      assertSmall(wish.sections);
      await assertWithinTenant(principal, wish.sections, { pages: ports.pages, file }, (_, __, field) => (rename ?? String)(field));
      const outcome = await ports.change({ ...wish, expectedGeneration: generation });
      if (outcome.ok) return outcome.report;
      if (outcome.code !== "CONFLICT") throw await refused(principal, outcome, refusal, placeOf, rename);
      if (tries >= TRIES) throw new ApiProblem("CONFLICT", "others change resources all the time; try again");
    }
  }

  async function refused(
    principal: Principal,
    outcome: Extract<ApplyOutcome, { readonly ok: false }>,
    refusal: ProblemCode,
    placeOf: Change["placeOf"],
    rename: Change["rename"],
  ): Promise<ApiProblem> {
    if (outcome.code === "NEEDS_RESTART") return new ApiProblem("NEEDS_RESTART", outcome.message);
    if (outcome.code !== "CONFIGURATION") return new ApiProblem("STORE_UNAVAILABLE", outcome.message);
    const errors = await errorsFor(principal, outcome.problems, placeOf, rename);
    const first = errors[0];
    return new ApiProblem(refusal, first === undefined ? "it doesn't fit with what is in force" : `${first.field}: ${first.message}`, {
      errors,
    });
  }

  async function errorsFor(
    principal: Principal,
    problems: readonly ConfigProblem[],
    placeOf: (index: number) => string = () => "",
    rename: (field: string) => string = (field) => field,
  ): Promise<readonly FieldError[]> {
    const shown = problems.slice(0, ERRORS_MAX);
    const foreign = await foreignNames(principal, shown);
    return shown.map((problem) => {
      const { message, remedy } = problem;
      if (wordsOf(problem).some((word) => foreign.has(word)))
        return {
          field: fieldOf(problem, placeOf, rename, true),
          message: "doesn't fit with what others have; who runs the deployment can see with what",
        };
      return { field: fieldOf(problem, placeOf, rename, false), message: remedy === "" ? message : `${message}; ${remedy}` };
    });
  }

  async function foreignNames({ reach }: Principal, problems: readonly ConfigProblem[]): Promise<ReadonlySet<string>> {
    if (reach === EVERY_TENANT) return new Set();
    const words = [...new Set(problems.flatMap(wordsOf))];
    const [stored, inFile] = await Promise.all([ports.pages.foreign(words, reach), file()]);
    return new Set(words.filter((word) => stored.has(word) || inFile.isForeign(word, reach)));
  }

  async function find(principal: Principal, kind: ResourceKind, name: string): Promise<StoredRecord> {
    const { record } = await ports.pages.named(kind, name);
    const found = record ?? (await file()).named(kind, name);
    if (found === undefined || !reaches(principal, found.tenant)) throw missing(kind, name);
    return found;
  }

  return {
    file,
    find,
    errorsFor,
    async owned(principal, kind, name) {
      const { generation, record } = await ports.pages.named(kind, name);
      if (record !== undefined && reaches(principal, record.tenant)) return { generation, record };
      if (record === undefined) await find(principal, kind, name);
      else throw missing(kind, name);
      throw new ApiProblem("MANAGED_BY_FILE", `${name} stands in tandem.yaml: change it there, then tandem reload`);
    },
    async assertFree(kind, name, code = "NAME_TAKEN") {
      const { generation, record } = await ports.pages.named(kind, name);
      if (record !== undefined || (await file()).named(kind, name) !== undefined)
        throw new ApiProblem(code, `there is a ${kind} ${name} already; PUT changes one`);
      return generation;
    },
    commit: attempt,
  };
}

/** Of one entry: lists have a thousand of them on a page. */
const ENTRY_CHARS_MAX = 128 << 10;
function assertSmall(sections: Change["sections"]): void {
  for (const entries of Object.values(sections)) {
    // Many that come together have a limit together.
    if (entries.length > 1) continue;
    for (const entry of entries)
      if (JSON.stringify(entry).length > ENTRY_CHARS_MAX)
        throw new ApiProblem("BODY_INVALID", `(body): more than ${ENTRY_CHARS_MAX / 1024} kB in one entry: make several of it`);
  }
}

const missing = (kind: ResourceKind, name: string): ApiProblem => new ApiProblem("NOT_FOUND", `there is no ${kind} ${name}`);

const OWN = new RegExp(`^(?:${RESOURCE_KINDS.map((kind) => SECTION_OF_KIND[kind]).join("|")})\\[([0-9]+)\\]\\.?(.*)$`);

/** "gateways[0].uri" in what we wrote → "uri"; elsewhere the place as it is, or only that it is elsewhere. */
function fieldOf(
  { file, field }: ConfigProblem,
  placeOf: (index: number) => string,
  rename: (field: string) => string,
  hidden: boolean,
): string {
  const own = file === REQUEST_FILE ? OWN.exec(field) : null;
  if (own === null) return hidden ? "(elsewhere)" : `${file}: ${field}`;
  const place = placeOf(Number(own[1]));
  const rest = rename(own[2]!);
  return place === "" ? rest || "(body)" : rest === "" ? place : `${place}.${rest}`;
}

/** What could be a name in a problem's text, each also without what stands behind its dots. */
function wordsOf({ field, message, remedy }: ConfigProblem): readonly string[] {
  const words = `${field} ${message} ${remedy}`.split(/[^A-Za-z0-9._+*#-]+/).map((word) => word.replace(/[.,]+$/, ""));
  return words.flatMap((word) => word.split(".").map((_, i, parts) => parts.slice(0, i + 1).join("."))).filter((word) => word !== "");
}
