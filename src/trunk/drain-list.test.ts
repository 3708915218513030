import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openDrainList } from "./drain-list.ts";

test("what is drained stays so over a restart, until it is taken back", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "drain-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "drained.json");
  const list = openDrainList(path);
  assert.equal(list.has("a"), false);
  assert.deepEqual([list.set("a", true), list.set("a", true), list.set("b", true), list.set("b", false)], [true, false, true, true]);
  const again = openDrainList(path);
  assert.deepEqual([again.has("a"), again.has("b")], [true, false]);
  writeFileSync(path, "nonsense");
  assert.equal(openDrainList(path).has("a"), false);
});
