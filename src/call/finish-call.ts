/** The last of a call: its one record, the event of its end, its places given back. */
import type { SessionStats } from "#media/engine.ts";
import type { Call } from "./call.ts";
import type { CallState } from "./call-state.ts";
import { type CallEnding, cdrOf, recordOf } from "./cdr-of-call.ts";
import type { CoreSection } from "./recovery.ts";

export function finishCall(call: Call, is: CallState, ending: CallEnding, stats: SessionStats | undefined): void {
  // Without a core the plan itself failed: nothing was journaled, and nobody knows who called whom.
  if (is.core !== undefined) writeRecord(call, is, is.core, ending, stats);
  call.publish({
    type: "call-ended",
    outcome: ending.outcome,
    sipStatus: ending.sipStatus,
    endedBy: ending.endedBy,
    reason: ending.reason,
    durationMs: Math.round(ending.durationMs),
  });
  is.lease?.end({
    called: is.core?.called ?? "",
    trunks: is.attempts.filter(({ peerKind }) => peerKind === "trunk").map(({ peer }) => peer),
    talkedMs: ending.durationMs,
  });
  call.moves.giveAll();
  call.calls.gone(call);
}

/** Beyond `guard`: a mistake here costs the counters, or the record, and never keeps an ended call. */
function writeRecord(call: Call, is: CallState, core: CoreSection, ending: CallEnding, stats: SessionStats | undefined): void {
  for (const counted of stats === undefined ? [undefined] : [stats, undefined]) {
    try {
      return call.ports.journal.end(cdrOf(recordOf(call, is, core), ending, counted));
    } catch (error) {
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      call.publish({ type: "process", what: counted === undefined ? "record failed" : "counters failed", detail });
    }
  }
}
