/** What a Prometheus asks for, under the names of the users' guides. No number and no call id is ever a label. */
import { Counter, Gauge, Registry } from "prom-client";
import type { GatewaysReport, StatusReport, TrunkReport } from "#call/control.ts";

export interface MetricFacts {
  readonly status: StatusReport;
  /** Those that the asker may see. */
  readonly trunks: readonly TrunkReport[];
  readonly gateways: GatewaysReport["gateways"];
  /** Numbers of the whole node are for who runs it. */
  readonly wholeNode: boolean;
}

export function renderMetrics({ status, trunks, gateways, wholeNode }: MetricFacts): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });

  const registration = gauge("sip_trunk_registration_status", "1: registered at the provider; only trunks that register", [
    "provider",
    "trunk",
  ]);
  const cost = gauge("sip_trunk_cost_per_minute", "What a minute costs on a trunk, as its cost_per_minute says", ["provider", "trunk"]);
  const active = gauge("sip_calls_active", "Calls that are up", ["provider"]);
  const total = counter("sip_calls_total", "Calls from and attempts to the provider's trunks that are over or were answered", [
    "provider",
    "status",
  ]);
  const mean = gauge("sip_call_duration_seconds", "Mean of the answered calls since the start", ["provider"]);
  const seconds = counter("sip_call_seconds_total", "Talked on the provider's trunks", ["provider"]);
  const state = gauge("sip_peer_up", "0: down, resting, draining or in maintenance", ["peer", "kind"]);
  for (const [provider, own] of Map.groupBy(trunks, (trunk) => trunk.provider)) {
    const sum = (of: (trunk: TrunkReport) => number): number => own.reduce((before, trunk) => before + of(trunk), 0);
    const calls = sum(({ totals }) => totals.inbound.calls + totals.outbound.calls);
    const answered = sum(({ totals }) => totals.inbound.answered + totals.outbound.answered);
    const talked = sum(({ totals }) => totals.inbound.seconds + totals.outbound.seconds);
    active.set(
      { provider },
      sum((trunk) => trunk.calls),
    );
    total.inc({ provider, status: "success" }, answered);
    total.inc({ provider, status: "failed" }, calls - answered);
    mean.set({ provider }, answered === 0 ? 0 : talked / answered);
    seconds.inc({ provider }, talked);
  }
  for (const { provider, name, costPerMinute } of trunks)
    if (costPerMinute !== undefined) cost.set({ provider, trunk: name }, costPerMinute);
  for (const trunk of trunks)
    if (trunk.registration)
      registration.set({ provider: trunk.provider, trunk: trunk.name }, trunk.registration.standing === "registered" ? 1 : 0);
  for (const peer of gateways) state.set({ peer: peer.name, kind: peer.kind }, peer.state === "up" || peer.state === "unknown" ? 1 : 0);
  if (wholeNode) {
    gauge("tandem_calls", "Calls of the node", []).set(status.calls);
    gauge("tandem_calls_max", "Calls that the node takes", []).set(status.callsMax);
    gauge("tandem_media_up", "1: the media engine is connected", []).set(Number(status.media.up));
    gauge("tandem_start_time_seconds", "Unix time of the start", []).set(status.startedAtMs / 1000);
    gauge("tandem_config_generation", "Of the configuration in force", []).set(status.configGeneration);
    const events = counter("tandem_events_total", "How often what happened", ["event"]);
    for (const [event, count] of Object.entries(status.counters)) if (Number.isFinite(count) && count >= 0) events.inc({ event }, count);
  }
  return registry.metrics();
}

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
