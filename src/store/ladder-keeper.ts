/**
 * Takes ladders out of the ring into the store while they are still there: some time after a call ended, so that its
 * last messages are in, and few at a time, because each is a search through the ring. Runs in the store thread.
 */
import type { Cdr } from "#cdr/record.ts";
import type { Stamped } from "#observe/event.ts";
import { type KeptLadder, isKept } from "./kept-ladders.ts";

/** The ring is written every second, and a BYE's answer may come late. */
const SETTLED_MS = 3_000;
const EVERY_MS = 2_000;
const AT_ONCE_MAX = 8;
/** In a flood of failing calls the first ones tell what the others would. */
const PENDING_MAX = 500;
/** Old ones are looked for after so many new ones. */
const DROP_EVERY = 500;

export interface LadderKeeperParts {
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
  readonly #pending: Due[] = [];
  #nextMs = 0;
  #kept = 0;

  constructor(parts: LadderKeeperParts) {
    this.#parts = parts;
  }

  note(cdrs: readonly Cdr[]): void {
    for (const cdr of cdrs) {
      if (this.#pending.length >= PENDING_MAX) return;
      if (isKept(cdr)) this.#pending.push({ tenant: cdr.tenant, callId: cdr.callId, endedAtMs: cdr.endedAtMs });
    }
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** @param wallMs epoch ms; @param last all that wait, as there will be no other time */
  async run(wallMs: number, last = false): Promise<void> {
    if (!last && (wallMs < this.#nextMs || this.#pending.length === 0)) return;
    this.#nextMs = wallMs + EVERY_MS;
    const due = this.#pending.filter(({ endedAtMs }) => last || endedAtMs + SETTLED_MS <= wallMs).slice(0, AT_ONCE_MAX);
    for (const one of due) {
      this.#pending.splice(this.#pending.indexOf(one), 1);
      const events = this.#parts.read(one.callId);
      if (events.length === 0) continue;
      await this.#parts.keep({ tenant: one.tenant, callId: one.callId, createdAtMs: one.endedAtMs, events });
      if (++this.#kept % DROP_EVERY === 0) await this.#parts.dropOld();
    }
  }
}
