/** `tandem start` and `tandem check`: is the configuration right, and go. */
import type { ConfigProblem } from "#config/config.ts";
import { describeIdentification, renderIdentification } from "#config/describe-identification.ts";
import type { LoadedConfig } from "#config/load.ts";
import { renderProblems } from "#config/render-problems.ts";
import { type CommandContext, EXIT_OK, EXIT_USAGE } from "./context.ts";
import { paint } from "./table.ts";

export function check(context: CommandContext, loaded: LoadedConfig): number {
  if (!loaded.ok) return refuse(context, loaded.problems);
  const { snapshot, file } = loaded.config;
  const identification = describeIdentification(snapshot);
  if (context.json) {
    context.print(JSON.stringify({ ok: true, file, warnings: loaded.warnings, hash: snapshot.hash, identification }));
    return EXIT_OK;
  }
  context.print(paint(context.look, "green", `${file}: in order`));
  context.print(
    `${count(snapshot.listeners.size, "listener")}, ${count(snapshot.trunks.size, "trunk")}, ${count(snapshot.gateways.size, "gateway")}, ${count(snapshot.groups.size, "group")}, ${count(snapshot.dids.size, "DID")}, ${count(snapshot.outbound.length, "outbound rule")}`,
  );
  const { engine, rtpengines, interfaces } = loaded.config.node.media;
  if (engine === "rtpengine") {
    const named = [...snapshot.listeners.keys()].map((name) => `${name} is its interface ${interfaces[name] ?? name}`);
    context.print(
      `audio by rtpengine at ${rtpengines.map(({ address, port, weight }) => `${address}:${port} (weight ${weight})`).join(", ")}; ${named.join(", ")}`,
    );
  }
  if (loaded.warnings.length > 0) context.print(`\n${renderProblems(loaded.warnings, context.look.terminal, "warning")}`);
  context.print("");
  for (const line of renderIdentification(identification)) context.print(line);
  return EXIT_OK;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;

function refuse(context: CommandContext, problems: readonly ConfigProblem[]): number {
  if (context.json) context.print(JSON.stringify({ ok: false, problems }));
  else {
    context.warn(renderProblems(problems, context.look.terminal));
    context.warn(`${count(problems.length, "problem")}; nothing was started or changed`);
  }
  return EXIT_USAGE;
}

/** @param run supervises until told to stop; resolves with the exit code */
export async function start(context: CommandContext, loaded: LoadedConfig, run: () => Promise<number>): Promise<number> {
  if (!loaded.ok) return refuse(context, loaded.problems);
  const { node, snapshot, file } = loaded.config;
  if (!context.json) {
    context.print(paint(context.look, "bold", `Tandem: ${file}, state in ${node.home}`));
    for (const listener of snapshot.listeners.values())
      context.print(
        `  ${listener.name}: ${listener.address}:${listener.port} ${listener.transports.join(", ")}, RTP ${listener.mediaPortMin}–${listener.mediaPortMax}`,
      );
    if (loaded.warnings.length > 0) context.print(renderProblems(loaded.warnings, context.look.terminal, "warning"));
  }
  return run();
}
