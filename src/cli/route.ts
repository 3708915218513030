/** `tandem route <number>`: where would this call go, and why not elsewhere. The decision that a call gets. */
import { type RouteExplanation, renderExplanation } from "#routing/explain.ts";
import { type CommandContext, EXIT_FAILED, EXIT_OK } from "./context.ts";
import { paint, printable } from "./table.ts";

export type RouteAnswer = RouteExplanation & { readonly from: string };

/** @param decide the running Tandem's, or the configuration file's where none runs */
export async function route(context: CommandContext, decide: () => Promise<RouteAnswer>): Promise<number> {
  const answer = await decide();
  if (context.json) context.print(JSON.stringify(answer));
  else {
    context.print(paint(context.look, "dim", `a call from ${answer.from}`));
    for (const line of renderExplanation(answer)) context.print(printable(line));
  }
  return answer.outcome === "dial" ? EXIT_OK : EXIT_FAILED;
}
