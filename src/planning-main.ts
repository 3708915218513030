/**
 * What a dial plan is made of at this moment: the snapshot, who is well and how much is going on, whose turn it is;
 * and what calls and probes teach of it. `main.ts` hands in its rooms.
 */
import type { Clock } from "#base/clock.ts";
import type { Calls } from "#call/calls.ts";
import type { AttemptResult, Located } from "#call/ports.ts";
import type { Publish } from "#observe/event.ts";
import type { DialPlan, PeerHealth } from "#routing/decision.ts";
import type { DscpMarks } from "#routing/dscp.ts";
import { type HealthEvent, createHealth, targetName, usableTargets } from "#routing/peer-health.ts";
import { numberFrom } from "#routing/peer-numbers.ts";
import { planSeen } from "#routing/replay.ts";
import { findDid, findPeer } from "#routing/snapshot-index.ts";
import type { Peer, Snapshot } from "#routing/snapshot.ts";
import type { ReceivedRequest, Uri } from "#sip/message/message.ts";
import { byTermsOf, type Locator } from "#sip/transport/location.ts";
import type { DrainList } from "#trunk/drain-list.ts";
import { calledThroughRegistration } from "#trunk/called-user.ts";
import type { Registrations } from "#trunk/registrations.ts";
import type { LimitDesk } from "./limits-main.ts";

export interface PlanningHouse {
  readonly clock: Clock;
  readonly publish: Publish;
  readonly snapshot: () => Snapshot;
  readonly calls: () => Calls;
  readonly limits: LimitDesk;
  readonly drained: DrainList;
  readonly marks: () => DscpMarks;
  readonly locator: () => Locator;
  readonly registrations: () => Registrations;
}

export interface PlanQuestion {
  /** The call's id, so that who asks again gets the same. */
  readonly seed: string;
  readonly sipCallId?: string;
  /** False: a question, that takes no group's turn. */
  readonly taken: boolean;
  readonly atMs?: number | undefined;
}

export function createPlanning({ clock, publish, snapshot, calls, limits, drained, marks, locator, registrations }: PlanningHouse) {
  const peerNamed = (name: string): Peer | undefined => findPeer(snapshot(), name);
  const health = createHealth((name) => peerNamed(name)?.probe);
  /** Calls ordered by each round_robin group so far. */
  const turns = new Map<string, number>();

  function healthNow(peer: string, nowMs: number): PeerHealth {
    const locked = limits.lockedOut(peer);
    return {
      ...health.healthOf(peer, calls().callsOf(peer), nowMs),
      outboundCalls: calls().callsOf(peer, "out"),
      draining: drained.has(peer),
      ...(locked !== undefined && { locked }),
    };
  }
  function facts(taken: boolean, nowMs = clock.wallMs()) {
    const turn = (group: string): number => {
      const now = turns.get(group) ?? 0;
      if (taken) turns.set(group, now + 1);
      return now;
    };
    const healthOf = (peer: string): PeerHealth => healthNow(peer, nowMs);
    return { snapshot: snapshot(), healthOf, nowMs, turn, limits: limits.policy() };
  }
  const plan = (source: Peer, calledUser: string, callerUser: string, { seed, sipCallId = "", taken, atMs }: PlanQuestion): DialPlan =>
    planSeen({ ...facts(taken, atMs), source, calledUser, callerUser, seed, sipCallId });

  function noteHealth(peer: string, target: string, event: HealthEvent): void {
    const change = health.note(peer, target, event, clock.wallMs());
    const owner = peerNamed(peer);
    if (change !== undefined && owner !== undefined)
      publish({ type: "gateway-health", tenant: owner.tenant, gateway: peer, target, up: change.up, reason: change.reason });
  }
  function noteAttempt(result: AttemptResult): void {
    const event =
      result.status > 0
        ? ({ type: "response", status: result.status, retryAfterMs: (result.restS ?? 0) * 1000 } as const)
        : result.alive
          ? undefined
          : result.reason.startsWith("no response")
            ? ({ type: "silent" } as const)
            : ({ type: "unreachable", detail: result.reason } as const);
    if (event !== undefined) noteHealth(result.peer, result.target, event);
  }

  /** A peer's addresses, those that are down left out. */
  function locate(uri: Uri, listener: string, peer: string): Located | Promise<Located> {
    const take = (located: Located): Located => {
      if (peer === "") return located;
      if (located.ok)
        marks().learn(
          peer,
          located.targets.map(({ address }) => address),
        );
      health.setTargets(peer, located.ok ? located.targets.map(targetName) : [peerNamed(peer)?.uri ?? ""]);
      return located.ok ? { ok: true, targets: usableTargets(health, peer, located.targets, clock.wallMs()) } : located;
    };
    const located = locator().locate(uri, listener);
    return located instanceof Promise ? located.then((found) => take(byTermsOf(peer, found))) : take(byTermsOf(peer, located));
  }

  /** A call through a registration names our Contact; whom it is for stands elsewhere. */
  function calledIn(request: ReceivedRequest, source: Peer, calledUser: string): string {
    if (source.kind !== "trunk" || source.register === undefined || registrations().trunkOf(calledUser) !== source.name) return calledUser;
    const users = calledThroughRegistration(request, source.register.user);
    return users.find((user) => findDid(snapshot(), numberFrom(source, user, "called"), source).type === "found") ?? users[0] ?? calledUser;
  }

  return { health, facts, plan, noteHealth, noteAttempt, locate, calledIn };
}
