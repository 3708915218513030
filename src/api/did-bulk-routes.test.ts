import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { apiAlone } from "../../test/kit/api-alone.ts";
import { storedHouse } from "../../test/kit/stored-house.ts";

const YAML = `
listeners: [{ name: public, address: 192.0.2.1 }]
gateways: [{ name: ai, listener: public, uri: "sip:203.0.113.5" }, { name: acme-ai, tenant: acme, listener: public, uri: "sip:203.0.113.6" }]
dids: [{ number: "+4900", to: gateway ai }]
`;
type Json = Readonly<Record<string, unknown>>;

async function setUp(t: TestContext) {
  const house = await storedHouse(t, YAML);
  const api = await apiAlone(t, house.ports);
  const csv = async (method: string, body?: string, token = api.tokenOf("owner"), query = "") => {
    const response = await fetch(`${api.url}/api/dids.csv${query}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": "text/csv" }) },
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    return { status: response.status, text, json: (text.startsWith("{") ? JSON.parse(text) : {}) as Json };
  };
  return { ...house, ...api, csv };
}
const fieldsOf = (json: Json): readonly string[] => (json["errors"] as readonly { readonly field: string }[]).map(({ field }) => field);
const number = (n: number): string => `+1555${String(n).padStart(7, "0")}`;

test("10,000 numbers are one change, and one wrong among them is none at all", async (t) => {
  const { ask, resources } = await setUp(t);
  const items = Array.from({ length: 10_000 }, (_, n) => ({ number: number(n), to: "gateway ai" }));
  const wrong = await ask("POST", "/api/dids/bulk", { items: items.with(4_711, { number: number(4_711), to: "gateway nobody" }) });
  assert.deepEqual([wrong.status, fieldsOf(wrong.json)], [422, ["items[4711].to[0]"]], wrong.text.slice(0, 500));
  assert.equal((await resources.state()).records.length, 0);
  const done = await ask("POST", "/api/dids/bulk", { items });
  assert.deepEqual([done.status, done.json["added"], done.json["generation"]], [200, 10_000, 1], done.text.slice(0, 500));
  const again = await ask("POST", "/api/dids/bulk", {
    items: [...items.slice(0, 1), { number: "+1666", to: [] }],
    delete: [number(1), "+1777"],
  });
  assert.deepEqual(fieldsOf(again.json), ["items[0].number", "delete[1]"], again.text);
  const replaced = await ask("POST", "/api/dids/bulk", {
    items: [{ number: number(0), to: "reject 486" }],
    delete: [number(1)],
    on_existing: "replace",
  });
  assert.deepEqual([replaced.json["changed"], replaced.json["removed"]], [1, 1], replaced.text);
});

test("CSV comes back as it went, and every bad line is named", async (t) => {
  const { csv } = await setUp(t);
  const done = await csv("POST", 'number,tenant,to\n+1555,,gateway ai\n+1556,acme,"gateway acme-ai; reject 486 Busy"\n');
  assert.deepEqual([done.status, done.json["added"]], [200, 2], done.text);
  const { text } = await csv("GET");
  assert.deepEqual(text.split("\r\n").slice(1), [
    "+4900,default,gateway ai,,,,,",
    "+1555,default,gateway ai,,,,,",
    '+1556,acme,"gateway acme-ai; reject 486 Busy",,,,,',
    "",
  ]);
  const same = await csv("POST", text.replace("+4900,default,gateway ai,,,,,\r\n", ""));
  assert.deepEqual([same.status, same.json["unchanged"]], [200, 2], same.text);
  const wrong = await csv("POST", "number,to\n+1,gateway ai\nfünf,gateway ai\n+2\n+4900,gateway ai\n+1,gateway ai\n+3,gateway ai,x\n");
  assert.deepEqual(fieldsOf(wrong.json), ["line 7", "line 3.number", "line 4.to", "line 6.number", "line 5.number"], wrong.text);
});

test("a tenant's file holds the tenant's numbers only", async (t) => {
  const { csv, tokenOf, resources } = await setUp(t);
  await csv("POST", "number,to\n+1555,gateway ai\n");
  const acme = tokenOf("owner", "acme");
  assert.equal((await csv("GET", undefined, acme)).text.split("\r\n").length, 2);
  for (const body of [
    "number,to\n+1555,gateway acme-ai\n",
    "number,to\n+1557,gateway ai\n",
    "number,to,tenant\n+1558,gateway ai,default\n",
  ]) {
    const refused = await csv("POST", body, acme);
    assert.ok([403, 422].includes(refused.status), refused.text);
    assert.doesNotMatch(refused.text, /default|"ai\b/);
  }
  assert.equal((await resources.state()).records.length, 1);
});
