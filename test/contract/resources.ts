/** What every database does with resources. Each implementation runs it: see resources-sqlite.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredRecord } from "#config/stored-resources.ts";
import { type ResourceCommit, type ResourceStore, hashOf } from "#store/resource-store.ts";

export interface ResourcesUnderTest {
  readonly name: string;
  /** Opens an empty store; `reopen` closes it and opens the same again. */
  open(): Promise<{ readonly store: ResourceStore; reopen(): Promise<ResourceStore>; remove(): Promise<void> }>;
}

const AT_MS = Date.UTC(2026, 0, 2);
const record = (name: string, more: Partial<StoredRecord> = {}): StoredRecord => ({
  kind: "gateway",
  name,
  tenant: "default",
  managedBy: "apply",
  position: 0,
  body: `{"name":"${name}"}`,
  ...more,
});
const commitOf = (base: number, upserts: readonly StoredRecord[], more: Partial<ResourceCommit> = {}): ResourceCommit => ({
  base,
  upserts,
  removals: [],
  hash: hashOf(upserts),
  texts: new Map([["default", `change after ${base}`]]),
  atMs: AT_MS + base,
  ...more,
});

export function resourcesContract({ name, open }: ResourcesUnderTest): void {
  const it = (title: string, run: (store: ResourceStore, reopen: () => Promise<ResourceStore>) => Promise<void>): void => {
    test(`resources on ${name}: ${title}`, async () => {
      const { store, reopen, remove } = await open();
      try {
        await run(store, reopen);
      } finally {
        await remove();
      }
    });
  };

  it("an empty store is generation 0", async (store) => {
    assert.deepEqual(await store.state(), { generation: 0, hash: "", records: [] });
  });

  it("what was committed is there after it was closed, in the order of the change", async (store, reopen) => {
    const records = [
      record("b"),
      record("a", { kind: "trunk", tenant: "t1" }),
      record("+49", { kind: "did", body: '{"number":"+49","to":"\u00e4 \\"quoted\\""}' }),
    ];
    assert.deepEqual(await store.commit(commitOf(0, records)), { ok: true, generation: 1 });
    const state = await (await reopen()).state();
    assert.deepEqual({ ...state, records: state.records.map((one) => ({ ...one })) }, { generation: 1, hash: hashOf(records), records });
  });

  it("a change replaces by kind and name, keeps the place, and removes", async (store) => {
    await store.commit(commitOf(0, [record("a"), record("b"), record("c"), record("a", { kind: "trunk" })]));
    const changed = record("a", { body: '{"name":"a","uri":"x"}', tenant: "t2", managedBy: "api" });
    assert.deepEqual(await store.commit(commitOf(1, [changed, record("d")], { removals: [{ kind: "gateway", name: "b" }] })), {
      ok: true,
      generation: 2,
    });
    const { records } = await store.state();
    assert.deepEqual(
      records.map(({ kind, name, tenant }) => `${kind} ${name} ${tenant}`),
      ["gateway a t2", "gateway c default", "trunk a default", "gateway d default"],
    );
    assert.equal(records[0]!.body, changed.body);
    assert.equal(records[0]!.managedBy, "api");
  });

  it("rules come by position", async (store) => {
    const rule = (one: string, position: number): StoredRecord => record(one, { kind: "outbound", position });
    await store.commit(commitOf(0, [rule("second", 2), rule("third", 3), rule("first", 1)]));
    assert.deepEqual(
      (await store.state()).records.map((one) => one.name),
      ["first", "second", "third"],
    );
  });

  it("a change worked out from another generation is refused, and nothing of it stays", async (store) => {
    await store.commit(commitOf(0, [record("a")]));
    assert.deepEqual(await store.commit(commitOf(0, [record("b")])), { ok: false, generation: 1 });
    assert.deepEqual(
      (await store.state()).records.map((one) => one.name),
      ["a"],
    );
    assert.equal((await store.changes("default", 10)).length, 1);
  });

  it("what changed after a generation is told by name", async (store) => {
    await store.commit(commitOf(0, [record("a"), record("b")]));
    await store.commit(commitOf(1, [record("b", { body: "{}" }), record("c")]));
    const since = async (generation: number) => (await store.changedSince(generation)).map(({ kind, name }) => `${kind} ${name}`).sort();
    assert.deepEqual(await Promise.all([0, 1, 2].map(since)), [["gateway a", "gateway b", "gateway c"], ["gateway b", "gateway c"], []]);
  });

  it("a change that fails in the middle leaves nothing behind", async (store) => {
    await store.commit(commitOf(0, [record("a")]));
    const broken = record("c", { body: undefined as unknown as string });
    await assert.rejects(store.commit(commitOf(1, [record("b"), broken], { removals: [{ kind: "gateway", name: "a" }] })));
    const { generation, records } = await store.state();
    assert.equal(generation, 1);
    assert.deepEqual(
      records.map((one) => one.name),
      ["a"],
    );
    assert.deepEqual(await store.commit(commitOf(1, [record("b")])), { ok: true, generation: 2 }, "it goes on");
  });

  it("the log has each tenant's part, newest first", async (store) => {
    await store.commit(
      commitOf(0, [record("a")], {
        texts: new Map([
          ["t1", "one"],
          ["t2", "other"],
        ]),
      }),
    );
    await store.commit(commitOf(1, [record("a", { body: "{}" })], { texts: new Map([["t1", "two"]]) }));
    assert.deepEqual(
      (await store.changes("t1", 10)).map(({ generation, text }) => [generation, text]),
      [
        [2, "two"],
        [1, "one"],
      ],
    );
    assert.deepEqual(
      (await store.changes("t1", 1)).map(({ appliedAtMs }) => appliedAtMs),
      [AT_MS + 1],
    );
    assert.deepEqual(
      (await store.changes("t2", 10)).map(({ text }) => text),
      ["other"],
    );
    assert.deepEqual(await store.changes("t3", 10), []);
    assert.equal((await store.state()).generation, 2);
  });

  it("the same contents have the same hash, whatever came first", async () => {
    assert.equal(hashOf([record("a"), record("b")]), hashOf([record("b"), record("a", { managedBy: "api" })]));
    assert.notEqual(hashOf([record("a")]), hashOf([record("a", { tenant: "t" })]));
  });
}
