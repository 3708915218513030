import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PORT_DRAIN_MS, PortPool } from "./port-pool.ts";

test("a pool gives even ports only, each with its odd neighbour inside the range (RFC 3550 §11)", () => {
  const pool = new PortPool(10_001, 10_006);
  assert.deepEqual([pool.take(0), pool.take(0), pool.take(0)], [10_002, 10_004, undefined]);
});

test("a freed port drains before it is given out again, and the oldest comes first", () => {
  const pool = new PortPool(10_000, 10_003);
  pool.take(0);
  pool.take(0);
  pool.put(10_002, 1_000);
  pool.put(10_000, 2_000);
  assert.equal(pool.take(1_000 + PORT_DRAIN_MS - 1), undefined);
  assert.equal(pool.take(1_000 + PORT_DRAIN_MS), 10_002);
  assert.equal(pool.take(1_000 + PORT_DRAIN_MS), undefined);
  assert.equal(pool.take(2_000 + PORT_DRAIN_MS), 10_000);
});

test("ports that sessions hold since before a restart are not given out until they are put back", () => {
  const pool = new PortPool(10_000, 10_007, 0, new Set([10_004, 9_000]));
  assert.deepEqual([pool.take(0), pool.take(0), pool.take(0), pool.take(0)], [10_000, 10_002, 10_006, undefined]);
  pool.put(10_004, 0);
  assert.equal(pool.take(PORT_DRAIN_MS), 10_004);
});

test("putting back a port twice or one of another range changes nothing", () => {
  const pool = new PortPool(10_000, 10_001);
  const port = pool.take(0)!;
  pool.put(port, 0);
  pool.put(port, 0);
  pool.put(4_000, 0);
  assert.equal(pool.free, 1);
});

test("whatever is taken and put back, no port is out twice and none is lost", () => {
  const step = fc.oneof(fc.constant({ act: "take" as const }), fc.record({ act: fc.constant("put" as const), index: fc.nat(20) }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(9), (steps, start) => {
      const pool = new PortPool(100, 119, start);
      const out: number[] = [];
      let nowMs = 0;
      for (const each of steps) {
        nowMs += PORT_DRAIN_MS;
        if (each.act === "put") {
          const [port] = out.splice(each.index % (out.length || 1), 1);
          if (port !== undefined) pool.put(port, nowMs);
          continue;
        }
        const got = pool.take(nowMs);
        if (got === undefined) continue;
        assert.ok(!out.includes(got) && got % 2 === 0 && got >= 100 && got < 119);
        out.push(got);
      }
      assert.equal(pool.free + out.length, pool.pairs);
    }),
  );
});
