/** A decision for people: what `tandem route <number>` prints, as data and as lines. */
import type { DialPlan, Identified, PlannedAttempt, Skipped } from "./decision.ts";

export interface RouteExplanation {
  readonly outcome: "dial" | "reject";
  readonly tenant: string;
  readonly route: string;
  readonly called: string;
  readonly caller: string;
  /** 0 when dialled. */
  readonly status: number;
  readonly reason: string;
  readonly attempts: readonly {
    readonly peer: string;
    readonly kind: "trunk" | "gateway";
    readonly listener: string;
    readonly requestUri: string;
    readonly caller: string;
    /** "backup of vodafone after timeout, 5xx"; "" for one that is tried in any case. */
    readonly when: string;
  }[];
  readonly skipped: readonly Skipped[];
}

export function explainPlan(plan: DialPlan): RouteExplanation {
  const { tenant, route, called, caller, skipped } = plan;
  if (plan.type === "reject") {
    return {
      outcome: "reject",
      tenant,
      route,
      called,
      caller,
      status: plan.status,
      reason: `${plan.reasonPhrase}: ${plan.reason}`,
      attempts: [],
      skipped,
    };
  }
  const attempts = plan.attempts.map((attempt) => ({
    peer: attempt.peer.name,
    kind: attempt.peer.kind,
    listener: attempt.peer.listener,
    requestUri: attempt.requestUri,
    caller: attempt.caller,
    when: whenOf(attempt, plan.attempts),
  }));
  return { outcome: "dial", tenant, route, called, caller, status: 0, reason: "", attempts, skipped };
}

/** "" for one that is tried when those before it have failed. */
function whenOf({ peer, backup, together }: PlannedAttempt, attempts: readonly PlannedAttempt[]): string {
  if (backup !== undefined) return `backup of ${backup.of}${backup.on === undefined ? "" : ` after ${backup.on.join(", ")}`}`;
  const others = together === undefined ? [] : attempts.filter((one) => one.together === together && one.peer !== peer);
  return others.length === 0 ? "" : `at once with ${others.map((one) => one.peer.name).join(", ")}`;
}

export function renderExplanation(explanation: RouteExplanation): readonly string[] {
  const { tenant, route, called, caller, status, reason, attempts, skipped } = explanation;
  const lines = [`${caller === "" ? "somebody" : caller} calls ${called}`, `  tenant ${tenant}, route ${route}`];
  if (explanation.outcome === "reject") lines.push(`  refused with ${status} ${reason}`);
  const width = Math.max(0, ...attempts.map(({ peer }) => peer.length), ...skipped.map(({ peer }) => peer.length));
  for (const [i, attempt] of attempts.entries()) {
    lines.push(
      `  ${i + 1}. ${attempt.peer.padEnd(width)}  ${attempt.requestUri}  by ${attempt.listener}${attempt.caller === "" ? "" : `, as ${attempt.caller}`}${attempt.when === "" ? "" : ` (${attempt.when})`}`,
    );
  }
  for (const { peer, reason: why } of skipped) lines.push(`  -  ${peer.padEnd(width)}  skipped: ${why}`);
  return lines;
}

/** Why a sender is not let in, in one line; "" for a peer. */
export function explainIdentified(identified: Identified): string {
  switch (identified.type) {
    case "peer":
      return "";
    case "ambiguous":
      return `several peers fit and nothing tells them apart: ${identified.candidates.join(", ")}`;
    case "rewritten":
      return identified.detail;
    case "unknown":
      return identified.detail ?? "no peer of this listener has the address";
  }
}
