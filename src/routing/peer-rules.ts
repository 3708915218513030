/**
 * What a trunk or gateway may ask beyond addresses and limits: numbers rewritten, identity shown, headers passed,
 * rates kept, backups tried. Types and small questions to them; who obeys stands with each.
 */
import type { NumberRewrite } from "./number-pattern.ts";

/** Inbound: calls from the peer, before its number format; outbound: calls to it, after its format. The first that fits counts. */
export interface NumberRewrites {
  readonly inboundCalled: readonly NumberRewrite[];
  readonly inboundCaller: readonly NumberRewrite[];
  readonly outboundCalled: readonly NumberRewrite[];
  readonly outboundCaller: readonly NumberRewrite[];
}

/** From (RFC 3261 §20.20), P-Asserted-Identity (RFC 3325), Remote-Party-ID (a draft that carriers still speak). */
export const IDENTITY_HEADERS = ["from", "pai", "rpid"] as const;
export type IdentityHeader = (typeof IDENTITY_HEADERS)[number];

export interface IdentityPolicy {
  /** Calls from it: where the caller's number is read, the first that has one. Empty: From, and the asserted one where From is anonymous. */
  readonly read: readonly IdentityHeader[];
  /** Calls to it: which headers name the caller, beside From. Empty: P-Asserted-Identity where the caller came with one. */
  readonly send: readonly IdentityHeader[];
  /** Calls to it: who diverted it (RFC 5806, RFC 7044). `pass` writes what came anew; `set` names the number called as the diverting one. */
  readonly diversion: "drop" | "pass" | "set";
  /** Anonymous callers, in calls to it: as they came; without any number; or with the number in From and Privacy: id. */
  readonly anonymous: "pass" | "withhold" | "reveal";
  /** Calls from it without a caller's number are refused with 433 (RFC 5079). */
  readonly refuseAnonymous: boolean;
}
export const IDENTITY_AS_IT_IS: IdentityPolicy = { read: [], send: [], diversion: "drop", anonymous: "pass", refuseAnonymous: false };

/** Messages towards the peer that a header rule may name. */
export const RULED_MESSAGES = ["INVITE", "18x", "200", "BYE", "refusal"] as const;
export type RuledMessage = (typeof RULED_MESSAGES)[number];

/** Names are lower case where they are compared, as written where they are sent; "x-*" is a prefix. */
export interface HeaderRule {
  readonly on: readonly RuledMessage[];
  readonly pass: readonly string[];
  readonly remove: readonly string[];
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly rename: readonly (readonly [from: string, to: string])[];
}

/** How an attempt failed, as `backup_on` names it: a status, a class of them, or what has no status. */
export const FAILURE_WORDS = ["timeout", "network", "capacity", "no_answer"] as const;

export interface PeerRules {
  readonly rewrite?: NumberRewrites;
  readonly identity?: IdentityPolicy;
  /** Absent: only its codecs are used (`filter`). */
  readonly codecsMode?: "order" | "filter";
  /** In a call it may move the other side elsewhere (RFC 3515); absent: not. */
  readonly transfers?: boolean;
  /** Calls to it leave by this listener instead of its own. */
  readonly egressListener?: string;
  readonly inboundCallsMax?: number;
  readonly outboundCallsMax?: number;
  readonly inboundCallsPerSecond?: number;
  readonly outboundCallsPerSecond?: number;
  /** How long a call to it may wait for its turn; absent: CALL_QUEUE_MS. */
  readonly callQueueMs?: number;
  /** Canonical numbers, prefixes with "*": callers that it may be shown. Absent: any. */
  readonly callerNumbersAllowed?: readonly string[];
  /** Trunks that take a call to it when it failed in one of the ways of `backupOn`. */
  readonly backupTrunks?: readonly string[];
  readonly backupOn?: readonly string[];
}

export const CALL_QUEUE_MS = 1_500;
/** What a carrier's own trouble looks like. */
export const BACKUP_ON: readonly string[] = ["timeout", "network", "5xx", "capacity"];

/** What `backupOn` can name. @param status 0: no final response */
export function isFailure(words: readonly string[], failure: { readonly status: number; readonly outcome: string }): boolean {
  const { status, outcome } = failure;
  return words.some((word) => {
    switch (word) {
      case "timeout":
        return (status === 0 && outcome === "timeout") || status === 408;
      case "network":
        return status === 0 && outcome === "failed";
      case "capacity":
        return status === 0 && (outcome === "capacity" || outcome === "rate_limited");
      case "no_answer":
        return status === 0 && outcome === "no_answer";
      default:
        return word.endsWith("xx") ? Math.floor(status / 100) === Number(word[0]) : status === Number(word);
    }
  });
}
