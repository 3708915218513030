/**
 * The digest arithmetic (RFC 7616 §3.4, RFC 8760 §2.3; RFC 2617 §3.2.2 and RFC 2069 for peers without qop).
 * Text is wire strings, hashed byte by byte. Pure; who is asked and what is kept stands in `digest-client.ts`
 * and `digest-server.ts`.
 */
import { hash } from "node:crypto";
import { wireToBytes } from "#base/bytes.ts";

/** In the order of strength, weakest first. */
export const ALGORITHMS = ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];
export type Qop = "auth" | "auth-int";

/** undefined: one that we don't know. Names are compared without case; none said is MD5 (RFC 7616 §3.3). */
export function algorithmNamed(name: string | undefined): Algorithm | undefined {
  const wanted = (name ?? "MD5").toLowerCase();
  return ALGORITHMS.find((known) => known.toLowerCase() === wanted);
}

const OPENSSL_NAMES = { MD5: "md5", "SHA-256": "sha256", "SHA-512-256": "sha512-256" } as const;

/** H() of RFC 7616 §3.3, in lower-case hex. */
function h(algorithm: Algorithm, wire: string): string {
  return hash(OPENSSL_NAMES[algorithm.replace(/-sess$/, "") as keyof typeof OPENSSL_NAMES], wireToBytes(wire), "hex");
}

export interface DigestInput {
  readonly algorithm: Algorithm;
  readonly username: string;
  readonly realm: string;
  readonly password: string;
  readonly nonce: string;
  readonly method: string;
  /** digest-uri as it stands in the header. */
  readonly uri: string;
  /** undefined: no qop, as RFC 2069 had it. */
  readonly qop: Qop | undefined;
  /** Eight hex digits; "" without qop. */
  readonly nonceCount: string;
  /** "" without qop; -sess needs it all the same. */
  readonly cnonce: string;
  /** Hashed for auth-int. */
  readonly body: string;
}

/** The `response` value (RFC 7616 §3.4.1). */
export function digestResponse(input: DigestInput): string {
  const { algorithm, nonce, cnonce, qop } = input;
  const plain = h(algorithm, `${input.username}:${input.realm}:${input.password}`);
  // §3.4.2: the session key is made once of the first nonce and cnonce.
  const ha1 = algorithm.endsWith("-sess") ? h(algorithm, `${plain}:${nonce}:${cnonce}`) : plain;
  // §3.4.3
  const entity = qop === "auth-int" ? `:${h(algorithm, input.body)}` : "";
  const ha2 = h(algorithm, `${input.method}:${input.uri}${entity}`);
  return h(algorithm, qop === undefined ? `${ha1}:${nonce}:${ha2}` : `${ha1}:${nonce}:${input.nonceCount}:${cnonce}:${qop}:${ha2}`);
}
