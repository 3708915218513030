/** Bearer tokens: short JWTs (RFC 7519) and API keys, both read to a principal here and nowhere else. */
import { createHash, randomBytes } from "node:crypto";
import { type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { IdentityStore } from "#store/identity-store.ts";
import { isRole, isScope, type Principal, type Reach, SCOPES_OF_ROLE } from "./access.ts";
import { ISSUER, type TokenClaims } from "./local-token.ts";

export const TOKEN_LIFETIME_S = 900;
export const REFRESH_LIFETIME_MS = 30 * 86_400_000;
/** Of the name in a token that a password gave. */
export const USER_PREFIX = "user ";
const KEY_PREFIX = "tdm_";
const SECRET_BYTES = 24;
/** Longer ones are nobody's. */
const BEARER_CHARS_MAX = 4_096;

/** A secret that is random enough to be kept as a plain hash. */
export const newSecret = (): string => randomBytes(SECRET_BYTES).toString("base64url");
export const newKey = (): string => KEY_PREFIX + newSecret();
export const hashOfSecret = (secret: string): string => createHash("sha256").update(secret).digest("hex");

export function signToken(key: Uint8Array, { name, role, tenant }: TokenClaims, nowMs: number): Promise<string> {
  const iat = Math.floor(nowMs / 1000);
  return new SignJWT({ role, tenant })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuer(ISSUER)
    .setSubject(name)
    .setIssuedAt(iat)
    .setExpirationTime(iat + TOKEN_LIFETIME_S)
    .sign(key);
}

/** @returns who it proves; undefined: nobody */
export async function readBearer(key: Uint8Array, bearer: string, store: IdentityStore, nowMs: number): Promise<Principal | undefined> {
  if (bearer.length > BEARER_CHARS_MAX) return undefined;
  if (bearer.startsWith(KEY_PREFIX)) return readKey(bearer, store);
  const payload = await verified(key, bearer, nowMs);
  if (payload === undefined) return undefined;
  const { sub = "", role, tenant, iat = 0 } = payload;
  if (!isRole(role) || typeof tenant !== "string" || tenant === "") return undefined;
  if (sub.startsWith(USER_PREFIX)) return readUser(sub.slice(USER_PREFIX.length), tenant, iat, store);
  return { name: sub, reach: tenant as Reach, scopes: new Set(SCOPES_OF_ROLE[role]) };
}

/** Tokens whose signature was right, by key: a client sends the same one for a quarter of an hour. */
const proven = new WeakMap<Uint8Array, Map<string, JWTPayload>>();
const PROVEN_MAX = 1_000;

async function verified(key: Uint8Array, bearer: string, nowMs: number): Promise<JWTPayload | undefined> {
  const known = proven.get(key) ?? new Map<string, JWTPayload>();
  proven.set(key, known);
  // Not the token itself: what is kept is of no use to whoever finds it.
  const name = hashOfSecret(bearer);
  const payload = known.get(name) ?? (await proved(key, bearer, nowMs));
  known.delete(name);
  if (payload?.exp === undefined || payload.exp * 1000 <= nowMs) return undefined;
  known.set(name, payload);
  if (known.size > PROVEN_MAX) known.delete(known.keys().next().value!);
  return payload;
}

async function proved(key: Uint8Array, bearer: string, nowMs: number): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtVerify(bearer, key, {
      algorithms: ["HS256"],
      issuer: ISSUER,
      currentDate: new Date(nowMs),
      requiredClaims: ["exp", "sub"],
    });
    return payload;
  } catch {
    return undefined;
  }
}

/** What he may now, not when he logged in; who was made later by the same name is somebody else. */
async function readUser(name: string, tenant: string, issuedAtS: number, store: IdentityStore): Promise<Principal | undefined> {
  const user = await store.userNamed(name);
  if (user === undefined || user.disabled || !isRole(user.role) || user.tenant !== tenant) return undefined;
  if (issuedAtS < Math.floor(Math.max(user.tokensFromMs, user.createdAtMs) / 1000)) return undefined;
  return { name: USER_PREFIX + name, reach: user.tenant as Reach, scopes: new Set(SCOPES_OF_ROLE[user.role]) };
}

async function readKey(bearer: string, store: IdentityStore): Promise<Principal | undefined> {
  const found = await store.keyByHash(hashOfSecret(bearer));
  if (found === undefined || found.disabled) return undefined;
  return { name: `key ${found.name}`, reach: found.tenant as Reach, scopes: new Set(found.scopes.filter(isScope)) };
}
