/**
 * Takes ladders out of the ring into the store while they are still there: some time after a call ended, so that its
 * last messages are in. Each is a search through up to hundreds of megabytes, so what one cost says how long the next
 * waits: a hundredth of a processor at most, failed calls first. Runs in the store thread.
 */
import type { Cdr } from "#cdr/record.ts";
import type { Stamped } from "#observe/event.ts";
import { type KeptLadder, isKept } from "./kept-ladders.ts";

/** The ring is written every second, and a BYE's answer may come late. */
const SETTLED_MS = 3_000;
const EVERY_MS = 2_000;
/** One run ends when it took so long; the next comes after a hundred times as long as it took. */
const RUN_MS_MAX = 20;
const REST_FACTOR = 100;
/** In a flood of failing calls the first ones tell what the others would. */
const PENDING_MAX = 500;
/** Old ones are looked for after so many new ones. */
const DROP_EVERY = 500;

export interface LadderKeeperParts {
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly read: (callId: string) => readonly Stamped[];
  readonly keep: (ladder: KeptLadder) => Promise<void>;
  readonly dropOld: () => Promise<unknown>;
}

interface Due {
  readonly tenant: string;
  readonly callId: string;
  readonly endedAtMs: number;
}

export class LadderKeeper {
  readonly #parts: LadderKeeperParts;
  readonly #failed: Due[] = [];
  readonly #others: Due[] = [];
  #nextMs = 0;
  #kept = 0;

  constructor(parts: LadderKeeperParts) {
    this.#parts = parts;
  }

  note(cdrs: readonly Cdr[]): void {
    for (const cdr of cdrs) {
      const pending = cdr.outcome === "answered" ? this.#others : this.#failed;
      if (pending.length < PENDING_MAX && isKept(cdr)) pending.push({ tenant: cdr.tenant, callId: cdr.callId, endedAtMs: cdr.endedAtMs });
    }
  }

  get pending(): number {
    return this.#failed.length + this.#others.length;
  }

  /** @param wallMs epoch ms; @param last also what may not be whole yet, as there will be no other time */
  async run(wallMs: number, last = false): Promise<void> {
    if (wallMs < this.#nextMs || this.pending === 0) return;
    const startMs = this.#parts.nowMs();
    const due = [...this.#failed, ...this.#others].filter(({ endedAtMs }) => last || endedAtMs + SETTLED_MS <= wallMs);
    for (const one of due) {
      this.#forget(one);
      const events = this.#parts.read(one.callId);
      if (events.length > 0) {
        await this.#parts.keep({ tenant: one.tenant, callId: one.callId, createdAtMs: one.endedAtMs, events });
        if (++this.#kept % DROP_EVERY === 0) await this.#parts.dropOld();
      }
      if (this.#parts.nowMs() - startMs > RUN_MS_MAX) break;
    }
    this.#nextMs = wallMs + Math.max(EVERY_MS, REST_FACTOR * (this.#parts.nowMs() - startMs));
  }

  #forget(one: Due): void {
    for (const pending of [this.#failed, this.#others]) if (pending.includes(one)) pending.splice(pending.indexOf(one), 1);
  }
}
