import assert from "node:assert/strict";
import { test } from "node:test";
import { renderProblems } from "./render-problems.ts";
import { nearest, suggestion } from "./suggest.ts";

const PROBLEM = { file: "t.yaml", line: 3, field: "gateways[0].uri", message: "is wrong", remedy: "e.g. right" };

test("a problem reads: where, what, what would be right", () => {
  assert.equal(renderProblems([PROBLEM], false), "t.yaml:3 error gateways[0].uri: is wrong\n  → e.g. right");
  assert.equal(renderProblems([{ ...PROBLEM, line: 0, field: "", remedy: "" }], false, "warning"), "t.yaml warning: is wrong");
  assert.match(renderProblems([PROBLEM], true), /\x1b\[31merror\x1b\[0m/);
});

test("escapes from the file don't reach the terminal, and a thousand problems are cut short", () => {
  assert.ok(!renderProblems([{ ...PROBLEM, message: "\x1b[2J" }], false).includes("\x1b"));
  assert.match(
    renderProblems(
      Array.from({ length: 1_000 }, () => PROBLEM),
      false,
    ),
    /… and 900 more$/,
  );
});

test("the nearest name is suggested, a stranger is not", () => {
  const known = ["gateways", "groups", "trunks", "vodafone"];
  assert.deepEqual(
    ["gatways", "gateway", "trunk", "Vodafon", "vodaofne", "xyz", "ai"].map((name) => nearest(name, known)),
    ["gateways", "gateways", "trunks", "vodafone", "vodafone", undefined, undefined],
  );
  assert.equal(suggestion("xyz", known, "name"), "known: gateways, groups, trunks, vodafone");
  assert.equal(suggestion("x", [], "gateway"), "there is no gateway yet");
});
