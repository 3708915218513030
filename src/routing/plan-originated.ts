/**
 * Where the two halves of a call go that Tandem places itself: first to the number that was asked for, by the outbound
 * rules or one trunk, then to where the caller's own number leads, or where it was told to. Pure, as `plan-dial.ts`.
 *
 * Nobody may show a number that is not his: `fromNumber` must be a DID, of the tenant who asks.
 */
import type { TenantId } from "#base/ids.ts";
import { absentPeer } from "./absent-peer.ts";
import type { DialPlan } from "./decision.ts";
import { bareNumber } from "./numbers.ts";
import { type PlanInput, planCall, planTargets } from "./plan-dial.ts";
import type { Did, Gateway, Peer, RouteTarget, Snapshot } from "./snapshot.ts";
import { findDid, findPeer } from "./snapshot-index.ts";

/** What such a call's CDR and reports call the side that nobody called from. */
export const API_SOURCE = "api";

/** Where the answered call is connected. A number goes by the outbound rules. */
export interface ConnectTo {
  readonly kind: "group" | "gateway" | "number";
  readonly name: string;
}

export interface OriginationWish {
  /** Undefined: whoever may act for all; the DID says for whom. */
  readonly tenant: string | undefined;
  readonly fromNumber: string;
  readonly toNumber: string;
  readonly trunk: string | undefined;
  /** Undefined: where calls to `fromNumber` go. */
  readonly connect: ConnectTo | undefined;
  /** For ringing at the number; undefined: as the route says. */
  readonly timeoutMs: number | undefined;
}

export interface OriginationRefusal {
  readonly code: "FROM_NOT_OWN" | "UNKNOWN" | "NO_ROUTE";
  readonly field: "from_number" | "to_number" | "trunk" | "connect";
  readonly message: string;
}

/** A wish whose names were found. */
export interface Originable {
  readonly wish: OriginationWish;
  readonly tenant: TenantId;
  readonly did: Did;
  /** Canonical. */
  readonly from: string;
  readonly to: string;
}

type Facts = Omit<PlanInput, "source" | "calledUser" | "callerUser">;

export function findOriginable(
  snapshot: Snapshot,
  wish: OriginationWish,
): { readonly ok: true; readonly value: Originable } | { readonly ok: false; readonly refusal: OriginationRefusal } {
  const refuse = (code: OriginationRefusal["code"], field: OriginationRefusal["field"], message: string) =>
    ({ ok: false, refusal: { code, field, message } }) as const;
  const from = bareNumber(wish.fromNumber);
  const to = bareNumber(wish.toNumber);
  if (to === "") return refuse("UNKNOWN", "to_number", `"${wish.toNumber}" is no number`);
  const found = findOwn(snapshot, from, wish.tenant);
  if (found === undefined) {
    const reason = `${from} is no number of ${wish.tenant === undefined ? "anybody here" : `tenant ${wish.tenant}`}: a caller may be shown only a DID of one's own`;
    return refuse("FROM_NOT_OWN", "from_number", `${reason}; add it to dids`);
  }
  const { did, number } = found;
  const { tenant } = did;
  if (wish.trunk !== undefined && snapshot.trunks.get(wish.trunk)?.tenant !== tenant)
    return refuse("UNKNOWN", "trunk", `tenant ${tenant} has no trunk "${wish.trunk}"`);
  const { connect } = wish;
  const connectTenant =
    connect === undefined || connect.kind === "number"
      ? tenant
      : (connect.kind === "group" ? snapshot.groups : snapshot.gateways).get(connect.name)?.tenant;
  if (connectTenant !== tenant) return refuse("UNKNOWN", "connect", `tenant ${tenant} has no ${connect?.kind} "${connect?.name}"`);
  return { ok: true, value: { wish, tenant, did, from: number, to } };
}

/** The DID that has this number, whichever trunk it is for; of this tenant where one is named. */
function findOwn(
  snapshot: Snapshot,
  number: string,
  tenant: string | undefined,
): { readonly did: Did; readonly number: string } | undefined {
  for (const one of tenant === undefined ? tenantsOf(snapshot) : [tenant as TenantId]) {
    const match = findDid(snapshot, number, absentPeer("trunk", "", one));
    if (match.type === "none" || isAnybodys(match.did)) continue;
    if (match.type === "found") return match;
    // For other trunks only, which is about calls that come in.
    return { did: match.did, number: match.did.number.startsWith("+") && !number.startsWith("+") ? `+${number}` : number };
  }
  return undefined;
}
/** "+*" takes whatever comes in; it doesn't make all numbers of the world one's own. */
const OWN_DIGITS_MIN = 4;
const isAnybodys = ({ number }: Did): boolean => number.endsWith("*") && number.replace(/[^0-9]/g, "").length < OWN_DIGITS_MIN;
const tenantsOf = (snapshot: Snapshot): ReadonlySet<TenantId> => new Set(Array.from(snapshot.trunks.values(), ({ tenant }) => tenant));

/** The way to the number, as if the gateway that it will be connected to had called. */
export function planFirst(facts: Facts, { wish, tenant, did, from, to }: Originable): DialPlan {
  const source = placing(facts.snapshot, tenant, did, wish.connect);
  const input = { ...facts, source, calledUser: to, callerUser: from };
  const plan =
    wish.trunk === undefined
      ? planCall(input)
      : planTargets(
          input,
          { name: `trunk ${wish.trunk}`, called: to, targets: [{ type: "trunk", trunk: wish.trunk }], hunt: did.hunt },
          from,
        );
  if (plan.type !== "dial" || wish.timeoutMs === undefined) return plan;
  return { ...plan, hunt: { ...plan.hunt, setupBudgetMs: wish.timeoutMs } };
}

/** @param through the trunk that the number was reached by: to whoever is connected the call comes from there */
export function planConnect(facts: Facts, { wish, tenant, did, from, to }: Originable, through: Peer): DialPlan {
  const { connect } = wish;
  if (connect?.kind === "number") {
    const source = absentPeer("gateway", API_SOURCE, tenant);
    return planCall({ ...facts, source, calledUser: connect.name, callerUser: from });
  }
  const targets: readonly RouteTarget[] =
    connect === undefined
      ? did.targets
      : [connect.kind === "group" ? { type: "group", group: connect.name } : { type: "gateway", gateway: connect.name }];
  const name = connect === undefined ? `did ${did.number}` : `${connect.kind} ${connect.name}`;
  const input = { ...facts, source: through, calledUser: from, callerUser: to };
  return planTargets(input, { name, called: from, targets, hunt: did.hunt }, to);
}

/** Outbound rules ask who calls: the gateway, or the first of the group, that will have the call. */
function placing(snapshot: Snapshot, tenant: TenantId, did: Did, connect: ConnectTo | undefined): Peer {
  const target = connect ?? did.targets.map(asConnect).find((one) => one !== undefined);
  const name =
    target?.kind === "group" ? snapshot.groups.get(target.name)?.members[0]?.gateway : target?.kind === "gateway" ? target.name : undefined;
  const gateway = name === undefined ? undefined : findPeer(snapshot, name);
  const base = absentPeer("gateway", gateway?.name ?? API_SOURCE, tenant);
  return gateway?.blockedPrefixes === undefined ? base : { ...base, blockedPrefixes: gateway.blockedPrefixes };
}
const asConnect = (target: RouteTarget): ConnectTo | undefined =>
  target.type === "group"
    ? { kind: "group", name: target.group }
    : target.type === "gateway"
      ? { kind: "gateway", name: target.gateway }
      : undefined;

/** Stands where a caller stands in other calls. Its codecs are those of whoever is connected, so that the first answer suits him. */
export function originationSource(tenant: TenantId, connected: DialPlan): Peer {
  const base = absentPeer("gateway", API_SOURCE, tenant) as Gateway;
  const [first] = connected.type === "dial" ? connected.attempts : [];
  if (first === undefined) return base;
  const { codecs, codecsMode } = first.peer;
  return { ...base, codecs, ...(codecsMode !== undefined && { codecsMode }) };
}
