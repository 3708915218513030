import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readSqlDump } from "./sql-dump.ts";

const rowsOf = (sql: string, table = "t") => (readSqlDump(sql).tables.get(table) ?? []).map(({ values }) => Object.fromEntries(values));

test("extended inserts take their columns from CREATE TABLE, keys and constraints left out", () => {
  const sql = `/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE IF NOT EXISTS \`t\` (
  \`id\` int(10) unsigned NOT NULL AUTO_INCREMENT,
  \`key\` varchar(10) DEFAULT 'a,b',
  note varchar(64) COMMENT 'it''s; (odd)',
  PRIMARY KEY (\`id\`), UNIQUE KEY \`u\` (\`key\`,\`note\`), CONSTRAINT \`c\` CHECK (\`id\` > 0)
) ENGINE=InnoDB;
INSERT INTO \`t\` VALUES (1,'x','y'),(2,NULL,'z''s'),
(3,'a\\'b\\\\c\\n',"say \\"hi\\"");`;
  assert.deepEqual(rowsOf(sql), [
    { id: "1", key: "x", note: "y" },
    { id: "2", key: null, note: "z's" },
    { id: "3", key: "a'b\\c\n", note: 'say "hi"' },
  ]);
});

test("column lists, database names, character sets, functions, DEFAULT and comments are understood", () => {
  const sql = `-- INSERT INTO t VALUES (0)
# nor this: INSERT INTO t VALUES (0)
INSERT IGNORE INTO kamailio.\`T\` (a, \`b\`, "c", d) VALUES (_binary 'x', NOW(), -1.5, DEFAULT) , (0x41, CONCAT('a', 'b,c'), .5, TRUE) ON DUPLICATE KEY UPDATE a = 1;
REPLACE INTO t (a) VALUE ('last');`;
  assert.deepEqual(rowsOf(sql), [{ a: "x", b: "NOW()", c: "-1.5" }, { a: "0x41", b: "CONCAT(a,b,c)", c: ".5", d: "TRUE" }, { a: "last" }]);
});

test("what changes rows afterwards, or can't be read, is named with its line", () => {
  const { unread, tables } = readSqlDump(
    "INSERT INTO u VALUES (1);\n\nUPDATE u SET a = ';INSERT INTO u (a) VALUES (9)';\nINSERT INTO v SELECT * FROM u;\nINSERT INTO w (a) VALUES ('no end",
  );
  assert.deepEqual(
    unread.map(({ line, what }) => [line, what.split(" ").slice(0, 3).join(" ")]),
    [
      [1, "INSERT INTO u"],
      [3, "UPDATE is not"],
      [4, "INSERT INTO v"],
      [5, "the rows of"],
    ],
  );
  assert.equal(tables.get("v"), undefined);
});

test("lines are those of the rows", () => {
  const rows = readSqlDump("INSERT INTO t (a) VALUES\n('one'),\n('two\nlines'),\n('three');").tables.get("t")!;
  assert.deepEqual(
    rows.map(({ line }) => line),
    [2, 3, 5],
  );
});

test("whatever was written comes back, quoted in any way", () => {
  const quoted = (text: string): string =>
    `'${text.replace(/[\\']/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\0", "\\0").replaceAll("\r", "\\r")}'`;
  const doubled = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.string(), fc.boolean()), { minLength: 1, maxLength: 8 }), (rows) => {
      const sql = `INSERT INTO t (a,b) VALUES ${rows.map(([a, b, way]) => `(${(way ? quoted : doubled)(a)},${(way ? doubled : quoted)(b)})`).join(",")};`;
      assert.deepEqual(
        rowsOf(sql),
        rows.map(([a, b]) => ({ a, b })),
      );
    }),
  );
});

test("no text at all makes it throw or hang", () => {
  const pieces = fc.array(
    fc.constantFrom(
      "INSERT INTO t ",
      "(a,b)",
      " VALUES ",
      "(1,'x')",
      ",",
      "(",
      ")",
      "'",
      "\\",
      "`",
      '"',
      ";",
      "/*",
      "*/",
      "--",
      "\n",
      "CREATE TABLE t ",
      "NULL",
      "#",
    ),
    { maxLength: 40 },
  );
  fc.assert(fc.property(pieces, (parts) => void readSqlDump(parts.join(""))));
});

test("a dump of 100,000 rows is gone through once", () => {
  const sql = `INSERT INTO t (did,g) VALUES ${Array.from({ length: 100_000 }, (_, i) => `('+1555${i}',${i % 3})`).join(",\n")};`;
  const startedAt = performance.now();
  assert.equal(readSqlDump(sql).tables.get("t")!.length, 100_000);
  assert.ok(performance.now() - startedAt < 10_000);
});
