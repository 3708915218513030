/**
 * What tenants, trunks, gateways and sources have in use, and whether one more call fits: places at a time, new calls
 * a second, minutes a day, and locks after what looked like fraud. One lease per call, given back once.
 *
 * Deliberately not here: where calls may go (routing/limits.ts, in the dial plan), and a peer's own calls_max.
 */
import { CallRates } from "#routing/call-rates.ts";
import { FRAUD_LIMITS, type LimitPolicy, type LimitSubject, type Limits, limitsOf } from "#routing/limits.ts";
import { FraudWatch } from "./fraud-watch.ts";
import { TalkMeter } from "./talk-meter.ts";

export interface LimitRefusal {
  readonly outcome: "capacity" | "rate_limited" | "carrier_blocked";
  /** For the record: names and numbers. */
  readonly reason: string;
  /** For the wire: which limit, nothing else. */
  readonly said: string;
}
/** Of a trunk or gateway. */
export interface LimitedPeer {
  readonly name: string;
  readonly kind: "trunk" | "gateway";
}
export interface LimitedCall {
  readonly tenant: string;
  /** Undefined: Tandem places it. `calls`: at it already, both ways. */
  readonly peer: (LimitedPeer & { readonly calls: number }) | undefined;
  /** Address that it comes from; "" where there is none. */
  readonly source: string;
}
export interface EndedLease {
  readonly called: string;
  /** Trunks that it was sent to. */
  readonly trunks: readonly string[];
  readonly talkedMs: number;
}
export interface CallLease {
  /** @param agoMs of a call that outlived a restart */
  answered(callee: LimitedPeer, agoMs: number): void;
  /** Once; later ones do nothing. */
  end(how: EndedLease): void;
}
export interface Lock {
  readonly subject: "tenant" | "trunk";
  readonly name: string;
  readonly untilMs: number;
  readonly reason: string;
}
export interface LimitUse {
  readonly subject: LimitSubject;
  readonly name: string;
  readonly calls: number;
  readonly minutesToday: number;
  readonly limits: Limits;
  readonly lock: Lock | undefined;
}

export interface LimitBookParts {
  readonly clock: { nowMs(): number; wallMs(): number };
  readonly policy: () => LimitPolicy;
  readonly onLock: (lock: Lock, tenant: string) => void;
}

interface Account {
  calls: number;
  readonly meter: TalkMeter;
}
interface Subject {
  readonly kind: LimitSubject;
  readonly name: string;
}
/** Of one call, taken until it is given back: as long as somebody has it, no other account is made in its stead. */
interface Place extends Subject {
  readonly account: Account;
}
interface Talking {
  readonly account: Account;
  readonly startMs: number;
}
/** Of each kind. Accounts without calls are kept for their minutes of today. */
const ACCOUNTS_MAX = 50_000;
const MINUTE_MS = 60_000;

export class LimitBook {
  readonly #parts: LimitBookParts;
  readonly #accounts: Readonly<Record<LimitSubject, Map<string, Account>>> = {
    tenant: new Map(),
    trunk: new Map(),
    gateway: new Map(),
    source: new Map(),
  };
  readonly #locks = new Map<string, Lock>();
  readonly #rates = new CallRates();
  readonly #fraud = new FraudWatch();

  constructor(parts: LimitBookParts) {
    this.#parts = parts;
  }

  /** A place at each of the call's subjects, or at none of them. */
  admit(call: LimitedCall): CallLease | LimitRefusal {
    const subjects = subjectsOf(call);
    for (const subject of subjects) {
      const calls = subject.kind === call.peer?.kind ? call.peer.calls : (this.#accounts[subject.kind].get(subject.name)?.calls ?? 0);
      const refusal = this.#full(subject, calls);
      if (refusal !== undefined) return refusal;
    }
    for (const subject of subjects) {
      const refusal = this.#tooFast(subject, "in");
      if (refusal !== undefined) return refusal;
    }
    return this.#lease(call.tenant, subjects);
  }

  /** A call that is there already, whatever the limits say. */
  resume(call: LimitedCall): CallLease {
    return this.#lease(call.tenant, subjectsOf(call));
  }
  #lease(tenant: string, subjects: readonly Subject[]): CallLease {
    const places = subjects.map(({ kind, name }): Place => ({ kind, name, account: this.account(kind, name) }));
    for (const { account } of places) account.calls++;
    return new Lease(this, tenant, places);
  }

  /** Why no call may go to the peer now; it takes the peer's turn. */
  against(peer: LimitedPeer & { readonly calls: number }): LimitRefusal | undefined {
    const subject: Subject = { kind: peer.kind, name: peer.name };
    return this.#full(subject, peer.calls) ?? this.#tooFast(subject, "out");
  }

  /** Why nothing of the tenant goes out by this trunk now, in words that begin with "locked". */
  lockedOut(tenant: string, trunk: string): string | undefined {
    const lock = this.#lock({ kind: "trunk", name: trunk }) ?? this.#lock({ kind: "tenant", name: tenant });
    return lock === undefined ? undefined : `locked until ${new Date(lock.untilMs).toISOString().slice(0, 19)}Z: ${lock.reason}`;
  }
  /** Of a former process, or by hand. */
  lock(lock: Lock): void {
    this.#locks.set(keyOf({ kind: lock.subject, name: lock.name }), lock);
  }
  /** False: it was not locked. */
  unlock(subject: Lock["subject"], name: string): boolean {
    const key = keyOf({ kind: subject, name });
    this.#fraud.forget(key);
    const was = this.#lock({ kind: subject, name }) !== undefined;
    this.#locks.delete(key);
    return was;
  }
  locks(): readonly Lock[] {
    return [...this.#locks.values()].filter(({ untilMs }) => untilMs > this.#parts.clock.wallMs());
  }

  /** Talked today before the start of this process. */
  addTalked(subject: LimitSubject, name: string, ms: number): void {
    this.account(subject, name).meter.add(ms, this.#parts.clock.wallMs());
  }

  use(subject: LimitSubject, name: string): LimitUse {
    const account = this.#accounts[subject].get(name);
    const talkedMs = account?.meter.talkedMs(this.#parts.clock.wallMs()) ?? 0;
    return {
      subject,
      name,
      calls: account?.calls ?? 0,
      minutesToday: Math.round((talkedMs / MINUTE_MS) * 100) / 100,
      limits: limitsOf(this.#parts.policy(), subject, name),
      lock: subject === "tenant" || subject === "trunk" ? this.#lock({ kind: subject, name }) : undefined,
    };
  }
  /** Sources that have calls now. */
  sources(): readonly string[] {
    return [...this.#accounts.source].flatMap(([name, { calls }]) => (calls > 0 ? name : []));
  }
  /** Places taken, of all subjects: none when there are no calls. */
  get taken(): number {
    const accounts = Object.values(this.#accounts).flatMap((ofKind) => [...ofKind.values()]);
    return accounts.reduce((sum, { calls, meter }) => sum + calls + meter.running, 0);
  }

  #full({ kind, name }: Subject, calls: number): LimitRefusal | undefined {
    const { callsMax, minutesPerDay } = limitsOf(this.#parts.policy(), kind, name);
    if (callsMax !== undefined && calls >= callsMax)
      return {
        outcome: "capacity",
        reason: `limit calls_max: ${kind} ${name} has ${calls} of ${callsMax} calls`,
        said: `calls at a time of this ${kind}`,
      };
    if (minutesPerDay === undefined) return undefined;
    const minutes = this.account(kind, name).meter.talkedMs(this.#parts.clock.wallMs()) / MINUTE_MS;
    if (minutes < minutesPerDay) return undefined;
    const reason = `limit minutes_per_day: ${kind} ${name} has talked ${Math.floor(minutes)} of ${minutesPerDay} minutes today`;
    return { outcome: "carrier_blocked", reason, said: `minutes a day of this ${kind}` };
  }

  #tooFast({ kind, name }: Subject, way: "in" | "out"): LimitRefusal | undefined {
    const { callsPerSecond } = limitsOf(this.#parts.policy(), kind, name);
    if (callsPerSecond === undefined) return undefined;
    if (this.#rates.turn(`${kind} ${name}`, way, callsPerSecond, 0, this.#parts.clock.nowMs()) !== undefined) return undefined;
    const reason = `limit calls_per_second: ${kind} ${name} is over ${callsPerSecond} a second`;
    return { outcome: "rate_limited", reason, said: `new calls a second of this ${kind}` };
  }

  #lock(subject: Subject): Lock | undefined {
    const key = keyOf(subject);
    const lock = this.#locks.get(key);
    if (lock === undefined || lock.untilMs > this.#parts.clock.wallMs()) return lock;
    this.#locks.delete(key);
    return undefined;
  }

  /** For leases. */
  now(): number {
    return this.#parts.clock.wallMs();
  }
  giveBack(places: readonly Place[], talking: readonly Talking[]): void {
    const nowMs = this.#parts.clock.wallMs();
    for (const { account, startMs } of talking) account.meter.end(startMs, nowMs);
    for (const { kind, name, account } of places) {
      account.calls--;
      // A source may be anybody who was let in once; minutes are counted for the others alone.
      if (kind === "source" && account.calls === 0) this.#accounts.source.delete(name);
    }
  }
  watch(tenant: string, { called, trunks, talkedMs }: EndedLease): void {
    if (trunks.length === 0) return;
    const policy = this.#parts.policy();
    for (const name of trunks)
      this.#watch({ kind: "trunk", name }, limitsOf(policy, "trunk", name).fraud ?? false, tenant, called, talkedMs);
    this.#watch({ kind: "tenant", name: tenant }, limitsOf(policy, "tenant", tenant).fraud ?? FRAUD_LIMITS, tenant, called, talkedMs);
  }
  #watch(
    subject: Subject & { readonly kind: Lock["subject"] },
    policy: Limits["fraud"],
    tenant: string,
    called: string,
    talkedMs: number,
  ): void {
    if (policy === undefined || policy === false) return;
    const nowMs = this.#parts.clock.wallMs();
    const reason = this.#fraud.note(keyOf(subject), policy, called, talkedMs, nowMs);
    if (reason === undefined || this.#lock(subject) !== undefined) return;
    const lock: Lock = { subject: subject.kind, name: subject.name, untilMs: nowMs + policy.lockMs, reason };
    this.lock(lock);
    this.#parts.onLock(lock, tenant);
  }

  account(kind: LimitSubject, name: string): Account {
    const accounts = this.#accounts[kind];
    let account = accounts.get(name);
    if (account !== undefined) return account;
    if (accounts.size >= ACCOUNTS_MAX) dropIdle(accounts);
    accounts.set(name, (account = { calls: 0, meter: new TalkMeter() }));
    return account;
  }
}

function dropIdle(accounts: Map<string, Account>): void {
  for (const [name, { calls, meter }] of accounts) if (calls === 0 && meter.running === 0) return void accounts.delete(name);
}

class Lease implements CallLease {
  readonly #book: LimitBook;
  readonly #tenant: string;
  readonly #places: readonly Place[];
  /** Whose minutes run, each since when. */
  readonly #talking: Talking[] = [];
  #over = false;

  constructor(book: LimitBook, tenant: string, places: readonly Place[]) {
    this.#book = book;
    this.#tenant = tenant;
    this.#places = places;
  }

  answered({ kind, name }: LimitedPeer, agoMs: number): void {
    if (this.#over) return;
    const nowMs = this.#book.now();
    for (const place of this.#places) if (place.kind !== "source") this.#talks(place.account, nowMs, agoMs);
    this.#talks(this.#book.account(kind, name), nowMs, agoMs);
  }
  #talks(account: Account, nowMs: number, agoMs: number): void {
    for (const one of this.#talking) if (one.account === account) return;
    const startMs = nowMs - agoMs;
    this.#talking.push({ account, startMs });
    account.meter.begin(startMs, nowMs);
  }

  end(how: EndedLease): void {
    if (this.#over) return;
    this.#over = true;
    this.#book.giveBack(this.#places, this.#talking);
    this.#book.watch(this.#tenant, how);
  }
}

const keyOf = ({ kind, name }: Subject): string => `${kind} ${name}`;

function subjectsOf({ tenant, peer, source }: LimitedCall): readonly Subject[] {
  const subjects: Subject[] = [{ kind: "tenant", name: tenant }];
  if (peer !== undefined) subjects.push({ kind: peer.kind, name: peer.name });
  if (source !== "") subjects.push({ kind: "source", name: source });
  return subjects;
}
