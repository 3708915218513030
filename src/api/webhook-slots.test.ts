import assert from "node:assert/strict";
import { test } from "node:test";
import { REQUESTS_MAX, REQUESTS_OF_TENANT_MAX, RequestSlots } from "./webhook-slots.ts";

test("a tenant whose targets hang leaves room for others, up to the most of all", () => {
  const slots = new RequestSlots();
  for (let i = 0; i < REQUESTS_OF_TENANT_MAX; i++) slots.take("evil");
  assert.deepEqual([slots.hasRoom("evil"), slots.hasRoom("acme")], [false, true]);
  for (let i = REQUESTS_OF_TENANT_MAX; i < REQUESTS_MAX; i++) slots.take("acme");
  assert.equal(slots.hasRoom("acme"), false);
  slots.give("evil");
  assert.deepEqual([slots.hasRoom("evil"), slots.hasRoom("acme")], [true, true]);
});
