/**
 * What is worth an alarm: rules as data with what they assume, and the conditions that facts make of them. Pure; when a
 * condition becomes an alert is alert-book.ts, who is told is the API's.
 */

export const ALERT_RULES = {
  success_rate: {
    title: "Success rate of a trunk is low",
    unit: "per cent of its calls that did not fail; busy, unanswered and cancelled calls are no failures",
    severity: "warning",
    threshold: 95,
    windowS: 900,
    callsMin: 20,
    raiseAfterS: 60,
    clearAfterS: 300,
  },
  failed_calls: {
    title: "Many calls of a tenant's trunks fail",
    unit: "failed calls within the window",
    severity: "warning",
    threshold: 100,
    windowS: 3_600,
    callsMin: 0,
    raiseAfterS: 0,
    clearAfterS: 300,
  },
  registration_lost: {
    title: "A trunk is not registered",
    unit: "",
    severity: "critical",
    threshold: 0,
    windowS: 0,
    callsMin: 0,
    raiseAfterS: 60,
    clearAfterS: 30,
  },
  group_down: {
    title: "A group has no usable gateway",
    unit: "",
    severity: "critical",
    threshold: 0,
    windowS: 0,
    callsMin: 0,
    raiseAfterS: 10,
    clearAfterS: 30,
  },
  certificate_expiring: {
    title: "A certificate of ours ends soon",
    unit: "days before its end",
    severity: "warning",
    threshold: 14,
    windowS: 0,
    callsMin: 0,
    raiseAfterS: 0,
    clearAfterS: 0,
  },
  disk_full: {
    title: "The disk of the state folder is nearly full",
    unit: "per cent in use",
    severity: "critical",
    threshold: 90,
    windowS: 0,
    callsMin: 0,
    raiseAfterS: 60,
    clearAfterS: 300,
  },
  webhook_dead: {
    title: "Deliveries of a webhook are given up",
    unit: "given up within the window",
    severity: "warning",
    threshold: 0,
    windowS: 3_600,
    callsMin: 0,
    raiseAfterS: 0,
    clearAfterS: 0,
  },
  fraud: {
    title: "Calls out are locked after what looked like fraud",
    unit: "",
    severity: "critical",
    threshold: 0,
    windowS: 0,
    callsMin: 0,
    raiseAfterS: 0,
    clearAfterS: 0,
  },
} as const satisfies Readonly<Record<string, AlertRuleText & AlertSettings>>;

export type AlertRuleName = keyof typeof ALERT_RULES;
export const ALERT_RULE_NAMES = Object.keys(ALERT_RULES) as readonly AlertRuleName[];

interface AlertRuleText {
  readonly title: string;
  /** Of the threshold; "": it has none. */
  readonly unit: string;
}

/** What whoever runs the deployment may change of a rule. */
export interface AlertSettings {
  readonly severity: "warning" | "critical";
  readonly threshold: number;
  readonly windowS: number;
  /** Below so many calls within the window nothing is said. */
  readonly callsMin: number;
  /** How long it must be bad before it is an alert, and good before it is none. */
  readonly raiseAfterS: number;
  readonly clearAfterS: number;
}
export interface AlertRule extends AlertSettings {
  readonly name: AlertRuleName;
  readonly enabled: boolean;
}
export type RuleChange = Partial<AlertSettings> & { readonly enabled?: boolean | undefined };

export function ruleWith(name: AlertRuleName, { enabled = true, ...change }: RuleChange): AlertRule {
  const { severity, threshold, windowS, callsMin, raiseAfterS, clearAfterS } = ALERT_RULES[name];
  return { name, enabled, severity, threshold, windowS, callsMin, raiseAfterS, clearAfterS, ...change };
}

/** Calls of a trunk since the start of the switch. */
export interface TrunkCount {
  readonly trunk: string;
  readonly tenant: string;
  readonly calls: number;
  readonly failed: number;
}

/** All that the rules look at, at one moment. */
export interface AlertFacts {
  readonly atMs: number;
  /** Of the switch: counts begin again with it. */
  readonly startedAtMs: number;
  readonly trunks: readonly TrunkCount[];
  readonly registrations: readonly { readonly trunk: string; readonly tenant: string; readonly lost: boolean; readonly reason: string }[];
  readonly groups: readonly { readonly group: string; readonly tenant: string; readonly members: number; readonly usable: number }[];
  readonly certificates: readonly { readonly of: string; readonly notAfterMs: number }[];
  readonly disks: readonly { readonly folder: string; readonly usedPercent: number; readonly freeBytes: number }[];
  /** Of tenants and trunks whose calls out are locked. */
  readonly locks?: readonly { readonly subject: string; readonly tenant: string; readonly untilMs: number; readonly reason: string }[];
  /** How many deliveries were given up and are still kept. */
  readonly webhooks: readonly { readonly webhook: string; readonly tenant: string; readonly dead: number }[];
}

/** One thing that one rule looked at. */
export interface Condition {
  readonly rule: AlertRuleName;
  readonly tenant: string;
  /** Trunk, group, file …; with rule and tenant it names the alert. */
  readonly subject: string;
  readonly bad: boolean;
  readonly detail: string;
}

const DAY_MS = 86_400_000;
const GIB = 2 ** 30;
const one = (value: number): string => String(Math.round(value * 10) / 10);

/** @param past oldest first, back to the longest window */
export function conditionsOf(facts: AlertFacts, past: readonly AlertFacts[], rules: ReadonlyMap<AlertRuleName, AlertRule>): Condition[] {
  const made: Condition[] = [];
  const rule = (name: AlertRuleName): AlertRule | undefined => {
    const found = rules.get(name);
    return found?.enabled === true ? found : undefined;
  };
  const before = (windowS: number): AlertFacts | undefined =>
    past.find(({ atMs, startedAtMs }) => startedAtMs === facts.startedAtMs && atMs >= facts.atMs - windowS * 1000);

  const rate = rule("success_rate");
  if (rate !== undefined)
    for (const { trunk, tenant, calls, failed } of since(facts, before(rate.windowS))) {
      const percent = calls === 0 ? 100 : (100 * (calls - failed)) / calls;
      const bad = calls >= Math.max(1, rate.callsMin) && percent < rate.threshold;
      made.push({
        rule: rate.name,
        tenant,
        subject: trunk,
        bad,
        detail: `${one(percent)} % of ${calls} calls succeeded, ${failed} failed`,
      });
    }
  const many = rule("failed_calls");
  if (many !== undefined) {
    const counts = since(facts, before(many.windowS));
    for (const [tenant, own] of Map.groupBy(counts, (count) => count.tenant)) {
      const failed = own.reduce((sum, count) => sum + count.failed, 0);
      const worst = own.toSorted((a, b) => b.failed - a.failed)[0];
      const detail = `${failed} calls failed within ${one(many.windowS / 60)} minutes, most at ${worst?.trunk ?? "none"}`;
      made.push({ rule: many.name, tenant, subject: tenant, bad: failed > many.threshold, detail });
    }
  }
  const lost = rule("registration_lost");
  if (lost !== undefined)
    for (const { trunk, tenant, lost: bad, reason } of facts.registrations)
      made.push({ rule: lost.name, tenant, subject: trunk, bad, detail: bad ? reason || "not registered" : "registered" });
  const down = rule("group_down");
  if (down !== undefined)
    for (const { group, tenant, members, usable } of facts.groups)
      made.push({
        rule: down.name,
        tenant,
        subject: group,
        bad: members > 0 && usable === 0,
        detail: `${usable} of ${members} gateways are usable`,
      });
  const ending = rule("certificate_expiring");
  if (ending !== undefined)
    for (const { of, notAfterMs } of facts.certificates) {
      const days = (notAfterMs - facts.atMs) / DAY_MS;
      const detail = `${days < 0 ? "ended" : "ends"} ${new Date(notAfterMs).toISOString().slice(0, 16)} UTC`;
      made.push({ rule: ending.name, tenant: "*", subject: of, bad: days < ending.threshold, detail });
    }
  const full = rule("disk_full");
  if (full !== undefined)
    for (const { folder, usedPercent, freeBytes } of facts.disks)
      made.push({
        rule: full.name,
        tenant: "*",
        subject: folder,
        bad: usedPercent >= full.threshold,
        detail: `${one(usedPercent)} % in use, ${one(freeBytes / GIB)} GiB free`,
      });
  const dead = rule("webhook_dead");
  if (dead !== undefined)
    for (const { webhook, tenant, dead: now } of facts.webhooks) {
      const then = before(dead.windowS)?.webhooks.find((other) => other.webhook === webhook);
      const more = then === undefined ? 0 : now - then.dead;
      made.push({
        rule: dead.name,
        tenant,
        subject: webhook,
        bad: more > dead.threshold,
        detail: `${Math.max(0, more)} deliveries were given up`,
      });
    }
  const fraud = rule("fraud");
  if (fraud !== undefined)
    for (const { subject, tenant, untilMs, reason } of facts.locks ?? [])
      made.push({
        rule: fraud.name,
        tenant,
        subject,
        bad: true,
        detail: `${reason}; locked until ${new Date(untilMs).toISOString().slice(0, 16)} UTC`,
      });
  return made;
}

/** What was counted since then; without a then, since now. */
function since(facts: AlertFacts, then: AlertFacts | undefined): readonly TrunkCount[] {
  const former = new Map((then ?? facts).trunks.map((count) => [count.trunk, count]));
  return facts.trunks.map(({ trunk, tenant, calls, failed }) => {
    const { calls: callsThen = 0, failed: failedThen = 0 } = former.get(trunk) ?? {};
    return { trunk, tenant, calls: Math.max(0, calls - callsThen), failed: Math.max(0, failed - failedThen) };
  });
}
