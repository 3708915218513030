/** `tandem initiate` and `tandem transfer`: a call that Tandem places, and one side of a running call replaced. */
import type { CallSummary, OriginateReport, PlaceName, TransferReport } from "#call/control.ts";
import { type CommandContext, ControlError, EXIT_OK } from "./context.ts";

export interface InitiateOptions {
  readonly trunk: string | undefined;
  /** "group:ai", "gateway:ai1" or a number. */
  readonly connect: string | undefined;
  /** Seconds. */
  readonly ring: string | undefined;
}

export async function initiate(context: CommandContext, fromNumber: string, toNumber: string, options: InitiateOptions): Promise<number> {
  const { trunk, connect, ring } = options;
  const seconds = ring === undefined ? undefined : Number(ring);
  if (seconds !== undefined && !(seconds > 0)) throw new ControlError("USAGE", `--ring ${ring}: seconds, e.g. --ring 30`);
  const control = await context.control();
  const report = await control.ask<OriginateReport>({
    ...{ type: "originate", tenant: undefined, fromNumber, toNumber, trunk, webhookUrl: undefined },
    connect: connect === undefined ? undefined : placeOf(connect),
    timeoutMs: seconds === undefined ? undefined : seconds * 1000,
  });
  if ("refused" in report) throw new ControlError(report.refused.code, report.refused.message);
  context.print(
    context.json
      ? JSON.stringify(report)
      : `${report.callId}: calling ${toNumber}; tandem calls shows it, tandem trace ${report.callId} its ladder`,
  );
  return EXIT_OK;
}

export async function transfer(context: CommandContext, call: string, to: string, leg: string | undefined): Promise<number> {
  if (leg !== undefined && leg !== "caller" && leg !== "callee") throw new ControlError("USAGE", `--leg ${leg}: caller or callee`);
  const control = await context.control();
  // By a prefix of its id, as elsewhere.
  const { callId } = await control.ask<CallSummary>({ type: "call", callId: call });
  const report = await control.ask<TransferReport>({ type: "transfer", callId, place: placeOf(to), leg });
  if ("refused" in report) throw new ControlError(report.refused.code, report.refused.message);
  context.print(
    context.json ? JSON.stringify(report) : `${callId}: ${to} is being called; the call goes on as it is until somebody answers`,
  );
  return EXIT_OK;
}

/** "group:ai", "gateway:ai1", or a number. */
function placeOf(text: string): PlaceName {
  const named = /^(group|gateway):(.+)$/.exec(text);
  return named === null ? { kind: "number", name: text } : { kind: named[1] as "group" | "gateway", name: named[2]! };
}
