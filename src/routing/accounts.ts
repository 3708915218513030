/**
 * Who we are at others and who others are at us: digest users on both sides, and registering. Plain data of
 * the snapshot, but for passwords, which show themselves only when asked.
 */

/** Never printed, never serialised: a snapshot may be shown, logged or compared without care. */
export class Secret {
  readonly #text: string;
  /** @param text wire string */
  constructor(text: string) {
    this.#text = text;
  }
  reveal(): string {
    return this.#text;
  }
  toString(): string {
    return HIDDEN;
  }
  toJSON(): string {
    return HIDDEN;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return HIDDEN;
  }
}
const HIDDEN = "***";

/** What a peer knows us by when it challenges our requests (RFC 3261 §22). */
export interface PeerAccount {
  readonly username: string;
  /** More than one while it is being changed. */
  readonly passwords: readonly Secret[];
  /** Challenges of other realms are not answered; undefined: of all. */
  readonly realm: string | undefined;
}

/** What a peer proves itself by when it calls us. */
export interface DigestUser {
  readonly username: string;
  readonly passwords: readonly Secret[];
  /** What we ask for; undefined: the domain that was called. */
  readonly realm: string | undefined;
  /** What we offer and accept, best first. Some devices give up when they see one that they don't know. */
  readonly algorithms: readonly DigestAlgorithm[];
}

export const DIGEST_ALGORITHMS = ["SHA-512-256", "SHA-256", "MD5"] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

/** How we keep ourselves known at a provider (RFC 3261 §10.2). */
export interface RegisterPolicy {
  /** "sip:host[:port][;transport=…]": Request-URI of REGISTER. */
  readonly registrar: string;
  /** User and domain of the address of record. */
  readonly user: string;
  readonly domain: string;
  /** Behind our Contact, as written: "+sip.instance=…". */
  readonly contactParameters: readonly string[];
  readonly expiresS: number;
  /** Listener that it leaves by and that our Contact names. */
  readonly listener: string;
}
