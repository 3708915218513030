import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("20,000 mutated messages pass without a throw, the same ones every time", () => {
  const parser = fileURLToPath(new URL("parser.ts", import.meta.url));
  const run = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", parser, "--count", "20000", "--seed", "7"], {
    encoding: "utf8",
  });
  assert.equal(run.status, 0, run.stderr);
  const { ok, messages } = JSON.parse(run.stdout.trim().split("\n").at(-1) ?? "") as { ok: boolean; messages: number };
  assert.deepEqual([ok, messages], [true, 20_000]);
});
