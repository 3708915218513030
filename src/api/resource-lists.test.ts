/** Pages of a list, however large its entries are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredRecord } from "#config/stored-resources.ts";
import type { Principal } from "./access.ts";
import type { FileEntries } from "./file-entries.ts";
import { listResources } from "./resource-lists.ts";

const HOST: Principal = { name: "host", reach: "*", scopes: new Set() };
const FILE: FileEntries = { ofKind: () => [], named: () => undefined, isForeign: () => false, tenants: new Map() };

async function walk(count: number, chars: number, limit: number) {
  const all = Array.from({ length: count }, (_, i): StoredRecord => {
    const name = `g${String(i).padStart(5, "0")}`;
    return {
      kind: "gateway",
      name,
      tenant: "default",
      managedBy: "api",
      position: 0,
      body: JSON.stringify({ name, title: "x".repeat(chars) }),
    };
  });
  let asked = 0;
  const page = async ({ after, limit: most }: { readonly after?: { readonly name: string } | undefined; readonly limit: number }) => {
    asked = Math.max(asked, most);
    return all.filter(({ name }) => after === undefined || name > after.name).slice(0, most);
  };
  const names: string[] = [];
  const pages: number[] = [];
  for (let cursor: string | undefined; ; ) {
    const { records, next } = await listResources(HOST, { kind: "gateway", tenant: undefined, q: undefined, limit, cursor }, FILE, {
      page,
    });
    names.push(...records.map(({ name }) => name));
    pages.push(records.length);
    if (next === null) return { names, pages, asked, all: all.map(({ name }) => name) };
    cursor = next;
  }
}

test("each entry stands in one page, and a page has its limit", async () => {
  for (const [count, limit] of [
    [0, 10],
    [10, 10],
    [11, 10],
    [1_000, 1_000],
    [1_001, 1_000],
    [450, 200],
  ] as const) {
    const { names, pages, all, asked } = await walk(count, 1, limit);
    assert.deepEqual(names, all);
    assert.ok(pages.every((one) => one <= limit) && asked <= 200);
    assert.equal(pages.length, Math.max(1, Math.ceil(count / limit)));
  }
});

test("a page of large entries is over early, and goes on", async () => {
  const { names, pages, all } = await walk(100, 128 << 10, 1_000);
  assert.deepEqual(names, all);
  assert.ok(pages.length > 2, String(pages));
});
