/**
 * Takes ladders out of the ring into the store while they are still there: some time after a call ended, so that its
 * last messages are in. Each is a search through tens of megabytes, so what one cost says how long the next waits: a
 * hundredth of a processor at most for calls that went wrong, failed ones first, and a thousandth for the sample of the
 * others. Runs in the store thread.
 */
import type { Cdr } from "#cdr/record.ts";
import type { Stamped } from "#observe/event.ts";
import { type KeptAs, type KeptLadder, keptAs } from "./kept-ladders.ts";

/** The ring is written every second, and a BYE's answer may come late. */
const SETTLED_MS = 3_000;
const EVERY_MS = 2_000;
/** One run ends when it took so long; the next comes after a hundred times as long as it took. */
const RUN_MS_MAX = 20;
const REST_FACTOR = 100;
const SAMPLE_REST_FACTOR = 1_000;
/** What comes later is no part of a ladder: every segment more costs. */
const LATE_MS = 10_000;
/** In a flood of failing calls the first ones tell what the others would. */
const PENDING_MAX = 500;
/** The youngest: under load the ring has forgotten an older one before its turn comes. */
const SAMPLE_MAX = 8;
/** Old ones are looked for after so many new ones. */
const DROP_EVERY = 500;

export interface LadderKeeperParts {
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Of a call, up to that time: epoch ms. */
  readonly read: (callId: string, untilMs: number) => readonly Stamped[];
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
  readonly #lines: Readonly<Record<KeptAs, Due[]>> = { failed: [], silent: [], sample: [] };
  #nextMs = 0;
  #nextSampleMs = 0;
  #kept = 0;

  constructor(parts: LadderKeeperParts) {
    this.#parts = parts;
  }

  note(cdrs: readonly Cdr[]): void {
    for (const cdr of cdrs) {
      const as = keptAs(cdr);
      if (as === undefined) continue;
      const line = this.#lines[as];
      if (as === "sample" && line.length === SAMPLE_MAX) line.shift();
      if (line.length < PENDING_MAX) line.push({ tenant: cdr.tenant, callId: cdr.callId, endedAtMs: cdr.endedAtMs });
    }
  }

  get pending(): number {
    const { failed, silent, sample } = this.#lines;
    return failed.length + silent.length + sample.length;
  }

  /** @param wallMs epoch ms; @param last also what may not be whole yet, as there will be no other time */
  async run(wallMs: number, last = false): Promise<void> {
    if (wallMs < this.#nextMs || this.pending === 0) return;
    const { failed, silent, sample } = this.#lines;
    const startMs = this.#parts.nowMs();
    await this.#keepDue([failed, silent], wallMs, last);
    const tookMs = this.#parts.nowMs() - startMs;
    if (tookMs <= RUN_MS_MAX && wallMs >= this.#nextSampleMs) {
      await this.#keepDue([sample], wallMs, last);
      this.#nextSampleMs = wallMs + SAMPLE_REST_FACTOR * (this.#parts.nowMs() - startMs - tookMs);
    }
    this.#nextMs = wallMs + Math.max(EVERY_MS, REST_FACTOR * (this.#parts.nowMs() - startMs));
  }

  /** Those whose last messages are in. */
  async #keepDue(lines: readonly Due[][], wallMs: number, last: boolean): Promise<void> {
    const startMs = this.#parts.nowMs();
    for (const line of lines) {
      for (const one of line.filter(({ endedAtMs }) => last || endedAtMs + SETTLED_MS <= wallMs)) {
        line.splice(line.indexOf(one), 1);
        await this.#keep(one);
        if (this.#parts.nowMs() - startMs > RUN_MS_MAX) return;
      }
    }
  }

  async #keep({ tenant, callId, endedAtMs }: Due): Promise<void> {
    const events = this.#parts.read(callId, endedAtMs + LATE_MS);
    if (events.length === 0) return;
    await this.#parts.keep({ tenant, callId, createdAtMs: endedAtMs, events });
    if (++this.#kept % DROP_EVERY === 0) await this.#parts.dropOld();
  }
}
