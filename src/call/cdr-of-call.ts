/** The call detail record from what a call remembers and what the engine counted. Pure. */
import type { CallId, TenantId } from "#base/ids.ts";
import type { Outcome } from "#cdr/outcome.ts";
import type { Cdr, CdrAttempt, CdrLeg, CdrSkip } from "#cdr/record.ts";
import type { SessionStats, SideStats } from "#media/engine.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { Call } from "./call.ts";
import type { CallState } from "./call-state.ts";
import type { LegFacts } from "./leg.ts";
import type { Moves } from "./moves.ts";
import type { CoreSection } from "./recovery.ts";

/** How the call ended; serialisable, so that the journal can hold it between BYE and CDR. */
export interface CallEnding {
  readonly outcome: Outcome;
  readonly sipStatus: number;
  readonly q850: number | undefined;
  readonly endedBy: Cdr["endedBy"];
  readonly reason: string;
  /** Epoch ms, and durations from the monotonic clock. */
  readonly endedAtMs: number;
  readonly setupMs: number;
  readonly durationMs: number;
}

type RecordedPeer = Pick<Peer, "name" | "kind" | "listener">;

export interface CallRecord {
  readonly callId: CallId;
  readonly tenant: TenantId;
  readonly node: string;
  readonly direction: Cdr["direction"];
  readonly caller: string;
  readonly called: string;
  readonly route: string;
  readonly generation: number;
  readonly decision: object | undefined;
  readonly startedAtMs: number;
  readonly answeredAtMs: number | undefined;
  readonly legs: readonly { readonly name: string; readonly peer: RecordedPeer; readonly facts: LegFacts; readonly codec: string }[];
  readonly attempts: readonly CdrAttempt[];
  readonly skipped: readonly CdrSkip[];
}

type RecordedCall = Pick<Call, "id" | "source"> & {
  readonly ports: { readonly signer: Pick<Call["ports"]["signer"], "node"> };
  readonly moves: Pick<Moves, "left">;
};

/** @param core its own, which it has */
export function recordOf({ id, source, ports, moves: { left } }: RecordedCall, is: CallState, core: CoreSection): CallRecord {
  const now = [is.a, is.b]
    .filter((leg) => leg !== undefined)
    .map(({ name, peer, facts, side }) => ({ name, peer, facts, codec: is.media.codec(side) }));
  return {
    callId: id,
    tenant: is.tenant,
    node: ports.signer.node,
    direction: source.kind === "trunk" ? "inbound" : "outbound",
    caller: core.caller,
    called: core.called,
    route: core.route,
    generation: core.generation,
    decision: core.decision,
    startedAtMs: core.startedAtMs,
    answeredAtMs: is.answered?.answeredAtMs,
    legs: left.length === 0 ? now : [...left, ...now].toSorted((one, other) => numberOf(one.name) - numberOf(other.name)),
    attempts: is.attempts,
    skipped: is.skipped,
  };
}
/** Of a leg's name: "a" is 0, "b2" 2. */
const numberOf = (name: string): number => Number(name.slice(1));

export function cdrOf(call: CallRecord, ending: CallEnding, stats: SessionStats | undefined): Cdr {
  return {
    callId: call.callId,
    tenant: call.tenant,
    node: call.node,
    direction: call.direction,
    caller: call.caller,
    called: call.called,
    route: call.route,
    configGeneration: call.generation,
    startedAtMs: call.startedAtMs,
    answeredAtMs: call.answeredAtMs,
    endedAtMs: ending.endedAtMs,
    setupMs: Math.round(ending.setupMs),
    durationMs: Math.round(ending.durationMs),
    outcome: ending.outcome,
    sipStatus: ending.sipStatus,
    q850: ending.q850,
    endedBy: ending.endedBy,
    endReason: ending.reason,
    legs: call.legs.map(({ name, peer, facts, codec }) =>
      legOf(
        name,
        peer,
        facts,
        codec,
        stats?.sides.find((side) => side.side === name),
      ),
    ),
    attempts: call.attempts,
    skipped: call.skipped,
    ...(call.decision !== undefined && { decision: call.decision }),
  };
}

function legOf(leg: string, peer: RecordedPeer, facts: LegFacts, codec: string, counted: SideStats | undefined): CdrLeg {
  return {
    leg,
    direction: leg === "a" ? "inbound" : "outbound",
    peer: peer.name,
    peerKind: peer.kind,
    listener: peer.listener,
    sipCallId: facts.sipCallId,
    remoteAddress: facts.remoteAddress,
    from: facts.from,
    to: facts.to,
    codec,
    packetsReceived: counted?.packetsReceived ?? 0,
    packetsSent: counted?.packetsSent ?? 0,
    packetsLost: counted?.lost ?? 0,
    jitterMs: counted?.jitterMs ?? 0,
    strays: counted?.strays ?? 0,
  };
}
