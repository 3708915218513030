/** A CDR as rows of three tables, and back. Pure. */
import type { CallId, TenantId } from "#base/ids.ts";
import type { Outcome } from "#cdr/outcome.ts";
import type { Cdr, CdrAttempt, CdrLeg, CdrSkip } from "#cdr/record.ts";
import type { AttemptRow, CallRow, LegRow } from "./schema.ts";

export interface CdrRows {
  readonly call: CallRow;
  readonly legs: readonly LegRow[];
  readonly attempts: readonly AttemptRow[];
}

// Three digits: text order is the order in the CDR.
const rowId = (cdr: Cdr, place: number): string => `${cdr.callId}-${String(place).padStart(3, "0")}`;

export function cdrToRows(cdr: Cdr): CdrRows {
  return {
    call: {
      tenant: cdr.tenant,
      id: cdr.callId,
      node: cdr.node,
      direction: cdr.direction,
      caller: cdr.caller,
      called: cdr.called,
      route: cdr.route,
      config_generation: cdr.configGeneration,
      started_at_ms: Math.round(cdr.startedAtMs),
      answered_at_ms: rounded(cdr.answeredAtMs),
      ended_at_ms: Math.round(cdr.endedAtMs),
      setup_ms: Math.round(cdr.setupMs),
      duration_ms: Math.round(cdr.durationMs),
      outcome: cdr.outcome,
      sip_status: cdr.sipStatus,
      q850: cdr.q850 ?? null,
      ended_by: cdr.endedBy,
      end_reason: cdr.endReason,
      skipped: JSON.stringify(cdr.skipped),
      decision: cdr.decision === undefined ? "" : JSON.stringify(cdr.decision),
    },
    legs: cdr.legs.map((leg, place) => legToRow(cdr, leg, place)),
    attempts: cdr.attempts.map((attempt, place) => attemptToRow(cdr, attempt, place)),
  };
}

const legToRow = (cdr: Cdr, leg: CdrLeg, place: number): LegRow => ({
  tenant: cdr.tenant,
  id: rowId(cdr, place),
  call_id: cdr.callId,
  leg: leg.leg,
  direction: leg.direction,
  peer: leg.peer,
  peer_kind: leg.peerKind,
  listener: leg.listener,
  sip_call_id: leg.sipCallId,
  remote_address: leg.remoteAddress,
  from_value: leg.from,
  to_value: leg.to,
  codec: leg.codec,
  packets_received: leg.packetsReceived,
  packets_sent: leg.packetsSent,
  packets_lost: leg.packetsLost,
  jitter_us: Math.round(leg.jitterMs * 1_000),
  strays: leg.strays,
});

const attemptToRow = (cdr: Cdr, attempt: CdrAttempt, place: number): AttemptRow => ({
  tenant: cdr.tenant,
  id: rowId(cdr, place),
  call_id: cdr.callId,
  number: attempt.number,
  peer: attempt.peer,
  peer_kind: attempt.peerKind,
  target: attempt.target,
  started_at_ms: Math.round(attempt.startedAtMs),
  post_dial_delay_ms: rounded(attempt.postDialDelayMs),
  duration_ms: Math.round(attempt.durationMs),
  status: attempt.status,
  q850: attempt.q850 ?? null,
  outcome: attempt.outcome,
  reason: attempt.reason,
});

const rounded = (value: number | undefined): number | null => (value === undefined ? null : Math.round(value));

/** Legs and attempts are those of this call, in the order of their ids. */
export function rowsToCdr({ call, legs, attempts }: CdrRows): Cdr {
  return {
    callId: call.id as CallId,
    tenant: call.tenant as TenantId,
    node: call.node,
    direction: call.direction as Cdr["direction"],
    caller: call.caller,
    called: call.called,
    route: call.route,
    configGeneration: call.config_generation,
    startedAtMs: call.started_at_ms,
    answeredAtMs: call.answered_at_ms ?? undefined,
    endedAtMs: call.ended_at_ms,
    setupMs: call.setup_ms,
    durationMs: call.duration_ms,
    outcome: call.outcome as Outcome,
    sipStatus: call.sip_status,
    q850: call.q850 ?? undefined,
    endedBy: call.ended_by as Cdr["endedBy"],
    endReason: call.end_reason,
    legs: legs.map((leg) => ({
      leg: leg.leg,
      direction: leg.direction as CdrLeg["direction"],
      peer: leg.peer,
      peerKind: leg.peer_kind as CdrLeg["peerKind"],
      listener: leg.listener,
      sipCallId: leg.sip_call_id,
      remoteAddress: leg.remote_address,
      from: leg.from_value,
      to: leg.to_value,
      codec: leg.codec,
      packetsReceived: leg.packets_received,
      packetsSent: leg.packets_sent,
      packetsLost: leg.packets_lost,
      jitterMs: leg.jitter_us / 1_000,
      strays: leg.strays,
    })),
    attempts: attempts.map((attempt) => ({
      number: attempt.number,
      peer: attempt.peer,
      peerKind: attempt.peer_kind as CdrAttempt["peerKind"],
      target: attempt.target,
      startedAtMs: attempt.started_at_ms,
      postDialDelayMs: attempt.post_dial_delay_ms ?? undefined,
      durationMs: attempt.duration_ms,
      status: attempt.status,
      q850: attempt.q850 ?? undefined,
      outcome: attempt.outcome as Outcome,
      reason: attempt.reason,
    })),
    skipped: JSON.parse(call.skipped) as CdrSkip[],
    ...(call.decision === "" ? {} : { decision: JSON.parse(call.decision) as object }),
  };
}
