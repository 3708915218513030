/**
 * A decision that can be taken again: what it saw beyond the configuration goes into the CDR, and with the
 * configuration of that time the same plan comes out, or shows where it differs. Pure.
 *
 * Deliberately not here: finding that configuration, and what hunting made of the plan.
 */
import type { DialPlan, PeerHealth, Skipped } from "./decision.ts";
import { diceOf } from "./groups.ts";
import { type PlanInput, planCall } from "./plan-dial.ts";
import type { Snapshot } from "./snapshot.ts";
import { findPeer } from "./snapshot-index.ts";

/** What is absent is as of a peer that is up and has no calls. */
export interface SeenHealth {
  readonly peer: string;
  readonly down?: true;
  readonly calls?: number;
  readonly outboundCalls?: number;
  readonly restsUntilMs?: number;
  readonly draining?: true;
  readonly locked?: string;
}

/** Kept in the CDR as JSON: additions only. Dice are drawn from the call's id, hashes from its SIP Call-ID. */
export interface DecisionSeen {
  /** Epoch milliseconds. */
  readonly atMs: number;
  /** The beginning of the configuration's hash. */
  readonly configHash: string;
  readonly source: string;
  /** As received. */
  readonly calledUser: string;
  readonly callerUser: string;
  /** Round-robin groups: how many calls each had ordered before. */
  readonly turns?: Readonly<Record<string, number>>;
  readonly health?: readonly SeenHealth[];
  /** What came of it: peers in their order, or a refusal's status. */
  readonly dialled: readonly string[];
  readonly status?: number;
}

/** A configuration with thousands of gateways in one group must not make a CDR of a megabyte. */
export const SEEN_HEALTH_MAX = 500;
const HASH_CHARS = 16;

export interface DecisionInput extends Omit<PlanInput, "dice"> {
  /** The call's id. */
  readonly seed: string;
}

/** In the order in which they are written. */
type Seeing = { -readonly [K in keyof DecisionSeen]: DecisionSeen[K] };

/** The plan, with what it saw. */
export function planSeen(input: DecisionInput): DialPlan {
  const { snapshot, source, calledUser, callerUser, nowMs } = input;
  const health = new Map<string, PeerHealth | undefined>();
  let turns: Record<string, number> | undefined;
  const plan = planCall({
    ...input,
    dice: diceOf(input.seed),
    healthOf: (peer) => {
      const known = health.get(peer);
      if (known !== undefined) return known;
      const found = input.healthOf(peer);
      health.set(peer, found);
      return found;
    },
    turn: (group) => {
      const turn = input.turn?.(group) ?? 0;
      turns ??= {};
      turns[group] ??= turn;
      return turn;
    },
  });
  const seen: Partial<Seeing> = {
    atMs: nowMs,
    configHash: snapshot.hash.slice(0, HASH_CHARS),
    source: source.name,
    calledUser,
    callerUser,
  };
  if (turns !== undefined) seen.turns = turns;
  const seenHealth = healthSeen(health);
  if (seenHealth.length > 0) seen.health = seenHealth;
  seen.dialled = dialledOf(plan);
  if (plan.type === "reject") seen.status = plan.status;
  return { ...plan, seen };
}
const dialledOf = (plan: DialPlan): readonly string[] => (plan.type === "dial" ? plan.attempts.map(({ peer }) => peer.name) : []);

function healthSeen(health: ReadonlyMap<string, PeerHealth | undefined>): readonly SeenHealth[] {
  const all: SeenHealth[] = [];
  for (const [peer, one] of health) {
    if (all.length === SEEN_HEALTH_MAX) break;
    const seen = one === undefined ? undefined : seenOf(peer, one);
    if (seen !== undefined) all.push(seen);
  }
  return all;
}

/** undefined: it is up and has no calls. */
function seenOf(peer: string, health: PeerHealth): SeenHealth | undefined {
  const { up, calls, outboundCalls = 0, restsUntilMs, draining, locked } = health;
  if (up && calls === 0 && outboundCalls === 0 && restsUntilMs === 0 && draining !== true && locked === undefined) return undefined;
  const seen: { -readonly [K in keyof SeenHealth]: SeenHealth[K] } = { peer };
  if (!up) seen.down = true;
  if (calls > 0) seen.calls = calls;
  if (outboundCalls > 0) seen.outboundCalls = outboundCalls;
  if (restsUntilMs > 0) seen.restsUntilMs = restsUntilMs;
  if (draining === true) seen.draining = true;
  if (locked !== undefined) seen.locked = locked;
  return seen;
}

/** From a CDR, perhaps of another version; undefined: nothing that can be replayed. */
export function readSeen(value: unknown): DecisionSeen | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const seen = value as Partial<DecisionSeen>;
  const texts = [seen.configHash, seen.source, seen.calledUser, seen.callerUser];
  const whole = typeof seen.atMs === "number" && texts.every((text) => typeof text === "string") && Array.isArray(seen.dialled);
  return whole ? (seen as DecisionSeen) : undefined;
}

/** The same decision again; undefined where the configuration has no such source. */
export function planAgain(
  snapshot: Snapshot,
  seen: DecisionSeen,
  call: { readonly callId: string; readonly sipCallId: string },
): DialPlan | undefined {
  const source = findPeer(snapshot, seen.source);
  if (source === undefined) return undefined;
  const health = new Map(seen.health?.map((one) => [one.peer, one]));
  const asked = new Map<string, number>();
  return planCall({
    snapshot,
    source,
    calledUser: seen.calledUser,
    callerUser: seen.callerUser,
    nowMs: seen.atMs,
    dice: diceOf(call.callId),
    sipCallId: call.sipCallId,
    turn: (group) => {
      const before = asked.get(group) ?? 0;
      asked.set(group, before + 1);
      return (seen.turns?.[group] ?? 0) + before;
    },
    healthOf: (peer) => {
      const { down, calls = 0, outboundCalls = 0, restsUntilMs = 0, draining, locked } = health.get(peer) ?? { peer };
      const more = { ...(draining === true && { draining }), ...(locked !== undefined && { locked }) };
      return { up: down !== true, calls, outboundCalls, restsUntilMs, ...more };
    },
  });
}

/** What the CDR says of the decision beside what it saw. */
export interface DecidedThen {
  readonly route: string;
  readonly called: string;
  readonly caller: string;
  readonly skipped: readonly Skipped[];
}

export interface Difference {
  readonly what: string;
  readonly before: string;
  readonly now: string;
}

/** Empty: the same decision. */
export function differences(seen: DecisionSeen, then: DecidedThen, again: DialPlan): readonly Difference[] {
  const found: Difference[] = [];
  const compare = (what: string, before: string, now: string): void => {
    if (before !== now) found.push({ what, before, now });
  };
  compare("route", then.route, again.route);
  compare("called", then.called, again.called);
  compare("caller", then.caller, again.caller);
  compare("refusal", String(seen.status ?? ""), again.type === "reject" ? String(again.status) : "");
  compare("gateways", seen.dialled.join(", "), dialledOf(again).join(", "));
  const skippedThen = new Map(then.skipped.map(({ peer, reason }) => [peer, reason]));
  for (const { peer, reason } of again.skipped) compare(`${peer} skipped`, skippedThen.get(peer) ?? "", reason);
  // Beyond the plan the CDR has those that hunting passed over: they were among its gateways.
  const mentioned = new Set([...again.skipped.map(({ peer }) => peer), ...seen.dialled]);
  for (const { peer, reason } of then.skipped) if (!mentioned.has(peer)) compare(`${peer} skipped`, reason, "");
  return found;
}
