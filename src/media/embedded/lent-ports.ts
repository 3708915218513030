/**
 * Ports that the relay has opened ahead and that a new call takes without asking: the question would cost both
 * processes a wake-up, and the caller its wait. Pure: what to ask for is returned, asking is the engine's.
 *
 * The stock of a pool follows the load: it grows whenever it ran out, and shrinks when it was not asked for long.
 */
import type { LocalMedia, PortPool } from "#media/engine.ts";

/** Asked for at first, and the least that is worth a question. */
export const LENT_MIN = 4;
/** Each is two descriptors. Calls beyond ask for themselves. */
const LENT_MAX = 64;
const CALM_MS = 10_000;
/** The relay had none to lend: its ports or descriptors run short. */
const REFUSED_REST_MS = 1_000;

interface Stock {
  readonly ports: LocalMedia[];
  /** How many there shall be. */
  size: number;
  asking: boolean;
  askedAtMs: number;
  notBeforeMs: number;
}

export class LentPorts {
  readonly #stocks = new Map<string, Stock>();

  /** Forgets what was lent: the relay takes it back at the same moment. */
  reset(pools: readonly PortPool[], nowMs: number): void {
    this.#stocks.clear();
    for (const { name } of pools)
      this.#stocks.set(name, { ports: [], size: LENT_MIN, asking: false, askedAtMs: nowMs, notBeforeMs: Number.NEGATIVE_INFINITY });
  }

  /** One of each pool, or none at all. */
  take(pools: readonly string[]): readonly LocalMedia[] | undefined {
    const taken: LocalMedia[] = [];
    for (const pool of pools) {
      const stock = this.#stocks.get(pool);
      const local = stock?.ports.pop();
      if (local !== undefined) {
        taken.push(local);
        continue;
      }
      if (stock !== undefined) stock.size = Math.min(LENT_MAX, 2 * stock.size);
      for (const [i, back] of taken.entries()) this.#stocks.get(pools[i]!)!.ports.push(back);
      return undefined;
    }
    return taken;
  }

  /** How many to ask for now; 0: enough are there or on the way. */
  missing(pool: string, nowMs: number): number {
    const stock = this.#stocks.get(pool);
    if (stock === undefined || stock.asking || nowMs < stock.notBeforeMs) return 0;
    if (nowMs - stock.askedAtMs > CALM_MS) {
      stock.size = Math.max(LENT_MIN, stock.size >> 1);
      stock.askedAtMs = nowMs;
    }
    const missing = stock.size - stock.ports.length;
    if (missing < stock.size >> 1) return 0;
    stock.asking = true;
    stock.askedAtMs = nowMs;
    return missing;
  }

  add(pool: string, ports: readonly LocalMedia[], nowMs: number): void {
    const stock = this.#stocks.get(pool);
    if (stock === undefined) return;
    stock.asking = false;
    stock.ports.push(...ports);
    if (ports.length === 0) stock.notBeforeMs = nowMs + REFUSED_REST_MS;
  }
}
