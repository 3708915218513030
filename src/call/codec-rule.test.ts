import assert from "node:assert/strict";
import { test } from "node:test";
import { codecRule } from "./codec-rule.ts";

test("filters of both peers count, an order only sorts", () => {
  const rule = (own: readonly string[], ownMode: "order" | "filter", other: readonly string[], otherMode: "order" | "filter") => {
    const found = codecRule({ codecs: own, codecsMode: ownMode }, { codecs: other, codecsMode: otherMode });
    return found === undefined ? "any" : `${found.only ? "only " : ""}${found.order.join(" ")}`;
  };
  assert.equal(rule([], "filter", [], "order"), "any");
  assert.equal(rule(["PCMA", "PCMU"], "filter", ["pcmu"], "filter"), "only PCMU telephone-event");
  assert.equal(rule(["PCMA", "PCMU"], "order", ["PCMU", "G722"], "filter"), "only PCMU G722 telephone-event");
  assert.equal(rule(["PCMU"], "filter", ["PCMA", "PCMU"], "order"), "only PCMU telephone-event");
  assert.equal(rule(["PCMA"], "order", ["PCMU"], "order"), "PCMA PCMU");
  assert.equal(rule([], "filter", ["PCMA"], "order"), "PCMA");
});
