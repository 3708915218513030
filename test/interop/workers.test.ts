/** Two packet workers in one tandem-media: calls are spread, and live through kill -9 of either process. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { StatusReport } from "#call/control.ts";
import { Crowd } from "../kit/crowd.ts";
import { loopbackLab, startTandem } from "../kit/lab.ts";
import { labYaml } from "./lab-yaml.ts";

const CALLS = 20;
const PACKETS = 25;
/** Ports of the first worker lie below the middle of the range. */
const MIDDLE = 22_000;

test("calls are spread among two workers and go on after kill -9 of signalling and of media", async (t) => {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, labYaml(lab, { node: { media: { workers: 2 } } }));
  const crowd = await Crowd.open(lab, "+15551234567");
  await crowd.connectMany(CALLS);
  await crowd.heard(PACKETS);
  const ports = crowd.pairs.map(({ caller }) => caller.remote?.port ?? 0);
  assert.equal(ports.filter((port) => port < MIDDLE).length, CALLS / 2);
  for (const i of [0, 1]) assert.ok(statSync(join(tandem.home, `media-journal-${i}`)).size > 0);
  assert.match((await tandem.ask<StatusReport>({ type: "status" })).media.detail, /2 workers/);
  for (const role of ["signalling", "media"] as const) {
    process.kill(tandem.pidOf(role), "SIGKILL");
    crowd.measureFromNow();
    await crowd.heardAnew();
  }
  await Promise.all(
    crowd.pairs.map(async ({ caller, callee }) => {
      crowd.carrier.hangUp(caller);
      await callee.until("told of the end", (call) => call.byes > 0);
    }),
  );
});
