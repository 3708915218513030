/** What `tandem gateways` shows: groups, their gateways, and how those are, from what routing and health know. Pure. */
import type { GatewayReport, GatewaysReport } from "./control.ts";
import type { Health } from "#routing/peer-health.ts";
import type { Peer, Snapshot } from "#routing/snapshot.ts";

export interface GatewayFacts {
  readonly snapshot: Snapshot;
  readonly health: Health;
  readonly callsOf: (peer: string) => number;
  /** Drained by an operator, not by the configuration. */
  readonly isDraining: (peer: string) => boolean;
  readonly nowMs: number;
}

export function reportGateways(facts: GatewayFacts): GatewaysReport {
  const { snapshot, callsOf } = facts;
  const trunksToSee = [...snapshot.trunks.values()].filter(({ uri }) => uri !== undefined);
  return {
    groups: Array.from(snapshot.groups.values(), ({ name, tenant, members, algorithm = "weighted", callsMax }) => ({
      name,
      tenant,
      algorithm,
      calls: members.reduce((sum, { gateway }) => sum + callsOf(gateway), 0),
      callsMax,
      members,
    })),
    gateways: [...snapshot.gateways.values(), ...trunksToSee].map((peer) => reportPeer(peer, facts)),
  };
}

function reportPeer(peer: Peer, { health, callsOf, isDraining, nowMs }: GatewayFacts): GatewayReport {
  const { name, kind, tenant, listener, uri = "", callsMax, probe } = peer;
  const targets = health.targetsOf(name, nowMs);
  const { up, restsUntilMs, cause } = health.healthOf(name, 0, nowMs);
  const heard = targets.some(({ samples }) => samples > 0);
  const drained = isDraining(name);
  const [state, reason] =
    peer.maintenance === true
      ? (["maintenance", "configuration"] as const)
      : peer.drain === true || drained
        ? (["draining", drained ? "operator" : "configuration"] as const)
        : !up
          ? (["down", cause] as const)
          : restsUntilMs > nowMs
            ? (["resting", `until ${new Date(restsUntilMs).toISOString()}`] as const)
            : ([heard ? "up" : "unknown", cause] as const);
  return {
    name,
    kind,
    tenant,
    listener,
    uri,
    state,
    reason,
    calls: callsOf(name),
    callsMax,
    probed: probe !== undefined,
    targets,
    history: health.historyOf(name),
  };
}
