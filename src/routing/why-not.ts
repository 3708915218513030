/** Why a peer or group can't take this call now, in the words of CDR and `tandem route`. */
import type { PlanInput } from "./plan-dial.ts";
import { NO_LIMITS, destinationDenied, limitsOf } from "./limits.ts";
import { mayShow } from "./peer-numbers.ts";
import { toCanonical } from "./numbers.ts";
import type { GatewayGroup, Peer } from "./snapshot.ts";

const NOT_SHOWN = "may not be shown";
/** Reasons that are a prohibition rather than a failure. */
export const NOT_ALLOWED = /^(may not be shown|denied:|locked)/;

export function whyNotGroup(group: GatewayGroup | undefined, { source, healthOf }: PlanInput): string | undefined {
  if (group === undefined) return "group not configured";
  if (group.tenant !== source.tenant) return `group of tenant ${group.tenant}`;
  if (group.callsMax === undefined) return undefined;
  const calls = group.members.reduce((sum, { gateway }) => sum + (healthOf(gateway)?.calls ?? 0), 0);
  return calls >= group.callsMax ? `group full, ${calls}/${group.callsMax}` : undefined;
}

/** Why a peer can't take this call now; undefined when it can. */
export function whyNot(peer: Peer, { source, healthOf, nowMs }: PlanInput, caller: string): string | undefined {
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
export function whyNotThere(
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
