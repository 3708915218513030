/** A call that is over as the API shows it. */
import { z } from "zod";
import type { TrunkReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { type Principal, reaches } from "./access.ts";
import type { ApiPorts } from "./ports.ts";

const Attempt = z.object({
  number: z.int(),
  peer: z.string(),
  target: z.string(),
  status: z.int(),
  q850: z.int().nullable(),
  outcome: z.string(),
  reason: z.string(),
  duration_ms: z.number(),
});
const Leg = z.object({
  leg: z.string(),
  direction: z.string(),
  peer: z.string(),
  remote_address: z.string(),
  codec: z.string(),
  packets_received: z.number(),
  packets_sent: z.number(),
  packets_lost: z.number(),
  jitter_ms: z.number(),
  strays: z.number().describe("Packets from elsewhere than the peer, which were not passed on."),
});
export const CallRecord = z
  .object({
    call_id: z.string(),
    tenant: z.string(),
    direction: z.enum(["inbound", "outbound"]),
    provider: z.string().nullable().describe("Of the trunk that it came from or went to; null: none is known any more."),
    from_number: z.string(),
    to_number: z.string(),
    route: z.string(),
    config_generation: z.int().describe("Of the configuration that decided."),
    started_at: z.string(),
    answered_at: z.string().nullable(),
    ended_at: z.string(),
    setup_ms: z.number(),
    duration_seconds: z.number(),
    outcome: z.string(),
    sip_status: z.int(),
    q850: z.int().nullable(),
    ended_by: z.string(),
    end_reason: z.string(),
    attempts: z.array(Attempt),
    legs: z.array(Leg),
    skipped: z.array(z.object({ peer: z.string(), reason: z.string() })),
  })
  .meta({ id: "CallRecord" });
export type CallRecord = z.infer<typeof CallRecord>;

export const iso = (ms: number): string => new Date(ms).toISOString();
export const maybeIso = (ms: number | null | undefined): string | null => (typeof ms === "number" ? iso(ms) : null);

/** Those that the principal may see. */
export const trunksOf = async (ports: Pick<ApiPorts, "ask">, principal: Principal): Promise<readonly TrunkReport[]> =>
  (await ports.ask<readonly TrunkReport[]>({ type: "trunks" })).filter(({ tenant }) => reaches(principal, tenant));

/** @param trunks tell the provider */
export function record(cdr: Cdr, trunks: readonly TrunkReport[]): CallRecord {
  const touched = new Set([...cdr.legs, ...cdr.attempts].map(({ peer }) => peer));
  return {
    call_id: cdr.callId,
    tenant: cdr.tenant,
    direction: cdr.direction,
    provider: trunks.find(({ name }) => touched.has(name))?.provider ?? null,
    from_number: cdr.caller,
    to_number: cdr.called,
    route: cdr.route,
    config_generation: cdr.configGeneration,
    started_at: iso(cdr.startedAtMs),
    answered_at: maybeIso(cdr.answeredAtMs),
    ended_at: iso(cdr.endedAtMs),
    setup_ms: cdr.setupMs,
    duration_seconds: cdr.durationMs / 1000,
    outcome: cdr.outcome,
    sip_status: cdr.sipStatus,
    q850: cdr.q850 ?? null,
    ended_by: cdr.endedBy,
    end_reason: cdr.endReason,
    attempts: cdr.attempts.map(({ number, peer, target, status, q850, outcome, reason, durationMs }) => ({
      number,
      peer,
      target,
      status,
      q850: q850 ?? null,
      outcome,
      reason,
      duration_ms: durationMs,
    })),
    legs: cdr.legs.map((leg) => ({
      leg: leg.leg,
      direction: leg.direction,
      peer: leg.peer,
      remote_address: leg.remoteAddress,
      codec: leg.codec,
      packets_received: leg.packetsReceived,
      packets_sent: leg.packetsSent,
      packets_lost: leg.packetsLost,
      jitter_ms: leg.jitterMs,
      strays: leg.strays,
    })),
    skipped: cdr.skipped.map(({ peer, reason }) => ({ peer, reason })),
  };
}
