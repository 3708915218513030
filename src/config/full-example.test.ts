/** The full example and the reference stay complete: whatever field the schema knows stands in both. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { loadText } from "./load.ts";
import { renderProblems } from "./render-problems.ts";

const HERE = new URL("./", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, HERE), "utf8");
const EXAMPLE = read("../../examples/full.yaml");

/** Names that the tables of fields have, read from their source: readers don't tell what they are made of. */
const FIELDS = new Set(
  readdirSync(HERE)
    .filter((file) => /schema|fields/.test(file) && !file.endsWith(".test.ts"))
    .flatMap((file) =>
      Array.from(read(`./${file}`).matchAll(/\b([a-z_]+): (?:optional|required|maybe|registerField)\(/g), ([, name]) => name!),
    ),
);

test("examples/full.yaml loads without a warning", () => {
  const loaded = loadText(EXAMPLE, "full.yaml", {
    env: {},
    uid: 0,
    hostname: "host",
    readFile: () => {
      throw new Error("no file is read");
    },
  });
  assert.ok(loaded.ok, loaded.ok ? "" : renderProblems(loaded.problems, false));
  assert.deepEqual(loaded.warnings, []);
});

test("each field of the schema stands in the full example and in the reference", () => {
  assert.ok(FIELDS.size > 100, `${FIELDS.size} fields were found`);
  const reference = read("../../docs/configuration.md");
  const missing = (text: string, written: (name: string) => RegExp): string[] => [...FIELDS].filter((name) => !written(name).test(text));
  assert.deepEqual(
    missing(EXAMPLE, (name) => new RegExp(`\\b${name}:`)),
    [],
    "examples/full.yaml",
  );
  assert.deepEqual(
    missing(reference, (name) => new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``)),
    [],
    "docs/configuration.md",
  );
});
