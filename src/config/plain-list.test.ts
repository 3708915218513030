import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parse } from "yaml";
import { readDocument } from "./document.ts";
import { readPlainList } from "./plain-list.ts";

const AROUND = (section: string): string => `listeners:\n  - name: main\n${section}outbound: []\n`;
const read = (section: string) => readPlainList(AROUND(section), "dids", 0);

test("plain entries in block and flow style are read, the rest keeps its lines", () => {
  const list = read('dids:\n  - number: "+1555"\n    to: group ai\n\n  - {number: x, to: "reject 486"}\n');
  assert.deepEqual(list?.entries, [
    { number: "+1555", to: "group ai" },
    { number: "x", to: "reject 486" },
  ]);
  assert.deepEqual([list?.lineOf(0), list?.lineOf(0, "to"), list?.lineOf(0, "tenant"), list?.lineOf(1, "to")], [4, 5, 4, 7]);
  const line = 1 + (list?.rest.split("\n").indexOf("outbound: []") ?? 0);
  assert.deepEqual([line, list?.lineBefore(line), list?.lineBefore(2)], [4, 8, 2]);
});

test("whatever could mean more is left to the YAML parser", () => {
  for (const section of [
    "dids:\n  - number: [a, b]\n    to: x\n",
    "dids:\n  - number: a # comment\n",
    "dids:\n  - number: 'a'\n",
    'dids:\n  - number: "a\\n"\n',
    "dids:\n  - number: a\n    number: b\n",
    "dids:\n  - number: a\n     to: b\n",
    "dids:\n  - number: a\n   - number: b\n",
    "dids:\n  - number: a\n    to:\n",
    "dids: []\n",
    "dids:\n  - number: a: b\n",
    "dids:\n  - number: |\n",
    "dids:\n  - &x {number: a}\n",
    "dids:\n  - *x\n",
    "dids:\n  - {number: a, number: b}\n",
    "dids:\n  - {number: a,}\n",
    "dids:\n\t- number: a\n",
    "dids:\n  - number: a\n...\n",
    "dids:\n  - number: a\ndids:\n  - number: b\n",
    "dids:\n  number: a\n",
  ])
    assert.equal(read(section), undefined, section);
});

test("whatever it takes, it reads as the YAML parser does", () => {
  const value = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9+][A-Za-z0-9._+ -]{0,12}$/),
    fc.stringMatching(/^[A-Za-z0-9+"][A-Za-z0-9._+ :#,{}"'-]{0,12}$/),
    fc.constantFrom("yes", "null", "group ai", '"+1555*"', '""', "1e3", "0x1", "-1", "+1"),
  );
  const key = fc.constantFrom("number", "to", "tenant", "on", "null");
  const entry = fc
    .tuple(fc.boolean(), fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 3 }))
    .map(([flow, pairs]) =>
      flow
        ? `  - {${pairs.map(([name, text]) => `${name}: ${text}`).join(", ")}}\n`
        : `  - ${pairs.map(([name, text]) => `${name}: ${text}\n`).join("    ")}`,
    );
  let taken = 0;
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 3 }), (entries) => {
      const list = read(`dids:\n${entries.join("")}`);
      if (list === undefined) return;
      taken++;
      assert.deepEqual(list.entries, parse(AROUND(`dids:\n${entries.join("")}`), { schema: "failsafe" }).dids);
    }),
    { numRuns: 2_000, seed: 1 },
  );
  assert.ok(taken > 200, `only ${taken} were plain`);
});

test("two long lists in one document: each place is told in the lines of the whole", () => {
  const long = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => `  - ${line(i)}\n`).join("");
  const text = `gateways:\n${long(300, (i) => `{ name: g${i}, uri: "sip:192.0.2.1" }`)}groups:\n  - { name: a, gateways: [g0] }\ndids:\n${long(400, (i) => `{ number: "+${i}", to: group a }`)}trunks: [{ name: t }]\n`;
  const document = readDocument(text);
  assert.ok(document.ok);
  assert.deepEqual(document.value, parse(text, { schema: "failsafe" }));
  const lines = text.split("\n");
  const lineAt = (...path: readonly (string | number)[]): string => lines[document.lineOf(path) - 1]!;
  assert.match(lineAt("gateways", 299), /g299/);
  assert.match(lineAt("groups", 0, "name"), /name: a/);
  assert.match(lineAt("dids", 399, "to"), /\+399"/);
  assert.match(lineAt("trunks", 0, "name"), /name: t/);
  const broken = readDocument(text.replace("trunks: [", "trunks: ]["));
  assert.ok(!broken.ok && broken.problems[0]!.line === lines.length - 1, JSON.stringify(broken));
});
