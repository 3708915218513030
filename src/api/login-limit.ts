/** How often one may be wrong: failures per address and per user name, forgotten after a while. */
export const FAILURES_MAX = 10;
const WINDOW_MS = 300_000;
/** Strangers can't fill more of it. */
const ENTRIES_MAX = 10_000;

export class LoginLimit {
  readonly #failures = new Map<string, { count: number; sinceMs: number }>();

  /** Seconds to wait; 0: go on. */
  waitS(keys: readonly string[], nowMs: number): number {
    let waitMs = 0;
    for (const key of keys) {
      const found = this.#failures.get(key);
      if (found === undefined) continue;
      const leftMs = found.sinceMs + WINDOW_MS - nowMs;
      if (leftMs <= 0) this.#failures.delete(key);
      else if (found.count >= FAILURES_MAX) waitMs = Math.max(waitMs, leftMs);
    }
    return Math.ceil(waitMs / 1000);
  }

  failed(keys: readonly string[], nowMs: number): void {
    for (const key of keys) {
      const found = this.#failures.get(key);
      if (found !== undefined) {
        found.count++;
        continue;
      }
      // The oldest goes: a map keeps the order that entries came in.
      if (this.#failures.size >= ENTRIES_MAX)
        for (const oldest of this.#failures.keys()) {
          this.#failures.delete(oldest);
          break;
        }
      this.#failures.set(key, { count: 1, sinceMs: nowMs });
    }
  }

  succeeded(keys: readonly string[]): void {
    for (const key of keys) this.#failures.delete(key);
  }
}
