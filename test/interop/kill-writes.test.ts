/** kill -9 while the API writes, and what else changes resources meanwhile. The long run is `./dev soak writes`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { killDuringWrites, writeBesideApply } from "../kit/write-kills.ts";

const KILLS = 6;
const DIDS = 5_000;
/** 2 s are asked with 100,000 DIDs on a machine that does nothing else. */
const START_MAX_MS = 4_000;

test("kill -9 during writes leaves no half resource, and nothing that was acknowledged is lost", { timeout: 110_000 }, async (t) => {
  const { writes, startMs, backMs } = await killDuringWrites(t, { kills: KILLS, dids: DIDS });
  t.diagnostic(`${writes} writes, ${KILLS} kills, started within ${startMs} ms, back after ${backMs} ms at most`);
  assert.ok(writes > KILLS * 5, `only ${writes} writes`);
  assert.ok(startMs < START_MAX_MS, `a start took ${startMs} ms`);
});

test("writes beside tandem apply and tandem reload lose nothing, and neither do those", { timeout: 110_000 }, async (t) => {
  const writes = await writeBesideApply(t);
  t.diagnostic(`${writes} writes`);
  assert.ok(writes > 10, `only ${writes} writes`);
});
