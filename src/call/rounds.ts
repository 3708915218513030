/**
 * Who rings one after the other and who at once: a plan's attempts as rounds of lanes. A round is over when
 * each of its lanes is (RFC 3261 §16.7 step 5), and a lane is what `hunt.ts` walks. Pure.
 */
import type { PlannedAttempt } from "#routing/decision.ts";
import { better } from "./ending.ts";
import type { HuntMove } from "./hunt.ts";

/** Attempts that are made one after the other. */
export type LaneAttempts = readonly PlannedAttempt[];
/** Lanes that run at the same time. */
export type Round = readonly LaneAttempts[];

/** Neighbours of one `together` ring at once; whoever has none follows his neighbour in one lane. */
export function roundsOf(attempts: readonly PlannedAttempt[]): readonly Round[] {
  const rounds: PlannedAttempt[][][] = [];
  let former: PlannedAttempt | undefined;
  for (const attempt of attempts) {
    if (former === undefined || attempt.together !== former.together) rounds.push([[attempt]]);
    else if (attempt.together === undefined) rounds.at(-1)!.at(-1)!.push(attempt);
    else rounds.at(-1)!.push([attempt]);
    former = attempt;
  }
  return rounds;
}

/** What one lane came to: its hunt's last word. */
export type LaneEnd = Pick<Extract<HuntMove, { readonly type: "refuse" }>, "ending" | "own" | "exhausted">;

/** RFC 3261 §16.7 step 5: a 6xx is for all that ring, and nobody else needs to be waited for. */
export const speaksForAll = ({ own }: LaneEnd): boolean => own.status >= 600;

/** The one to tell the caller: a verdict before a lane that merely ran out of gateways, then the best response (§16.7 step 6). */
export function bestOf<End extends LaneEnd>(ends: readonly End[]): End | undefined {
  const verdicts = ends.filter(({ exhausted }) => !exhausted);
  let best: End | undefined;
  for (const end of verdicts.length === 0 ? ends : verdicts) if (better(best?.own, end.own) === end.own) best = end;
  return best;
}
