/**
 * `tandem import kamailio`: what becomes what, and a tandem.yaml that passes `tandem check`; or, where there is a
 * configuration already, resources of the store beside it.
 */
import { withoutSecrets } from "#config/accounts.ts";
import type { LoadedConfig } from "#config/load.ts";
import { renderProblems } from "#config/render-problems.ts";
import { type KamailioSources, importKamailio } from "#import/kamailio.ts";
import type { DraftPeer, Move, MoveRow, SourceFile } from "#import/move.ts";
import { writeYaml } from "#import/write-yaml.ts";
import { sameAddress } from "#routing/addresses.ts";
import type { Listener } from "#routing/snapshot.ts";
import { type CommandContext, ControlError, EXIT_FAILED, EXIT_OK } from "./context.ts";
import { paint, table } from "./table.ts";

export interface ImportOptions {
  readonly dump: readonly string[];
  readonly dispatcher: readonly string[];
  readonly address: readonly string[];
  readonly cfg: readonly string[];
  readonly rtpengine: readonly string[];
  readonly listen: readonly string[];
  readonly carriers: string;
  readonly gateways: string;
  /** Where to write; undefined: show only. */
  readonly out: string | undefined;
  /** Write the configuration where there is none; else declare the resources as `tandem apply` does. */
  readonly apply: boolean;
  readonly replace: boolean;
  /** Every row, however many. */
  readonly all: boolean;
}

export interface ImportPlaces {
  /** Throws as fs.readFileSync; "-" is standard input. */
  readFile(path: string): string;
  exists(path: string): boolean;
  /** Readable by its owner alone; `keep`: where an older one goes. */
  write(path: string, text: string, keep: string | undefined): void;
  check(text: string, file: string): LoadedConfig;
  /** The configuration that --apply adds to, or writes when there is none there. */
  inForce(): { readonly file: string; readonly listeners: readonly Pick<Listener, "name" | "address" | "port">[] | undefined };
  /** As the command does, its questions and report included. */
  apply(context: CommandContext, text: string): Promise<number>;
}

/** Of rows that were simply taken, so many are shown. */
const PLAIN_ROWS_MAX = 25;

export async function importFrom(context: CommandContext, system: string, options: ImportOptions, places: ImportPlaces): Promise<number> {
  if (system !== "kamailio") throw new ControlError("USAGE", `"${system}" can't be imported; kamailio can`);
  if (options.apply && options.out !== undefined) throw new ControlError("USAGE", "--out or --apply, not both");
  const inForce = options.apply ? places.inForce() : undefined;
  const sources = readSources(options, places);
  if (inForce?.listeners !== undefined) return applyBeside(context, sources, inForce.listeners, options.all, places);
  const move = importKamailio(sources);
  const file = inForce?.file ?? options.out ?? "tandem.yaml";
  const text = writeYaml(move.draft, headingOf(move));
  const loaded = move.problems.length > 0 ? undefined : places.check(text, file);
  const write = loaded?.ok === true && (options.apply || options.out !== undefined);
  if (write && places.exists(file) && !options.replace)
    throw new ControlError("EXISTS", `${file} is there already; --replace keeps it as ${file}.before`);
  if (write) places.write(file, text, places.exists(file) ? `${file}.before` : undefined);
  show(context, { move, loaded, text, file, written: write, all: options.all });
  return loaded?.ok === true ? EXIT_OK : EXIT_FAILED;
}

/** Listeners are the file's; what is imported names them as it does. */
async function applyBeside(
  context: CommandContext,
  sources: KamailioSources,
  listeners: readonly Pick<Listener, "name" | "address" | "port">[],
  all: boolean,
  places: ImportPlaces,
): Promise<number> {
  const known = listeners.map(({ name, address, port }) => `${name}=${address.includes(":") ? `[${address}]` : address}:${port}`);
  const imported = importKamailio({ ...sources, listens: [...known, ...(sources.listens ?? [])] });
  const move = { ...imported, rows: imported.rows.filter(({ source, what }) => source !== "--listen" || !known.includes(what)) };
  const renamed = new Map(
    move.draft.listeners.flatMap(({ name, address, port }) => {
      const same =
        listeners.find((one) => one.port === port && sameAddress(one.address, address)) ??
        listeners.find((one) => sameAddress(one.address, address));
      return same === undefined ? [] : [[name, same.name] as const];
    }),
  );
  const at = (name: string): string => renamed.get(name) ?? name;
  const peers = (list: readonly DraftPeer[]): readonly DraftPeer[] =>
    list.map((peer) => ({
      ...peer,
      listener: at(peer.listener),
      ...(peer.egress_listener === undefined ? {} : { egress_listener: at(peer.egress_listener) }),
    }));
  const text = writeYaml({ ...move.draft, listeners: [], trunks: peers(move.draft.trunks), gateways: peers(move.draft.gateways) });
  if (!context.json) showRows(context, move, all);
  for (const problem of move.problems) context.warn(`${paint(context.look, "red", "missing")}: ${problem}`);
  if (move.problems.length > 0) return EXIT_FAILED;
  if (!context.json) return places.apply(context, text);
  const said: string[] = [];
  const code = await places.apply({ ...context, print: (line) => void said.push(line) }, text);
  context.print(JSON.stringify({ ok: code === EXIT_OK, rows: move.rows, applied: JSON.parse(said.join("")) as unknown }));
  return code;
}

function readSources(options: ImportOptions, places: ImportPlaces): KamailioSources {
  const read = (paths: readonly string[]): readonly SourceFile[] =>
    paths.map((path) => {
      try {
        return { name: path === "-" ? "standard input" : path, text: places.readFile(path) };
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
        throw new ControlError("NO_FILE", code === "ENOENT" ? `there is no file ${path}` : `${path} can't be read: ${code}`);
      }
    });
  const group = (text: string, name: string): number => {
    if (!/^[0-9]{1,9}$/.test(text)) throw new ControlError("USAGE", `${name} ${text}: a group's number, e.g. ${name} 1`);
    return Number(text);
  };
  if ([options.dump, options.dispatcher, options.address, options.cfg].every(({ length }) => length === 0)) {
    throw new ControlError("USAGE", "nothing to read; name at least one of --dump, --dispatcher, --address, --cfg");
  }
  return {
    dumps: read(options.dump),
    dispatcherLists: read(options.dispatcher),
    addressFiles: read(options.address),
    cfgs: read(options.cfg),
    rtpengine: read(options.rtpengine),
    listens: options.listen,
    carrierGroup: group(options.carriers, "--carriers"),
    gatewayGroup: group(options.gateways, "--gateways"),
  };
}

function headingOf({ rows }: Move): readonly string[] {
  const left = rows.filter(({ became }) => became === "");
  return [
    "Imported from Kamailio. What was left behind:",
    ...(left.length === 0
      ? ["  nothing"]
      : left.slice(0, PLAIN_ROWS_MAX).map(({ source, what, note }) => `  ${source}: ${what}: ${note}`.replace(/[\r\n]+/g, " "))),
    ...(left.length > PLAIN_ROWS_MAX ? [`  … and ${left.length - PLAIN_ROWS_MAX} more`] : []),
  ];
}

interface Shown {
  readonly move: Move;
  readonly loaded: LoadedConfig | undefined;
  readonly text: string;
  readonly file: string;
  readonly written: boolean;
  readonly all: boolean;
}

function show(context: CommandContext, { move, loaded, text, file, written, all }: Shown): void {
  const { look } = context;
  const problems = loaded !== undefined && !loaded.ok ? loaded.problems : [];
  const warnings = loaded?.ok === true ? loaded.warnings : [];
  const shownText = withoutSecrets(text, loaded?.ok === true ? loaded.config.snapshot : { trunks: new Map(), gateways: new Map() });
  if (context.json) {
    context.print(
      JSON.stringify({
        ok: loaded?.ok === true,
        rows: move.rows,
        missing: move.problems,
        problems,
        warnings,
        written: written ? file : "",
        yaml: shownText,
      }),
    );
    return;
  }
  showRows(context, move, all);
  for (const problem of move.problems) context.warn(`${paint(look, "red", "missing")}: ${problem}`);
  if (problems.length > 0) context.warn(renderProblems(problems, look.terminal));
  if (warnings.length > 0) context.print(`\n${renderProblems(warnings, look.terminal, "warning")}`);
  if (loaded?.ok !== true) return context.warn("nothing was written");
  if (!written) {
    context.print(`\n${shownText}`);
    context.print(`nothing was written; --out ${file} does; --apply adds it to a configuration that is there already`);
    return;
  }
  context.print(paint(look, "green", `${file} written`));
  context.print(
    `next: tandem check -c ${file}; tandem firewall -c ${file}; tandem preflight -c ${file} <trunk or gateway>; tandem start -c ${file}`,
  );
}

function showRows(context: CommandContext, { rows }: Move, all: boolean): void {
  const { shown, hidden } = all ? { shown: rows, hidden: 0 } : shorten(rows);
  context.print(
    table(
      context.look,
      ["From", "What", "Became", "Note"],
      shown.map(({ source, what, became, note }) => [source, what, became === "" ? "nothing" : became, note]),
    ),
  );
  if (hidden > 0) context.print(paint(context.look, "dim", `… and ${hidden} more that were simply taken; --all shows them`));
}

function shorten(rows: readonly MoveRow[]): { readonly shown: readonly MoveRow[]; readonly hidden: number } {
  let plain = 0;
  const shown = rows.filter(({ became, note }) => became === "" || note !== "" || plain++ < PLAIN_ROWS_MAX);
  return { shown, hidden: rows.length - shown.length };
}
