import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PortPool } from "#media/engine.ts";
import { shareOf } from "./spread-engine.ts";

test("workers share all pairs of a pool, each pair being one worker's", () => {
  const ranges = fc.tuple(fc.integer({ min: 1024, max: 60_000 }), fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 1, max: 64 }));
  fc.assert(
    fc.property(ranges, ([portMin, size, workers]) => {
      const pool: PortPool = { name: "p", bindAddress: "192.0.2.1", advertisedAddress: "192.0.2.1", portMin, portMax: portMin + size };
      const pairsOf = ({ portMin: from, portMax: to }: PortPool): readonly number[] => {
        const even = from + (from & 1);
        return Array.from({ length: Math.max(0, Math.floor((to + 1 - even) / 2)) }, (_, i) => even + 2 * i);
      };
      const shares = Array.from({ length: workers }, (_, i) => pairsOf(shareOf(pool, i, workers)));
      assert.deepEqual(shares.flat(), pairsOf(pool));
      const sizes = shares.map(({ length }) => length);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
    }),
  );
});
