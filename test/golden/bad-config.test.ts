/**
 * What a person is told of a wrong or contradictory file: each place and remedy as it is printed, in bad-config.txt,
 * so that a change of words is read as a user would. `UPDATE_GOLDEN=1` writes it anew.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type LoadInput, loadText } from "#config/load.ts";
import { renderProblems } from "#config/render-problems.ts";
import { BAD_CONFIGS } from "./bad-config-cases.ts";

const GOLDEN = new URL("./bad-config.txt", import.meta.url);
const INPUT: LoadInput = {
  env: { HOME: "/home/ann", SECRET: "x" },
  uid: 1000,
  hostname: "host",
  readFile: () => {
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  },
};

function said(yaml: string): string {
  const loaded = loadText(yaml, "tandem.yaml", INPUT);
  return loaded.ok ? renderProblems(loaded.warnings, false, "warning") : renderProblems(loaded.problems, false);
}

test("each mistake is said with its place and what would be right, in these words", () => {
  const text = BAD_CONFIGS.map(({ title, yaml }) => `# ${title}\n${said(yaml)}\n`).join("\n");
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(GOLDEN, text);
  assert.equal(text, readFileSync(GOLDEN, "utf8"));
});

test("no mistake is passed over, none is without a remedy, and most have a line", () => {
  for (const { title, yaml } of BAD_CONFIGS) {
    const loaded = loadText(yaml, "tandem.yaml", INPUT);
    const findings = loaded.ok ? loaded.warnings : loaded.problems;
    assert.ok(findings.length > 0, title);
    for (const { message, remedy, line } of findings) {
      assert.notEqual(remedy, "", `${title}: ${message}`);
      assert.ok(line > 0 || yaml === "", `${title}: ${message} has no line`);
    }
  }
});
