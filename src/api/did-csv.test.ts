import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CSV_HEADING, didLine, readDidCsv } from "./did-csv.ts";

test("what was written is read back, whatever is in it", () => {
  const value = fc.string({ minLength: 1 }).map((text) => text.replace(/[\0\r]/g, "").trim() || "x");
  const entry = fc.record(
    {
      number: fc.stringMatching(/^\+[0-9]{3,15}\*?$/),
      to: fc.array(
        fc.oneof(
          value.map((text) => text.replace(/^'/, "") || "x"),
          fc.record({ group: value }),
        ),
        { minLength: 1, maxLength: 3 },
      ),
      callers: fc.array(fc.stringMatching(/^\+[0-9]{1,5}\*$/), { minLength: 1, maxLength: 3 }),
      hunt: fc.record({ try_timeout_ms: fc.integer() }),
    },
    { requiredKeys: ["number", "to"] },
  );
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
      const read = readDidCsv(CSV_HEADING + entries.map(didLine).join(""), 10);
      assert.deepEqual(read.errors, []);
      assert.deepEqual(
        read.entries,
        entries.map((one) => JSON.parse(JSON.stringify(one)) as object),
      );
    }),
  );
});

test("a spreadsheet's separators, byte order mark and empty lines are understood", () => {
  const { entries, lines, errors } = readDidCsv('\uFEFFNumber;To\r\n+1555;group ai\r\n;\r\n"+1556";"group a; reject 486"\r\n', 10);
  assert.deepEqual(errors, []);
  assert.deepEqual(entries, [
    { number: "+1555", to: ["group ai"] },
    { number: "+1556", to: ["group a", "reject 486"] },
  ]);
  assert.deepEqual(lines, [2, 4]);
});

test("every bad line is named", () => {
  const { errors } = readDidCsv("number,to,hunt\n+1,group ai,{\n+2,group ai,,too much\n+3,group ai\n", 10);
  assert.deepEqual(
    errors.map(({ field }) => field),
    ["line 2, hunt", "line 3"],
  );
  assert.deepEqual(
    readDidCsv("numbr,to\n", 10).errors.map(({ field }) => field),
    ["line 1, numbr"],
  );
  assert.deepEqual(readDidCsv('number,to\n"+1,x', 10).errors[0]?.field, "line 2");
  assert.match(readDidCsv("number,to\n1,a\n2,a\n3,a\n", 2).errors[0]!.message, /more than 2/);
});

test("no cell runs as a formula", () => {
  assert.match(didLine({ number: "+1", to: ['=cmd("x")'] }), /,"'=cmd/);
});

test("empty lines and cells beyond number fill no memory", () => {
  const { entries, errors } = readDidCsv(`number,to\n${"\n".repeat(3_000_000)}+1,group ai\n`, 10);
  assert.deepEqual([entries.length, errors.length], [1, 0]);
  assert.match(readDidCsv(`number,to\n${",".repeat(3_000_000)}`, 10).errors[0]!.message, /more than 100 cells/);
  assert.match(readDidCsv(`number,to\n${"1,a\n".repeat(1_000_000)}`, 10).errors[0]!.message, /more than 10 numbers/);
});
