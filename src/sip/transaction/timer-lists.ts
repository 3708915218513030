/**
 * Many timers of few durations: those of one duration end in the order in which they began, so they stand in a
 * list and one timer of the Clock waits for the first. A call starts a dozen of them and cancels most.
 *
 * Deviation: what lasts T4 and longer (timers B, D, F and H to M of RFC 3261 §17) may end GRAIN_MS late, so that
 * hundreds that end within a second wake nobody hundreds of times.
 */
import type { Clock, Timer } from "#base/clock.ts";
import { T4_MS } from "./transactions.ts";

export const GRAIN_MS = 50;

/** Whose timers they are. */
export interface Timed<Event extends string> {
  onTimer(event: Event): void;
}

export class TimerLists {
  readonly #clock: Clock;
  readonly #lists = new Map<number, TimerList>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param delayMs one of few values: a list of each is kept for ever */
  after<Event extends string>(delayMs: number, owner: Timed<Event>, event: Event): Timer {
    let list = this.#lists.get(delayMs);
    if (list === undefined) this.#lists.set(delayMs, (list = new TimerList(this.#clock, delayMs)));
    return list.add(owner as Timed<string>, event);
  }
}

class ListedTimer implements Timer {
  readonly list: TimerList;
  readonly owner: Timed<string>;
  readonly event: string;
  readonly dueMs: number;
  previous: ListedTimer | undefined;
  next: ListedTimer | undefined = undefined;
  listed = true;

  constructor(list: TimerList, owner: Timed<string>, event: string, dueMs: number, previous: ListedTimer | undefined) {
    this.list = list;
    this.owner = owner;
    this.event = event;
    this.dueMs = dueMs;
    this.previous = previous;
  }
  cancel(): void {
    if (this.listed) this.list.remove(this);
  }
}

class TimerList {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #grainMs: number;
  #first: ListedTimer | undefined;
  #last: ListedTimer | undefined;
  /** Of the first, or of one before it that was cancelled; undefined while the list is empty. */
  #timer: Timer | undefined;
  #ending = false;
  readonly #onTimer = (): void => this.#end();

  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#grainMs = delayMs < T4_MS ? 0 : GRAIN_MS;
  }

  add(owner: Timed<string>, event: string): ListedTimer {
    const timer = new ListedTimer(this, owner, event, this.#clock.nowMs() + this.#delayMs, this.#last);
    if (this.#last === undefined) this.#first = timer;
    else this.#last.next = timer;
    this.#last = timer;
    if (!this.#ending) this.#timer ??= this.#clock.after(this.#delayMs, this.#onTimer);
    return timer;
  }

  remove(timer: ListedTimer): void {
    const { previous, next } = timer;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    timer.previous = undefined;
    timer.next = undefined;
    timer.listed = false;
    if (this.#first !== undefined || this.#ending) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #end(): void {
    const nowMs = this.#clock.nowMs();
    this.#ending = true;
    try {
      for (let first = this.#first; first !== undefined && first.dueMs <= nowMs; first = this.#first) {
        this.remove(first);
        first.owner.onTimer(first.event);
      }
    } finally {
      // An owner that threw must not stop the others' timers.
      this.#ending = false;
      const first = this.#first;
      this.#timer = first === undefined ? undefined : this.#clock.after(Math.max(first.dueMs - nowMs, this.#grainMs), this.#onTimer);
    }
  }
}
