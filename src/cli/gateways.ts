/** `tandem gateways`: groups, their gateways, how those are and have been; drain and undrain. `tandem reload`. */
import type { GatewayReport, GatewaysReport } from "#call/control.ts";
import { type CommandContext, ControlError, EXIT_OK } from "./context.ts";
import { type Style, clockTime, paint, printable, seconds, table } from "./table.ts";

/** @param name a gateway, trunk or group to look at closely; undefined: all */
export async function gateways(context: CommandContext, name: string | undefined, nowMs: number): Promise<number> {
  const report = select(await (await context.control()).ask<GatewaysReport>({ type: "gateways" }), name);
  if (context.json) context.print(JSON.stringify(report));
  else if (name !== undefined && report.groups.length === 0)
    for (const gateway of report.gateways) context.print(closely(context, gateway, nowMs));
  else context.print(overview(context, report, nowMs));
  return EXIT_OK;
}

export async function drainGateway(context: CommandContext, name: string, draining: boolean): Promise<number> {
  const done = await (await context.control()).ask<{ readonly calls: number }>({ type: "drain-gateway", name, draining });
  if (context.json) context.print(JSON.stringify({ ok: true, name, draining, ...done }));
  else if (!draining) context.print(`${name}: takes calls again`);
  else
    context.print(
      `${name}: no new calls; ${done.calls === 0 ? "none is running" : `${done.calls} running ${done.calls === 1 ? "goes" : "go"} on (tandem gateways ${name} counts them)`}`,
    );
  return EXIT_OK;
}

export async function reload(context: CommandContext): Promise<number> {
  const done = await (await context.control()).ask<{
    readonly generation: number;
    readonly warnings: readonly { readonly field: string; readonly message: string }[];
  }>({ type: "reload" });
  if (context.json) context.print(JSON.stringify({ ok: true, ...done }));
  else {
    for (const { field, message } of done.warnings) context.warn(`warning: ${field}: ${message}`);
    context.print(`configuration ${done.generation} is in force; running calls were not touched`);
  }
  return EXIT_OK;
}

function select(report: GatewaysReport, name: string | undefined): GatewaysReport {
  if (name === undefined) return report;
  const groups = report.groups.filter((group) => group.name === name);
  const members = new Set(groups.flatMap((group) => group.members.map(({ gateway }) => gateway)));
  const chosen = report.gateways.filter((gateway) => gateway.name === name || members.has(gateway.name));
  if (groups.length + chosen.length === 0) throw new ControlError("NO_SUCH_PEER", `no gateway, trunk or group "${name}"`);
  return { groups, gateways: chosen };
}

const COLOUR: Readonly<Record<GatewayReport["state"], Style>> = {
  up: "green",
  unknown: "dim",
  down: "red",
  resting: "yellow",
  draining: "yellow",
  maintenance: "yellow",
};

function overview(context: CommandContext, { groups, gateways: list }: GatewaysReport, nowMs: number): string {
  const { look } = context;
  const byName = new Map(list.map((gateway) => [gateway.name, gateway]));
  const grouped = new Set<string>();
  const rows: (readonly string[])[] = [];
  const row = (group: string, priority: string, weight: string, gateway: GatewayReport): void => {
    const { name, state, calls, callsMax, reason } = gateway;
    rows.push([
      group,
      name,
      priority,
      weight,
      state,
      `${calls}/${callsMax}`,
      lastProbe(gateway),
      rate(gateway),
      reason || changed(gateway, nowMs),
    ]);
  };
  for (const { name, algorithm, members, calls, callsMax } of groups) {
    const title = `${name} (${algorithm}${callsMax === undefined ? "" : `, ${calls}/${callsMax}`})`;
    for (const [i, { gateway, priority, weight }] of members.toSorted((a, b) => a.priority - b.priority).entries()) {
      grouped.add(gateway);
      const at = byName.get(gateway);
      // In a pipe every line must say its group.
      if (at !== undefined) row(look.terminal && i > 0 ? "" : look.terminal ? title : name, String(priority), String(weight), at);
    }
  }
  for (const gateway of list) if (!grouped.has(gateway.name)) row(gateway.kind === "trunk" ? "(trunk)" : "(no group)", "", "", gateway);
  if (rows.length === 0) return "no gateways";
  const text = table(look, ["Group", "Gateway", "Pri", "Weight", "State", "Calls", "Last probe", "Success", "Why"], rows);
  if (!look.terminal) return text;
  return text.replace(/(?<= )(up|unknown|down|resting|draining|maintenance)(?= )/g, (state) =>
    paint(look, COLOUR[state as GatewayReport["state"]], state),
  );
}

function lastProbe({ targets, probed }: GatewayReport): string {
  const last = targets.flatMap(({ probe }) => (probe === undefined ? [] : [probe])).sort((a, b) => b.atMs - a.atMs)[0];
  if (last === undefined) return probed ? "not yet" : "never";
  return last.status > 0 ? `${last.status} in ${last.rttMs.toFixed(1)} ms` : last.detail;
}

function rate({ targets }: GatewayReport): string {
  const samples = targets.reduce((sum, target) => sum + target.samples, 0);
  if (samples === 0) return "";
  return `${Math.round((100 * targets.reduce((sum, target) => sum + target.succeeded, 0)) / samples)} % of ${samples}`;
}

function changed({ history }: GatewayReport, nowMs: number): string {
  const last = history[0];
  return last === undefined ? "" : `${last.up ? "up" : "down"} for ${seconds(nowMs - last.atMs)}: ${last.reason}`;
}

function closely(context: CommandContext, gateway: GatewayReport, nowMs: number): string {
  const { look } = context;
  const { name, kind, tenant, listener, uri, state, reason, calls, callsMax } = gateway;
  const lines = [
    `${paint(look, "bold", `${kind} ${name}`)}: ${paint(look, COLOUR[state], state)}${reason === "" ? "" : ` (${printable(reason)})`}`,
    `  ${uri} by ${listener}, tenant ${tenant}, calls ${calls} of ${callsMax}`,
  ];
  for (const { target, up, restsUntilMs, cause, probe, samples, succeeded } of gateway.targets) {
    const how = up ? (restsUntilMs > nowMs ? `rests ${seconds(restsUntilMs - nowMs)}` : "up") : "down";
    const asked =
      probe === undefined
        ? "never probed"
        : `${probe.status > 0 ? `OPTIONS ${probe.status} in ${probe.rttMs.toFixed(1)} ms` : `OPTIONS ${probe.detail}`} ${seconds(nowMs - probe.atMs)} ago`;
    lines.push(printable(`  ${target}  ${how}${cause === "" ? "" : `, ${cause}`}; ${asked}; ${succeeded} of the last ${samples} well`));
  }
  for (const { atMs, target, up, reason: why } of gateway.history)
    lines.push(printable(`  ${clockTime(atMs)} UTC  ${up ? "up  " : "down"}  ${target}  ${why}`));
  return lines.join("\n");
}
