/** Starts a file from its pattern, so that a newcomer needs not look for one to copy. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "./root.ts";

const PATTERNS: Readonly<Record<string, (name: string) => readonly [path: string, text: string]>> = {
  adr: (name) => {
    const numbers = readdirSync(join(ROOT, "docs/adr"))
      .map((file) => Number.parseInt(file, 10))
      .filter(Number.isFinite);
    const number = String(Math.max(0, ...numbers) + 1).padStart(4, "0");
    return [
      `docs/adr/${number}-${name}.md`,
      `# ${number}. ${name.replaceAll("-", " ")}\n\n## Context\n\n## Decision\n\n## What we gave up\n`,
    ];
  },
  test: (name) => [
    `test/scenario/${name}.test.ts`,
    `import assert from "node:assert/strict";\nimport { test } from "node:test";\n\ntest("${name.replaceAll("-", " ")}", () => {\n  assert.equal(1 + 1, 3, "say what should hold");\n});\n`,
  ],
  bench: (name) => [
    `test/bench/${name}.ts`,
    `/** What is measured, against whom, and how. */\n\nexport async function bench(_args: readonly string[]): Promise<void> {\n  console.log(JSON.stringify({ bench: "${name}" }));\n}\n`,
  ],
};

export function makeNew(kind: string, name: string): boolean {
  const pattern = PATTERNS[kind];
  if (pattern === undefined || !/^[a-z0-9-]+$/.test(name)) {
    console.error(
      pattern === undefined
        ? `no pattern "${kind}"; there are: ${Object.keys(PATTERNS).join(", ")}`
        : "the name is kebab-case: a-z, 0-9, -",
    );
    return false;
  }
  const [path, text] = pattern(name);
  const file = join(ROOT, path);
  if (existsSync(file)) {
    console.error(`${path} exists`);
    return false;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(path);
  return true;
}
