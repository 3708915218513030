/** `tandem ping` and `tandem call`: what a small phone finds out. The phone itself is an argument. */
import type { TestCallTicket } from "#call/control.ts";
import { type CommandContext, EXIT_FAILED, EXIT_OK } from "./context.ts";
import { paint, printable } from "./table.ts";

export interface PingResult {
  readonly ok: boolean;
  readonly status: number;
  readonly reason: string;
  readonly roundTripMs: number;
  readonly target: string;
  readonly userAgent: string;
}

export async function ping(context: CommandContext, uri: string, dial: (uri: string) => Promise<PingResult>): Promise<number> {
  const result = await dial(/^sips?:/i.test(uri) ? uri : `sip:${uri}`);
  if (context.json) context.print(JSON.stringify(result));
  else if (result.ok) {
    const who = result.userAgent === "" ? "" : ` from ${printable(result.userAgent)}`;
    context.print(
      `${paint(context.look, "green", "alive")}  ${printable(result.reason)}${who}, ${result.target}, ${result.roundTripMs.toFixed(1)} ms`,
    );
  } else
    context.warn(
      `${paint(context.look, "red", "no")}  ${uri}: ${printable(result.reason)}${result.target === "" ? "" : ` (${result.target})`}`,
    );
  return result.ok ? EXIT_OK : EXIT_FAILED;
}

export interface CallResult {
  readonly answered: boolean;
  readonly setupMs: number;
  readonly reason: string;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly correlation: number;
  readonly heard: boolean;
  /** Where the recording was written; "" when it was not asked for. */
  readonly recording: string;
}

/**
 * @param destination a number (through the running Tandem, as if from a trunk) or a SIP URI (straight there)
 * @param dial places the call
 */
export async function call(
  context: CommandContext,
  destination: string,
  trunk: string | undefined,
  dial: (uri: string, onProgress: (what: string) => void) => Promise<CallResult>,
): Promise<number> {
  const direct = /^sips?:/i.test(destination);
  const uri = direct
    ? destination
    : (await (await context.control()).ask<TestCallTicket>({ type: "test-call", number: destination, trunk })).uri;
  const say = (what: string): void => {
    if (!context.json) context.print(paint(context.look, "dim", printable(what)));
  };
  say(`calling ${destination}${direct ? "" : " through Tandem"} …`);
  const result = await dial(uri, say);
  if (context.json) context.print(JSON.stringify(result));
  else if (!result.answered) context.warn(`not answered: ${printable(result.reason)}`);
  else {
    context.print(`answered after ${Math.round(result.setupMs)} ms; ${result.packetsSent} packets out, ${result.packetsReceived} back`);
    context.print(
      result.heard
        ? paint(context.look, "green", `heard our own speech back (correlation ${result.correlation.toFixed(3)}): the other side echoes`)
        : result.packetsReceived === 0
          ? paint(context.look, "red", "nothing came back: no audio from the other side")
          : `audio came back, but not our own speech (correlation ${result.correlation.toFixed(3)}): right for a person or an agent, wrong for an echo`,
    );
    if (result.recording !== "") context.print(`what came back: ${result.recording}`);
  }
  return result.answered && result.packetsReceived > 0 ? EXIT_OK : EXIT_FAILED;
}
