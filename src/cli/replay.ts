/** `tandem route --replay <call>`: the decision of a past call, taken again. */
import { type RouteExplanation, renderExplanation } from "#routing/explain.ts";
import type { Difference } from "#routing/replay.ts";
import { type CommandContext, EXIT_FAILED, EXIT_OK } from "./context.ts";
import { clockTime, paint, printable } from "./table.ts";

export type ReplayAnswer = RouteExplanation & {
  readonly callId: string;
  readonly from: string;
  readonly generation: number;
  readonly configHash: string;
  readonly configAppliedAtMs: number;
  readonly decidedAtMs: number;
  readonly agrees: boolean;
  readonly differences: readonly Difference[];
  /** Stored outbound rules that were removed since stand last: their places are not known any more. */
  readonly placesLost: boolean;
};

export function replay(context: CommandContext, answer: ReplayAnswer): number {
  const { look } = context;
  if (context.json) context.print(JSON.stringify(answer));
  else {
    const { callId, from, generation, configAppliedAtMs, decidedAtMs, agrees } = answer;
    context.print(
      paint(
        look,
        "dim",
        `call ${callId} from ${from}, decided ${clockTime(decidedAtMs)} UTC by configuration ${generation} of ${clockTime(configAppliedAtMs)} UTC`,
      ),
    );
    for (const line of renderExplanation(answer)) context.print(printable(line));
    context.print(agrees ? paint(look, "green", "the same decision as then") : paint(look, "yellow", "another decision than then:"));
    for (const { what, before, now } of answer.differences)
      context.print(printable(`  ${what}: then ${before || "nothing"}, now ${now || "nothing"}`));
    if (answer.placesLost)
      context.print(
        paint(look, "dim", "outbound rules that were removed since stand behind the others: the log does not say where they were"),
      );
  }
  return answer.agrees ? EXIT_OK : EXIT_FAILED;
}
