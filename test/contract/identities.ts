/** What every database does with users, keys and what else the API keeps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiRecords } from "#store/api-records.ts";
import type { IdentityStore } from "#store/identity-store.ts";

type Open<T> = () => Promise<{ readonly store: T; remove(): Promise<void> }>;

function on<T>(name: string, open: Open<T>) {
  return (what: string, run: (store: T) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const { store, remove } = await open();
      try {
        await run(store);
      } finally {
        await remove();
      }
    });
  };
}

export function identitiesContract(name: string, open: Open<IdentityStore>): void {
  const it = on(name, open);
  const user = (of: string, tenant: string) => ({
    id: `id-${of}`,
    tenant,
    name: of,
    role: "viewer",
    passwordHash: "hash",
    createdAtMs: 1_700_000_000_000,
    disabled: false,
    tokensFromMs: 0,
  });
  const key = {
    id: "k1",
    tenant: "t1",
    name: "nightly",
    scopes: ["calls:read", "metrics:read"],
    hash: "h1",
    createdBy: "user a",
    createdAtMs: 5,
    disabled: false,
  };
  const refresh = { id: "r1", tenant: "t1", userName: "a", hash: "rh1", expiresAtMs: 100 };

  it("users are found by name and tenant, and a name is taken once", async (store) => {
    assert.equal(await store.addUser(user("b", "t1")), true);
    assert.equal(await store.addUser(user("a", "t2")), true);
    assert.equal(await store.addUser(user("a", "t1")), false);
    assert.deepEqual(await store.userNamed("a"), user("a", "t2"));
    assert.equal(await store.userNamed("' or 1=1 --"), undefined);
    assert.deepEqual(
      (await store.users("*")).map(({ name: of }) => of),
      ["a", "b"],
    );
    assert.deepEqual(
      (await store.users("t1")).map(({ name: of }) => of),
      ["b"],
    );
  });
  it("a user changes in what is said, and loses refresh tokens with his password", async (store) => {
    await store.addUser(user("a", "t1"));
    await store.addRefresh(refresh);
    await store.changeUser("a", { role: "owner" });
    assert.deepEqual(await store.userNamed("a"), { ...user("a", "t1"), role: "owner" });
    await store.changeUser("a", { passwordHash: "new", tokensFromMs: 7 });
    assert.deepEqual(await store.userNamed("a"), { ...user("a", "t1"), role: "owner", passwordHash: "new", tokensFromMs: 7 });
    assert.equal(await store.takeRefresh("rh1", 50), undefined);
    await store.removeUser("a");
    assert.equal(await store.userNamed("a"), undefined);
  });
  it("keys are found by their hash", async (store) => {
    await store.addKey(key);
    assert.deepEqual(await store.keyByHash("h1"), key);
    await store.changeKey("k1", { disabled: true });
    assert.deepEqual(await store.keys("t1"), [{ ...key, disabled: true }]);
    assert.deepEqual(await store.keys("t2"), []);
    await store.removeKey("k1");
    assert.equal(await store.keyByHash("h1"), undefined);
  });
  it("a refresh token is good once and until it expires", async (store) => {
    await store.addRefresh(refresh);
    assert.deepEqual({ ...(await store.takeRefresh("rh1", 50)) }, refresh);
    assert.equal(await store.takeRefresh("rh1", 50), undefined);
    await store.addRefresh(refresh);
    assert.equal(await store.takeRefresh("rh1", 101), undefined);
  });
}

export function apiRecordsContract(name: string, open: Open<ApiRecords>): void {
  const it = on(name, open);
  const entry = (id: string, tenant: string, who: string) => ({
    id,
    tenant,
    atMs: Number(id),
    who,
    address: "192.0.2.1",
    action: "updateTrunk",
    kind: "trunk",
    name: "carrier",
    before: "{}",
    after: '{"a":1}',
    requestId: "r",
  });
  it("tenants have a name once", async (store) => {
    assert.equal(await store.addTenant({ name: "acme", title: "Acme", createdAtMs: 5 }), true);
    assert.equal(await store.addTenant({ name: "acme", title: "other", createdAtMs: 6 }), false);
    await store.retitleTenant("acme", "ACME Ltd");
    assert.deepEqual(
      (await store.tenants()).map((one) => ({ ...one })),
      [{ name: "acme", title: "ACME Ltd", createdAtMs: 5 }],
    );
    await store.removeTenant("acme");
    assert.deepEqual(await store.tenants(), []);
  });
  it("the audit log is newest first and by what is asked", async (store) => {
    for (const one of [entry("1", "t1", "a"), entry("2", "t2", "b"), entry("3", "t1", "b")]) await store.addAudit(one);
    const ids = async (filter: object) => (await store.audit({ tenant: "*", limit: 10, ...filter })).map(({ id }) => id);
    assert.deepEqual(await ids({}), ["3", "2", "1"]);
    assert.deepEqual(await ids({ tenant: "t1", who: "b" }), ["3"]);
    assert.deepEqual(await ids({ before: "3", limit: 1 }), ["2"]);
    assert.deepEqual(await ids({ kind: "did" }), []);
    assert.deepEqual({ ...(await store.audit({ tenant: "t1", who: "a", limit: 1 }))[0] }, entry("1", "t1", "a"));
    await store.pruneAudit(2);
    assert.deepEqual(await ids({}), ["3", "2"]);
  });
  it("a key for an answer is claimed by one", async (store) => {
    assert.equal(await store.claimAnswer("t1", "i", "hash", 100, 0), undefined);
    assert.deepEqual({ ...(await store.claimAnswer("t1", "i", "other", 100, 0)) }, { requestHash: "hash", status: 0, answer: "" });
    assert.equal(await store.claimAnswer("t2", "i", "hash", 100, 0), undefined, "each tenant has its own");
    await store.keepAnswer("t1", "i", 201, "sealed");
    assert.equal((await store.claimAnswer("t1", "i", "hash", 100, 0))?.status, 201);
    await store.forgetAnswer("t1", "i");
    assert.equal(await store.claimAnswer("t1", "i", "hash", 100, 0), undefined);
    assert.equal(await store.claimAnswer("t1", "i", "hash", 300, 200), undefined, "the old one expired");
  });
}
