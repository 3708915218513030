/**
 * The dial plan: where a call goes, in which order, and why not elsewhere. Pure: configuration, health, time and
 * dice are arguments, so "why did this call go there?" is answered by asking again with what the CDR kept.
 *
 * Deliberately no hunting (call/hunt.ts walks the attempts), no name resolution, no headers.
 */
import type { DialPlan, PeerHealth, PlannedAttempt, Skipped } from "./decision.ts";
import { formatNumber, toCanonical } from "./numbers.ts";
import type { GatewayGroup, GroupMember, HuntTimes, Peer, RouteTarget, Snapshot } from "./snapshot.ts";
import { findDid, findOutbound, findPeer } from "./snapshot-index.ts";

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
}

/** What a route, DID or outbound, gives the planner. */
interface Route {
  readonly name: string;
  readonly called: string;
  readonly targets: readonly RouteTarget[];
  readonly hunt: HuntTimes;
}

export function planCall(input: PlanInput): DialPlan {
  const { source } = input;
  const called = toCanonical(input.calledUser, source.numbers);
  const caller = toCanonical(input.callerUser, source.numbers);
  const route = source.kind === "trunk" ? routeByDid(input, called) : routeOutbound(input, called);
  if (typeof route === "string") {
    return {
      type: "reject",
      tenant: source.tenant,
      route: "none",
      called,
      caller,
      status: 404,
      reasonPhrase: "Not Found",
      reason: route,
      skipped: [],
    };
  }
  return expand(input, route, caller);
}

/** The route, or why there is none. */
function routeByDid({ snapshot, source }: PlanInput, called: string): Route | string {
  const match = findDid(snapshot, called, source);
  switch (match.type) {
    case "found":
      return { name: `did ${match.did.number}`, called: match.number, targets: match.did.targets, hunt: match.did.hunt };
    case "closed":
      return `DID ${match.did.number} takes calls from ${match.did.trunks.join(", ")} only, not from ${source.name}`;
    case "none":
      return `no DID ${called} for tenant ${source.tenant}`;
  }
}

function routeOutbound({ snapshot, source }: PlanInput, called: string): Route | string {
  const rule = findOutbound(snapshot, called, source);
  if (rule === undefined) return `no outbound rule of tenant ${source.tenant} takes ${called} from ${source.name}`;
  return { name: `outbound ${rule.name}`, called, targets: rule.targets, hunt: rule.hunt };
}

function expand(input: PlanInput, route: Route, caller: string): DialPlan {
  const attempts: PlannedAttempt[] = [];
  const skipped: Skipped[] = [];
  const seen = new Set<string>();
  const { tenant } = input.source;
  const common = { tenant, route: route.name, called: route.called, caller };

  const offer = (name: string): void => {
    // Once a candidate, or once skipped, is enough.
    if (seen.has(name)) return;
    seen.add(name);
    const peer = findPeer(input.snapshot, name);
    const reason = peer === undefined ? "not configured" : whyNot(peer, input);
    if (reason !== undefined) skipped.push({ peer: name, reason });
    else if (peer !== undefined) attempts.push(attemptTo(peer, input, route.called, caller));
  };

  for (const target of route.targets) {
    if (target.type === "reject") {
      // Whatever stands behind a reject is never reached; candidates before it are tried first.
      if (attempts.length > 0) break;
      const { status, reason } = target;
      return { type: "reject", ...common, status, reasonPhrase: reason, reason: `${route.name} says so`, skipped };
    }
    if (target.type === "gateway") offer(target.gateway);
    else if (target.type === "trunk") offer(target.trunk);
    else {
      const group = input.snapshot.groups.get(target.group);
      if (group === undefined) skipped.push({ peer: target.group, reason: "group not configured" });
      else if (group.tenant !== tenant) skipped.push({ peer: target.group, reason: `group of tenant ${group.tenant}` });
      else for (const { gateway } of inTryOrder(group, input.dice)) offer(gateway);
    }
  }

  if (attempts.length > 0) return { type: "dial", ...common, attempts, skipped, hunt: route.hunt };
  // 503 would make the carrier back off from us as a whole; what is missing is behind us (RFC 3261 §21.5.3, §21.5.4).
  return {
    type: "reject",
    ...common,
    status: 502,
    reasonPhrase: "Bad Gateway",
    reason:
      skipped.length === 0 ? `${route.name} has no targets` : `no usable target: ${skipped.map((s) => `${s.peer} ${s.reason}`).join("; ")}`,
    skipped,
  };
}

/** By priority; within one, a weighted shuffle: r^(1/weight), highest first (Efraimidis and Spirakis, 2006). */
function inTryOrder(group: GatewayGroup, dice: () => number): readonly GroupMember[] {
  const only = group.members[0];
  const keyed = group.members.map((member) => ({ member, key: dice() ** (1 / member.weight) }));
  if (only === undefined || keyed.length === 1) return group.members;
  keyed.sort((a, b) => a.member.priority - b.member.priority || b.key - a.key);
  return keyed.map(({ member }) => member);
}

/** Why a peer can't take this call now; undefined when it can. */
function whyNot(peer: Peer, { source, healthOf, nowMs }: PlanInput): string | undefined {
  if (peer.tenant !== source.tenant) return `of tenant ${peer.tenant}`;
  if (peer.name === source.name) return "the call came from it";
  if (peer.uri === undefined) return "has no uri, takes no calls";
  const health = healthOf(peer.name);
  // Never heard of means usable: only evidence takes a peer out.
  if (health === undefined) return undefined;
  if (!health.up) return "down";
  if (health.restsUntilMs > nowMs) return `resting until ${new Date(health.restsUntilMs).toISOString()}`;
  if (health.calls >= peer.callsMax) return `full, ${health.calls}/${peer.callsMax}`;
  return undefined;
}

function attemptTo(peer: Peer, input: PlanInput, called: string, caller: string): PlannedAttempt {
  const calledThere = formatNumber(called, peer.numbers, input.calledUser);
  const callerThere =
    peer.callerNumber === ""
      ? formatNumber(caller, peer.numbers, input.callerUser)
      : formatNumber(peer.callerNumber, peer.numbers, peer.callerNumber);
  return { peer, requestUri: requestUriOf(peer.uri ?? "", calledThere), called: calledThere, caller: callerThere };
}

/** The peer's uri with a user: "sip:host:5060;transport=tcp" becomes "sip:+49…@host:5060;transport=tcp". */
function requestUriOf(uri: string, user: string): string {
  const scheme = uri.indexOf(":") + 1;
  return user === "" ? uri : `${uri.slice(0, scheme)}${escapeUser(user)}@${uri.slice(scheme)}`;
}

/**
 * RFC 3261 §25.1 `user`, without ";", "?" and "/", which it allows and too many parsers trip over.
 * Chars up to 255 are bytes of a wire string; others (a name from the configuration) go as UTF-8.
 */
export function escapeUser(user: string): string {
  if (/^[A-Za-z0-9+]*$/.test(user)) return user;
  return user.replace(/[^A-Za-z0-9\-_.!~*'()&=+$,]/gu, (char) =>
    char.codePointAt(0)! < 256
      ? `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`
      : [...new TextEncoder().encode(char)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join(""),
  );
}
