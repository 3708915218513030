/**
 * Asking for credentials and checking them (RFC 3261 §22; RFC 7616 §3.3–3.6; RFC 8760). Nonces are signed and
 * carry their time, source and realm, so that a challenge costs us no memory; only nonces that were used with
 * the right password are remembered, to refuse a repeated nonce count.
 *
 * Memory is bounded: what is forgotten makes its nonce, and all older ones, stale. Deliberately without
 * auth-int and Authentication-Info: nobody who calls us asks for them.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import type { HeaderField, ReceivedRequest } from "#sip/message/message.ts";
import { parseUri } from "#sip/message/parse-uri.ts";
import { type Algorithm, digestResponse } from "./algorithms.ts";
import type { Secret } from "./digest-client.ts";
import { type Credentials, parseCredentials, writeChallenge } from "./parse-digest.ts";

export interface DigestServerOptions {
  /** Random, of this process: nonces don't outlive it. */
  readonly key: Uint8Array;
  /** Never goes back. */
  readonly nowMs: () => number;
  /** An integer in [0, below). */
  readonly random: (below: number) => number;
  /** undefined: there is no user of that name in that realm. */
  readonly userOf: (username: string, realm: string) => KnownUser | undefined;
  readonly noncesMax?: number;
}

export interface KnownUser {
  /** Any of them is right. */
  readonly passwords: readonly Secret[];
  /** That his answers may use: a weaker one than was offered is not taken. */
  readonly algorithms: readonly Algorithm[];
}

export type Examined =
  /** No credentials for a realm of ours. */
  | { readonly type: "none" }
  | { readonly type: "proved"; readonly username: string; readonly realm: string }
  /** To be challenged anew; `stale`: name and password are right. `reason` is for the log. */
  | { readonly type: "failed"; readonly realm: string; readonly stale: boolean; readonly reason: string };

/** How long a nonce may be used for the first time and again. */
const NONCE_LIFE_MS = 300_000;
const NONCES_MAX = 8_192;
/** Counts that may arrive out of order. */
const WINDOW = 32;
/** Of one request; a client with more is guessing. */
const CREDENTIALS_MAX = 4;
interface Used {
  highest: number;
  /** Bit i: highest - i was seen. */
  seen: number;
}

export class DigestServer {
  readonly #options: DigestServerOptions;
  readonly #key: KeyObject;
  readonly #noncesMax: number;
  /** In the order of first use. */
  readonly #used = new Map<string, Used>();
  /** Nonces made up to then, and not among `#used`, are stale. */
  #floorMs = -Infinity;

  constructor(options: DigestServerOptions) {
    this.#options = options;
    this.#key = createSecretKey(options.key);
    this.#noncesMax = options.noncesMax ?? NONCES_MAX;
  }

  /** Nonces in memory, for tests. */
  get remembered(): number {
    return this.#used.size;
  }

  /**
   * WWW-Authenticate lines for a 401 to a request from this address.
   * @param algorithms best first: RFC 8760 §2.4 lets the client take the topmost that it knows
   */
  challenge(realm: string, sourceAddress: string, stale: boolean, algorithms: readonly Algorithm[]): readonly HeaderField[] {
    const nonce = this.#makeNonce(realm, sourceAddress);
    return algorithms.map((algorithm) => [
      "WWW-Authenticate",
      writeChallenge({ realm, nonce, algorithm, opaque: undefined, stale, qops: ["auth"] }),
    ]);
  }

  /** Checks a request's credentials, and counts their nonce as used: once for each request. */
  examine(request: ReceivedRequest, sourceAddress: string): Examined {
    const lines = [...request.headerLines("Authorization"), ...request.headerLines("Proxy-Authorization")].slice(0, CREDENTIALS_MAX);
    let failed: Examined | undefined;
    for (const line of lines) {
      const read = parseCredentials(line);
      if (read === undefined || !read.ok) continue;
      const verdict = this.#examineOne(read.value, request, sourceAddress);
      if (verdict.type === "proved") return verdict;
      if (verdict.type === "failed") failed ??= verdict;
    }
    return failed ?? { type: "none" };
  }

  #examineOne(credentials: Credentials, request: ReceivedRequest, sourceAddress: string): Examined {
    const { username, realm, nonce } = credentials;
    const user = this.#options.userOf(username, realm);
    const made = this.#timeOf(nonce, realm, sourceAddress);
    // Credentials for another server pass us by: neither the user nor the nonce is ours.
    if (user === undefined && made === undefined) return { type: "none" };
    const failed = (reason: string, stale = false): Examined => ({ type: "failed", realm, stale, reason });
    if (user === undefined) return failed(`no digest user ${username}`);
    if (!user.algorithms.includes(credentials.algorithm)) return failed(`algorithm ${credentials.algorithm} was not offered`);
    if (credentials.qop === "auth-int") return failed("qop auth-int was not offered");
    if (!user.passwords.some((password) => sameText(credentials.response, expected(credentials, request.method, password))))
      return failed(`wrong password of digest user ${username}`);
    // RFC 7616 §3.4.6: the URI must be that of the request. Deviation: proxies on the way rewrite host and
    // parameters, so only whom it calls must be the same.
    if (!sameCalled(credentials.uri, request.requestUri))
      return failed(`credentials of digest user ${username} are for ${credentials.uri}`);
    const nowMs = this.#options.nowMs();
    if (made === undefined || nowMs - made > NONCE_LIFE_MS) return failed("the nonce is old, or not of this process", true);
    if (!this.#use(nonce, made, credentials)) return failed(`replayed nonce of digest user ${username}`, true);
    return { type: "proved", username, realm };
  }

  /** False: this count was seen, or is too old to tell. */
  #use(nonce: string, madeMs: number, { qop, nonceCount }: Credentials): boolean {
    // Without qop there is no count, and the nonce is good for one request.
    const count = qop === undefined ? 1 : /^[0-9a-f]{8}$/i.test(nonceCount) ? Number.parseInt(nonceCount, 16) : 0;
    if (count === 0) return false;
    const used = this.#used.get(nonce);
    if (used === undefined) {
      if (madeMs <= this.#floorMs) return false;
      this.#remember(nonce, count);
      return true;
    }
    const ahead = count - used.highest;
    if (ahead > 0) {
      used.seen = ahead >= WINDOW ? 1 : ((used.seen << ahead) | 1) >>> 0;
      used.highest = count;
      return true;
    }
    if (-ahead >= WINDOW) return false;
    const bit = (1 << -ahead) >>> 0;
    if ((used.seen & bit) !== 0) return false;
    used.seen = (used.seen | bit) >>> 0;
    return true;
  }

  #remember(nonce: string, count: number): void {
    this.#used.set(nonce, { highest: count, seen: 1 });
    if (this.#used.size <= this.#noncesMax) return;
    const oldest = this.#used.keys().next().value!;
    this.#used.delete(oldest);
    this.#floorMs = Math.max(this.#floorMs, writtenTime(oldest));
  }

  #makeNonce(realm: string, sourceAddress: string): string {
    const bytes = Buffer.alloc(NONCE_PLAIN_BYTES);
    bytes.writeUIntBE(Math.floor(this.#options.nowMs()), 0, 6);
    bytes.writeUInt32BE(this.#options.random(2 ** 32), 6);
    return Buffer.concat([bytes, this.#mac(bytes, realm, sourceAddress)]).toString("base64url");
  }
  /** When we made the nonce for this source; undefined: we didn't. */
  #timeOf(nonce: string, realm: string, sourceAddress: string): number | undefined {
    if (nonce.length !== NONCE_CHARS) return undefined;
    const bytes = Buffer.from(nonce, "base64url");
    if (bytes.length !== NONCE_PLAIN_BYTES + MAC_BYTES) return undefined;
    const plain = bytes.subarray(0, NONCE_PLAIN_BYTES);
    return timingSafeEqual(bytes.subarray(NONCE_PLAIN_BYTES), this.#mac(plain, realm, sourceAddress)) ? plain.readUIntBE(0, 6) : undefined;
  }
  #mac(plain: Uint8Array, realm: string, sourceAddress: string): Buffer {
    return createHmac("sha256", this.#key).update(plain).update(`${sourceAddress}\n${realm}`, "latin1").digest().subarray(0, MAC_BYTES);
  }
}

const NONCE_PLAIN_BYTES = 10;
const MAC_BYTES = 14;
const NONCE_CHARS = ((NONCE_PLAIN_BYTES + MAC_BYTES) * 4) / 3;
const writtenTime = (nonce: string): number => Buffer.from(nonce, "base64url").readUIntBE(0, 6);

const expected = (credentials: Credentials, method: string, password: Secret): string =>
  digestResponse({ ...credentials, method, password: password.reveal(), body: "" });

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, "latin1"), Buffer.from(b, "latin1")];
  return left.length === right.length && timingSafeEqual(left, right);
}

function sameCalled(said: string, requestUri: string): boolean {
  if (said === requestUri) return true;
  const [a, b] = [parseUri(said), parseUri(requestUri)];
  return a.ok && b.ok && a.value.user !== undefined && a.value.user === b.value.user;
}
