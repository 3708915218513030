/**
 * Composition root of `tandem route --replay`: a past call's decision taken again, with the configuration that was
 * in force then and what its CDR says it saw.
 */
import type { Cdr } from "#cdr/record.ts";
import { ControlError } from "#cli/context.ts";
import type { ReplayAnswer } from "#cli/replay.ts";
import { loadText } from "#config/load.ts";
import { renderProblems } from "#config/render-problems.ts";
import { entriesOf } from "#config/stored-resources.ts";
import { explainPlan } from "#routing/explain.ts";
import { differences, planAgain, readSeen } from "#routing/replay.ts";
import { databaseOf, readPast } from "#store/database.ts";

/** What passwords are hidden as in the log is no YAML everywhere; a decision needs none of them. */
const HIDDEN = /\*\*\*/g;
const NO_PASSWORD = "hidden";

export async function replayCall(home: string, cdr: Cdr): Promise<ReplayAnswer> {
  const seen = readSeen(cdr.decision);
  if (seen === undefined)
    throw new ControlError("NO_DECISION", `the CDR of ${cdr.callId} says nothing of its decision: an older version wrote it`);
  const past = await readPast(databaseOf(home, process.env), { generation: cdr.configGeneration, atMs: seen.atMs });
  if (past === undefined || !past.hash.startsWith(seen.configHash))
    throw new ControlError(
      "NO_CONFIGURATION",
      `configuration ${cdr.configGeneration} (${seen.configHash}…) of that time is not in the log of ${home}`,
    );
  const bodies = past.records.map((record) => ({ ...record, body: record.body.replace(HIDDEN, NO_PASSWORD) }));
  const loaded = loadText(past.text.replace(HIDDEN, NO_PASSWORD), `configuration ${cdr.configGeneration}`, {
    home,
    env: new Proxy(process.env, { get: (env, name) => (typeof name === "string" ? (env[name] ?? NO_PASSWORD) : undefined) }),
    readFile: () => NO_PASSWORD,
    uid: process.getuid?.() ?? 1000,
    hostname: "",
    generation: cdr.configGeneration,
    stored: () => entriesOf(bodies, ""),
  });
  if (!loaded.ok)
    throw new ControlError(
      "CONFIGURATION",
      `this version can't read the configuration of that time:\n${renderProblems(loaded.problems, false)}`,
    );
  const plan = planAgain(loaded.config.snapshot, seen, { callId: cdr.callId, sipCallId: cdr.legs[0]?.sipCallId ?? "" });
  if (plan === undefined)
    throw new ControlError("NO_SUCH_PEER", `the configuration of that time has no ${seen.source}, which the call came from`);
  const found = differences(seen, cdr, plan);
  return {
    callId: cdr.callId,
    from: seen.source,
    generation: cdr.configGeneration,
    configHash: past.hash,
    configAppliedAtMs: past.appliedAtMs,
    decidedAtMs: seen.atMs,
    agrees: found.length === 0,
    differences: found,
    placesLost: past.placesLost,
    ...explainPlan(plan),
  };
}
