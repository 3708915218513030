/** What a call needs of all the others: `calls.ts` fulfils it. Types only. */
import type { DialPlan } from "#routing/decision.ts";
import type { GatewayGroup, Peer } from "#routing/snapshot.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import type { UserAgent } from "#sip/dialog/user-agent.ts";
import type { Call } from "./call.ts";
import type { CallPorts } from "./ports.ts";

/** The registry as a call sees it. */
export interface CallHouse {
  readonly ports: CallPorts;
  readonly agent: UserAgent;
  /**
   * Why no more calls with this peer fit; undefined: they do.
   * @param way "in": the call that asks came from it, and is counted already
   * @param group whose capacity it takes as well
   */
  fullness(peer: Peer, way: "in" | "out", group?: GatewayGroup): string | undefined;
  count(peer: string, change: 1 | -1, way: "in" | "out"): void;
  /** The peer with its calls, both ways; "in": without the one that asks. */
  callsAt(peer: Peer, way: "in" | "out"): { readonly name: string; readonly kind: Peer["kind"]; readonly calls: number };
  /** A place in the peer's calls per second: milliseconds until then, or why there is none. */
  turn(peer: Peer, way: "in" | "out"): number | string;
  /** The plan, or a refusal where the call is one of ours that came back. */
  withoutLoop(plan: DialPlan, request: ReceivedRequest, source: Peer, self: Call): DialPlan;
  /** The call is over and its CDR written. */
  gone(call: Call): void;
}
