import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { KEY_FILE, isSealed, keyRing, newKey, sealerOf, secretsOf, writeKeys } from "./secrets.ts";

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tandem-secrets-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test("what was sealed opens to what it was, for whom it was sealed", () => {
  const secrets = sealerOf([newKey()]);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ maxLength: 20 }), (text, about) => {
      const sealed = secrets.seal(text, about);
      assert.ok(isSealed(sealed));
      assert.ok(text.length < 4 || !sealed.includes(text));
      assert.equal(secrets.open(sealed, about), text);
      assert.equal(secrets.open(sealed, `${about}!`), sealed, "in another's row it opens nothing");
    }),
  );
  assert.notEqual(secrets.seal("a", "b"), secrets.seal("a", "b"), "the same password twice doesn't show");
});

test("a changed value opens nothing and stays", () => {
  const secrets = sealerOf([newKey()]);
  const sealed = secrets.seal("geheim", "trunk a");
  const changed = sealed.replace(/:([^:])([^:]*)$/, (_, first: string, rest: string) => `:${first === "A" ? "B" : "A"}${rest}`);
  assert.equal(secrets.open(changed, "trunk a"), changed);
  assert.equal(secrets.missing.size, 1);
  assert.equal(secrets.seal(sealed, "trunk a"), sealed, "never sealed twice");
});

test("older keys open what they sealed; the newest seals", () => {
  const [old, next] = [newKey(), newKey()];
  const sealed = sealerOf([old]).seal("geheim", "trunk a");
  const both = sealerOf([next, old]);
  assert.equal(both.open(sealed, "trunk a"), "geheim");
  assert.equal(both.isFresh(sealed), false);
  assert.ok(both.isFresh(both.seal("geheim", "trunk a")));
  assert.equal(sealerOf([next]).open(sealed, "trunk a"), sealed);
});

test("the key is made once, for its owner only", (t) => {
  const home = folder(t);
  const sealed = secretsOf(home, {}).seal("geheim", "trunk a");
  assert.equal(secretsOf(home, {}).open(sealed, "trunk a"), "geheim");
  assert.equal(statSync(join(home, KEY_FILE)).mode & 0o777, 0o600);
  const made = newKey();
  writeKeys(home, [made, ...keyRing(home, {})]);
  assert.equal(keyRing(home, {}).length, 2);
  assert.equal(statSync(join(home, KEY_FILE)).mode & 0o777, 0o600);
});

test("the environment's key comes first and the file's still opens", (t) => {
  const home = folder(t);
  const sealed = secretsOf(home, {}).seal("geheim", "trunk a");
  const key = Buffer.alloc(32, 7);
  for (const env of [{ TANDEM_SECRET_KEY: key.toString("base64") }, { TANDEM_SECRET_KEY: key.toString("hex") }]) {
    const secrets = secretsOf(home, env);
    assert.equal(secrets.open(sealed, "trunk a"), "geheim");
    assert.equal(secrets.isFresh(sealed), false);
  }
  const file = join(home, "from-a-vault");
  writeFileSync(file, `${key.toString("base64")}\n${readFileSync(join(home, KEY_FILE), "utf8")}`);
  assert.equal(secretsOf(folder(t), { TANDEM_SECRET_KEY_FILE: file }).open(sealed, "trunk a"), "geheim");
});

test("a key that is none says what it should be, and not what it is", (t) => {
  const home = folder(t);
  assert.throws(() => secretsOf(home, { TANDEM_SECRET_KEY: "c2hvcnQ=" }), /TANDEM_SECRET_KEY has a key of 5 bytes.*openssl rand/);
  assert.throws(() => secretsOf(home, { TANDEM_SECRET_KEY_FILE: join(home, "none") }), /ENOENT/);
  writeFileSync(join(home, KEY_FILE), "\n");
  assert.throws(() => secretsOf(home, {}), /is empty/);
});
