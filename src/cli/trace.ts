/** `tandem trace [call]`: one call as a ladder, live or past. */
import type { Stamped } from "#observe/event.ts";
import { renderLadder } from "#observe/render-ladder.ts";
import { type CommandContext, EXIT_FAILED, EXIT_OK } from "./context.ts";

export interface FoundTrace {
  readonly callId: string | undefined;
  readonly candidates: readonly string[];
  readonly events: readonly Stamped[];
}

/** @param read the running Tandem's past, or the ladder files where none runs */
export async function trace(context: CommandContext, call: string | undefined, read: () => Promise<FoundTrace>): Promise<number> {
  const found = await read();
  if (context.json) {
    context.print(JSON.stringify(found));
    return found.events.length > 0 ? EXIT_OK : EXIT_FAILED;
  }
  if (found.candidates.length > 1) {
    context.warn(`"${call}" is the beginning of several calls:\n${found.candidates.map((id) => `  ${id}`).join("\n")}`);
    return EXIT_FAILED;
  }
  if (found.events.length === 0) {
    context.warn(
      call === undefined
        ? "no call was traced yet"
        : `nothing traced of "${call}"; give a call id (tandem cdr lists them), the beginning of one, or a SIP Call-ID`,
    );
    return EXIT_FAILED;
  }
  context.print(renderLadder(found.events, { columns: context.look.columns, colour: context.look.terminal }));
  return EXIT_OK;
}

/** Redraws what is known of the call at each event on a terminal; in a pipe one JSON event a line. */
export async function follow(context: CommandContext, call: string | undefined): Promise<number> {
  const control = await context.control();
  const events: Stamped[] = [];
  const { done } = control.follow<Stamped>({ type: "trace", call, follow: true }, (stamped) => {
    if (context.json || !context.look.terminal) return context.print(JSON.stringify(stamped));
    events.push(stamped);
    // The whole ladder again: columns depend on who takes part.
    context.print(`\x1b[2J\x1b[H${renderLadder(events, { columns: context.look.columns, colour: true })}\nfollowing; Ctrl-C ends`);
  });
  if (context.look.terminal && !context.json) context.print("waiting for the next event; Ctrl-C ends");
  await done;
  return EXIT_OK;
}
