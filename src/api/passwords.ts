/**
 * Passwords as scrypt (RFC 7914) keeps them. One is worked out at a time: they share Node's thread pool with the
 * switch's own DNS and files, and must never fill it.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { ApiProblem } from "./problem.ts";

const COST = 2 ** 15;
const BLOCK = 8;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;
/** That wait for their turn; each takes about a tenth of a second. */
const WAITING_MAX = 20;

let waiting = 0;
let turn: Promise<unknown> = Promise.resolve();

function derive(password: string, salt: Buffer): Promise<Buffer> {
  if (waiting >= WAITING_MAX)
    throw new ApiProblem("TOO_MANY_LOGINS", "too many log in at once; try again in a few seconds", { retryAfterS: 5 });
  waiting++;
  const next = turn.then(
    () =>
      new Promise<Buffer>((resolve, reject) => {
        scrypt(password.normalize("NFC"), salt, KEY_BYTES, { N: COST, r: BLOCK, p: 1, maxmem: MEMORY_BYTES_MAX }, (error, key) =>
          error === null ? resolve(key) : reject(error),
        );
      }),
  );
  turn = next.catch(() => undefined).then(() => void waiting--);
  return next;
}

/** "scrypt$salt$key" */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return `scrypt$${salt.toString("base64url")}$${(await derive(password, salt)).toString("base64url")}`;
}

/** As long with a name that nobody has: `hash` is then undefined. */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [, salt = "", key = ""] = (hash ?? "").split("$");
  const derived = await derive(password, Buffer.from(salt, "base64url"));
  const kept = Buffer.from(key, "base64url");
  return kept.length === derived.length && timingSafeEqual(kept, derived);
}
