import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { exportYaml } from "./export-yaml.ts";
import { type LoadInput, loadText } from "./load.ts";
import { type ApplyPlan, type ApplyRequest, fieldsOf, logText, planApply } from "./plan-apply.ts";
import type { StoredRecord, StoredState } from "./stored-resources.ts";

const NOTHING: StoredState = { generation: 0, hash: "", records: [] };
const stateOf = (records: readonly StoredRecord[]): StoredState => ({ generation: 1, hash: "h", records });

function planOf(text: string, state: StoredState = NOTHING, more: Partial<ApplyRequest> = {}): Extract<ApplyPlan, { ok: true }> {
  const plan = planApply({ text, file: "r.yaml", tenant: undefined, prune: false, ...more }, state);
  if (!plan.ok) assert.fail(JSON.stringify(plan.problems));
  return plan;
}
function problemsOf(text: string, state: StoredState = NOTHING, more: Partial<ApplyRequest> = {}): readonly string[] {
  const plan = planApply({ text, file: "r.yaml", tenant: undefined, prune: false, ...more }, state);
  return plan.ok
    ? assert.fail("a plan")
    : plan.problems.map(({ line, field, message, remedy }) => `${line} ${field}: ${message} (${remedy})`);
}
const shown = ({ changes }: Extract<ApplyPlan, { ok: true }>): readonly string[] =>
  changes.map(({ change, kind, name }) => `${change} ${kind} ${name}`);

const FILE = `
trunks:
  - { name: vodafone, uri: "sip:192.0.2.1", username: u, password: geheim }
gateways:
  - { name: g1, uri: "sip:192.0.2.2" }
dids:
  - { number: ["+1 555 123-4567", "+4930*"], to: gateway g1 }
outbound:
  - { name: germany, prefix: "+49", to: trunk vodafone }
  - { name: world, to: trunk vodafone }
`;

test("everything is new at first, a DID entry of two numbers becomes two, and the second time nothing changes", () => {
  const first = planOf(FILE);
  assert.deepEqual(shown(first), [
    "add trunk vodafone",
    "add gateway g1",
    "add did +15551234567",
    "add did +4930*",
    "add outbound germany",
    "add outbound world",
  ]);
  const again = planOf(FILE, stateOf(first.after), { prune: true });
  assert.deepEqual(again.changes, []);
  assert.equal(again.unchanged, 6);
});

test("JSON says the same as YAML", () => {
  const { after } = planOf("trunks:\n  - { name: a, calls_max: 5, nat: yes, addresses: [192.0.2.1] }\n");
  const json = JSON.stringify({ trunks: [{ addresses: ["192.0.2.1"], nat: "yes", calls_max: 5, name: "a", codecs: null }] });
  assert.deepEqual(planOf(json, stateOf(after)).changes, []);
});

test("a change tells its fields, and no password", () => {
  const { after } = planOf(FILE);
  const plan = planOf(FILE.replace("geheim", "neu").replace("192.0.2.1", "192.0.2.9"), stateOf(after));
  assert.deepEqual(shown(plan), ["change trunk vodafone"]);
  assert.deepEqual(fieldsOf(plan.changes[0]!), [
    { field: "password", before: '"***"', after: '"***"' },
    { field: "uri", before: '"sip:192.0.2.1"', after: '"sip:192.0.2.9"' },
  ]);
  assert.doesNotMatch(logText(plan.changes), /geheim|neu/);
  assert.match(logText(plan.changes), /"before":.*192\.0\.2\.1.*"after":.*192\.0\.2\.9/);
});

test("prune removes what an earlier apply brought, and only that; without it nothing goes", () => {
  const { after } = planOf(FILE);
  const others: StoredRecord = {
    kind: "gateway",
    name: "by-api",
    tenant: "default",
    managedBy: "api",
    position: 0,
    body: '{"name":"by-api"}',
  };
  const state = stateOf([...after, others]);
  const smaller = FILE.replace(/dids:[^]*/, "");
  assert.deepEqual(shown(planOf(smaller, state)), []);
  const pruned = planOf(smaller, state, { prune: true });
  assert.deepEqual(shown(pruned), ["remove did +15551234567", "remove did +4930*", "remove outbound germany", "remove outbound world"]);
  assert.deepEqual(
    pruned.after.map(({ name }) => name),
    ["vodafone", "g1", "by-api"],
  );
  assert.equal(planOf("", state, { prune: true }).after.length, 1, "an empty file prunes all of ours");
});

test("--tenant is whose the entries are, and keeps every other's out of reach", () => {
  const { after } = planOf("gateways: [{ name: a1, tenant: a, uri: sip:192.0.2.1 }, { name: b1, tenant: b, uri: sip:192.0.2.2 }]");
  const state = stateOf(after);
  const plan = planOf("gateways: [{ name: a2, uri: sip:192.0.2.3 }]", state, { tenant: "a", prune: true });
  assert.deepEqual(shown(plan), ["add gateway a2", "remove gateway a1"]);
  assert.equal(plan.changes[0]!.tenant, "a");
  assert.match(
    problemsOf("gateways: [{ name: b1, uri: sip:192.0.2.3 }]", state, { tenant: "a" })[0]!,
    /1 gateways\[0\]\.name: b1 is taken by another tenant/,
  );
  assert.match(problemsOf("gateways: [{ name: x, tenant: b }]", state, { tenant: "a" })[0]!, /tenant b's, and --tenant a was said/);
});

test("outbound rules are asked in the order of the file; new ones come last", () => {
  const rules = (...names: readonly string[]): string =>
    `outbound:\n${names.map((name) => `  - { name: ${name}, to: trunk t }\n`).join("")}`;
  const { after } = planOf(rules("a", "b", "c"));
  const moved = planOf(rules("c", "a"), stateOf(after));
  assert.deepEqual(
    moved.after.map(({ name }) => name),
    ["c", "b", "a"],
    "b, which is not in the file, keeps its place",
  );
  assert.deepEqual(fieldsOf(moved.changes[0]!), [{ field: "place among the rules", before: "3", after: "1" }]);
  const more = planOf(rules("new", "c", "b", "a"), stateOf(moved.after));
  assert.deepEqual(shown(more), ["add outbound new"]);
  assert.deepEqual(
    more.after.map(({ name }) => name),
    ["c", "b", "a", "new"],
  );
});

test('"***" is the stored password; where there is none it is a problem with its line', () => {
  const { after } = planOf(FILE);
  assert.deepEqual(planOf(FILE.replace("geheim", '"***"'), stateOf(after)).changes, []);
  assert.deepEqual(problemsOf(FILE.replace("geheim", '"***"')), [
    '3 trunks[0].password: "***" stands for a stored password, and there is none (write the password, or export with --with-secrets)',
  ]);
  const digest = "gateways:\n  - { name: g, digest: { username: u, passwords: [one, two] } }\n";
  const stored = stateOf(planOf(digest).after);
  assert.deepEqual(planOf(digest.replace("[one, two]", '["***", "***"]'), stored).changes, []);
});

test("what can't be applied is said with its line and what to do", () => {
  assert.match(problemsOf("node: { name: x }")[0]!, /^1 node: node can't be applied.*tandem\.yaml/);
  assert.match(problemsOf("trunks: []\ngatways: []")[0]!, /^2 gatways: unknown section gatways \(did you mean gateways\?\)/);
  assert.match(problemsOf("trunks:\n  - { uri: sip:192.0.2.1 }")[0]!, /^2 trunks\[0\]: name is missing/);
  assert.match(
    problemsOf("dids:\n  - { number: ai, to: gateway g }\n  - { number: AI, to: gateway g }")[0]!,
    /^3 dids\[1\]: ai stands here a second time/,
  );
  assert.match(problemsOf("trunks: {a: b}")[0]!, /instead of a list/);
  assert.match(problemsOf("trunks: [a, {")[0]!, /YAML/);
  assert.match(problemsOf("- trunks")[0]!, /a list instead of sections/);
});

const INPUT: LoadInput = { env: {}, readFile: () => "", uid: 1000, hostname: "test" };
const TANDEM = 'listeners: [{ name: public, address: 192.0.2.200 }]\ntrunks: [{ name: base, uri: "sip:192.0.2.100" }]\n';

test("the outcome is checked with tandem.yaml, and each problem has its place in the file it came from", () => {
  const plan = planOf(
    'gateways:\n  - { name: g1, uri: "sip:192.0.2.1" }\ngroups:\n  - { name: ai, gateways: [g1, g2] }\n  - { name: base, gateways: [g1] }\n',
  );
  const twice = loadText(TANDEM, "tandem.yaml", { ...INPUT, stored: () => plan.entries("x") });
  assert.deepEqual(twice.ok ? [] : twice.problems.map(({ file, line, field, message }) => `${file}:${line} ${field}: ${message}`), [
    "tandem.yaml:2 trunks[0].name: base is also in groups of the store",
  ]);
  const dangling = planOf('gateways:\n  - { name: g1, uri: "sip:192.0.2.1" }\ngroups:\n  - { name: ai, gateways: [g1, g2] }\n');
  const loaded = loadText(TANDEM, "tandem.yaml", { ...INPUT, stored: () => dangling.entries("x") });
  assert.deepEqual(loaded.ok ? [] : loaded.problems.map(({ file, line, field, message }) => `${file}:${line} ${field}: ${message}`), [
    "r.yaml:4 groups[0].gateways[1]: there is no gateway g2",
  ]);
});

test("what only the store knows is placed there, by name", () => {
  const plan = planOf("groups: [{ name: ai, gateways: [gone] }]");
  const { placeOf: _, ...entries } = plan.entries("x");
  const loaded = loadText(TANDEM, "tandem.yaml", { ...INPUT, stored: () => entries });
  assert.deepEqual(loaded.ok ? [] : loaded.problems.map(({ file, line, field }) => `${file}:${line} ${field}`), [
    "the store:0 groups ai.gateways[0]",
  ]);
});

test("a store that can't be read is a problem, not an exception", () => {
  const loaded = loadText(TANDEM, "tandem.yaml", {
    ...INPUT,
    stored: () => {
      throw new Error("file is not a database");
    },
  });
  assert.match(loaded.ok ? "" : loaded.problems[0]!.message, /can't be read: file is not a database/);
});

const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
const value = fc.oneof(
  word,
  fc.string({ maxLength: 12 }),
  fc.constantFrom("yes", "null", "~", "+49", "00", "1.5", " a", "#x", "a: b", "\u00e4\n\t", "\u2028"),
);
const entry = fc.dictionary(
  word.filter((key) => key !== "name" && key !== "number" && key !== "tenant"),
  fc.oneof(value, fc.array(value, { maxLength: 3 }), fc.dictionary(word, value, { maxKeys: 3 })),
  { maxKeys: 5 },
);

test("what export writes, apply takes back to the same", () => {
  const named = fc.uniqueArray(fc.tuple(word, entry, fc.constantFrom("default", "a", "b")), { selector: ([name]) => name, maxLength: 6 });
  fc.assert(
    fc.property(named, named, named, (trunks, dids, outbound) => {
      const entries = (list: typeof trunks, key: string) => list.map(([name, fields, tenant]) => ({ ...fields, [key]: name, tenant }));
      const text = JSON.stringify({ trunks: entries(trunks, "name"), dids: entries(dids, "number"), outbound: entries(outbound, "name") });
      const { after } = planOf(text);
      for (const secrets of [true, false]) {
        const yaml = exportYaml(after, { secrets });
        assert.deepEqual(shown(planOf(yaml, stateOf(after), { prune: true })), [], yaml);
      }
      const fresh = planOf(exportYaml(after, { secrets: true })).after;
      assert.deepEqual(fresh, after);
    }),
    { numRuns: 300 },
  );
});

test("export is one tenant's where it is asked for, and hides passwords unless it is told", () => {
  const { after } = planOf("trunks: [{ name: a1, tenant: a, username: u, password: geheim }, { name: b1, tenant: b }]");
  assert.equal(exportYaml(after, { tenant: "b", secrets: false }), "trunks:\n  - { name: b1, tenant: b }\n");
  assert.doesNotMatch(exportYaml(after, { secrets: false }), /geheim/);
  assert.match(exportYaml(after, { secrets: true }), /password: geheim/);
});
