/**
 * What the journal gets of a call, from how it stands (`recovery.ts` has the shapes, and reads them back), and what its
 * record says of attempts that died with a process. Pure.
 */
import type { CdrAttempt } from "#cdr/record.ts";
import type { DialogState } from "#sip/dialog/user-agent.ts";
import type { CallState } from "./call-state.ts";
import type { Leg } from "./leg.ts";
import type { Moves } from "./moves.ts";
import type { AttemptSection, CallSections } from "./recovery.ts";
import type { SetUp } from "./set-up.ts";

type Moved = Pick<Moves, "left" | "swapped" | "everSwapped" | "setUp">;

/**
 * @param whole also what never changes
 * @param dialogA where the caller's dialog is just being made
 */
export function sectionsOf(call: CallState, moves: Moved, whole: boolean, dialogA: DialogState | undefined): CallSections {
  const { a, b, answered, attempts, skipped } = call;
  const media = call.media.state;
  const core: Pick<CallSections, "core" | "ended"> = {
    ...(whole && call.core !== undefined ? { core: call.core } : {}),
    ...(call.ending === undefined ? {} : { ended: call.ending }),
  };
  const incoming = call.incoming ?? null;
  if (answered === undefined || b === undefined) {
    const placed = call.core?.placed === true && dialogA !== undefined ? { dialogA } : {};
    const tried = triedOf(call, call.setUp?.ended ?? attempts);
    return { ...core, incoming, attempt: attemptSections(call.setUp), ...tried, ...firstOf(a, answered, moves), ...placed };
  }
  const { answeredAtMs, setupMs } = answered;
  const callee = { kind: b.peer.kind, name: b.peer.name };
  const left = moves.left.length === 0 ? {} : { left: moves.left };
  const section = { answeredAtMs, setupMs, callee, leg: b.name, facts: b.facts, attempts, skipped, ...left };
  // Over: of its dialogs nothing is needed any more.
  if (dialogA === undefined || b.dialog === undefined || media === undefined) return { ...core, answered: section };
  // The INVITE stands in the journal since it came; only what the answer added is news.
  const again = whole || call.incoming?.headers !== undefined;
  return {
    ...core,
    ...firstOf(a, answered, moves),
    ...(again ? { incoming } : {}),
    attempt: attemptSections(moves.setUp),
    answered: section,
    dialogA,
    dialogB: b.dialog.state,
    media,
  };
}

/** Who "a" is, where he is not the caller. */
function firstOf(a: Leg | undefined, answered: CallState["answered"], moves: Moved): Pick<CallSections, "first"> {
  if (a === undefined || answered === undefined) return {};
  // Once they have changed places it must be said, also when they have done so twice.
  if (a.name === "a" && moves.left.length === 0 && !moves.everSwapped) return {};
  const peer = { kind: a.peer.kind, name: a.peer.name };
  const { answeredAtMs, setupMs } = answered;
  return { first: { peer, leg: a.name, facts: a.facts, answeredAtMs, setupMs, ...(moves.swapped && { swapped: true }) } };
}

/** Of a call that is answered `answered` has it. */
export function triedOf({ b, setUp, skipped }: CallState, attempts: readonly CdrAttempt[]): Pick<CallSections, "tried"> {
  const nothing = b !== undefined || attempts.length === 0;
  return nothing ? {} : { tried: { attempts, skipped: setUp?.skipped ?? skipped } };
}

/** What is out; null takes out what the journal has. */
export function attemptSections(setUp: SetUp | undefined): readonly AttemptSection[] | null {
  const sections = (setUp?.attempts ?? []).flatMap(({ number, planned, startedAtMs, parameters }) =>
    parameters === undefined ? [] : { number, peer: { kind: planned.peer.kind, name: planned.peer.name }, startedAtMs, parameters },
  );
  return sections.length === 0 ? null : sections;
}

/** The record of an attempt that was out when the process died. */
export const lostAttempt = ({ number, peer, startedAtMs, parameters }: AttemptSection, nowMs: number, reason: string): CdrAttempt => ({
  number,
  peer: peer.name,
  peerKind: peer.kind,
  target: parameters.requestUri,
  startedAtMs,
  postDialDelayMs: undefined,
  durationMs: Math.max(0, nowMs - startedAtMs),
  status: 0,
  q850: undefined,
  outcome: "failed",
  reason,
});
