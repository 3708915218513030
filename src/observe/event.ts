/**
 * The one event schema: ladder, log, metrics, webhooks and live events are all fed from it.
 * Published once, where it happens. Types only, so every room may import it.
 */
import type { CallId, TenantId } from "#base/ids.ts";

interface About {
  readonly tenant?: TenantId;
  readonly callId?: CallId;
  /** "a", "b1" …; which of our legs. */
  readonly leg?: string;
}

export type TandemEvent = About &
  (
    | {
        readonly type: "sip";
        readonly direction: "in" | "out";
        readonly transport: string;
        readonly listener: string;
        readonly local: string;
        readonly remote: string;
        /** The whole message; observers mask. */
        readonly wire: string;
        /** A repeat that a transaction sent or absorbed. */
        readonly retransmission: boolean;
      }
    | { readonly type: "garbage"; readonly listener: string; readonly remote: string; readonly reason: string; readonly bytes: number }
    /** Somebody's TLS handshake with us came to nothing. */
    | { readonly type: "tls-failed"; readonly listener: string; readonly remote: string; readonly reason: string }
    | { readonly type: "refused"; readonly listener: string; readonly remote: string; readonly reason: string }
    | {
        readonly type: "call-started";
        readonly caller: string;
        readonly called: string;
        readonly peer: string;
        readonly sipCallId: string;
        /** Who placed it over the API wants its events there. */
        readonly webhookUrl?: string;
      }
    | {
        readonly type: "route-decided";
        readonly route: string;
        readonly attempts: readonly string[];
        readonly skipped: readonly string[];
        readonly generation: number;
      }
    | { readonly type: "attempt-started"; readonly attempt: number; readonly peer: string; readonly target: string }
    | {
        readonly type: "attempt-ended";
        readonly attempt: number;
        readonly peer: string;
        readonly status: number;
        readonly outcome: string;
        readonly reason: string;
      }
    | { readonly type: "call-ringing" }
    | { readonly type: "call-answered"; readonly setupMs: number; readonly peer: string }
    | { readonly type: "call-held"; readonly held: boolean }
    /** One side was replaced. */
    | { readonly type: "call-transferred"; readonly from: string; readonly to: string }
    | { readonly type: "dtmf"; readonly digit: string; readonly via: "info" | "rtp" }
    | {
        readonly type: "call-ended";
        readonly outcome: string;
        readonly sipStatus: number;
        readonly endedBy: string;
        readonly reason: string;
        readonly durationMs: number;
      }
    | { readonly type: "media"; readonly what: string; readonly side: string; readonly detail: string }
    | { readonly type: "gateway-health"; readonly gateway: string; readonly target: string; readonly up: boolean; readonly reason: string }
    | { readonly type: "listener"; readonly listener: string; readonly state: "open" | "closed" | "failed"; readonly detail: string }
    | { readonly type: "config"; readonly generation: number; readonly hash: string }
    | { readonly type: "process"; readonly what: string; readonly detail: string }
    | {
        readonly type: "registration";
        readonly trunk: string;
        readonly standing: "registered" | "registering" | "failed" | "unregistered";
        readonly reason: string;
      }
    /** An INVITE without sufficient proof was asked for digest credentials; `reason` says what was wrong with those it had. */
    | { readonly type: "challenged"; readonly listener: string; readonly remote: string; readonly realm: string; readonly reason: string }
    | { readonly type: "limit"; readonly limit: string; readonly detail: string }
    /** Calls out are locked after what looked like fraud: `alert.fraud` to those outside. 0: the lock is over. */
    | {
        readonly type: "fraud";
        readonly subject: "tenant" | "trunk";
        readonly name: string;
        readonly untilMs: number;
        readonly detail: string;
      }
  );

/** An event with its time, as it is stored and sent. */
export interface Stamped {
  /** Epoch ms. */
  readonly at: number;
  /** Grows by one per event of a process; orders events of the same millisecond. */
  readonly sequence: number;
  readonly event: TandemEvent;
}

export type LiveEventType =
  | "call.started"
  | "call.ringing"
  | "call.answered"
  | "call.transferred"
  | "call.ended"
  | "trunk.registered"
  | "trunk.unregistered"
  | "gateway.up"
  | "gateway.down"
  | "alert.raised"
  | "alert.cleared";

/** An event as those outside see it: few kinds, flat, with everything that a reader needs who missed the ones before. */
export interface LiveEvent {
  /** The same when it is told again: a call has one of each type. */
  readonly id: string;
  /** Where to go on after a break: boot of the process "." number within it. */
  readonly place: string;
  readonly type: LiveEventType;
  readonly atMs: number;
  readonly tenant: string;
  readonly callId: string | undefined;
  /** Only of the call that asked for it; never told to listeners. */
  readonly webhookUrl: string | undefined;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
}

/** Never throws, never blocks. */
export type Publish = (event: TandemEvent) => void;
