/**
 * Who asked for a call lately and was not let in: the ladder ring leaves strangers out, because a flood of them would
 * wash the calls away, but the carrier whose address is missing is one of them. Bounded; the one not heard of longest goes.
 */
import type { Sink } from "./publish.ts";
import { hostIn } from "./sip-facts.ts";

export interface Refusal {
  readonly address: string;
  readonly listener: string;
  /** Of the last one. */
  readonly reason: string;
  readonly count: number;
  /** Epoch ms. */
  readonly lastAtMs: number;
}
export interface RefusalsSink extends Sink {
  /** The last one first. */
  list(): readonly Refusal[];
}

const REMEMBERED_MAX = 256;

export function createRefusals(): RefusalsSink {
  const known = new Map<string, Refusal>();
  return {
    name: "refusals",
    takes: (type) => type === "refused",
    accept({ at, event }) {
      if (event.type !== "refused") return;
      const { listener, remote, reason } = event;
      const address = hostIn(remote);
      const key = `${listener} ${address}`;
      const count = (known.get(key)?.count ?? 0) + 1;
      // Map order is age: whoever is heard of becomes the youngest.
      known.delete(key);
      known.set(key, { address, listener, reason, count, lastAtMs: at });
      if (known.size > REMEMBERED_MAX) known.delete(known.keys().next().value!);
    },
    list: () => [...known.values()].toReversed(),
  };
}
