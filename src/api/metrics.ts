/** What a Prometheus asks for, under the names of the users' guides. No number and no call id is ever a label. */
import { Counter, Gauge, Registry } from "prom-client";
import type { GatewaysReport, StatusReport, TrunkReport } from "#call/control.ts";

export interface MetricFacts {
  readonly status: StatusReport;
  /** Those that the asker may see, as all that follow. */
  readonly trunks: readonly TrunkReport[];
  readonly gateways: GatewaysReport["gateways"];
  readonly groups: GatewaysReport["groups"];
  readonly alerts: readonly { readonly rule: string; readonly severity: string }[];
  /** How many deliveries of webhooks are in which state. */
  readonly deliveries: readonly { readonly state: string; readonly count: number }[];
  /** Who listens to live events. */
  readonly listeners: number;
  /** Numbers of the whole node are for who runs it. */
  readonly wholeNode: boolean;
}

class Page {
  readonly registry = new Registry();
  gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }
  counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }
}

export function renderMetrics(facts: MetricFacts): Promise<string> {
  const page = new Page();
  writeProviders(page, facts);
  writePlaces(page, facts);
  if (facts.wholeNode) writeNode(page, facts);
  return page.registry.metrics();
}

function writeProviders(page: Page, { trunks }: MetricFacts): void {
  const active = page.gauge("sip_calls_active", "Calls that are up", ["provider"]);
  const total = page.counter("sip_calls_total", "Calls from and attempts to the provider's trunks that are over or were answered", [
    "provider",
    "status",
  ]);
  const faults = page.counter(
    "sip_call_faults_total",
    "Failed by somebody's fault: not busy, unanswered, cancelled or refused by a person",
    ["provider"],
  );
  const mean = page.gauge("sip_call_duration_seconds", "Mean of the answered calls since the start", ["provider"]);
  const seconds = page.counter("sip_call_seconds_total", "Talked on the provider's trunks", ["provider"]);
  for (const [provider, own] of Map.groupBy(trunks, (trunk) => trunk.provider)) {
    const sum = (of: (trunk: TrunkReport) => number): number => own.reduce((before, trunk) => before + of(trunk), 0);
    const both = (of: (totals: TrunkReport["totals"]["inbound"]) => number): number =>
      sum(({ totals }) => of(totals.inbound) + of(totals.outbound));
    const [calls, answered, talked] = [both((one) => one.calls), both((one) => one.answered), both((one) => one.seconds)];
    active.set(
      { provider },
      sum((trunk) => trunk.calls),
    );
    total.inc({ provider, status: "success" }, answered);
    total.inc({ provider, status: "failed" }, calls - answered);
    faults.inc(
      { provider },
      both((one) => one.failed ?? 0),
    );
    mean.set({ provider }, answered === 0 ? 0 : talked / answered);
    seconds.inc({ provider }, talked);
  }
  const registration = page.gauge("sip_trunk_registration_status", "1: registered at the provider; only trunks that register", [
    "provider",
    "trunk",
  ]);
  const cost = page.gauge("sip_trunk_cost_per_minute", "As the trunk's cost_per_minute says", ["provider", "trunk"]);
  for (const { provider, name, registration: standing, costPerMinute } of trunks) {
    if (standing) registration.set({ provider, trunk: name }, standing.standing === "registered" ? 1 : 0);
    if (costPerMinute !== undefined) cost.set({ provider, trunk: name }, costPerMinute);
  }
}

function writePlaces(page: Page, { gateways, groups }: MetricFacts): void {
  const isUsable = ({ state }: { readonly state: string }): boolean => state === "up" || state === "unknown";
  const up = page.gauge("sip_peer_up", "0: down, resting, draining or in maintenance", ["peer", "kind"]);
  for (const peer of gateways) up.set({ peer: peer.name, kind: peer.kind }, Number(isUsable(peer)));
  const usable = new Set(gateways.filter(isUsable).map(({ name }) => name));
  const members = page.gauge("sip_group_gateways", "Gateways of a group", ["group"]);
  const good = page.gauge("sip_group_gateways_usable", "Those of them that calls can go to", ["group"]);
  for (const { name: group, members: all } of groups) {
    members.set({ group }, all.length);
    good.set({ group }, all.filter(({ gateway }) => usable.has(gateway)).length);
  }
}

function writeNode(page: Page, { status, alerts, deliveries, listeners }: MetricFacts): void {
  const set = (name: string, help: string, value: number): void => page.gauge(name, help, []).set(value);
  set("tandem_calls", "Calls of the node", status.calls);
  set("tandem_calls_max", "Calls that the node takes", status.callsMax);
  set("tandem_media_up", "1: the media engine is connected", Number(status.media.up));
  set("tandem_start_time_seconds", "Unix time of the start", status.startedAtMs / 1000);
  set("tandem_config_generation", "Of the configuration in force", status.configGeneration);
  set("tandem_event_listeners", "Who listens to live events", listeners);
  const queue = page.gauge("tandem_webhook_deliveries", "That wait (pending), or were given up and are kept (dead)", ["state"]);
  for (const state of ["pending", "dead"])
    queue.set(
      { state },
      deliveries.filter((one) => one.state === state).reduce((before, { count }) => before + count, 0),
    );
  const open = page.gauge("tandem_alerts_open", "Alerts that are open", ["rule", "severity"]);
  for (const { rule, severity } of alerts) open.inc({ rule, severity });
  const ends = page.gauge("tandem_certificate_end_time_seconds", "Unix time at which a certificate of ours ends", ["of"]);
  for (const { of, notAfterMs } of status.certificates ?? []) ends.set({ of }, notAfterMs / 1000);
  const events = page.counter("tandem_events_total", "How often what happened", ["event"]);
  for (const [event, count] of Object.entries(status.counters)) if (Number.isFinite(count) && count >= 0) events.inc({ event }, count);
}

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
