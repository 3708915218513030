/**
 * What each session of one relay was told: its sides on lent ports, and the last commit, merged. A relay that comes
 * back may lack the newest of it, because it left before its journal had it, or before it read it. Pure.
 */
import type { Commit, LocalMedia, PrepareSide, SessionId, SideName } from "#media/engine.ts";
import type { AssignSide, Command } from "./protocol.ts";

/** What was said so shortly before a relay went may not have reached it, or its journal. */
const UNSURE_MS = 1_000;

interface Told {
  commit: Commit | undefined;
  /** Those that this process has assigned or asked for, whether it knows their ports or not. */
  readonly sides: Map<SideName, AssignSide | undefined>;
  changedAtMs: number;
}

export class ToldSessions {
  readonly #sessions = new Map<SessionId, Told>();

  hasSide(session: SessionId, side: SideName): boolean {
    return this.#sessions.get(session)?.sides.has(side) === true;
  }

  #of(session: SessionId): Told {
    let told = this.#sessions.get(session);
    if (told === undefined) this.#sessions.set(session, (told = { commit: undefined, sides: new Map(), changedAtMs: 0 }));
    return told;
  }

  /** The relay chooses the ports. */
  asked(session: SessionId, sides: readonly PrepareSide[]): void {
    const told = this.#of(session);
    for (const { side } of sides) if (!told.sides.has(side)) told.sides.set(side, undefined);
  }

  /** There are no such ports; the session may find some at another relay. */
  refused(session: SessionId, sides: readonly PrepareSide[]): void {
    const told = this.#sessions.get(session);
    if (told === undefined) return;
    for (const { side } of sides) if (told.sides.get(side) === undefined) told.sides.delete(side);
    if (told.sides.size === 0 && told.commit === undefined) this.#sessions.delete(session);
  }

  /** @returns what the relay is to be told */
  assigned(session: SessionId, sides: readonly PrepareSide[], ports: readonly LocalMedia[], nowMs: number): Command {
    const told = this.#of(session);
    told.changedAtMs = nowMs;
    const assigned = sides.map((side, i): AssignSide => ({ ...side, port: ports[i]!.port }));
    for (const side of assigned) told.sides.set(side.side, side);
    return { op: "assign", session, sides: assigned };
  }

  commit(commit: Commit, nowMs: number): void {
    const told = this.#of(commit.session);
    told.changedAtMs = nowMs;
    // A pair is said as a whole.
    const { first: _, ...rest } = told.commit ?? { first: undefined };
    const before = told.commit === undefined || commit.pair === undefined ? told.commit : (rest as Commit);
    told.commit = before === undefined ? commit : { ...before, ...commit, remotes: { ...before.remotes, ...commit.remotes } };
  }

  abort(session: SessionId, side: SideName): void {
    const told = this.#sessions.get(session);
    if (told === undefined) return;
    told.sides.delete(side);
    if (told.commit === undefined) return;
    const { [side]: _, ...remotes } = told.commit.remotes;
    told.commit = { ...told.commit, remotes };
  }

  forget(session: SessionId): void {
    this.#sessions.delete(session);
  }

  /** Those that a relay has, or gets `again`. */
  *assignedSessions(): Iterable<SessionId> {
    for (const [session, { sides }] of this.#sessions) for (const side of sides.values()) if (side !== undefined) yield session;
  }

  /**
   * To a relay that is back, in this order.
   * @param holds the sessions that it says it has
   * @param restarted it is another process: commits may be missing as well
   */
  *again(holds: ReadonlySet<SessionId>, restarted: boolean, lostAtMs: number): Iterable<Command> {
    for (const [session, told] of this.#sessions) {
      const unsure = !holds.has(session) || told.changedAtMs > lostAtMs - UNSURE_MS;
      const sides = [...told.sides.values()].filter((side) => side !== undefined);
      if (unsure && sides.length > 0) yield { op: "assign", session, sides };
      if ((unsure || restarted) && told.commit !== undefined) yield { op: "commit", commit: told.commit };
    }
  }
}
