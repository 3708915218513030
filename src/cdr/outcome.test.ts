import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTCOMES, outcomeOf, sipStatusOf } from "./outcome.ts";

test("every final status has an outcome, and every outcome a status", () => {
  for (let status = 200; status < 700; status++) assert.ok(OUTCOMES.includes(outcomeOf(status)), String(status));
  for (const outcome of OUTCOMES) {
    assert.ok(sipStatusOf[outcome] >= 200 && sipStatusOf[outcome] < 700);
  }
});

test("only a vague status is refined by its Q.850 cause", () => {
  assert.equal(outcomeOf(480), "no_answer");
  assert.equal(outcomeOf(480, 17), "busy");
  assert.equal(outcomeOf(500, 34), "capacity");
  assert.equal(outcomeOf(486, 1), "busy");
  assert.equal(outcomeOf(404, 16), "invalid_number");
});

test("a new status of a known class is a failure, not an answer", () => {
  assert.equal(outcomeOf(499), "failed");
  assert.equal(outcomeOf(299), "answered");
});
