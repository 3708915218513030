/** `tandem calls`: what is up right now. */
import type { CallSummary } from "#call/control.ts";
import { type CommandContext, EXIT_OK } from "./context.ts";
import { paint, seconds, table } from "./table.ts";

export async function calls(context: CommandContext, nowMs: number): Promise<number> {
  const control = await context.control();
  const list = await control.ask<readonly CallSummary[]>({ type: "calls" });
  if (context.json) {
    context.print(JSON.stringify(list));
    return EXIT_OK;
  }
  if (list.length === 0 && context.look.terminal) {
    context.print("no calls");
    return EXIT_OK;
  }
  const rows = list.map((call) => [
    call.callId,
    call.held ? "held" : call.state,
    call.caller,
    call.called,
    `${call.from} → ${call.to === "" ? "…" : call.to}`,
    seconds(nowMs - (call.answeredAtMs ?? call.startedAtMs)),
  ]);
  context.print(table(context.look, ["Call", "State", "Caller", "Called", "Path", "For"], rows));
  if (context.look.terminal)
    context.print(
      paint(context.look, "dim", `${list.length} ${list.length === 1 ? "call" : "calls"}; tandem trace <call> shows one as a ladder`),
    );
  return EXIT_OK;
}

export async function hangup(context: CommandContext, callId: string): Promise<number> {
  const control = await context.control();
  const ended = await control.ask<{ readonly callId: string }>({ type: "hangup", callId, reason: "hung up by operator" });
  if (context.json) context.print(JSON.stringify({ ok: true, callId: ended.callId }));
  else context.print(`${ended.callId}: hung up`);
  return EXIT_OK;
}
