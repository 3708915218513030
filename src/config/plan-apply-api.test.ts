import assert from "node:assert/strict";
import { test } from "node:test";
import { type ApplyRequest, planApply } from "./plan-apply.ts";
import type { StoredRecord } from "./stored-resources.ts";

const ASK: ApplyRequest = { text: "", file: "f", tenant: undefined, prune: false };
const plan = (records: readonly StoredRecord[], request: Partial<ApplyRequest>): readonly StoredRecord[] => {
  const made = planApply({ ...ASK, ...request }, { generation: 1, hash: "", records });
  assert.ok(made.ok);
  return made.after;
};
const trunk = (name: string, calls: number): string => `trunks: [{ name: ${name}, uri: "sip:192.0.2.1", calls_max: ${calls} }]`;

test("what the API declares is no file's to prune, and what a file declared stays the file's when the API changes it", () => {
  const byApi = plan([], { text: trunk("one", 1), origin: "api" });
  assert.equal(byApi[0]!.managedBy, "api");
  const both = plan(byApi, { text: trunk("two", 1), prune: true });
  assert.deepEqual(
    both.map(({ name, managedBy }) => [name, managedBy]),
    [
      ["one", "api"],
      ["two", "apply"],
    ],
  );
  assert.deepEqual(
    plan(both, { text: trunk("two", 2), origin: "api" }).map(({ managedBy }) => managedBy),
    ["api", "apply"],
  );
});

test("the API takes out what it names, of its tenant alone", () => {
  const records = plan(plan([], { text: trunk("one", 1) }), { text: trunk("other", 1), tenant: "acme" });
  const remove = [
    { kind: "trunk", name: "one" },
    { kind: "trunk", name: "other" },
    { kind: "trunk", name: "nobody" },
  ];
  assert.deepEqual(
    plan(records, { tenant: "acme", remove }).map(({ name }) => name),
    ["one"],
  );
});
