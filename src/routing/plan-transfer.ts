/**
 * Where a running call goes when one of its sides is replaced. Pure, as `plan-dial.ts`. A number of the tenant's own
 * goes where its DID leads; any other goes out by the outbound rules, as a call of the gateway that asked for it.
 */
import type { TenantId } from "#base/ids.ts";
import { absentPeer } from "./absent-peer.ts";
import type { DialPlan } from "./decision.ts";
import { bareNumber } from "./numbers.ts";
import { numberFrom } from "./peer-numbers.ts";
import { type PlanInput, planCall, planTargets } from "./plan-dial.ts";
import { API_SOURCE, type ConnectTo } from "./plan-originated.ts";
import type { HuntTimes, Peer, RouteTarget } from "./snapshot.ts";
import { findDid } from "./snapshot-index.ts";

export interface TransferQuestion {
  readonly tenant: TenantId;
  readonly place: ConnectTo;
  /** Who asked in the call itself (RFC 3515); undefined: an operator. */
  readonly by: Peer | undefined;
  /** Whose side stays. */
  readonly staying: Peer;
  /** The number of whoever stays, and the one that was called: canonical. */
  readonly caller: string;
  readonly called: string;
}

const HUNT: HuntTimes = { tryTimeoutMs: 2_000, progressTimeoutMs: 5_000, ringTimeoutMs: 20_000, setupBudgetMs: 55_000 };

export function planTransfer(facts: Omit<PlanInput, "source" | "calledUser" | "callerUser">, question: TransferQuestion): DialPlan {
  const { tenant, place, by, staying, caller, called } = question;
  const toTargets = (name: string, number: string, targets: readonly RouteTarget[], hunt: HuntTimes): DialPlan =>
    planTargets(
      { ...facts, source: { ...staying, tenant }, calledUser: number, callerUser: caller },
      { name, called: number, targets, hunt },
      caller,
    );
  if (place.kind === "group") return toTargets(`group ${place.name}`, called, [{ type: "group", group: place.name }], HUNT);
  if (place.kind === "gateway") return toTargets(`gateway ${place.name}`, called, [{ type: "gateway", gateway: place.name }], HUNT);
  const number = by === undefined ? bareNumber(place.name) : numberFrom(by, place.name, "called");
  const own = findDid(facts.snapshot, number, absentPeer("trunk", staying.name, tenant));
  if (own.type === "found") return toTargets(`did ${own.did.number}`, own.number, own.did.targets, own.did.hunt);
  if (by?.kind === "trunk") {
    const reason = `${by.name} may move a call to a number here only, and ${number} is none`;
    return { type: "reject", tenant, route: "none", called: number, caller, status: 403, reasonPhrase: "Forbidden", reason, skipped: [] };
  }
  const { blockedPrefixes } = by ?? {};
  const source = { ...absentPeer("gateway", by?.name ?? API_SOURCE, tenant), ...(blockedPrefixes !== undefined && { blockedPrefixes }) };
  return planCall({ ...facts, source, calledUser: number, callerUser: caller });
}
