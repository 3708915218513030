/**
 * Which alerts are open: a condition must be bad for a while before it is one, and good for a while before it is none,
 * so that what flutters is said once. Pure: conditions and time in, what was raised and cleared out.
 */
import type { AlertRule, AlertRuleName, Condition } from "./alert-rules.ts";

export interface Alert {
  readonly id: string;
  readonly rule: AlertRuleName;
  readonly tenant: string;
  readonly subject: string;
  readonly severity: "warning" | "critical";
  readonly detail: string;
  readonly raisedAtMs: number;
  readonly clearedAtMs: number | undefined;
}

export interface AlertChanges {
  readonly raised: readonly Alert[];
  readonly cleared: readonly Alert[];
}

/** More are not told apart any more: what is meant is that everything is broken. */
const OPEN_MAX = 1_000;

interface Watched {
  badSinceMs: number | undefined;
  goodSinceMs: number | undefined;
  alert: Alert | undefined;
}

const keyOf = ({ rule, tenant, subject }: Pick<Condition, "rule" | "tenant" | "subject">): string =>
  JSON.stringify([rule, tenant, subject]);

export class AlertBook {
  readonly #watched = new Map<string, Watched>();
  readonly #newId: (nowMs: number) => string;

  /** @param open those of the former process go on */
  constructor(open: readonly Alert[], newId: (nowMs: number) => string) {
    this.#newId = newId;
    for (const alert of open) this.#watched.set(keyOf(alert), { badSinceMs: alert.raisedAtMs, goodSinceMs: undefined, alert });
  }

  get open(): readonly Alert[] {
    return [...this.#watched.values()].flatMap(({ alert }) => alert ?? []);
  }

  /** @param conditions all that there are now: an open alert without one has nothing left to be about, and clears */
  note(conditions: readonly Condition[], rules: ReadonlyMap<AlertRuleName, AlertRule>, nowMs: number): AlertChanges {
    const raised: Alert[] = [];
    const cleared: Alert[] = [];
    const seen = new Set<string>();
    for (const condition of conditions) {
      const key = keyOf(condition);
      const rule = rules.get(condition.rule);
      if (rule === undefined) continue;
      seen.add(key);
      const watched = this.#watched.get(key) ?? { badSinceMs: undefined, goodSinceMs: undefined, alert: undefined };
      if (condition.bad) {
        watched.goodSinceMs = undefined;
        watched.badSinceMs ??= nowMs;
        this.#watched.set(key, watched);
        const late = nowMs - watched.badSinceMs >= rule.raiseAfterS * 1000;
        if (watched.alert === undefined && late && this.#watched.size <= OPEN_MAX)
          raised.push((watched.alert = this.#raise(condition, rule, nowMs)));
        continue;
      }
      if (watched.alert === undefined) {
        this.#watched.delete(key);
        continue;
      }
      watched.goodSinceMs ??= nowMs;
      if (nowMs - watched.goodSinceMs < rule.clearAfterS * 1000) continue;
      cleared.push({ ...watched.alert, detail: condition.detail, clearedAtMs: nowMs });
      this.#watched.delete(key);
    }
    for (const [key, { alert }] of this.#watched) {
      if (seen.has(key)) continue;
      this.#watched.delete(key);
      if (alert !== undefined) cleared.push({ ...alert, detail: "nothing to watch there any more", clearedAtMs: nowMs });
    }
    return { raised, cleared };
  }

  #raise({ rule, tenant, subject, detail }: Condition, { severity }: AlertRule, nowMs: number): Alert {
    return { id: this.#newId(nowMs), rule, tenant, subject, severity, detail, raisedAtMs: nowMs, clearedAtMs: undefined };
  }
}
