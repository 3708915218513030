import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import type { GatewayReport, StatusReport, TrunkReport } from "#call/control.ts";
import { type MetricFacts, renderMetrics } from "./metrics.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);
const totals = { calls: 1_600, answered: 1_542, failed: 8, seconds: 278_331 };
const trunk: TrunkReport = {
  name: "skyetel_main",
  tenant: "default",
  listener: "public",
  uri: "sip:sip.skyetel.com",
  calls: 3,
  callsMax: 100,
  title: "Skyetel",
  provider: "skyetel",
  costPerMinute: 0.002,
  maintenance: false,
  totals: { inbound: totals, outbound: { calls: 0, answered: 0, seconds: 0 } },
  registration: {
    standing: "registered",
    sinceMs: 1,
    nextAtMs: undefined,
    reason: "",
    registrar: "sip.skyetel.com",
    addressOfRecord: "sip:u@sip.skyetel.com",
    failures: 0,
  },
};
const gateway = { name: "ai1", kind: "gateway", tenant: "default", state: "down" } as GatewayReport;
const status = {
  calls: 3,
  callsMax: 100,
  media: { engine: "embedded", up: true, detail: "" },
  startedAtMs: 1_000,
  configGeneration: 4,
  certificates: [{ of: "listener public", file: "x.pem", names: [], notBeforeMs: 0, notAfterMs: 5_000 }],
  counters: { "sip.in.INVITE": 7, odd: Number.NaN },
} as unknown as StatusReport;
const FACTS: MetricFacts = {
  status,
  trunks: [trunk],
  gateways: [gateway],
  groups: [
    {
      name: "ai",
      tenant: "default",
      algorithm: "weighted",
      calls: 0,
      callsMax: undefined,
      members: [{ gateway: "ai1", priority: 1, weight: 1 }],
    },
  ],
  alerts: [{ rule: "group_down", severity: "critical" }],
  deliveries: [{ state: "dead", count: 2 }],
  listeners: 1,
  wholeNode: true,
};

test("the guides' lines stand there as the guides have them", async () => {
  const text = await renderMetrics(FACTS);
  for (const line of [
    'sip_trunk_registration_status{provider="skyetel",trunk="skyetel_main"} 1',
    'sip_calls_total{provider="skyetel",status="success"} 1542',
    'sip_calls_total{provider="skyetel",status="failed"} 58',
    'sip_call_duration_seconds{provider="skyetel"} 180.5',
    'sip_trunk_cost_per_minute{provider="skyetel",trunk="skyetel_main"} 0.002',
    'sip_call_faults_total{provider="skyetel"} 8',
    'sip_group_gateways_usable{group="ai"} 0',
    'tandem_alerts_open{rule="group_down",severity="critical"} 1',
    'tandem_webhook_deliveries{state="dead"} 2',
    'tandem_certificate_end_time_seconds{of="listener public"} 5',
    'tandem_events_total{event="sip.in.INVITE"} 7',
  ])
    assert.ok(text.split("\n").includes(line), `${line}\nis not in\n${text}`);
});

test("whoever is of one tenant sees nothing of the node", async () => {
  const text = await renderMetrics({ ...FACTS, wholeNode: false });
  assert.doesNotMatch(text, /^tandem_(calls|events|webhook|certificate)/m);
});

/** Names in PromQL, which are ours. */
const namesIn = (text: string): ReadonlySet<string> => new Set(text.match(/\b(?:sip|tandem)_[a-z_]+\b/g));

test("every metric of the dashboard and of the rules is one that there is, and labels are those that it has", async () => {
  const text = await renderMetrics(FACTS);
  const labels = new Map<string, Set<string>>();
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    assert.ok(type === "gauge" || type === "counter");
    const line = new RegExp(`^${name}\\{([^}]*)\\}`, "m").exec(text)?.[1] ?? "";
    labels.set(name!, new Set(Array.from(line.matchAll(/(\w+)="/g), ([, label]) => label!)));
  }
  const dashboard = JSON.parse(readFileSync(new URL("grafana/tandem.json", DEPLOY), "utf8")) as {
    readonly panels: readonly {
      readonly title: string;
      readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
    }[];
  };
  const rules = parse(readFileSync(new URL("prometheus/rules.yaml", DEPLOY), "utf8")) as {
    readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
  };
  const expressions = [
    ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr, legendFormat }) => ({ title, expr, legend: legendFormat }))),
    ...rules.groups.flatMap((group) => group.rules.map(({ alert, expr }) => ({ title: alert, expr, legend: "" }))),
  ];
  assert.ok(expressions.length > 25);
  const used = new Set<string>();
  for (const { title, expr, legend } of expressions) {
    const names = namesIn(expr);
    assert.ok(names.size > 0 || title === "TandemGone", title);
    for (const name of names) {
      assert.ok(labels.has(name), `${title}: there is no metric ${name}`);
      used.add(name);
      for (const [, given = ""] of expr.matchAll(new RegExp(`${name}\\{([^}]*)\\}`, "g")))
        for (const [, label = ""] of given.matchAll(/(\w+)\s*(?:=~|=|!=|!~)/g))
          assert.ok(labels.get(name)!.has(label), `${title}: ${name} has no label ${label}`);
    }
    const known = new Set([...names].flatMap((name) => [...labels.get(name)!]));
    for (const [, label = ""] of legend.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(known.has(label), `${title}: no label ${label} to show`);
  }
  assert.deepEqual(
    [...labels.keys()].filter((name) => !used.has(name)),
    [],
    "shown nowhere",
  );
});
