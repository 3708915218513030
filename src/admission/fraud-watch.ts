/**
 * Notices what a hijacked account does first: many short calls, one after the other, to neighbouring numbers. Pure
 * but for its own bounded table; time is an argument.
 */
import type { FraudPolicy } from "#routing/limits.ts";

/** Numbers that differ in their last three digits alone are neighbours. */
const BLOCK = 1_000;
const SUBJECTS_MAX = 20_000;
const REMEMBERED_MAX = 1_000;

interface ShortCall {
  readonly number: number;
  readonly atMs: number;
}

export class FraudWatch {
  readonly #recent = new Map<string, ShortCall[]>();

  /** A call is over. @returns what was seen where it is time to lock; the count begins anew then */
  note(subject: string, policy: FraudPolicy, called: string, talkedMs: number, nowMs: number): string | undefined {
    const number = /^\+[1-9][0-9]{5,14}$/.test(called) ? Number(called.slice(1)) : undefined;
    if (number === undefined || talkedMs >= policy.shortMs) return undefined;
    const recent = (this.#recent.get(subject) ?? []).filter(({ atMs }) => atMs > nowMs - policy.windowMs).slice(-REMEMBERED_MAX);
    recent.push({ number, atMs: nowMs });
    this.#recent.delete(subject);
    this.#recent.set(subject, recent);
    if (this.#recent.size > SUBJECTS_MAX) this.#recent.delete(this.#recent.keys().next().value!);
    // Half a block aside as well: neighbours may lie on both sides of a thousand.
    for (const shift of [0, BLOCK / 2]) {
      const block = Math.floor((number + shift) / BLOCK);
      const neighbours = new Set(recent.flatMap((one) => (Math.floor((one.number + shift) / BLOCK) === block ? one.number : [])));
      if (neighbours.size < policy.calls) continue;
      this.#recent.delete(subject);
      return `${neighbours.size} short calls to neighbouring numbers within ${Math.round(policy.windowMs / 1000)} s, the last to ${called}`;
    }
    return undefined;
  }

  forget(subject: string): void {
    this.#recent.delete(subject);
  }
  get size(): number {
    return this.#recent.size;
  }
}
