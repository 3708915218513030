/** Whom the targets of a route offer a call to, in which order (`groups.ts`), and why not the others (`why-not.ts`). */
import type { PlannedAttempt, Skipped } from "./decision.ts";
import { inTryOrder } from "./groups.ts";
import { asDialled, numberToward } from "./peer-numbers.ts";
import { BACKUP_ON } from "./peer-rules.ts";
import type { PlanInput } from "./plan-dial.ts";
import { requestUriOf } from "./request-uri.ts";
import { findPeer } from "./snapshot-index.ts";
import type { Peer } from "./snapshot.ts";
import { whyNot, whyNotGroup, whyNotThere } from "./why-not.ts";

/** Each peer once at most. */
export class Candidates {
  readonly attempts: PlannedAttempt[] = [];
  readonly skipped: Skipped[] = [];
  readonly #input: PlanInput;
  readonly #called: string;
  readonly #caller: string;
  readonly #seen = new Set<string>();
  readonly #reasons = new Map<string, string | undefined>();

  constructor(input: PlanInput, called: string, caller: string) {
    this.#input = input;
    this.#called = called;
    this.#caller = caller;
  }

  offer(name: string, of: Pick<PlannedAttempt, "group" | "together"> = {}): void {
    // Once a candidate, or once skipped, is enough.
    if (this.#seen.has(name)) return this.#unbind(name);
    this.#seen.add(name);
    const reason = this.#reasonAgainst(name);
    const peer = findPeer(this.#input.snapshot, name);
    if (reason !== undefined) this.skipped.push({ peer: name, reason });
    else if (peer !== undefined) this.attempts.push({ ...attemptTo(peer, this.#input, this.#called, this.#caller), ...of });
  }

  /** The trunk, and behind it its backups. */
  offerTrunk(name: string): void {
    this.offer(name);
    const trunk = findPeer(this.#input.snapshot, name);
    if (trunk?.backupTrunks === undefined || trunk.tenant !== this.#input.source.tenant) return;
    const { backupTrunks, backupOn: on = BACKUP_ON } = trunk;
    const reason = this.#reasonAgainst(name);
    const notForThis = reason?.startsWith("full") === true && !on.includes("capacity");
    for (const backup of backupTrunks) {
      if (this.#seen.has(backup)) continue;
      if (notForThis) {
        this.skipped.push({ peer: backup, reason: `backup of ${name}, but not for capacity` });
        continue;
      }
      const before = this.attempts.length;
      this.offer(backup);
      const offered = this.attempts[before];
      // A trunk that can't be tried at all leaves nothing to wait for.
      if (offered !== undefined) this.attempts[before] = { ...offered, backup: { of: name, ...(reason === undefined && { on }) } };
    }
  }

  offerGroup(name: string): void {
    const input = this.#input;
    const group = input.snapshot.groups.get(name);
    const against = whyNotGroup(group, input);
    if (group === undefined || against !== undefined) return void this.skipped.push({ peer: name, reason: against ?? "not configured" });
    const order = inTryOrder(group, {
      dice: input.dice,
      usable: (gateway) => !this.#seen.has(gateway) && this.#reasonAgainst(gateway) === undefined,
      caller: this.#caller,
      sipCallId: input.sipCallId ?? "",
      turn: input.turn ?? (() => 0),
      callsOf: (gateway) => input.healthOf(gateway)?.calls ?? 0,
    });
    for (const { gateway, priority } of order)
      this.offer(gateway, group.algorithm === "parallel" ? { group, together: `${name} ${priority}` } : { group });
  }

  /** A backup that the route also names for itself is no longer one: it is tried where the route says. */
  #unbind(name: string): void {
    const at = this.attempts.findIndex(({ peer, backup }) => backup?.on !== undefined && peer.name === name);
    if (at < 0) return;
    const { backup: _, ...alone } = this.attempts.splice(at, 1)[0]!;
    this.attempts.push(alone);
  }

  #reasonAgainst(name: string): string | undefined {
    if (this.#reasons.has(name)) return this.#reasons.get(name);
    const peer = findPeer(this.#input.snapshot, name);
    const reason =
      peer === undefined ? "not configured" : (whyNot(peer, this.#input, this.#caller) ?? whyNotThere(peer, this.#input, this.#called));
    this.#reasons.set(name, reason);
    return reason;
  }
}

function attemptTo(peer: Peer, input: PlanInput, called: string, caller: string): PlannedAttempt {
  const calledThere = numberToward(peer, called, input.calledUser, "called");
  const callerThere =
    peer.callerNumber === ""
      ? numberToward(peer, caller, input.callerUser, "caller")
      : numberToward(peer, peer.callerNumber, peer.callerNumber, "caller");
  return { peer: asDialled(peer), requestUri: requestUriOf(peer.uri ?? "", calledThere), called: calledThere, caller: callerThere };
}
