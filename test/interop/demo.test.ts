/** `./tandem demo` as its user runs it: a call that is heard, and one that must not be. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { DemoReport } from "../../src/demo-main.ts";
import { ROOT } from "../dev/root.ts";
import { runToEnd } from "../kit/child.ts";

const demo = async (
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly report: DemoReport; readonly output: string }> => {
  const { code, output } = await runToEnd(join(ROOT, "tandem"), ["demo", "--json", ...args], 90_000);
  return { code, report: JSON.parse(output.slice(output.indexOf("{"))) as DemoReport, output };
};

test("the demo's call passes the dead gateway and its speech comes back", async () => {
  const { code, report, output } = await demo();
  assert.equal(code, 0, output);
  assert.equal(report.ok, true);
  assert.ok(report.audio.correlation >= 0.9);
  assert.ok(report.setupMs > 0);
  assert.deepEqual(
    report.attempts.map(({ gateway, status }) => [gateway, status]),
    [
      ["gateway-1", 0],
      ["gateway-2", 200],
    ],
  );
});

test("nothing is heard when the media process is stopped: the audio passes through it", async () => {
  const { code, report } = await demo("--stop-media");
  assert.equal(code, 1);
  assert.deepEqual([report.ok, report.audio.heard], [false, false]);
  assert.equal(report.attempts.at(-1)?.status, 200, "the call itself was set up");
});
