/** `tandem why [call]`: what went wrong in a call, with the evidence and what to do. */
import type { Cdr } from "#cdr/record.ts";
import type { RefusalReport, TrunkReport } from "#call/control.ts";
import { type Finding, diagnose } from "#observe/diagnose.ts";
import { type CommandContext, EXIT_FAILED, EXIT_OK } from "./context.ts";
import { type Style, clockTime, paint, printable, seconds } from "./table.ts";
import type { FoundTrace } from "./trace.ts";

export interface WhyTools {
  trace(call: string | undefined): Promise<FoundTrace>;
  record(callId: string): Promise<Cdr | undefined>;
  /** Empty where none runs. */
  trunks(): Promise<readonly TrunkReport[]>;
  /** Likewise. */
  refusals(): Promise<readonly RefusalReport[]>;
}

const COLOUR: Readonly<Record<Finding["severity"], Style>> = { error: "red", warning: "yellow", note: "cyan" };

export async function why(context: CommandContext, call: string | undefined, tools: WhyTools): Promise<number> {
  const found = await tools.trace(call);
  if (found.candidates.length > 1) {
    context.warn(`"${call}" is the beginning of several calls:\n${found.candidates.map((id) => `  ${id}`).join("\n")}`);
    return EXIT_FAILED;
  }
  const callId = found.callId ?? call;
  const cdr = callId === undefined ? undefined : await tools.record(callId);
  if (cdr === undefined && found.events.length === 0) {
    const stranger = (await tools.refusals()).find(({ address }) => address === call);
    if (stranger !== undefined) return tellWhy(context, { callId: undefined, cdr: undefined, findings: [notLetIn(stranger)] });
    context.warn(
      call === undefined
        ? "no call was traced yet"
        : `nothing is known of "${call}"; give a call id (tandem cdr lists them), the beginning of one, a SIP Call-ID, or the address that it came from`,
    );
    return EXIT_FAILED;
  }
  const registrations = (await tools.trunks()).flatMap(({ name, registration }) =>
    registration === undefined ? [] : [{ trunk: name, standing: registration.standing, reason: registration.reason }],
  );
  return tellWhy(context, { callId, cdr, findings: diagnose({ cdr, events: found.events, registrations }) });
}

/** Strangers leave no ladder. */
const notLetIn = ({ address, listener, reason, count, lastAtMs }: RefusalReport): Finding => ({
  code: "UNKNOWN_SOURCE",
  severity: "error",
  title: `Nobody here has the address ${address}`,
  evidence: [{ text: `${count} requests on listener ${listener} were not let in, the last ${clockTime(lastAtMs)} UTC: ${reason}` }],
  advice: `addresses: [${address}] at the trunk or gateway that it is, on listener ${listener}; digest: if its address changes`,
});

export interface Diagnosed {
  readonly callId: string | undefined;
  /** Undefined: it is up, or never was a call. */
  readonly cdr:
    | Pick<
        Cdr,
        "callId" | "caller" | "called" | "startedAtMs" | "answeredAtMs" | "durationMs" | "outcome" | "sipStatus" | "endedBy" | "endReason"
      >
    | undefined;
  readonly findings: readonly (Omit<Finding, "code"> & { readonly code: string })[];
}

export function tellWhy(context: CommandContext, { callId, cdr, findings }: Diagnosed): number {
  if (context.json) {
    context.print(JSON.stringify({ callId: callId ?? null, outcome: cdr?.outcome ?? null, findings }));
    return EXIT_OK;
  }
  const { look, print: line } = context;
  if (cdr === undefined) line(paint(look, "bold", `${callId ?? "a request of no call"}, without a record: it is up, or never was a call`));
  else {
    line(paint(look, "bold", `${cdr.callId}  ${printable(cdr.caller)} → ${printable(cdr.called)}  ${clockTime(cdr.startedAtMs)} UTC`));
    const talked = cdr.answeredAtMs === undefined ? "" : `, talked ${seconds(cdr.durationMs)}`;
    line(`  ${cdr.outcome} (${cdr.sipStatus})${talked}; ended by ${cdr.endedBy}: ${printable(cdr.endReason)}`);
  }
  if (findings.length === 0) line(`  ${paint(look, "green", "nothing is wrong with it")}`);
  for (const { severity, title, code, evidence, advice } of findings) {
    line(`  ${paint(look, COLOUR[severity], severity)}: ${printable(title)}  ${paint(look, "dim", code)}`);
    for (const { text, message } of evidence) line(`      ${message === undefined ? "" : `no. ${message}: `}${printable(text)}`);
    line(`      ${paint(look, "bold", "do")}: ${printable(advice)}`);
  }
  if (findings.length > 0 && callId !== undefined) line(paint(look, "dim", `  tandem trace ${callId} draws the messages`));
  return EXIT_OK;
}
