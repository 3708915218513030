import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContentsHash } from "./contents-hash.ts";
import { fileEntries } from "./file-entries.ts";
import { type LoadInput, loadText } from "./load.ts";
import { planApply } from "./plan-apply.ts";
import { Standing, type StandingRequest } from "./standing.ts";
import type { StoredRecord } from "./stored-resources.ts";

const INPUT: LoadInput = { env: {}, readFile: () => "", uid: 1000, hostname: "test" };
const FILE = `
listeners: [{ name: public, address: 192.0.2.200 }, { name: other, address: 192.0.2.201, port: 5070, media: { ports: 30000-30999 } }]
trunks: [{ name: t1, listener: public, uri: "sip:192.0.2.100" }]
gateways: [{ name: g1, listener: public, uri: "sip:192.0.2.101" }]
groups: [{ name: p1, gateways: [g1] }]
dids: [{ number: "+1", to: group p1 }]
outbound: [{ name: o1, prefix: "+49", to: trunk t1 }]
`;

/** Loads the whole anew, as the start does. */
function whole(records: readonly StoredRecord[], request: StandingRequest) {
  const plan = planApply({ ...request, prune: false }, { generation: 0, hash: "", records });
  if (!plan.ok) return plan;
  const loaded = loadText(FILE, "tandem.yaml", { ...INPUT, stored: () => plan.entries("x") });
  return loaded.ok ? { ok: true as const, after: plan.after, snapshot: loaded.config.snapshot, changes: plan.changes } : loaded;
}

function standingOf(records: readonly StoredRecord[]): Standing {
  const made = whole(records, { text: "", file: "r", tenant: undefined });
  assert.ok(made.ok);
  const file = fileEntries(FILE, "tandem.yaml");
  return new Standing(made.snapshot, { generation: 0, hash: "", records }, file, { ...INPUT, callsMax: 5_000, listeners: file.listeners });
}
const requestOf = (sections: object, more: Partial<StandingRequest> = {}): StandingRequest => ({
  text: JSON.stringify(sections),
  file: "r",
  tenant: undefined,
  origin: "api",
  ...more,
});
const sectionsOf = (text: string) => JSON.parse(text) as Readonly<Record<string, unknown>>;

// Few names, so that they collide, dangle and cross tenants now and then.
const mostly = <T>(usual: fc.Arbitrary<T>, strange: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: strange });
const name = fc.constantFrom("t1", "t2", "t3", "g1", "g2", "g3", "p1", "p2");
const trunkName = mostly(fc.constantFrom("t2", "t3", "t4"), name);
const gatewayName = mostly(fc.constantFrom("g2", "g3", "g4"), name);
const tenant = mostly(fc.constant<string | undefined>(undefined), fc.constant("acme"));
const uri = mostly(
  fc.constantFrom<string | undefined>("sip:192.0.2.1", "sip:192.0.2.2:5070"),
  fc.constantFrom(undefined, "sip:192.0.2.200"),
);
const peerOf = (named: fc.Arbitrary<string>) =>
  fc.record({
    name: named,
    tenant,
    uri,
    listener: mostly(fc.constantFrom("public", "other"), fc.constant("none")),
    digest: mostly(fc.constant(undefined), fc.constantFrom({ username: "u1", password: "x" }, { username: "u2", password: "x" })),
    drain: fc.constantFrom(undefined, "yes"),
  });
const trunk = fc
  .record({ peer: peerOf(trunkName), backup: mostly(fc.constant<string | undefined>(undefined), fc.constantFrom("t1", "t2")) })
  .map(({ peer, backup }) => ({ ...peer, ...(backup === undefined ? {} : { backup_trunks: [backup] }) }));
const target = mostly(
  fc.oneof(fc.constantFrom("gateway g1", "trunk t1", "group p1", "gateway g2", "reject 404"), fc.constantFrom("group p2", "trunk t2")),
  name.map((one) => `group ${one}`),
);
const list = <T>(entry: fc.Arbitrary<T>, selector: (one: T) => string) => fc.uniqueArray(entry, { selector, maxLength: 2 });
const sections = fc
  .record({
    trunks: list(trunk, (one) => one.name),
    gateways: list(peerOf(gatewayName), (one) => one.name),
    groups: list(
      fc.record({
        name: mostly(fc.constantFrom("p2", "p3"), name),
        tenant,
        gateways: fc.uniqueArray(mostly(fc.constantFrom("g1", "g2"), name), { minLength: 1, maxLength: 2 }),
      }),
      (one) => one.name,
    ),
    dids: list(
      fc.record({ number: mostly(fc.constantFrom("+2", "+3*", "ai"), fc.constant("+1")), tenant, to: target }),
      (one) => one.number,
    ),
    outbound: list(
      fc.record({
        name: mostly(fc.constantFrom("o2", "o3", "o4"), fc.constant("o1")),
        tenant,
        prefix: fc.constantFrom("", "+49"),
        to: target,
      }),
      (one) => one.name,
    ),
  })
  .chain((all) =>
    fc
      .subarray(Object.keys(all), { maxLength: 2 })
      .map((keys) => Object.fromEntries(Object.entries(all).filter(([key]) => keys.includes(key)))),
  );
const remove = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("trunk", "gateway", "group"), name }),
    fc.record({ kind: fc.constant("did"), name: fc.constantFrom("+1", "+2", "+3*") }),
    fc.record({ kind: fc.constant("outbound"), name: fc.constantFrom("o1", "o2") }),
  ),
  { maxLength: 1 },
);
const shown = (snapshot: Standing["snapshot"]) => ({ ...snapshot, dids: new Map([...snapshot.dids].sort()), hash: "", generation: 0 });

test("a change worked out from what it touches gives what loading everything anew would give, or is refused as that would be", () => {
  let [taken, refused] = [0, 0];
  fc.assert(
    fc.property(fc.array(fc.tuple(sections, remove, tenant), { minLength: 1, maxLength: 12 }), (steps) => {
      let records: readonly StoredRecord[] = [];
      const standing = standingOf(records);
      for (const [entries, gone, of] of steps) {
        const request = requestOf(entries, { remove: gone, tenant: of });
        const wanted = whole(records, request);
        const made = standing.plan(request, sectionsOf(request.text));
        assert.equal(made.ok, wanted.ok, JSON.stringify([made, wanted]));
        if (!made.ok || !wanted.ok) {
          refused++;
          continue;
        }
        taken++;
        standing.accept(made);
        records = wanted.after;
        assert.deepEqual(made.changes, wanted.changes);
        assert.deepEqual(shown(standing.snapshot), shown(wanted.snapshot));
        assert.deepEqual([...standing.snapshot.outbound], [...wanted.snapshot.outbound]);
        assert.equal(standing.hash, ContentsHash.of(records).text());
      }
    }),
    { numRuns: 250 },
  );
  assert.ok(taken > 100 && refused > 100, `${taken} taken, ${refused} refused`);
});

const problemsOf = (standing: Standing, entries: object, more: Partial<StandingRequest> = {}): readonly string[] => {
  const request = requestOf(entries, more);
  const made = standing.plan(request, sectionsOf(request.text));
  return made.ok ? [] : made.problems.map(({ file, line, field, message }) => `${file}:${line} ${field}: ${message}`);
};
const accept = (standing: Standing, entries: object): void => {
  const request = requestOf(entries);
  const made = standing.plan(request, sectionsOf(request.text));
  assert.ok(made.ok, JSON.stringify(made));
  standing.accept(made);
};

test("problems are placed in the request, in tandem.yaml, or in the store", () => {
  const standing = standingOf([]);
  accept(standing, { gateways: [{ name: "g2", listener: "public", uri: "sip:192.0.2.1" }], groups: [{ name: "ai", gateways: ["g2"] }] });
  assert.deepEqual(
    problemsOf(standing, { gateways: [{ name: "g3", listener: "public", calls_max: -1 }] }).map((one) =>
      one.split(":").slice(0, 2).join(":"),
    ),
    ["r:1 gateways[0].calls_max"],
  );
  assert.deepEqual(problemsOf(standing, { dids: [{ number: "+5", to: "group nobody" }] }), ["r:1 dids[0].to[0]: there is no group nobody"]);
  assert.deepEqual(problemsOf(standing, { gateways: [{ name: "p1", listener: "public" }] }), [
    "tandem.yaml:5 groups[0].name: p1 is also in gateways of the store",
  ]);
  assert.deepEqual(problemsOf(standing, {}, { remove: [{ kind: "gateway", name: "g2" }] }), [
    "the store:0 groups ai.gateways[0]: there is no gateway g2",
  ]);
});

test("what is planned and not accepted changes nothing, and passwords come along", () => {
  const standing = standingOf([]);
  const request = requestOf({ trunks: [{ name: "t2", listener: "public", uri: "sip:192.0.2.1", username: "u", password: "geheim" }] });
  const before = standing.snapshot;
  const made = standing.plan(request, sectionsOf(request.text));
  assert.ok(made.ok && standing.snapshot === before && standing.record("trunk", "t2") === undefined);
  assert.equal(made.snapshot.trunks.get("t2")?.account?.passwords[0]?.reveal(), "geheim");
  assert.ok(Object.isFrozen(made.snapshot.trunks.get("t2")));
});
