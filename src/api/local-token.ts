/**
 * The token that `tandem token` prints, signed without a library: the signalling process makes it, and loads
 * nothing of the API. tokens.ts reads it like any other.
 */
import { createHmac } from "node:crypto";
import type { Role } from "./access.ts";

export const ISSUER = "tandem";

export interface TokenClaims {
  readonly name: string;
  readonly role: Role;
  /** "*": every tenant. */
  readonly tenant: string;
}

/** The API's key is another than the one that signs on the wire. */
export const tokenKey = (nodeKey: Uint8Array): Uint8Array => createHmac("sha256", nodeKey).update("tandem api tokens").digest();

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A JWT (RFC 7519), HS256. */
export function signLocalToken(key: Uint8Array, { name, role, tenant }: TokenClaims, nowMs: number, lifetimeS: number): string {
  const iat = Math.floor(nowMs / 1000);
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iss: ISSUER, sub: name, role, tenant, iat, exp: iat + lifetimeS })}`;
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
}
