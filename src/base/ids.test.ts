import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CallIds, TOKEN_CHARS, TokenSigner, callIdTimeMs } from "./ids.ts";
import { seededRandom } from "./random.ts";

const KEY = new Uint8Array(32).fill(7);

test("call ids sort by time and never repeat", () => {
  let now = 1_763_632_800_000;
  const ids = new CallIds(() => now, seededRandom(1));
  const made = Array.from({ length: 2000 }, (_, i) => {
    if (i % 3 === 0) now++;
    return ids.next();
  });
  assert.equal(new Set(made).size, made.length);
  assert.equal(callIdTimeMs(made.at(-1)!), now);
  assert.ok(made[0]! < made.at(-1)!);
});

test("a token says whose call it is, on every node that holds the key", () => {
  const callId = new CallIds(() => 1_763_632_800_000, seededRandom(2)).next();
  const token = new TokenSigner(KEY, "a7").sign(callId);
  assert.equal(token.length, TOKEN_CHARS);
  assert.deepEqual(new TokenSigner(KEY, "b1").read(`${token}b2`), { ok: true, value: { node: "a7", callId, suffix: "b2" } });
});

test("a forged, cut or foreign token is refused, and no text throws", () => {
  const signer = new TokenSigner(KEY, "a7");
  const token = signer.sign(new CallIds(() => 1_763_632_800_000, seededRandom(3)).next());
  for (let at = 0; at < TOKEN_CHARS; at++) {
    const other = token[at] === "0" ? "1" : "0";
    assert.equal(signer.read(token.slice(0, at) + other + token.slice(at + 1)).ok, false, `changed at ${at}`);
  }
  assert.equal(new TokenSigner(new Uint8Array(32).fill(8), "a7").read(token).ok, false);
  fc.assert(fc.property(fc.string(), (text) => signer.read(text).ok === false));
});
