/** `tandem cdr`: how calls ended, newest first; one call with its attempts. */
import type { Cdr } from "#cdr/record.ts";
import { type CommandContext, EXIT_FAILED, EXIT_OK } from "./context.ts";
import { clockTime, paint, printable, seconds, table } from "./table.ts";

export interface CdrQuestion {
  readonly limit: number;
  readonly callId: string | undefined;
  readonly number: string | undefined;
}

/** @param read the running Tandem's store, or the database file where none runs */
export async function cdr(
  context: CommandContext,
  read: (question: CdrQuestion) => Promise<readonly Cdr[]>,
  question: CdrQuestion,
): Promise<number> {
  const records = await read(question);
  if (context.json) context.print(JSON.stringify(records));
  else if (question.callId !== undefined && records.length === 0) {
    context.warn(`no CDR of a call "${question.callId}"; a call that is still up is under: tandem calls`);
    return EXIT_FAILED;
  } else if (question.callId !== undefined) for (const record of records) context.print(oneCall(context, record));
  else context.print(list(context, records));
  return EXIT_OK;
}

function list(context: CommandContext, records: readonly Cdr[]): string {
  if (records.length === 0 && context.look.terminal) return "no calls yet";
  const rows = records.map((record) => [
    clockTime(record.startedAtMs),
    record.callId,
    record.caller,
    record.called,
    record.legs.at(-1)?.peer ?? record.attempts.at(-1)?.peer ?? "",
    record.outcome,
    String(record.sipStatus),
    record.answeredAtMs === undefined ? "" : seconds(record.durationMs),
    record.endReason,
  ]);
  return table(context.look, ["Started (UTC)", "Call", "Caller", "Called", "To", "Outcome", "SIP", "Talked", "Why it ended"], rows);
}

function oneCall(context: CommandContext, record: Cdr): string {
  const { look } = context;
  const lines = [
    paint(look, "bold", `${record.callId}  ${printable(record.caller)} → ${printable(record.called)}`),
    `  ${record.direction}, ${record.route === "" ? "no route" : record.route}, configuration ${record.configGeneration}`,
    `  started ${clockTime(record.startedAtMs)} UTC, set-up ${Math.round(record.setupMs)} ms, talked ${seconds(record.durationMs)}`,
    `  ${paint(look, record.outcome === "answered" ? "green" : "yellow", record.outcome)} (${record.sipStatus}${record.q850 === undefined ? "" : `, Q.850 ${record.q850}`}), ended by ${record.endedBy}: ${record.endReason}`,
  ];
  for (const attempt of record.attempts)
    lines.push(
      `  attempt ${attempt.number}  ${attempt.peer} at ${attempt.target}: ${attempt.status === 0 ? "" : `${attempt.status}, `}${printable(attempt.reason)} (${Math.round(attempt.durationMs)} ms)`,
    );
  for (const skip of record.skipped) lines.push(`  skipped    ${skip.peer}: ${skip.reason}`);
  for (const leg of record.legs)
    lines.push(
      `  leg ${leg.leg.padEnd(6)} ${leg.peer} (${leg.remoteAddress}), ${leg.codec || "no codec"}, packets in ${leg.packetsReceived}, out ${leg.packetsSent}, lost ${leg.packetsLost}, strays ${leg.strays}, jitter ${leg.jitterMs.toFixed(1)} ms`,
    );
  return lines.join("\n");
}
