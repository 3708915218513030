import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readNumberPattern, rewriteByFirst, rewriteNumber, wrongReplacement, type NumberRewrite } from "./number-pattern.ts";

function rule(match: string, replace: string): NumberRewrite {
  const pattern = readNumberPattern(match);
  assert.ok(pattern.ok, pattern.ok ? "" : `${match}: ${pattern.reason}`);
  assert.equal(wrongReplacement(replace, pattern.value), undefined);
  return { pattern: pattern.value, replace };
}
const rewritten = (match: string, replace: string, number: string): string | undefined => rewriteNumber(rule(match, replace), number);

test("what carriers do to numbers is undone and done again", () => {
  assert.equal(rewritten("^8(\\d{10})$", "+7$1", "89161234567"), "+79161234567");
  assert.equal(rewritten("^8(\\d{10})$", "+7$1", "8916123456"), undefined);
  assert.equal(rewritten("^00", "+", "004930123456"), "+4930123456");
  assert.equal(rewritten("^998(\\d{9})$", "+998$1", "998901234567"), "+998901234567");
  assert.equal(rewritten("^", "5521#", "+4930123456"), "5521#+4930123456", "a tech prefix in front of all");
  assert.equal(rewritten("^5521#?(.*)$", "$1", "5521#4930"), "4930");
  assert.equal(rewritten("^+", "", "+4930"), "4930", "the plus of a number needs no backslash");
  assert.equal(rewritten("^\\+(\\d{1,2})([2-9]\\d*)$", "$2-$1", "+4930"), "30-49");
  assert.equal(rewritten("^(\\d{3})(\\d{3})", "$2$1", "1234567"), "4561237");
  assert.equal(rewritten("^ai-?.*$", "$0", "ai-berlin"), "ai-berlin");
});

test("the first rule that fits counts, and without one the number stays", () => {
  const rules = [rule("^0", "+49"), rule("^00", "+")];
  assert.equal(rewriteByFirst(rules, "0049"), "+49049");
  assert.equal(rewriteByFirst(rules, "112"), "112");
  assert.equal(rewriteByFirst(undefined, "112"), "112");
});

test("what the language doesn't have is refused with what would be right", () => {
  for (const [pattern, reason] of [
    ["8\\d", /without \^/],
    ["^a|b", /alternatives/],
    ["^((a))", /inside a group/],
    ["^(a", /never closes/],
    ["^a)", /never opened/],
    ["^(a)*", /repeats a group/],
    ["^a$b", /\$ before/],
    ["^[9-2]", /ends before/],
    ["^[", /set/],
    ["^a{x}", /count/],
    ["^a{3,2}", /nothing/],
    ["^\\w", /\\w/],
    ["^a{150}b{150}", /repetitions/],
    ["^a\r\nX: y", /"\\r"/],
  ] as const) {
    const read = readNumberPattern(pattern);
    assert.ok(!read.ok, pattern);
    assert.match(read.reason, reason);
    assert.notEqual(read.remedy, "");
  }
  const one = readNumberPattern("^(1)");
  assert.ok(one.ok);
  assert.match(wrongReplacement("$2", one.value) ?? "", /only 1/);
  assert.match(wrongReplacement("a\r\nb", one.value) ?? "", /digits/);
});

test("no pattern takes long, however its repetitions could be shared out", () => {
  const slow = rule(`^${"\\d*".repeat(30)}x$`, "");
  const beganMs = performance.now();
  for (let i = 0; i < 20; i++) assert.equal(rewriteNumber(slow, "1".repeat(120)), undefined);
  assert.ok(performance.now() - beganMs < 2000);
});

test("it fits where a regular expression of the same text fits, with the same groups", () => {
  const atom = fc.constantFrom("1", "2", "\\d", ".", "[12]", "\\+");
  const times = fc.constantFrom("", "", "?", "*", "+", "{2}", "{1,3}", "{2,}");
  const part = fc.tuple(atom, times).map(([a, b]) => a + b);
  const parts = fc.array(
    fc.oneof(
      part,
      fc.array(part, { maxLength: 3 }).map((inner) => `(${inner.join("")})`),
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(parts, fc.boolean(), fc.stringMatching(/^[12+]{0,9}$/), (texts, end, number) => {
      const text = `^${texts.join("")}${end ? "$" : ""}`;
      const groups = texts.filter((one) => one.startsWith("(")).length;
      const replace = Array.from({ length: groups }, (_, i) => `$${i + 1}-`).join("");
      const expected = new RegExp(text).exec(number);
      const mine = rewriteNumber(rule(text, replace), number);
      assert.equal(
        mine,
        expected === null
          ? undefined
          : expected
              .slice(1)
              .map((one) => `${one}-`)
              .join("") + number.slice(expected[0].length),
      );
    }),
    { numRuns: 2000 },
  );
});

test("no text throws", () => {
  fc.assert(fc.property(fc.string(), (text) => void readNumberPattern(`^${text}`)));
});
