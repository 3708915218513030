import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredRecord } from "#config/stored-resources.ts";
import { rewind } from "./rewind.ts";

const record = (kind: StoredRecord["kind"], name: string, body: object, position = 0): StoredRecord => ({
  kind,
  name,
  tenant: "default",
  managedBy: "apply",
  position,
  body: JSON.stringify(body),
});
const line = (kind: string, name: string, change: { before?: object; after?: object }): string =>
  JSON.stringify({ change: "any", kind, name, ...change });

test("changes are undone, newest first: what was added goes, what was changed or removed comes back", () => {
  const now = [record("gateway", "a", { name: "a", uri: "sip:third" }), record("gateway", "new", { name: "new" })];
  const { records, placesLost } = rewind(now, [
    { tenant: "default", text: line("gateway", "a", { before: { name: "a", uri: "sip:second" }, after: { name: "a", uri: "sip:third" } }) },
    {
      tenant: "default",
      text: [
        line("gateway", "a", { before: { name: "a", uri: "sip:first" }, after: { name: "a", uri: "sip:second" } }),
        line("gateway", "new", { after: { name: "new" } }),
        line("did", "+49", { before: { number: "+49", tenant: "t2" } }),
      ].join("\n"),
    },
  ]);
  assert.deepEqual(
    records.map(({ kind, name, tenant, body }) => [kind, name, tenant, JSON.parse(body)]),
    [
      ["gateway", "a", "default", { name: "a", uri: "sip:first" }],
      ["did", "+49", "t2", { number: "+49", tenant: "t2" }],
    ],
  );
  assert.equal(placesLost, false);
});

test("an outbound rule that is gone comes back behind the others, and that is said", () => {
  const { records, placesLost } = rewind(
    [record("outbound", "kept", { name: "kept" }, 7)],
    [{ tenant: "default", text: line("outbound", "gone", { before: { name: "gone" } }) }],
  );
  assert.deepEqual(
    records.map(({ name }) => name),
    ["kept", "gone"],
  );
  assert.equal(placesLost, true);
});

test("kinds of another version are left alone", () => {
  assert.deepEqual(rewind([], [{ tenant: "default", text: `${line("queue", "x", { before: {} })}\n` }]).records, []);
});
