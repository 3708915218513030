/** Part of the composition root of `tandem`: what the control port's wish for a call becomes, plan and call. */
import type { CallId } from "#base/ids.ts";
import type { Calls } from "#call/calls.ts";
import type { OriginateCommand, OriginateReport } from "#call/control.ts";
import { findOriginable, originationSource, planConnect, planFirst } from "#routing/plan-originated.ts";
import type { PlanInput } from "#routing/plan-dial.ts";
import { findPeer } from "#routing/snapshot-index.ts";
import type { Snapshot } from "#routing/snapshot.ts";

export interface OriginatingHouse {
  readonly calls: Calls;
  readonly snapshot: () => Snapshot;
  /** What a plan may look at now. @param taken false: a question, that takes no group's turn */
  readonly facts: (seed: string, taken: boolean) => Omit<PlanInput, "source" | "calledUser" | "callerUser">;
}

export function originate({ calls, snapshot, facts }: OriginatingHouse, command: OriginateCommand): OriginateReport {
  const found = findOriginable(snapshot(), command);
  if (!found.ok) return { refused: found.refusal };
  const wish = found.value;
  const asked = facts(command.toNumber, false);
  const first = planFirst(asked, wish);
  if (first.type === "reject")
    return { refused: { code: "NO_ROUTE", field: command.trunk === undefined ? "to_number" : "trunk", message: first.reason } };
  const connected = planConnect(asked, wish, first.attempts[0]!.peer);
  if (connected.type === "reject")
    return { refused: { code: "NO_ROUTE", field: command.connect === undefined ? "from_number" : "connect", message: connected.reason } };
  const placed = calls.originate({
    source: originationSource(wish.tenant, connected),
    plan: (callId: CallId) => planFirst(facts(callId, true), wish),
    // Of this moment: what was reloaded since, and who is down by now, counts.
    connect: (callId, through) => planConnect(facts(callId, true), wish, findPeer(snapshot(), through.name) ?? through),
    webhookUrl: command.webhookUrl,
  });
  return placed.ok ? { callId: placed.callId } : { refused: { code: placed.code, field: undefined, message: placed.message } };
}
