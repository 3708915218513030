/**
 * Composition of limits: the book that counts, the configuration and what was set over the API, the file that keeps
 * it, and the minutes of this day from before the start. `main.ts` gives it to calls and to the control port.
 */
import { join } from "node:path";
import { LimitBook, type LimitUse } from "#admission/limit-book.ts";
import { type LimitFile, isLimits, policyWith, readLimitFile, writeLimitFile } from "#admission/limit-file.ts";
import { dayOf } from "#admission/talk-meter.ts";
import type { Clock } from "#base/clock.ts";
import type { LimitReport, LimitSubjectName } from "#call/control.ts";
import type { Outcome } from "#call/control-port.ts";
import type { Publish } from "#observe/event.ts";
import { type LimitPolicy, type Limits, NO_LIMITS } from "#routing/limits.ts";
import type { Snapshot } from "#routing/snapshot.ts";
import type { TenantId } from "#base/ids.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import type { StorePort } from "#store/store-client.ts";

const FILE = "limits.json";

export interface LimitDesk {
  readonly book: LimitBook;
  policy(): LimitPolicy;
  /** Why nothing goes out by a trunk; undefined for everybody else. */
  lockedOut(peer: string): string | undefined;
  report(): readonly LimitReport[];
  set(subject: LimitSubjectName, name: string, limits: unknown): Outcome<LimitReport>;
  unlock(subject: LimitSubjectName, name: string): Outcome<LimitReport>;
  /** What was talked today before this process began. Never rejects. */
  recall(store: Pick<StorePort, "totals">): Promise<void>;
}

interface LimitParts {
  readonly clock: Clock;
  readonly home: string;
  readonly publish: Publish;
  readonly snapshot: () => Snapshot;
  readonly callsOf: (peer: string) => number;
  readonly onProblem: (reason: string) => void;
}

export function createLimitDesk({ clock, home, publish, snapshot, callsOf, onProblem }: LimitParts): LimitDesk {
  const path = join(home, FILE);
  let file: LimitFile = readLimitFile(path);
  let effective: { readonly from: LimitPolicy; readonly set: LimitFile["set"]; readonly policy: LimitPolicy } | undefined;
  const policy = (): LimitPolicy => {
    const from = snapshot().limits ?? NO_LIMITS;
    if (effective?.from !== from || effective.set !== file.set) effective = { from, set: file.set, policy: policyWith(from, file.set) };
    return effective.policy;
  };
  const book = new LimitBook({
    clock,
    policy,
    onLock({ subject, name, untilMs, reason }, tenant) {
      publish({ type: "fraud", tenant: tenant as TenantId, subject, name, untilMs, detail: reason });
      keep(file.set);
    },
  });
  for (const lock of file.locks) book.lock(lock);

  function keep(set: LimitFile["set"]): void {
    file = { set, locks: book.locks() };
    try {
      writeLimitFile(path, file);
    } catch (error) {
      onProblem(`limits and locks are in force, but ${path} can't be written, so a restart forgets them: ${String(error)}`);
    }
  }

  const tenantsNamed = (): ReadonlySet<string> => {
    const { trunks, gateways } = snapshot();
    return new Set([...trunks.values(), ...gateways.values()].map(({ tenant }): string => tenant));
  };
  /** Whose it is; undefined: there is no such thing. "" of a source: the deployment's. */
  function ownerOf(subject: LimitSubjectName, name: string): string | undefined {
    const { trunks, gateways } = snapshot();
    if (subject === "tenant") return tenantsNamed().has(name) ? name : undefined;
    if (subject === "source") return "";
    return (subject === "trunk" ? trunks : gateways).get(name)?.tenant;
  }
  function reportOf(subject: LimitSubjectName, name: string, tenant: string): LimitReport {
    const use: LimitUse = book.use(subject, name);
    const calls = subject === "trunk" || subject === "gateway" ? callsOf(name) : use.calls;
    const own = file.set.find((one) => one.subject === subject && one.name === name);
    return { ...use, calls, tenant, isSet: own !== undefined, lock: use.lock && { untilMs: use.lock.untilMs, reason: use.lock.reason } };
  }
  const noSuch = (subject: string, name: string): Outcome<never> => ({
    ok: false,
    code: "NO_SUCH_PEER",
    message: `there is no ${subject} ${name}`,
  });

  return {
    book,
    policy,
    lockedOut(peer) {
      const trunk = snapshot().trunks.get(peer);
      return trunk === undefined ? undefined : book.lockedOut(trunk.tenant, peer);
    },
    report() {
      const { trunks, gateways } = snapshot();
      const sources = new Set([...book.sources(), ...policy().named.source.keys()]);
      return [
        ...Array.from(tenantsNamed(), (name) => reportOf("tenant", name, name)),
        ...Array.from(trunks.values(), ({ name, tenant }) => reportOf("trunk", name, tenant)),
        ...Array.from(gateways.values(), ({ name, tenant }) => reportOf("gateway", name, tenant)),
        ...Array.from(sources, (name) => reportOf("source", name, "")),
      ];
    },
    set(subject, name, limits) {
      const tenant = ownerOf(subject, name);
      if (tenant === undefined) return noSuch(subject, name);
      const others = file.set.filter((one) => one.subject !== subject || one.name !== name);
      if (limits === null) keep(others);
      else if (isLimits(limits)) keep([...others, { subject, name, limits: limits as Limits }]);
      else return { ok: false, code: "BAD_COMMAND", message: "not limits of this version" };
      return { ok: true, value: reportOf(subject, name, tenant) };
    },
    unlock(subject, name) {
      const tenant = ownerOf(subject, name);
      if (tenant === undefined || (subject !== "tenant" && subject !== "trunk")) return noSuch(subject, name);
      if (book.unlock(subject, name))
        publish({ type: "fraud", tenant: tenant as TenantId, subject, name, untilMs: 0, detail: "unlocked by an operator" });
      keep(file.set);
      return { ok: true, value: reportOf(subject, name, tenant) };
    },
    async recall(store) {
      const nowMs = clock.wallMs();
      const span = { fromMs: dayOf(nowMs), toMs: nowMs + 1 };
      try {
        for (const by of ["trunk", "gateway"] as const)
          for (const { peer, durationMs } of await store.totals({ ...span, by, tenant: EVERY_TENANT }))
            book.addTalked(by, peer, durationMs);
        for (const tenant of tenantsNamed())
          for (const { durationMs } of await store.totals({ ...span, by: "hour", tenant: tenant as TenantId }))
            book.addTalked("tenant", tenant, durationMs);
      } catch (error) {
        onProblem(`the minutes talked today before this start are not counted: ${String(error)}`);
      }
    },
  };
}
