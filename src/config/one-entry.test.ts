import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldsOfKind, findingsOf, typedEntry } from "./one-entry.ts";
import { RESOURCE_KINDS } from "./stored-resources.ts";

test("every kind's fields are known as data, with what each takes", () => {
  for (const kind of RESOURCE_KINDS) assert.equal(fieldsOfKind(kind)["tenant"]?.fallback, "default", kind);
  const { uri, password, probe, calls_max, headers } = fieldsOfKind("gateway");
  assert.deepEqual([uri?.shape.type, password?.shape], ["text", { type: "text", secret: true }]);
  assert.deepEqual([probe?.shape.type, headers?.shape.type], ["either", "fields"]);
  assert.deepEqual(calls_max?.shape, { type: "integer", min: 1, max: 1_000_000, about: "calls at a time" });
});

test("an entry is read as the file's would be, and each mistake has its path in it", () => {
  assert.deepEqual(findingsOf("gateway", { name: "ai", uri: "sip:ai.example.com", calls_max: 10, probe: true }), []);
  const found = findingsOf("group", { name: "ai", gateways: [{ gateway: "a", weight: 0 }], colour: "red" });
  assert.deepEqual(
    found.map(({ path }) => path),
    [["colour"], ["gateways", 0, "weight"]],
  );
});

test("what is stored as text comes back in the types of its fields", () => {
  assert.deepEqual(typedEntry("gateway", { name: "ai", calls_max: "10", nat: "yes", codecs: "PCMA", probe: { every_s: "5" } }), {
    name: "ai",
    calls_max: 10,
    nat: true,
    codecs: ["PCMA"],
    probe: { every_s: 5 },
  });
  assert.deepEqual(typedEntry("did", { number: "+1555", to: "group ai" }), { number: "+1555", to: ["group ai"] });
});
