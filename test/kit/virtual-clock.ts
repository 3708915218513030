/**
 * A Clock that only moves when a test says so: 32 seconds of timers pass in microseconds, and always alike.
 *
 * Callbacks run in the order of their due times; those due at the same time in the order they were set.
 * It deliberately knows nothing of promises: where code under test awaits something, use `settle`.
 */
import type { Clock, Timer } from "#base/clock.ts";
import { assert } from "#base/assert.ts";

class VirtualTimer implements Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly clock: VirtualClock;
  /** undefined once it ran or was cancelled. */
  run: (() => void) | undefined;
  constructor(clock: VirtualClock, dueMs: number, order: number, run: () => void) {
    this.clock = clock;
    this.dueMs = dueMs;
    this.order = order;
    this.run = run;
  }
  cancel(): void {
    if (this.run === undefined) return;
    this.run = undefined;
    this.clock.forget();
  }
}

const isBefore = (a: VirtualTimer, b: VirtualTimer): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

/** Callbacks that one `advance` may run before it is called an endless loop. */
const CALLBACKS_MAX = 10_000_000;

export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  #live = 0;
  readonly #wallStartMs: number;
  /** A binary heap; cancelled timers stay in it until they come to the top. */
  readonly #heap: VirtualTimer[] = [];

  constructor(wallStartMs = Date.UTC(2026, 0, 1)) {
    this.#wallStartMs = wallStartMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }
  wallMs(): number {
    return this.#wallStartMs + this.#nowMs;
  }
  after(delayMs: number, run: () => void): Timer {
    const timer = new VirtualTimer(this, this.#nowMs + Math.max(0, delayMs), this.#order++, run);
    this.#live++;
    this.#push(timer);
    return timer;
  }

  /** Timers that are set and not cancelled: 0 at the end of a test means that nothing was left behind. */
  get pending(): number {
    return this.#live;
  }

  /** Runs everything due in the next `durationMs`, what those callbacks set included, and stops there. */
  advance(durationMs: number): void {
    this.advanceTo(this.#nowMs + durationMs);
  }

  advanceTo(untilMs: number): void {
    for (let count = 0; ; count++) {
      const timer = this.#next();
      if (timer === undefined || timer.dueMs > untilMs) break;
      assert(count < CALLBACKS_MAX, "virtual clock: endless timers");
      this.#runTop(timer);
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Runs until no timer is left, at most `limitMs` further. */
  run(limitMs = 3_600_000): void {
    const untilMs = this.#nowMs + limitMs;
    for (;;) {
      const timer = this.#next();
      if (timer === undefined || timer.dueMs > untilMs) return;
      this.#runTop(timer);
    }
  }

  /** Like `advance`, and lets promises settle after every callback. */
  async settle(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    await drainMicrotasks();
    for (;;) {
      const timer = this.#next();
      if (timer === undefined || timer.dueMs > untilMs) break;
      this.#runTop(timer);
      await drainMicrotasks();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** For VirtualTimer only: one live timer less. */
  forget(): void {
    this.#live--;
  }

  #runTop(timer: VirtualTimer): void {
    this.#pop();
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    const { run } = timer;
    timer.run = undefined;
    this.#live--;
    run?.();
  }

  /** The next live timer, left on the heap. */
  #next(): VirtualTimer | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.run === undefined) this.#pop();
    return this.#heap[0];
  }

  #push(timer: VirtualTimer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

async function drainMicrotasks(): Promise<void> {
  // setImmediate comes after every microtask, however many one leads to.
  await new Promise<void>((resolve) => setImmediate(resolve));
}
