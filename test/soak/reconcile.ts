/** What sipp saw against what the CDRs say. Pure. */
import type { Cdr } from "#cdr/record.ts";

export interface Mismatch {
  readonly what: string;
  readonly sipCallId: string;
}

export interface Counts {
  readonly placed: number;
  readonly answered: number;
  readonly ended: number;
  readonly refused: number;
  readonly cdrs: number;
}

/** Call-IDs by the words of a scenario's log: "answered 1-2@192.0.2.1", "refused 500 1-3@192.0.2.1". */
function wordsOf(log: string): Map<string, Set<string>> {
  const words = new Map<string, Set<string>>();
  for (const line of log.split("\n")) {
    const match = /^(\w+)(?: \d{3})? (\S+)$/.exec(line.trim());
    if (match === null) continue;
    const [, word, sipCallId] = match as unknown as [string, string, string];
    const known = words.get(word);
    if (known === undefined) words.set(word, new Set([sipCallId]));
    else known.add(sipCallId);
  }
  return words;
}

export function reconcile(
  callerLog: string,
  gatewayLog: string,
  cdrs: readonly Cdr[],
): { readonly counts: Counts; readonly mismatches: Mismatch[] } {
  const caller = wordsOf(callerLog);
  const gateway = wordsOf(gatewayLog);
  const said = (words: ReadonlyMap<string, ReadonlySet<string>>, word: string): ReadonlySet<string> => words.get(word) ?? new Set();
  const [placed, answered, ended, refused, lost] = ["placed", "answered", "ended", "refused", "lost"].map((word) => said(caller, word)) as [
    ReadonlySet<string>,
    ReadonlySet<string>,
    ReadonlySet<string>,
    ReadonlySet<string>,
    ReadonlySet<string>,
  ];
  const [gatewayAcked, gatewayEnded] = [said(gateway, "acked"), said(gateway, "ended")];
  const mismatches: Mismatch[] = [];
  const differs = (what: string, sipCallId: string): void => void mismatches.push({ what, sipCallId });

  const ofCall = Map.groupBy(cdrs, (cdr) => cdr.legs[0]?.sipCallId ?? "");
  for (const [sipCallId, own] of ofCall) {
    if (own.length > 1) differs(`${own.length} CDRs (${own.map((cdr) => `${cdr.callId} ${cdr.outcome}`).join(", ")})`, sipCallId);
    if (!placed.has(sipCallId)) differs("a CDR of a call that was never placed", sipCallId);
  }
  for (const sipCallId of answered) {
    const own = ofCall.get(sipCallId) ?? [];
    if (own.length === 0) differs("answered, and no CDR", sipCallId);
    else if (!own.some((cdr) => cdr.outcome === "answered"))
      differs(`answered, and its CDR says ${own[0]!.outcome}: ${own[0]!.endReason}`, sipCallId);
    if (!ended.has(sipCallId) && !lost.has(sipCallId)) differs("answered, and its BYE was not answered", sipCallId);
  }
  for (const sipCallId of refused) {
    for (const cdr of ofCall.get(sipCallId) ?? []) if (cdr.outcome === "answered") differs("refused, and its CDR says answered", sipCallId);
  }
  // A process that died between the record of the end and the 200 to the BYE leaves 481 to the next one (RFC 3261
  // §15.1.1: that ends the call as well); it may not be said of a call whose end nobody recorded.
  for (const sipCallId of lost) {
    if (!(ofCall.get(sipCallId) ?? []).some((cdr) => cdr.outcome === "answered" && cdr.endedBy === "caller"))
      differs("its BYE met 481", sipCallId);
  }
  for (const sipCallId of placed) {
    if (!answered.has(sipCallId) && !refused.has(sipCallId)) differs("placed, and never heard a final response", sipCallId);
  }
  // A call that the gateway's side believes to be up must have been ended there too.
  for (const sipCallId of gatewayAcked) if (!gatewayEnded.has(sipCallId)) differs("the gateway was left with the call", sipCallId);
  for (const cdr of cdrs) {
    const leg = cdr.outcome === "answered" ? cdr.legs[1] : undefined;
    if (leg !== undefined && !gatewayAcked.has(leg.sipCallId)) differs("its CDR says answered, and the gateway got no ACK", leg.sipCallId);
  }
  return {
    counts: { placed: placed.size, answered: answered.size, ended: ended.size, refused: refused.size, cdrs: cdrs.length },
    mismatches,
  };
}
