/**
 * The dial plan: where a call goes, in which order, and why not elsewhere. Pure: configuration, health, time and
 * dice are arguments, so "why did this call go there?" is answered by asking again with what the CDR kept.
 *
 * Deliberately no hunting (call/hunt.ts walks the attempts), no name resolution, no headers.
 */
import { blockingPrefix, matchesCaller, whyNotNow } from "./conditions.ts";
import type { DialPlan, PeerHealth, PlannedAttempt, Skipped } from "./decision.ts";
import { inTryOrder } from "./groups.ts";
import { type LimitPolicy, NO_LIMITS, destinationDenied, limitsOf } from "./limits.ts";
import { toCanonical } from "./numbers.ts";
import { asDialled, mayShow, numberFrom, numberToward } from "./peer-numbers.ts";
import { BACKUP_ON } from "./peer-rules.ts";
import type { Did, GatewayGroup, HuntTimes, OutboundRule, Peer, RouteTarget, Snapshot } from "./snapshot.ts";
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

/** Whom a route's targets offer, each once at most, and why not the others. */
class Candidates {
  readonly attempts: PlannedAttempt[] = [];
  readonly skipped: Skipped[] = [];
  readonly #input: PlanInput;
  readonly #called: string;
  readonly #caller: string;
  readonly #seen = new Set<string>();
  readonly #reasons = new Map<string, string | undefined>();

  constructor(input: PlanInput, called: string, caller: string) {
    this.#input = input;
    this.#called = called;
    this.#caller = caller;
  }

  offer(name: string, of: Pick<PlannedAttempt, "group" | "together"> = {}): void {
    // Once a candidate, or once skipped, is enough.
    if (this.#seen.has(name)) return this.#unbind(name);
    this.#seen.add(name);
    const reason = this.#reasonAgainst(name);
    const peer = findPeer(this.#input.snapshot, name);
    if (reason !== undefined) this.skipped.push({ peer: name, reason });
    else if (peer !== undefined) this.attempts.push({ ...attemptTo(peer, this.#input, this.#called, this.#caller), ...of });
  }

  /** The trunk, and behind it its backups. */
  offerTrunk(name: string): void {
    this.offer(name);
    const trunk = findPeer(this.#input.snapshot, name);
    if (trunk?.backupTrunks === undefined || trunk.tenant !== this.#input.source.tenant) return;
    const { backupTrunks, backupOn: on = BACKUP_ON } = trunk;
    const reason = this.#reasonAgainst(name);
    const notForThis = reason?.startsWith("full") === true && !on.includes("capacity");
    for (const backup of backupTrunks) {
      if (this.#seen.has(backup)) continue;
      if (notForThis) {
        this.skipped.push({ peer: backup, reason: `backup of ${name}, but not for capacity` });
        continue;
      }
      const before = this.attempts.length;
      this.offer(backup);
      const offered = this.attempts[before];
      // A trunk that can't be tried at all leaves nothing to wait for.
      if (offered !== undefined) this.attempts[before] = { ...offered, backup: { of: name, ...(reason === undefined && { on }) } };
    }
  }

  offerGroup(name: string): void {
    const input = this.#input;
    const group = input.snapshot.groups.get(name);
    const against = whyNotGroup(group, input);
    if (group === undefined || against !== undefined) return void this.skipped.push({ peer: name, reason: against ?? "not configured" });
    const order = inTryOrder(group, {
      dice: input.dice,
      usable: (gateway) => !this.#seen.has(gateway) && this.#reasonAgainst(gateway) === undefined,
      caller: this.#caller,
      sipCallId: input.sipCallId ?? "",
      turn: input.turn ?? (() => 0),
      callsOf: (gateway) => input.healthOf(gateway)?.calls ?? 0,
    });
    for (const { gateway, priority } of order)
      this.offer(gateway, group.algorithm === "parallel" ? { group, together: `${name} ${priority}` } : { group });
  }

  /** A backup that the route also names for itself is no longer one: it is tried where the route says. */
  #unbind(name: string): void {
    const at = this.attempts.findIndex(({ peer, backup }) => backup?.on !== undefined && peer.name === name);
    if (at < 0) return;
    const { backup: _, ...alone } = this.attempts.splice(at, 1)[0]!;
    this.attempts.push(alone);
  }

  #reasonAgainst(name: string): string | undefined {
    if (this.#reasons.has(name)) return this.#reasons.get(name);
    const peer = findPeer(this.#input.snapshot, name);
    const reason =
      peer === undefined ? "not configured" : (whyNot(peer, this.#input, this.#caller) ?? whyNotThere(peer, this.#input, this.#called));
    this.#reasons.set(name, reason);
    return reason;
  }
}

const NOT_SHOWN = "may not be shown";
/** Reasons that are a prohibition rather than a failure. */
const NOT_ALLOWED = /^(may not be shown|denied:|locked)/;

const nameOf = (target: RouteTarget): string =>
  target.type === "group"
    ? target.group
    : target.type === "gateway"
      ? target.gateway
      : target.type === "trunk"
        ? target.trunk
        : `reject ${target.status}`;

function whyNotGroup(group: GatewayGroup | undefined, { source, healthOf }: PlanInput): string | undefined {
  if (group === undefined) return "group not configured";
  if (group.tenant !== source.tenant) return `group of tenant ${group.tenant}`;
  if (group.callsMax === undefined) return undefined;
  const calls = group.members.reduce((sum, { gateway }) => sum + (healthOf(gateway)?.calls ?? 0), 0);
  return calls >= group.callsMax ? `group full, ${calls}/${group.callsMax}` : undefined;
}

/** Why a peer can't take this call now; undefined when it can. */
function whyNot(peer: Peer, { source, healthOf, nowMs }: PlanInput, caller: string): string | undefined {
  if (peer.tenant !== source.tenant) return `of tenant ${peer.tenant}`;
  if (peer.name === source.name) return "the call came from it";
  if (peer.uri === undefined) return "has no uri, takes no calls";
  if (peer.maintenance === true) return "in maintenance";
  if (peer.drain === true) return "draining";
  if (peer.callerNumber === "" && !mayShow(peer, caller))
    return `${NOT_SHOWN} ${caller === "" ? "an anonymous caller" : `caller ${caller}`}`;
  const health = healthOf(peer.name);
  // Never heard of means usable: only evidence takes a peer out.
  if (health === undefined) return undefined;
  if (health.draining === true) return "draining";
  if (!health.up) return "down";
  if (health.restsUntilMs > nowMs) return `resting until ${new Date(health.restsUntilMs).toISOString()}`;
  if (health.calls >= peer.callsMax) return `full, ${health.calls}/${peer.callsMax}`;
  const { outboundCallsMax } = peer;
  if (outboundCallsMax !== undefined && (health.outboundCalls ?? 0) >= outboundCallsMax)
    return `full, ${health.outboundCalls}/${outboundCallsMax} calls to it`;
  return undefined;
}

/** Why the number may not be called by a trunk: out of here is what costs money. */
function whyNotThere(
  peer: Peer,
  { source, snapshot, limits = snapshot.limits ?? NO_LIMITS, healthOf }: PlanInput,
  called: string,
): string | undefined {
  if (peer.kind !== "trunk") return undefined;
  const { tenant } = source;
  const locked = healthOf(peer.name)?.locked;
  if (locked !== undefined) return locked;
  const denied = (number: string): string | undefined =>
    destinationDenied(limitsOf(limits, "tenant", tenant), number, `tenant ${tenant}`) ??
    destinationDenied(limitsOf(limits, "trunk", peer.name), number, `trunk ${peer.name}`) ??
    (source.kind === "gateway" ? destinationDenied(limitsOf(limits, "gateway", source.name), number, `gateway ${source.name}`) : undefined);
  // What is no whole number yet becomes one at the carrier, by the carrier's own prefixes.
  const there = toCanonical(called, peer.numbers);
  return (there === called ? undefined : denied(there)) ?? denied(called);
}

function attemptTo(peer: Peer, input: PlanInput, called: string, caller: string): PlannedAttempt {
  const calledThere = numberToward(peer, called, input.calledUser, "called");
  const callerThere =
    peer.callerNumber === ""
      ? numberToward(peer, caller, input.callerUser, "caller")
      : numberToward(peer, peer.callerNumber, peer.callerNumber, "caller");
  return { peer: asDialled(peer), requestUri: requestUriOf(peer.uri ?? "", calledThere), called: calledThere, caller: callerThere };
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
