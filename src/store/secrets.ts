/**
 * Passwords at rest: AES-256-GCM, a key of 32 bytes from the environment or from a file in the state folder that is made
 * when it is first needed. Each sealed value names its key, so that older keys go on opening what they sealed:
 *
 *     sealed:1:KKKKKKKK:base64url(nonce 12, ciphertext, tag 16)
 *
 * It is bound to the resource that it is of: put into another's row it opens nothing. What can't be opened stays as it
 * is, so that it can be once its key is back.
 *
 * Not a defence against who runs code as Tandem's user, who may read the key, too; a copy of the database is worth
 * nothing without it.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { chownSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_CHARS = 8;
const SEALED = /^sealed:1:([0-9a-f]{8}):([A-Za-z0-9_-]{38,})$/;
export const KEY_FILE = "secrets.key";
const HOW = "32 random bytes in base64, such as openssl rand -base64 32 makes; older keys may follow behind spaces or in further lines";

export interface Secrets {
  /** What is sealed already stays. @param about whose it is */
  seal(text: string, about: string): string;
  /** What is not sealed, or can't be opened, stays. */
  open(text: string, about: string): string;
  /** Sealed by the newest key. */
  isFresh(text: string): boolean;
  /** Key id → how many values could not be opened. */
  readonly missing: ReadonlyMap<string, number>;
}

interface Key {
  readonly id: string;
  readonly bytes: Uint8Array;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const isSealed = (text: string): boolean => SEALED.test(text);

/** Keys are read now. @throws what is wrong with them */
export function secretsOf(home: string, env: Environment): Secrets {
  return sealerOf(keyRing(home, env));
}

/** @param keys the newest first; at least one */
export function sealerOf(keys: readonly Key[]): Secrets {
  const newest = keys[0]!;
  const missing = new Map<string, number>();
  return {
    missing,
    isFresh: (text) => SEALED.exec(text)?.[1] === newest.id,
    seal(text, about) {
      if (isSealed(text)) return text;
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", newest.bytes, nonce).setAAD(Buffer.from(about));
      const bytes = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return `sealed:1:${newest.id}:${bytes.toString("base64url")}`;
    },
    open(text, about) {
      const [, id, content] = SEALED.exec(text) ?? [];
      if (id === undefined || content === undefined) return text;
      for (const key of keys) {
        const opened = key.id === id ? decrypt(key.bytes, Buffer.from(content, "base64url"), about) : undefined;
        if (opened !== undefined) return opened;
      }
      missing.set(id, (missing.get(id) ?? 0) + 1);
      return text;
    },
  };
}

function decrypt(key: Uint8Array, bytes: Buffer, about: string): string | undefined {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(about));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

export const newKey = (): Key => keyOf(randomBytes(KEY_BYTES).toString("base64"), "a new key");

/** Of the environment, or of the file that it names, or of the state folder; and behind them those of the state folder. */
export function keyRing(home: string, env: Environment): readonly Key[] {
  const given = givenKeys(env);
  const path = join(home, KEY_FILE);
  const own = readKeys(path);
  if (given !== undefined) return [...given, ...(own ?? [])];
  if (own !== undefined) return own;
  const made = newKey();
  try {
    writeFileSync(path, textOf([made]), { mode: 0o600, flag: "wx" });
    giveToOwner(path, home);
    return [made];
  } catch (error) {
    // Another thread was quicker.
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return readKeys(path) ?? [made];
    throw error;
  }
}

/** Undefined: the environment says nothing of keys. */
export function givenKeys(env: Environment): readonly Key[] | undefined {
  const { TANDEM_SECRET_KEY: text, TANDEM_SECRET_KEY_FILE: file } = env;
  if (text !== undefined && text !== "") return parseKeys(text, "TANDEM_SECRET_KEY");
  if (file === undefined || file === "") return undefined;
  return parseKeys(readFileSync(file, "utf8"), `TANDEM_SECRET_KEY_FILE ${file}`);
}

/** The newest first; replaces the file as a whole. */
export function writeKeys(home: string, keys: readonly Key[]): void {
  const path = join(home, KEY_FILE);
  writeFileSync(`${path}.new`, textOf(keys), { mode: 0o600, flush: true });
  giveToOwner(`${path}.new`, home);
  renameSync(`${path}.new`, path);
}

const textOf = (keys: readonly Key[]): string => keys.map(({ bytes }) => `${Buffer.from(bytes).toString("base64")}\n`).join("");

function readKeys(path: string): readonly Key[] | undefined {
  try {
    return parseKeys(readFileSync(path, "utf8"), path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function parseKeys(text: string, where: string): readonly Key[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  if (words.length === 0) throw new Error(`${where} is empty: it should have ${HOW}`);
  return words.map((word) => keyOf(word, where));
}

function keyOf(text: string, where: string): Key {
  const bytes = Buffer.from(text, /^[0-9a-fA-F]{64}$/.test(text) ? "hex" : "base64");
  if (bytes.length !== KEY_BYTES) throw new Error(`${where} has a key of ${bytes.length} bytes: it should have ${HOW}`);
  return { bytes, id: createHash("sha256").update(bytes).digest("hex").slice(0, KEY_ID_CHARS) };
}

/** Root asks for a Tandem that runs as somebody else. */
function giveToOwner(path: string, home: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(home);
  if (uid !== 0) chownSync(path, uid, gid);
}
