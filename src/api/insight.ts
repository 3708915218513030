/** What the API is given to answer questions about one call or peer; composition roots fulfil it with the rooms that know. */
import type { TrunkReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";

export interface CallFinding {
  readonly code: string;
  readonly severity: "error" | "warning" | "note";
  readonly title: string;
  readonly evidence: readonly { readonly text: string; readonly message?: number }[];
  readonly advice: string;
}
export interface CallLadder {
  readonly parties: readonly { readonly name: string; readonly isUs: boolean }[];
  readonly entries: readonly (
    | {
        readonly kind: "message";
        readonly number: number;
        readonly atMs: number;
        readonly offsetMs: number;
        readonly from: number;
        readonly to: number;
        readonly summary: string;
        readonly status: number;
        readonly retransmission: boolean;
        readonly transport: string;
        readonly listener: string;
        readonly text: string;
      }
    | { readonly kind: "note"; readonly atMs: number; readonly offsetMs: number; readonly type: string; readonly text: string }
  )[];
}
/** An attempt of a call that is up; those of the past stand in the CDR. */
export interface LiveAttempt {
  readonly number: number;
  readonly peer: string;
  readonly target: string;
  readonly status: number;
  readonly outcome: string;
  readonly reason: string;
}
export interface TracedCall {
  readonly ladder: CallLadder;
  readonly findings: readonly CallFinding[];
  readonly attempts: readonly LiveAttempt[];
  /** "name: reason", as the decision said it. */
  readonly skipped: readonly { readonly peer: string; readonly reason: string }[];
}
export interface PreflightReport {
  readonly ok: boolean;
  readonly steps: readonly {
    readonly step: string;
    readonly verdict: "pass" | "fail" | "skip";
    readonly found: string;
    readonly remedy: string;
  }[];
}

export interface Insight {
  /** @param callId whole; who asks may see it */
  traced(callId: string, cdr: Cdr | undefined, trunks: readonly TrunkReport[]): Promise<TracedCall>;
  /** Everything between us and a trunk or gateway; takes seconds. @throws ApiProblem */
  preflight(peer: string): Promise<PreflightReport>;
}
