/**
 * The call detail record: `call` (written once), its legs and attempts. Annotations come later.
 * Durations are from the monotonic clock, times are epoch milliseconds.
 */
import type { CallId, TenantId } from "#base/ids.ts";
import type { Outcome } from "./outcome.ts";

export interface CdrLeg {
  /** "a" for the caller, else the name of the attempt that was answered. */
  readonly leg: string;
  readonly direction: "inbound" | "outbound";
  /** Trunk or gateway name. */
  readonly peer: string;
  readonly peerKind: "trunk" | "gateway" | "test";
  readonly listener: string;
  readonly sipCallId: string;
  readonly remoteAddress: string;
  readonly from: string;
  readonly to: string;
  readonly codec: string;
  readonly packetsReceived: number;
  readonly packetsSent: number;
  readonly packetsLost: number;
  readonly jitterMs: number;
  readonly strays: number;
}

export interface CdrAttempt {
  readonly number: number;
  readonly peer: string;
  readonly peerKind: "trunk" | "gateway";
  readonly target: string;
  readonly startedAtMs: number;
  /** To the first 18x or final; undefined when nothing came. */
  readonly postDialDelayMs: number | undefined;
  readonly durationMs: number;
  /** Last final status; 0 when none came. */
  readonly status: number;
  readonly q850: number | undefined;
  readonly outcome: Outcome;
  /** In words: "no response within 2000 ms, next". */
  readonly reason: string;
}

export interface CdrSkip {
  readonly peer: string;
  readonly reason: string;
}

export interface Cdr {
  readonly callId: CallId;
  readonly tenant: TenantId;
  readonly node: string;
  readonly direction: "inbound" | "outbound";
  readonly caller: string;
  readonly called: string;
  /** The DID or outbound rule that decided, "" when none. */
  readonly route: string;
  readonly configGeneration: number;
  readonly startedAtMs: number;
  readonly answeredAtMs: number | undefined;
  readonly endedAtMs: number;
  readonly setupMs: number;
  readonly durationMs: number;
  readonly outcome: Outcome;
  readonly sipStatus: number;
  readonly q850: number | undefined;
  /** Who ended it: "caller", "callee", "us". */
  readonly endedBy: "caller" | "callee" | "us";
  readonly endReason: string;
  readonly legs: readonly CdrLeg[];
  readonly attempts: readonly CdrAttempt[];
  readonly skipped: readonly CdrSkip[];
  /** What the decision saw, for taking it again: plain JSON, as routing/replay.ts reads it. Absent: nothing was decided. */
  readonly decision?: object;
}
