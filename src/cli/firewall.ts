/** `tandem firewall`: what listeners, trunks, gateways and RTP pools need let in, as text for a firewall. */
import { type ResolvedNames, firewallOf, namesToResolve } from "#config/firewall.ts";
import { FIREWALL_FORMATS, type FirewallFormat, renderFirewall } from "#config/firewall-text.ts";
import type { LoadedConfig } from "#config/load.ts";
import { renderProblems } from "#config/render-problems.ts";
import { type CommandContext, ControlError, EXIT_OK, EXIT_USAGE } from "./context.ts";

/** @param resolve the addresses that a peer's uri leads to; empty when there are none */
export async function firewall(
  context: CommandContext,
  loaded: LoadedConfig,
  format: string,
  resolve: (uri: string) => Promise<readonly string[]>,
): Promise<number> {
  if (!isFormat(format)) throw new ControlError("USAGE", `--format ${format}: ${FIREWALL_FORMATS.join(", ")}`);
  if (!loaded.ok) {
    if (context.json) context.print(JSON.stringify({ ok: false, problems: loaded.problems }));
    else context.warn(renderProblems(loaded.problems, context.look.terminal));
    return EXIT_USAGE;
  }
  const answers = await Promise.all(
    namesToResolve(loaded.config.snapshot).map(async ({ host, uri }) => [host, await resolve(uri)] as const),
  );
  const resolved: ResolvedNames = new Map(answers.filter(([, addresses]) => addresses.length > 0));
  const made = firewallOf(loaded.config, resolved);
  context.print(context.json ? JSON.stringify({ ok: true, ...made }) : renderFirewall(made, format).trimEnd());
  return EXIT_OK;
}

const isFormat = (text: string): text is FirewallFormat => FIREWALL_FORMATS.some((format) => format === text);
