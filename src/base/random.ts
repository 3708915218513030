/** Randomness as an argument: production draws from the system, tests from a seed. */
import { randomInt } from "node:crypto";
import type { Random } from "./ids.ts";

export const systemRandom: Random = {
  fraction: () => Math.random(),
  integer: (below) => randomInt(below),
};

/** mulberry32: the same seed says the same every time. */
export function seededRandom(seed: number): Random {
  let state = seed;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { fraction, integer: (below) => Math.floor(fraction() * below) };
}
