import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PlannedAttempt } from "#routing/decision.ts";
import { makeGateway } from "#routing/testing.ts";
import { bestOf, type LaneEnd, roundsOf, speaksForAll } from "./rounds.ts";

const attempt = (name: string, together?: string): PlannedAttempt => ({
  peer: makeGateway(name),
  requestUri: `sip:${name}`,
  called: "",
  caller: "",
  ...(together === undefined ? {} : { together }),
});
const shape = (attempts: readonly PlannedAttempt[]): string[][][] =>
  roundsOf(attempts).map((round) => round.map((lane) => lane.map(({ peer }) => peer.name)));
const end = (status: number, exhausted = true): LaneEnd => {
  const ending = { status, q850: undefined, outcome: "failed", reason: "" } as const;
  return { ending, own: ending, exhausted };
};

test("who rings at once has a lane each, whoever comes one after the other shares one", () => {
  assert.deepEqual(shape([]), []);
  assert.deepEqual(shape([attempt("a"), attempt("b")]), [[["a", "b"]]]);
  assert.deepEqual(shape([attempt("a", "x 1"), attempt("b", "x 1"), attempt("c", "x 2"), attempt("d"), attempt("e")]), [
    [["a"], ["b"]],
    [["c"]],
    [["d", "e"]],
  ]);
});

test("no attempt is lost, and all keep their order", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(undefined, "x 1", "x 2", "y 1"), { maxLength: 12 }), (steps) => {
      const attempts = steps.map((together, i) => attempt(`g${i}`, together));
      assert.deepEqual(roundsOf(attempts).flat(2), attempts);
      for (const round of roundsOf(attempts)) assert.ok(round.length === 1 || round.every((lane) => lane.length === 1));
    }),
  );
});

test("a verdict comes before lanes that ran out of gateways, then the best response (RFC 3261 §16.7 step 6)", () => {
  assert.equal(bestOf([]), undefined);
  assert.equal(bestOf([end(500), end(404), end(480)])?.own.status, 404);
  assert.equal(bestOf([end(404), end(486, false), end(0)])?.own.status, 486);
  assert.equal(bestOf([end(486, false), end(603, false)])?.own.status, 603);
  assert.deepEqual([end(603, false), end(486, false), end(0)].map(speaksForAll), [true, false, false]);
});
