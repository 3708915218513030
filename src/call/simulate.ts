/**
 * "Where would this call go?": the decision that a call gets, with its caller recognised as a call's would be, and no
 * group's turn taken. Pure but for the plan that it is given.
 */
import type { DialPlan, Identified } from "#routing/decision.ts";
import { type RouteExplanation, explainIdentified, explainPlan } from "#routing/explain.ts";
import { createIdentifier } from "#routing/identify.ts";
import type { Peer, Snapshot } from "#routing/snapshot.ts";
import type { Outcome } from "./control-port.ts";
import type { ControlCommand } from "./control.ts";

export interface RouteReport extends RouteExplanation {
  /** Trunk or gateway that the call would be from; "" where nobody is recognised, and the caller gets silence. */
  readonly from: string;
  /** How it was recognised; "" where it was named. */
  readonly identifiedBy: string;
}

export interface Simulation {
  readonly snapshot: Snapshot;
  readonly plan: (source: Peer, called: string, caller: string, atMs: number | undefined) => DialPlan;
}
type Question = Extract<ControlCommand, { readonly type: "route" }>;

const SIP_PORT = 5060;

export function simulate(question: Question, { snapshot, plan }: Simulation): Outcome<RouteReport> {
  const { number, from, caller = "", address, atMs } = question;
  const explained = (source: Peer, identifiedBy: string): Outcome<RouteReport> => ({
    ok: true,
    value: { from: source.name, identifiedBy, ...explainPlan(plan(source, number, caller, atMs)) },
  });
  if (address !== undefined) {
    const identified = recognise(snapshot, address, number, caller);
    return identified.type === "peer"
      ? explained(identified.peer, identified.by)
      : { ok: true, value: stranger(number, caller, `not let in: ${explainIdentified(identified)}`) };
  }
  const source = from === undefined ? [...snapshot.trunks.values()][0] : (snapshot.trunks.get(from) ?? snapshot.gateways.get(from));
  if (source !== undefined) return explained(source, "");
  const message = from === undefined ? "there is no trunk; name where the call comes from with --from" : `no trunk or gateway "${from}"`;
  return { ok: false, code: "NO_SUCH_PEER", message };
}

/** On whichever listener knows the address; the first one's word where none does. */
function recognise(snapshot: Snapshot, address: string, number: string, caller: string): Identified {
  const identifier = createIdentifier(snapshot);
  let said: Identified | undefined;
  for (const { name } of snapshot.listeners.values()) {
    const identified = identifier.identify({
      listener: name,
      transport: "UDP",
      address,
      port: SIP_PORT,
      requestUser: number,
      requestHost: "",
      toHost: "",
      fromUser: caller,
      fromHost: address,
      testTicketFor: undefined,
    });
    if (identified.type === "peer") return identified;
    if (said === undefined || identified.type === "ambiguous") said = identified;
  }
  return said ?? { type: "unknown" };
}

const stranger = (called: string, caller: string, reason: string): RouteReport => ({
  from: "",
  identifiedBy: "",
  outcome: "reject",
  tenant: "",
  route: "none",
  called,
  caller,
  status: 0,
  reason,
  attempts: [],
  skipped: [],
});
