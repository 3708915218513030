/**
 * Alerts of the API's thread: asks the switch each 10 s how things are, keeps what the rules need of the past, writes
 * down what they raise and clear, and tells live events and the channels. Calls the heartbeats each minute.
 */
import { randomBytes } from "node:crypto";
import { statfs } from "node:fs/promises";
import { type AlertMessage, UNREADABLE, sendAlert, settingsOf } from "#api/alert-channels.ts";
import type { AlertPorts, AlertRuleReport, AlertRuleWish, ChannelStanding } from "#api/alert-routes.ts";
import type { CallOut } from "#api/call-out.ts";
import { liveEventBody } from "#api/event-routes.ts";
import type { LiveHub } from "#api/live-hub.ts";
import { webhookSecret } from "#api/webhook-signature.ts";
import { systemClock as clock } from "#base/clock.ts";
import type { ControlCommand, GatewaysReport, LimitReport, StatusReport, TrunkReport } from "#call/control.ts";
import { type Alert, AlertBook } from "#observe/alert-book.ts";
import {
  ALERT_RULES,
  ALERT_RULE_NAMES,
  type AlertFacts,
  type AlertRule,
  type AlertRuleName,
  type RuleChange,
  conditionsOf,
  ruleWith,
} from "#observe/alert-rules.ts";
import type { LiveEvent } from "#observe/event.ts";
import type { AlertStore, StoredChannel } from "#store/alert-store.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { CALL_WEBHOOK, type WebhookStore } from "#store/webhook-store.ts";

export interface AlertsOptions {
  readonly store: AlertStore & { close(): Promise<void> };
  readonly webhooks: WebhookStore;
  readonly ask: <T>(command: ControlCommand) => Promise<T>;
  readonly live: LiveHub;
  readonly callOut: CallOut;
  readonly home: string;
  readonly key: Uint8Array;
  readonly allowPrivate: boolean;
  readonly onProblem: (text: string) => void;
  readonly lookMs?: number;
  readonly heartbeatMs?: number;
}

const LOOK_MS = 10_000;
const HEARTBEAT_MS = 60_000;
/** Of the past one look a minute is kept, for the longest window. */
const KEEP_EVERY_MS = 60_000;
const KEEP_MS = 6 * 3_600_000 + KEEP_EVERY_MS;
const HISTORY_MS = 90 * 86_400_000;
const OPEN_MAX = 1_000;
const SEND_RETRIES_MS = [5_000, 30_000, 120_000, 600_000];
const ID_BYTES = 6;

export async function openAlerts(options: AlertsOptions): Promise<{ readonly ports: AlertPorts; close(): Promise<void> }> {
  const { store, live, callOut, key, allowPrivate, onProblem } = options;
  const changes = new Map<AlertRuleName, RuleChange>();
  for (const [name, body] of await store.ruleChanges()) if (isRule(name)) changes.set(name, JSON.parse(body) as RuleChange);
  const rules = (): ReadonlyMap<AlertRuleName, AlertRule> =>
    new Map(ALERT_RULE_NAMES.map((name) => [name, ruleWith(name, changes.get(name) ?? {})]));
  const stored = await store.alerts({ tenant: EVERY_TENANT, open: true, before: undefined, limit: OPEN_MAX });
  const known = stored.flatMap(({ rule, ...rest }) => (isRule(rule) ? [{ ...rest, rule } as Alert] : []));
  const book = new AlertBook(known, (nowMs) => `${String(nowMs).padStart(13, "0")}-${randomBytes(ID_BYTES).toString("hex")}`);
  let channels = await store.channels();
  const standings = new Map<string, ChannelStanding>();
  const secretOf = (id: string): string => webhookSecret(key, `alerts ${id}`, 1);
  let closed = false;

  async function send(channel: StoredChannel, message: AlertMessage): Promise<string> {
    const parts = { callOut, nowMs: () => clock.wallMs(), secret: secretOf(channel.id) };
    const settings = settingsOf(channel.body);
    const problem = settings === undefined ? UNREADABLE : await sendAlert(settings, message, parts).catch(String);
    standings.set(channel.id, { atMs: clock.wallMs(), problem });
    return problem;
  }
  function sendWithRetries(channel: StoredChannel, message: AlertMessage, attempt = 0): void {
    void send(channel, message).then((problem) => {
      if (problem === "" || closed) return;
      const delayMs = SEND_RETRIES_MS[attempt];
      onProblem(`alert channel ${channel.name} (${channel.kind}): ${problem}${delayMs === undefined ? "; given up" : ""}`);
      if (delayMs !== undefined) clock.after(delayMs, () => sendWithRetries(channel, message, attempt + 1));
    });
  }
  function tell(alert: Alert): void {
    const event = eventOf(alert);
    live.tell([event]);
    const message = messageOf(alert, event);
    for (const channel of channels) if (channel.active && channel.kind !== "heartbeat") sendWithRetries(channel, message);
  }

  let past: AlertFacts[] = [];
  async function look(): Promise<void> {
    const facts = await factsNow(options);
    const { raised, cleared } = book.note(conditionsOf(facts, past, rules()), rules(), facts.atMs);
    if (facts.atMs - (past.at(-1)?.atMs ?? 0) >= KEEP_EVERY_MS) past = [...past.filter(({ atMs }) => atMs > facts.atMs - KEEP_MS), facts];
    // Written first: who is told may ask.
    await store.save([...raised, ...cleared]);
    for (const alert of [...raised, ...cleared]) tell(alert);
    if (cleared.length > 0) await store.purge(facts.atMs - HISTORY_MS);
  }
  let failing = false;
  const lookAgain = (): void =>
    void clock.after(options.lookMs ?? LOOK_MS, () => {
      if (closed) return;
      void look()
        .then(
          () => (failing = false),
          (error: unknown) => {
            if (!failing && !closed) onProblem(`alerts can't be looked after: ${String(error)}; trying again`);
            failing = true;
          },
        )
        .finally(lookAgain);
    });
  lookAgain();

  const HEARTBEAT: AlertMessage = { subject: "", text: "", event: "alert.test", body: "" };
  const beat = (): void => {
    if (closed) return;
    // A switch that doesn't answer is not alive, whatever this thread is.
    void options.ask({ type: "status" }).then(
      () => {
        for (const channel of channels) if (channel.active && channel.kind === "heartbeat") void send(channel, HEARTBEAT);
      },
      () => {},
    );
    clock.after(options.heartbeatMs ?? HEARTBEAT_MS, beat);
  };
  beat();

  const ports: AlertPorts = {
    store,
    allowPrivate,
    secretOf,
    random: (digits) => randomBytes(digits / 2).toString("hex"),
    rules: () => [...rules().values()].map(reportOf),
    async changeRule(name, wish) {
      if (!isRule(name)) return;
      const next = { ...changes.get(name), ...changeOf(wish) };
      await store.saveRule(name, JSON.stringify(next));
      changes.set(name, next);
    },
    async changed() {
      channels = await store.channels();
      // Whoever waits for it hears at once that it is there.
      for (const channel of channels)
        if (channel.active && channel.kind === "heartbeat" && !standings.has(channel.id)) void send(channel, HEARTBEAT);
    },
    standing: (id) => standings.get(id),
    test: (channel) => send(channel, TEST),
  };
  return {
    ports,
    async close() {
      closed = true;
      await store.close();
    },
  };
}

const isRule = (name: string): name is AlertRuleName => Object.hasOwn(ALERT_RULES, name);

async function factsNow({ ask, webhooks, home }: AlertsOptions): Promise<AlertFacts> {
  const [status, trunks, { groups, gateways }, limits, own, counts, disk] = await Promise.all([
    ask<StatusReport>({ type: "status" }),
    ask<readonly TrunkReport[]>({ type: "trunks" }),
    ask<GatewaysReport>({ type: "gateways" }),
    ask<readonly LimitReport[]>({ type: "limits" }),
    webhooks.webhooks(EVERY_TENANT),
    webhooks.counts(),
    statfs(home),
  ]);
  const usable = new Set(gateways.filter(({ state }) => state === "up" || state === "unknown").map(({ name }) => name));
  const dead = (id: string) => counts.find(({ webhookId, state }) => webhookId === id && state === "dead")?.count ?? 0;
  return {
    atMs: clock.wallMs(),
    startedAtMs: status.startedAtMs,
    trunks: trunks.map(({ name, tenant, totals: { inbound, outbound } }) => ({
      trunk: name,
      tenant,
      calls: inbound.calls + outbound.calls,
      failed: (inbound.failed ?? 0) + (outbound.failed ?? 0),
    })),
    registrations: trunks.flatMap(({ name, tenant, maintenance, registration }) =>
      registration === undefined || maintenance
        ? []
        : [
            {
              trunk: name,
              tenant,
              lost: registration.standing !== "registered" && registration.standing !== "unregistered",
              reason: registration.reason,
            },
          ],
    ),
    groups: groups.map(({ name, tenant, members }) => ({
      group: name,
      tenant,
      members: members.length,
      usable: members.filter(({ gateway }) => usable.has(gateway)).length,
    })),
    certificates: status.certificates ?? [],
    disks: [{ folder: home, usedPercent: 100 * (1 - disk.bavail / Math.max(1, disk.blocks)), freeBytes: disk.bavail * disk.bsize }],
    locks: limits.flatMap(({ subject, name, tenant, lock }) =>
      lock === undefined || lock === null ? [] : [{ subject: `${subject} ${name}`, tenant, ...lock }],
    ),
    webhooks: [
      ...own.map(({ id, tenant }) => ({ webhook: id, tenant, dead: dead(id) })),
      { webhook: CALL_WEBHOOK, tenant: EVERY_TENANT, dead: dead(CALL_WEBHOOK) },
    ],
  };
}

const reportOf = ({ name, enabled, severity, threshold, windowS, callsMin, raiseAfterS, clearAfterS }: AlertRule): AlertRuleReport => ({
  rule: name,
  title: ALERT_RULES[name].title,
  threshold_unit: ALERT_RULES[name].unit,
  enabled,
  severity,
  threshold,
  window_s: windowS,
  calls_min: callsMin,
  raise_after_s: raiseAfterS,
  clear_after_s: clearAfterS,
});

function changeOf({ enabled, severity, threshold, window_s, calls_min, raise_after_s, clear_after_s }: AlertRuleWish): RuleChange {
  return {
    ...(enabled !== undefined && { enabled }),
    ...(severity !== undefined && { severity }),
    ...(threshold !== undefined && { threshold }),
    ...(window_s !== undefined && { windowS: window_s }),
    ...(calls_min !== undefined && { callsMin: calls_min }),
    ...(raise_after_s !== undefined && { raiseAfterS: raise_after_s }),
    ...(clear_after_s !== undefined && { clearAfterS: clear_after_s }),
  };
}

function eventOf({ id, rule, tenant, subject, severity, detail, raisedAtMs, clearedAtMs }: Alert): LiveEvent {
  const type = clearedAtMs === undefined ? "alert.raised" : "alert.cleared";
  return {
    id: `${id}.${type}`,
    place: `${type}.${id}`,
    type,
    atMs: clearedAtMs ?? raisedAtMs,
    tenant,
    callId: undefined,
    webhookUrl: undefined,
    data: { alert: id, rule, subject, severity, detail, raised_at: new Date(raisedAtMs).toISOString() },
  };
}

function messageOf({ rule, subject, severity, detail, raisedAtMs, clearedAtMs, tenant }: Alert, event: LiveEvent): AlertMessage {
  const over = clearedAtMs !== undefined;
  return {
    event: over ? "alert.cleared" : "alert.raised",
    subject: `${over ? "Over" : severity === "critical" ? "CRITICAL" : "Warning"}: ${ALERT_RULES[rule].title} (${subject})`,
    text: [
      detail,
      `since ${new Date(raisedAtMs).toISOString()}${over ? `, over at ${new Date(clearedAtMs).toISOString()}` : ""}`,
      ...(tenant === EVERY_TENANT ? [] : [`tenant ${tenant}`]),
      `rule ${rule}`,
    ].join("\n"),
    body: JSON.stringify(liveEventBody(event)),
  };
}

const TEST: AlertMessage = {
  event: "alert.test",
  subject: "Tandem: a test of this channel",
  text: "If you read this, alerts reach you.",
  body: JSON.stringify({ type: "alert.test" }),
};
