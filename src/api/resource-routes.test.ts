import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { apiAlone } from "../../test/kit/api-alone.ts";
import { storedHouse } from "../../test/kit/stored-house.ts";

const YAML = `
listeners: [{ name: public, address: 192.0.2.1 }]
trunks:
  - { name: carrier, listener: public, uri: "sip:198.51.100.1" }
  - { name: acme-carrier, tenant: acme, listener: public, uri: "sip:198.51.100.2" }
gateways:
  - { name: in-file, listener: public, uri: "sip:198.51.100.9", password: hidden, username: u }
`;
const SECRET = "gateway-pass-7711";

async function setUp(t: TestContext) {
  const house = await storedHouse(t, YAML);
  return { ...house, ...(await apiAlone(t, house.ports)) };
}
type Json = Readonly<Record<string, unknown>>;
const namesOf = (json: Json, key = "name"): readonly unknown[] => (json["items"] as readonly Json[]).map((item) => item[key]);
const fieldsOf = (json: Json): readonly string[] => (json["errors"] as readonly { readonly field: string }[]).map(({ field }) => field);

test("a gateway is made, read, merged and taken out, with the fields of tandem.yaml in their types", async (t) => {
  const { ask } = await setUp(t);
  const made = await ask("POST", "/api/gateways", {
    name: "ai",
    uri: "sip:203.0.113.5",
    calls_max: 10,
    probe: true,
    username: "u",
    password: SECRET,
  });
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(
    ["name", "calls_max", "probe", "password", "tenant", "managed_by"].map((field) => made.json[field]),
    ["ai", 10, true, "***", "default", "api"],
  );
  const changed = await ask("PUT", "/api/gateways/ai", { probe: { every_s: 5 }, username: null, password: null, drain: true });
  assert.deepEqual(
    [changed.status, changed.json["probe"], changed.json["drain"], changed.json["password"]],
    [200, { every_s: 5 }, true, undefined],
    changed.text,
  );
  assert.deepEqual((await ask("GET", "/api/gateways/ai")).json, changed.json);
  assert.equal((await ask("POST", "/api/gateways", { name: "ai", uri: "sip:203.0.113.6" })).json["code"], "NAME_TAKEN");
  assert.deepEqual(namesOf((await ask("GET", "/api/gateways")).json), ["in-file", "ai"]);
  assert.equal((await ask("PUT", "/api/gateways/in-file", { drain: true })).json["code"], "MANAGED_BY_FILE");
  assert.equal((await ask("DELETE", "/api/gateways/ai")).status, 204);
  assert.equal((await ask("GET", "/api/gateways/ai")).status, 404);
});

test("what is wrong is named by the field and in the words of tandem check, and changes nothing", async (t) => {
  const { ask } = await setUp(t);
  const wrong = await ask("POST", "/api/gateways", {
    name: "ai",
    uri: "nothing at all",
    calls_max: 0,
    colour: "red",
    probe: { every_s: "x" },
  });
  assert.equal(wrong.status, 422);
  assert.deepEqual([...fieldsOf(wrong.json)].sort(), ["calls_max", "colour", "probe.every_s", "uri"]);
  const nobody = await ask("POST", "/api/dids", { number: "+15551234567", to: "gateway nobody" });
  assert.deepEqual([nobody.status, fieldsOf(nobody.json)], [422, ["to[0]"]], nobody.text);
  await ask("POST", "/api/gateways", { name: "ai", uri: "sip:203.0.113.5" });
  await ask("POST", "/api/groups", { name: "all", gateways: ["ai"] });
  const used = await ask("DELETE", "/api/gateways/ai");
  assert.deepEqual([used.status, used.json["code"]], [409, "IN_USE"], used.text);
  assert.match(used.text, /groups all/);
});

test("If-Match keeps two people from undoing each other's change", async (t) => {
  const { url, tokenOf } = await setUp(t);
  const send = (method: string, path: string, body: unknown, etag?: string) =>
    fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${tokenOf("owner")}`,
        "content-type": "application/json",
        ...(etag !== undefined && { "if-match": etag }),
      },
      body: JSON.stringify(body),
    });
  const first = await send("POST", "/api/gateways", { name: "ai", uri: "sip:203.0.113.5" });
  const etag = first.headers.get("etag")!;
  assert.match(etag, /^"[\w-]{22}"$/);
  const second = await send("PUT", "/api/gateways/ai", { drain: true }, etag);
  assert.equal(second.status, 200);
  const late = await send("PUT", "/api/gateways/ai", { drain: false }, etag);
  assert.deepEqual([late.status, ((await late.json()) as Json)["code"]], [412, "PRECONDITION_FAILED"]);
  assert.equal((await send("DELETE", "/api/gateways/ai", {}, `"other", ${second.headers.get("etag")}`)).status, 204);
});

test("lists go by pages, through file and store, and by tenant and text", async (t) => {
  const { ask } = await setUp(t);
  for (const name of ["c", "a", "b"])
    await ask("POST", "/api/gateways", { name, uri: "sip:203.0.113.5", ...(name === "b" && { tenant: "acme", title: "Last One" }) });
  const seen: unknown[] = [];
  for (let next: unknown = ""; next !== null; ) {
    const page = await ask("GET", `/api/gateways?limit=1${next === "" ? "" : `&cursor=${String(next)}`}`);
    assert.equal(page.status, 200, page.text);
    seen.push(...namesOf(page.json));
    next = page.json["next"];
  }
  assert.deepEqual(seen, ["in-file", "a", "b", "c"]);
  assert.deepEqual(namesOf((await ask("GET", "/api/gateways?tenant=acme")).json), ["b"]);
  assert.deepEqual(namesOf((await ask("GET", "/api/gateways?q=last")).json), ["b"]);
  assert.deepEqual(namesOf((await ask("GET", `/api/gateways?q=${SECRET}`)).json), []);
  assert.equal((await ask("GET", "/api/gateways?cursor=nonsense")).status, 422);
});

test("outbound rules are listed in their order, and numbers in any spelling are one", async (t) => {
  const { ask } = await setUp(t);
  for (const name of ["z", "y"]) {
    const made = await ask("POST", "/api/outbound", { name, prefix: "+49", to: "trunk carrier" });
    assert.equal(made.status, 201, made.text);
  }
  assert.deepEqual(namesOf((await ask("GET", "/api/outbound")).json), ["z", "y"]);
  const did = await ask("POST", "/api/dids", { number: "+1 (555) 123-4567", to: "gateway in-file" });
  assert.deepEqual([did.status, did.json["number"], did.json["to"]], [201, "+15551234567", ["gateway in-file"]], did.text);
  assert.equal((await ask("GET", `/api/dids/${encodeURIComponent("+1 555 123 4567")}`)).json["number"], "+15551234567");
  assert.equal((await ask("DELETE", "/api/dids/+15551234567")).status, 204);
});

test("a tenant sees, changes and learns nothing of another's", async (t) => {
  const { ask, tokenOf } = await setUp(t);
  const acme = tokenOf("owner", "acme");
  await ask("POST", "/api/gateways", { name: "ours", uri: "sip:203.0.113.5" });
  assert.deepEqual(namesOf((await ask("GET", "/api/gateways", undefined, acme)).json), []);
  for (const method of ["GET", "PUT", "DELETE"])
    assert.equal((await ask(method, "/api/gateways/ours", method === "PUT" ? {} : undefined, acme)).status, 404, method);
  assert.equal((await ask("POST", "/api/gateways", { name: "mine", uri: "sip:203.0.113.6", tenant: "default" }, acme)).status, 403);
  const mine = await ask("POST", "/api/gateways", { name: "mine", uri: "sip:203.0.113.6" }, acme);
  assert.deepEqual([mine.status, mine.json["tenant"]], [201, "acme"], mine.text);
  for (const [path, body] of [
    ["/api/groups", { name: "g", gateways: ["ours"] }],
    ["/api/groups", { name: "g", gateways: ["our"] }],
    ["/api/dids", { number: "+1555", to: "trunk carrier" }],
    ["/api/outbound", { name: "o", to: "trunk carier" }],
  ] as const) {
    const { status, json } = await ask("POST", path, body, acme);
    assert.equal(status, 422);
    assert.doesNotMatch(JSON.stringify(json), /default|"carrier|\bours\b|in-file/, JSON.stringify(json));
  }
});
