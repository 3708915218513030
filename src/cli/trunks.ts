/** `tandem trunks`: carriers and providers, whether we are registered there, since when and why not. */
import type { TrunkReport } from "#call/control.ts";
import { PRESETS } from "#config/presets.ts";
import { type CommandContext, ControlError, EXIT_OK } from "./context.ts";
import { type Style, clockTime, paint, seconds, table } from "./table.ts";

/** @param name one trunk; undefined: all */
export async function trunks(context: CommandContext, name: string | undefined, nowMs: number): Promise<number> {
  const all = await (await context.control()).ask<readonly TrunkReport[]>({ type: "trunks" });
  const list = name === undefined ? all : all.filter((trunk) => trunk.name === name);
  if (name !== undefined && list.length === 0) throw new ControlError("NO_SUCH_TRUNK", `no trunk "${name}"; tandem trunks lists them`);
  if (context.json) context.print(JSON.stringify(list));
  else if (list.length === 0 && context.look.terminal) context.print("no trunks");
  else context.print(rendered(context, list, nowMs));
  return EXIT_OK;
}

const COLOUR: Readonly<Record<string, Style>> = { registered: "green", registering: "dim", failed: "red", unregistered: "yellow" };

function rendered({ look }: CommandContext, list: readonly TrunkReport[], nowMs: number): string {
  const rows = list.map(({ name, uri, registration, calls, callsMax }) => [
    name,
    registration?.standing ?? "none wanted",
    registration === undefined ? "" : `${clockTime(registration.sinceMs)} UTC`,
    registration?.nextAtMs === undefined ? "" : `in ${seconds(Math.max(0, registration.nextAtMs - nowMs))}`,
    `${calls}/${callsMax}`,
    registration?.addressOfRecord ?? uri,
    registration?.reason ?? "",
  ]);
  const text = table(look, ["Trunk", "Registration", "Since", "Next", "Calls", "As", "Last reason"], rows);
  return look.terminal
    ? text.replace(/(?<= )(registered|registering|failed|unregistered)(?= )/g, (word) => paint(look, COLOUR[word]!, word))
    : text;
}

/** What `preset:` may say, what each sets and what is left to write. */
export function presets(context: CommandContext): number {
  const list = Object.entries(PRESETS).map(([name, preset]) => ({ name, ...preset }));
  if (context.json) context.print(JSON.stringify(list));
  else
    context.print(
      table(
        context.look,
        ["Preset", "For", "Sets", "You add"],
        list.map(({ name, title, sets, needs }) => [name, title, sets, needs]),
      ),
    );
  return EXIT_OK;
}
