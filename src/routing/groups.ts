/**
 * In which order a group's gateways are tried. Lower priority always first; among equals the group's algorithm
 * decides. Pure: dice, counters and hashes' keys are arguments, so the same call gets the same order again.
 *
 * Who can't take the call is not this file's question, with one exception: round_robin counts only those that can,
 * else the neighbour of a dead gateway would get its calls on top of its own.
 */
import type { GatewayGroup, GroupMember } from "./snapshot.ts";

export interface OrderFacts {
  /** A number in [0, 1); drawn once per member in configured order, whether it is usable or not. */
  readonly dice: () => number;
  readonly usable: (gateway: string) => boolean;
  /** Canonical number of the caller; "" when withheld. */
  readonly caller: string;
  readonly sipCallId: string;
  /** How many calls this group has ordered before; asked only for round_robin. */
  readonly turn: (group: string) => number;
  readonly callsOf: (gateway: string) => number;
}

/** Highest first within a priority. */
type Score = (member: GroupMember, index: number) => number;

export function inTryOrder(group: GatewayGroup, facts: OrderFacts): readonly GroupMember[] {
  const { members, algorithm = "weighted" } = group;
  if (members.length < 2) return members;
  const score = scoreOf(group, facts, algorithm);
  const scored = members.map((member, index) => ({ member, index, score: score(member, index) }));
  scored.sort((a, b) => a.member.priority - b.member.priority || b.score - a.score || a.index - b.index);
  return scored.map(({ member }) => member);
}

function scoreOf(group: GatewayGroup, facts: OrderFacts, algorithm: NonNullable<GatewayGroup["algorithm"]>): Score {
  switch (algorithm) {
    // A weighted shuffle: r^(1/weight), highest first (Efraimidis and Spirakis, 2006).
    case "weighted":
      return ({ weight }) => facts.dice() ** (1 / weight);
    // Configured order; those of parallel ring at once all the same.
    case "strict_priority":
    case "parallel":
      return () => 0;
    case "round_robin":
      return byTurn(group, facts);
    // Rendezvous hashing: each key shuffles the members by weight in its own way, and a member that is out
    // moves only its own keys. A withheld number says nothing, so its calls spread by Call-ID.
    case "hash_caller":
      return byHash(facts.caller === "" ? facts.sipCallId : facts.caller);
    case "hash_call_id":
      return byHash(facts.sipCallId);
    // Calls per weight, so that a gateway of twice the weight carries twice the calls; equals are drawn.
    case "least_calls":
      return ({ gateway, weight }) => {
        const draw = facts.dice();
        return -facts.callsOf(gateway) / weight + draw * 1e-9;
      };
  }
}

const byHash =
  (key: string): Score =>
  ({ gateway, weight }) =>
    uniformOf(`${key}\n${gateway}`) ** (1 / weight);

/** Those that can take the call, rotated by the turn within each priority; weights don't count. */
function byTurn(group: GatewayGroup, { usable, turn }: OrderFacts): Score {
  const now = turn(group.name);
  const places = new Map<number, number>();
  const ring = new Map<number, number>();
  for (const { priority, gateway } of group.members) if (usable(gateway)) ring.set(priority, (ring.get(priority) ?? 0) + 1);
  return ({ priority, gateway }) => {
    const size = ring.get(priority) ?? 0;
    if (!usable(gateway)) return -Infinity;
    const place = places.get(priority) ?? 0;
    places.set(priority, place + 1);
    return -((place - (now % size) + size) % size);
  };
}

/** Dice that fall the same way for the same seed: a decision can be taken again. */
export function diceOf(seed: string): () => number {
  let throws = 0;
  return () => uniformOf(`${seed}\n${throws++}`);
}

/** FNV-1a with the finalizer of MurmurHash3, as a number in (0, 1). Not for secrets. */
function uniformOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}
