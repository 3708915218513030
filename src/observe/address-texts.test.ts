import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressTexts } from "./address-texts.ts";

test("an address keeps its text until its port changes, however many addresses there are", () => {
  const texts = new AddressTexts();
  assert.equal(texts.of("192.0.2.1", 5060), "192.0.2.1:5060");
  assert.equal(texts.of("192.0.2.1", 5060), "192.0.2.1:5060");
  assert.equal(texts.of("192.0.2.1", 5061), "192.0.2.1:5061");
  assert.equal(texts.of("", 0), ":0");
  for (let i = 0; i < 3_000; i++) assert.equal(texts.of(`2001:db8::${i}`, i), `2001:db8::${i}:${i}`);
  assert.equal(texts.of("192.0.2.1", 5060), "192.0.2.1:5060");
});
