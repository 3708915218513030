/**
 * The dial plan: where a call goes, in which order, and why not elsewhere. Pure: configuration, health, time and
 * dice are arguments, so "why did this call go there?" is answered by asking again with what the CDR kept.
 *
 * Deliberately no hunting (call/hunt.ts walks the attempts), no name resolution, no headers.
 */
import { Candidates } from "./candidates.ts";
import { blockingPrefix, matchesCaller, whyNotNow } from "./conditions.ts";
import type { DialPlan, PeerHealth, Skipped } from "./decision.ts";
import type { LimitPolicy } from "./limits.ts";
import { numberFrom } from "./peer-numbers.ts";
import type { Did, HuntTimes, OutboundRule, Peer, RouteTarget, Snapshot } from "./snapshot.ts";
import { findDid, findOutbound } from "./snapshot-index.ts";
import { NOT_ALLOWED } from "./why-not.ts";

export interface PlanInput {
  readonly snapshot: Snapshot;
  /** Who is calling; from a trunk DIDs decide, from a gateway outbound rules. */
  readonly source: Peer;
  /** User part of the R-URI, unescaped, as received. */
  readonly calledUser: string;
  readonly callerUser: string;
  /** undefined: never heard of, so usable. */
  readonly healthOf: (peer: string) => PeerHealth | undefined;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** A number in [0, 1); drawn once per group member in configured order, whether it is usable or not. */
  readonly dice: () => number;
  /** For groups that hash by it. */
  readonly sipCallId?: string;
  /** As changed since the configuration was read; absent: the snapshot's. */
  readonly limits?: LimitPolicy;
  /** How many calls a group has ordered before, for round_robin; absent: none. */
  readonly turn?: (group: string) => number;
}

/** What a route, DID or outbound, gives the planner. */
export interface Route {
  readonly name: string;
  readonly called: string;
  readonly targets: readonly RouteTarget[];
  readonly hunt: HuntTimes;
}

/** Why there is no route, with the status that says so. */
interface NoRoute {
  readonly name: string;
  readonly status: number;
  readonly reasonPhrase: string;
  readonly reason: string;
}

export function planCall(input: PlanInput): DialPlan {
  const { source } = input;
  const called = numberFrom(source, input.calledUser, "called");
  const caller = numberFrom(source, input.callerUser, "caller");
  const route =
    refusedSource(input, called, caller) ??
    (source.kind === "trunk" ? routeByDid(input, called, caller) : routeOutbound(input, called, caller));
  if ("targets" in route) return planTargets(input, route, caller);
  const { name, ...refusal } = route;
  return { type: "reject", tenant: source.tenant, route: name, called, caller, ...refusal, skipped: [] };
}

const notFound = (reason: string): NoRoute => ({ name: "none", status: 404, reasonPhrase: "Not Found", reason });
const forbidden = (name: string, reason: string): NoRoute => ({ name, status: 403, reasonPhrase: "Forbidden", reason });

/** What the sender may not do, wherever the call would go. */
function refusedSource({ source }: PlanInput, called: string, caller: string): NoRoute | undefined {
  // RFC 3261 §21.5.4: 503 is for "temporary overloading or maintenance of the server".
  if (source.maintenance === true)
    return { name: "none", status: 503, reasonPhrase: "Service Unavailable", reason: `${source.name} is in maintenance` };
  // RFC 5079 §5: what a caller may do is call again with his number.
  if (source.identity?.refuseAnonymous === true && (caller === "" || caller === "anonymous"))
    return { name: "none", status: 433, reasonPhrase: "Anonymity Disallowed", reason: `${source.name} may not send anonymous calls` };
  const blocked = blockingPrefix(source.blockedPrefixes, called);
  return blocked === undefined ? undefined : forbidden("none", `${source.name} may not call ${blocked}…`);
}

function routeByDid({ snapshot, source, nowMs }: PlanInput, called: string, caller: string): Route | NoRoute {
  const applies = (did: Did) =>
    did.blockedCallers !== undefined && matchesCaller(did.blockedCallers, caller)
      ? ({ by: "caller", reason: `blocks caller ${caller === "" ? "anonymous" : caller}` } as const)
      : whyNotNow(did, caller, nowMs);
  const match = findDid(snapshot, called, source, applies);
  switch (match.type) {
    case "found":
      return { name: `did ${match.did.number}`, called: match.number, targets: match.did.targets, hunt: match.did.hunt };
    case "closed": {
      const { number } = match.did;
      const reason = `DID ${number} ${match.reason}`;
      if (match.by === "trunk") return notFound(reason);
      // RFC 3261 §21.4.18: the callee is there, but not now.
      if (match.by === "time") return { name: `did ${number}`, status: 480, reasonPhrase: "Temporarily Unavailable", reason };
      return forbidden(`did ${number}`, reason);
    }
    case "none":
      return notFound(`no DID ${called} for tenant ${source.tenant}`);
  }
}

function routeOutbound({ snapshot, source, nowMs }: PlanInput, called: string, caller: string): Route | NoRoute {
  let closed = "";
  const rule = findOutbound(snapshot, called, source, (one: OutboundRule) => {
    const unmet = whyNotNow(one, caller, nowMs);
    if (unmet !== undefined) closed += `; ${one.name} ${unmet.reason}`;
    return unmet;
  });
  if (rule === undefined) return notFound(`no outbound rule of tenant ${source.tenant} takes ${called} from ${source.name}${closed}`);
  const name = `outbound ${rule.name}`;
  const blocked = blockingPrefix(rule.blockedPrefixes, called);
  if (blocked !== undefined) return forbidden(name, `${name} blocks ${blocked}…`);
  return { name, called, targets: rule.targets, hunt: rule.hunt };
}

/** @param caller canonical */
export function planTargets(input: PlanInput, route: Route, caller: string): DialPlan {
  const candidates = new Candidates(input, route.called, caller);
  const { attempts, skipped } = candidates;
  const common = { tenant: input.source.tenant, route: route.name, called: route.called, caller };
  /** What kept a target out that is there, but not for this call. */
  let notNow: "time" | "caller" | undefined;
  for (const target of route.targets) {
    const unmet = whyNotNow(target, caller, input.nowMs);
    if (unmet !== undefined) {
      notNow ??= unmet.by;
      skipped.push({ peer: nameOf(target), reason: unmet.reason });
      continue;
    }
    if (target.type === "reject") {
      // Whatever stands behind a reject is never reached; candidates before it are tried first.
      if (attempts.length > 0) break;
      const { status, reason, tone } = target;
      const refusal = { type: "reject", ...common, status, reasonPhrase: reason, reason: `${route.name} says so`, skipped } as const;
      return tone === undefined ? refusal : { ...refusal, tone };
    }
    if (target.type === "gateway") candidates.offer(target.gateway);
    else if (target.type === "trunk") candidates.offerTrunk(target.trunk);
    else candidates.offerGroup(target.group);
  }
  if (attempts.length > 0) return { type: "dial", ...common, attempts, skipped, hunt: route.hunt };
  return { type: "reject", ...common, ...refusalOf(route, skipped, notNow), skipped };
}

/** Nobody can be tried: what the caller is told, and why. */
function refusalOf(route: Route, skipped: readonly Skipped[], notNow: "time" | "caller" | undefined) {
  const listed = skipped.map(({ peer, reason }) => `${peer} ${reason}`).join("; ");
  if (notNow !== undefined && skipped.length === route.targets.length) {
    const reason = `no target now: ${listed}`;
    return notNow === "time"
      ? { status: 480, reasonPhrase: "Temporarily Unavailable", reason }
      : { status: 403, reasonPhrase: "Forbidden", reason };
  }
  const reason = skipped.length === 0 ? `${route.name} has no targets` : `no usable target: ${listed}`;
  if (skipped.length > 0 && skipped.every(({ reason: why }) => NOT_ALLOWED.test(why)))
    return { status: 403, reasonPhrase: "Forbidden", reason };
  // 503 would make the carrier back off from us as a whole; what is missing is behind us (RFC 3261 §21.5.3, §21.5.4).
  return { status: 502, reasonPhrase: "Bad Gateway", reason };
}

const nameOf = (target: RouteTarget): string =>
  target.type === "group"
    ? target.group
    : target.type === "gateway"
      ? target.gateway
      : target.type === "trunk"
        ? target.trunk
        : `reject ${target.status}`;
