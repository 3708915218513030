/** Commands about calls: what is up, how they ended, where they would go, what went wrong; placing, moving, ending them. */
import { join } from "node:path";
import { calls, hangup } from "#cli/calls.ts";
import { cdr } from "#cli/cdr.ts";
import { ControlError } from "#cli/context.ts";
import { type RouteAnswer, route } from "#cli/route.ts";
import { status } from "#cli/status.ts";
import { askHere, command, type CommandLine, type Global, loadWhole, places, plain, readCdrs, remoteClient } from "./cli-context-main.ts";

export const CALL_COMMANDS: readonly CommandLine[] = [
  command("status", "is it up, where does it listen, how much is going on", plain, (context) => status(context)),
  command("calls", "calls that are up now", plain, (context) => calls(context, Date.now())),
  command("hangup <call>", "end a call", plain, (context, _global, id: string) => hangup(context, id)),
  command(
    "initiate <from> <to>",
    "call a number and connect it when it has answered; <from> is a number (DID) of one's own",
    (made) =>
      made
        .option("--trunk <trunk>", "by this trunk, its backups behind it")
        .option("--connect <where>", "group:<name>, gateway:<name> or a number (default: where calls to <from> go)")
        .option("--ring <seconds>", "how long it may ring"),
    async (context, _global, from: string, to: string, options: { trunk?: string; connect?: string; ring?: string }) => {
      const { initiate } = await import("#cli/placing.ts");
      return initiate(context, from, to, { trunk: options.trunk, connect: options.connect, ring: options.ring });
    },
  ),
  command(
    "transfer <call> <to>",
    "replace one side of a running call: <to> is group:<name>, gateway:<name> or a number",
    (made) => made.option("--leg <leg>", "who is replaced, caller or callee (default: the gateway's side)"),
    async (context, _global, call: string, to: string, options: { leg?: string }) => {
      const { transfer } = await import("#cli/placing.ts");
      return transfer(context, call, to, options.leg);
    },
  ),
  command(
    "cdr [call]",
    "how calls ended, newest first; one call with its attempts",
    (made) => made.option("-n, --limit <count>", "how many", "20").option("--number <number>", "only calls from or to this number"),
    async (context, global, callId: string | undefined, options: { limit: string; number?: string }) => {
      const question = { limit: Number.parseInt(options.limit, 10) || 20, callId, number: options.number };
      return cdr(context, () => readCdrs(global, question), question);
    },
  ),
  command(
    "route [number]",
    "where a call to this number would go, and what would be skipped and why; or why a past call went where it went",
    (made) =>
      made
        .option("--from <peer>", "trunk or gateway that the call comes from (default: the first trunk)")
        .option("--caller <number>", "the caller's number")
        .option("--replay <call>", "the decision of this call again, with the configuration of its time"),
    async (context, global, number: string | undefined, options: { from?: string; caller?: string; replay?: string }) => {
      if (options.replay !== undefined) {
        const [{ replay }, { replayCall }, { home }] = await Promise.all([
          import("#cli/replay.ts"),
          import("./replay-main.ts"),
          places(global),
        ]);
        const [record] = await readCdrs(global, { limit: 1, callId: options.replay, number: undefined });
        if (record === undefined) throw new ControlError("NO_SUCH_CALL", `no CDR of a call "${options.replay}"; tandem cdr lists them`);
        return replay(context, await replayCall(home, record));
      }
      if (number === undefined) throw new ControlError("USAGE", "which number? tandem route <number>, or tandem route --replay <call>");
      const question = { type: "route", number, from: options.from, caller: options.caller } as const;
      const decide = async (): Promise<RouteAnswer> => {
        const client = await remoteClient();
        if (client !== undefined) return (await import("#cli/remote-call.ts")).remoteRoute(client, question);
        return askHere<RouteAnswer>(global, question, () => decideFromFile(global, question));
      };
      return route(context, decide);
    },
  ),
  command(
    "why [call]",
    "what went wrong in a call, the evidence, and what to do; without one, the last call",
    plain,
    async (context, global, call: string | undefined) => {
      const { why, tellWhy } = await import("#cli/why.ts");
      const client = await remoteClient();
      if (client !== undefined) {
        return tellWhy(context, await (await import("#cli/remote-call.ts")).remoteWhy(client, call));
      }
      return why(context, call, {
        trace: (asked) => askHere(global, { type: "trace", call: asked, follow: false }, () => ladderHere(global, asked)),
        record: async (callId) => (await readCdrs(global, { limit: 1, callId, number: undefined }))[0],
        trunks: () => askHere(global, { type: "trunks" }, async () => []),
        refusals: () => askHere(global, { type: "refusals" }, async () => []),
      });
    },
  ),
  command(
    "trace [call]",
    "a call as a ladder: by call id, its beginning, or SIP Call-ID; without one, the last call",
    (made) => made.option("-f, --follow", "live: draw it as it happens"),
    async (context, global, call: string | undefined, options: { follow?: boolean }) => {
      const { trace, follow } = await import("#cli/trace.ts");
      if (options.follow === true) return follow(context, call);
      return trace(context, call, () => askHere(global, { type: "trace", call, follow: false }, () => ladderHere(global, call)));
    },
  ),
];

async function decideFromFile(
  global: Global,
  question: { readonly number: string; readonly from: string | undefined; readonly caller: string | undefined },
): Promise<RouteAnswer> {
  const [loaded, { planCall }, { explainPlan }] = await Promise.all([
    loadWhole(global),
    import("#routing/plan-dial.ts"),
    import("#routing/explain.ts"),
  ]);
  if (!loaded.ok) throw new ControlError("CONFIGURATION", "no Tandem is running and the configuration has problems; see tandem check");
  const { snapshot } = loaded.config;
  const source =
    question.from === undefined
      ? [...snapshot.trunks.values()][0]
      : (snapshot.trunks.get(question.from) ?? snapshot.gateways.get(question.from));
  if (source === undefined)
    throw new ControlError(
      "NO_SUCH_PEER",
      question.from === undefined
        ? "there is no trunk; name where the call comes from with --from"
        : `no trunk or gateway "${question.from}"`,
    );
  const plan = planCall({
    snapshot,
    source,
    calledUser: question.number,
    callerUser: question.caller ?? "",
    healthOf: () => undefined,
    nowMs: Date.now(),
    dice: Math.random,
  });
  return { from: source.name, ...explainPlan(plan) };
}

/** Of a Tandem that does not run. */
async function ladderHere(global: Global, call: string | undefined) {
  const [{ readLadder, LADDER_FOLDER }, { home }] = await Promise.all([import("#observe/read-ladder.ts"), places(global)]);
  return readLadder(join(home, LADDER_FOLDER), call);
}
