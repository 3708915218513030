/** `tandem apply` and `tandem export`: resources of the store, declared by a file and written back as one. */
import type { ApplyOutcome, ApplyReport, ShownChange } from "#config/apply-apart.ts";
import { exportYaml } from "#config/export-yaml.ts";
import { renderProblems } from "#config/render-problems.ts";
import type { StoredState } from "#config/stored-resources.ts";
import { type CommandContext, EXIT_FAILED, EXIT_OK, EXIT_USAGE } from "./context.ts";
import { type Style, paint, printable } from "./table.ts";

export interface ApplyDesk {
  /** Asks the running Tandem, or does it where none runs. */
  apply(commit: boolean, expectedGeneration: number | undefined): Promise<AppliedAnswer>;
  /** A question to the person at the terminal; undefined: nobody is there. */
  readonly ask: ((question: string) => Promise<boolean>) | undefined;
  /** Said beforehand: --yes. */
  readonly yes: boolean;
}

export interface AppliedAnswer {
  readonly outcome: ApplyOutcome;
  /** False: nothing runs, and the next start takes it. */
  readonly running: boolean;
}

/** Lines of a diff that still are read. */
const SHOWN_MAX = 200;

export async function apply(context: CommandContext, { apply: send, ask, yes }: ApplyDesk): Promise<number> {
  const first = await send(yes, undefined);
  if (!first.outcome.ok) return refuse(context, first.outcome);
  const { report } = first.outcome;
  if (!context.json) showDiff(context, report);
  if (countOf(report) === 0 || report.committed) return tellDone(context, report, first.running);
  if (ask === undefined) {
    if (context.json) context.print(JSON.stringify({ ok: false, code: "NOT_CONFIRMED", ...report }));
    else context.warn("nothing was changed: say --yes to apply this");
    return EXIT_USAGE;
  }
  if (!(await ask("Apply? [y/N] "))) {
    context.print("nothing was changed");
    return EXIT_FAILED;
  }
  const second = await send(true, report.generation);
  if (!second.outcome.ok) return refuse(context, second.outcome);
  return tellDone(context, second.outcome.report, second.running);
}

const countOf = ({ added, changed, removed }: ApplyReport): number => added + changed + removed;

function refuse(context: CommandContext, { code, message, problems }: Extract<ApplyOutcome, { readonly ok: false }>): number {
  if (context.json) context.print(JSON.stringify({ ok: false, code, message, problems }));
  else {
    context.warn(problems.length > 0 ? renderProblems(problems, context.look.terminal) : message);
    context.warn("nothing was changed");
  }
  return code === "CONFIGURATION" ? EXIT_USAGE : EXIT_FAILED;
}

function tellDone(context: CommandContext, report: ApplyReport, running: boolean): number {
  if (context.json) {
    context.print(JSON.stringify({ ok: true, running, ...report }));
    return EXIT_OK;
  }
  if (report.warnings.length > 0) context.print(renderProblems(report.warnings, context.look.terminal, "warning"));
  if (countOf(report) === 0) context.print(`no changes; generation ${report.generation}, ${report.unchanged} unchanged`);
  else {
    const where = running ? "in force; running calls were not touched" : "stored; the next start takes it";
    context.print(`${summary(report)}: generation ${report.generation} is ${where}`);
  }
  return EXIT_OK;
}

const summary = ({ added, changed, removed, unchanged }: ApplyReport): string =>
  `${added} added, ${changed} changed, ${removed} removed, ${unchanged} unchanged`;

const MARKS = { add: "+", change: "~", remove: "-" } as const;
const COLOURS: Readonly<Record<ShownChange["change"], Style>> = { add: "green", change: "yellow", remove: "red" };

function showDiff(context: CommandContext, report: ApplyReport): void {
  const { look } = context;
  for (const { change, kind, name, tenant, fields } of report.changes.slice(0, SHOWN_MAX)) {
    context.print(
      paint(look, COLOURS[change], printable(`${MARKS[change]} ${kind} ${name}${tenant === "default" ? "" : ` (tenant ${tenant})`}`)),
    );
    for (const { field, before, after } of fields) {
      const was = before === undefined ? "" : paint(look, "red", printable(before));
      const is = after === undefined ? "" : paint(look, "green", printable(after));
      context.print(`    ${field}: ${[was || "(absent)", is || "(absent)"].join(" → ")}`);
    }
  }
  const more = countOf(report) - Math.min(SHOWN_MAX, report.changes.length);
  if (more > 0) context.print(`… and ${more} more`);
  if (countOf(report) > 0 && !report.committed) context.print(summary(report));
}

/** The YAML itself is the answer; with --json the records are. */
export function exportResources(
  context: CommandContext,
  state: StoredState,
  options: { readonly tenant: string | undefined; readonly secrets: boolean },
): number {
  const yaml = exportYaml(state.records, options);
  if (!context.json) context.print(yaml.trimEnd());
  else
    context.print(
      JSON.stringify({
        generation: state.generation,
        hash: state.hash,
        resources: state.records.filter(({ tenant }) => options.tenant === undefined || tenant === options.tenant).length,
        yaml,
      }),
    );
  return EXIT_OK;
}
