/** What routing answers: who is calling, and where the call goes. Serialisable; kept in the CDR. */
import type { TenantId } from "#base/ids.ts";
import type { GatewayGroup, HuntTimes, Peer, RejectTone, TransportName } from "./snapshot.ts";

/** What is known of a request's sender before anything is decided. */
export interface SourceFacts {
  readonly listener: string;
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
  /** User part of the R-URI, unescaped; "" when absent. */
  readonly requestUser: string;
  readonly requestHost: string;
  readonly toHost: string;
  /** RFC 4904 `tgrp` parameter of the R-URI's user part or of the Contact, where there is one. */
  readonly trunkGroup?: string | undefined;
  readonly fromUser: string;
  readonly fromHost: string;
  /** The trunk whose registration named the R-URI's user as our Contact. */
  readonly registeredTrunk?: string | undefined;
  /** Names of the certificate that the sender's connection proved. */
  readonly certificateNames?: readonly string[] | undefined;
  /** A digest user that proved himself in this request. */
  readonly digestUser?: string | undefined;
  /** One-time permission of `tandem call`, checked by the caller of identify. */
  readonly testTicketFor: string | undefined;
}

export type Identified =
  | { readonly type: "peer"; readonly peer: Peer; readonly by: string }
  /** Several fit and nothing narrows them: refused, naming the candidates. */
  | { readonly type: "ambiguous"; readonly candidates: readonly string[] }
  /** An address that only a proxy or container rewriting explains. */
  | { readonly type: "rewritten"; readonly detail: string }
  /** `detail` says what nearly fitted ("peer x has this address, on listener y"), for the log only. */
  | { readonly type: "unknown"; readonly detail?: string };

export interface PeerHealth {
  readonly up: boolean;
  readonly calls: number;
  /** Of these, the ones that went to it; absent: not known. */
  readonly outboundCalls?: number;
  /** Epoch ms until which it rests (503 Retry-After); 0: not. */
  readonly restsUntilMs: number;
  /** An operator takes it out of service: no new calls. */
  readonly draining?: boolean;
  /** Nothing goes out by it after what looked like fraud; in words that begin with "locked". */
  readonly locked?: string;
}

export interface PlannedAttempt {
  readonly peer: Peer;
  /** R-URI to send; host part from the peer's uri. */
  readonly requestUri: string;
  /** Number or name in the peer's format. */
  readonly called: string;
  readonly caller: string;
  /** The group that offered it, whose capacity it takes as well. */
  readonly group?: GatewayGroup;
  /** Neighbours that say the same ring at once; absent: it is tried when those before it have failed. */
  readonly together?: string;
  /** It stands in for the trunk before it, only after a failure that `on` names; without `on`: in any case. */
  readonly backup?: { readonly of: string; readonly on?: readonly string[] };
}

export interface Skipped {
  readonly peer: string;
  readonly reason: string;
}

/** `seen`: of a call's decision, what it saw, for its CDR (replay.ts). */
export type DialPlan =
  | {
      readonly type: "dial";
      readonly tenant: TenantId;
      /** "did +15551234567" or "outbound germany". */
      readonly route: string;
      readonly called: string;
      readonly caller: string;
      readonly attempts: readonly PlannedAttempt[];
      readonly skipped: readonly Skipped[];
      readonly hunt: HuntTimes;
      readonly seen?: object;
    }
  | {
      readonly type: "reject";
      readonly tenant: TenantId;
      readonly route: string;
      readonly called: string;
      readonly caller: string;
      readonly status: number;
      readonly reasonPhrase: string;
      /** In words, for the CDR and `tandem route`. */
      readonly reason: string;
      /** Played first. */
      readonly tone?: RejectTone;
      readonly skipped: readonly Skipped[];
      readonly seen?: object;
    };
