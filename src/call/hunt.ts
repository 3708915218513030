/**
 * Hunting: which gateway is tried, for how long, and what the caller hears in the end. A pure function
 * (state, event) → state + moves over the plan's candidates; `lane.ts` runs the moves.
 *
 * RFC 3261 §16.7 (which response counts: `ending.ts`), RFC 3263 §4.3 (further addresses of one name), RFC 3960
 * (early media). One attempt runs at a time: who rings at once hunts at once, each in a lane of its own. Nothing
 * here knows SIP messages, SDP or timers; `deadlineMs` says when the owner must send `clock`.
 */
import { outcomeOf, type Outcome } from "#cdr/outcome.ts";
import { isFailure } from "#routing/peer-rules.ts";
import type { EarlyMediaPolicy, HuntTimes } from "#routing/snapshot.ts";
import { better, type Ending, upward } from "./ending.ts";

export interface HuntCandidate {
  readonly kind: "trunk" | "gateway";
  readonly nextOn: readonly number[];
  readonly earlyMedia: EarlyMediaPolicy;
  readonly followRedirects: boolean;
  /** Failures of the candidate before it that it stands in for; absent: it follows whatever failed before. */
  readonly after?: readonly string[];
}

/** `dialling`: addresses and ports are being asked for, nothing was sent yet. */
export type HuntStage = "dialling" | "sent" | "trying" | "ringing" | "answered" | "over";

export interface HuntState {
  readonly stage: HuntStage;
  /** Index of the candidate being tried. */
  readonly candidate: number;
  /** Resolved addresses of it that were not tried yet. */
  readonly addressesLeft: number;
  readonly redirects: number;
  /** Monotonic; Infinity when no time runs. */
  readonly deadlineMs: number;
  /** When the set-up budget is over. */
  readonly budgetEndMs: number;
  readonly best: Ending | undefined;
  /** Others are tried when this hunt has come to its end, so its last candidate is not the call's last. */
  readonly more: boolean;
}

export type HuntEvent =
  | { readonly type: "sent"; readonly addressesLeft: number }
  /** It could not be dialled: no address, no capacity. */
  | { readonly type: "unavailable"; readonly outcome: Outcome; readonly reason: string }
  /** We ourselves have no ports, descriptors or engine. */
  | { readonly type: "no-media"; readonly reason: string }
  /** The caller's offer has nothing this candidate could be offered. */
  | { readonly type: "not-acceptable"; readonly reason: string }
  | { readonly type: "trying" }
  | { readonly type: "provisional"; readonly status: number; readonly sdp: boolean }
  | { readonly type: "answer" }
  /** A 2xx whose description is missing or unusable. */
  | { readonly type: "bad-answer"; readonly reason: string }
  | {
      readonly type: "response";
      readonly status: number;
      readonly q850: number | undefined;
      readonly retryAfterS: number | undefined;
      readonly contact: boolean;
    }
  | { readonly type: "timeout" }
  | { readonly type: "transport-error"; readonly code: string }
  | { readonly type: "clock" }
  | { readonly type: "caller-gone" }
  /** A lane that rang at the same time was answered. */
  | { readonly type: "elsewhere"; readonly reason: string }
  | { readonly type: "stop"; readonly status: number; readonly reason: string };

export type HuntMove =
  /** Resolve, prepare and send to this candidate. */
  | { readonly type: "dial"; readonly candidate: number }
  /** The same candidate at its next resolved address. */
  | { readonly type: "dial-next-address" }
  /** The same candidate at the Contact of its 3xx. */
  | { readonly type: "dial-redirect" }
  /** The attempt is over. `leave` says what is still owed on the wire. */
  | { readonly type: "leave"; readonly how: "done" | "cancel" | "bye"; readonly ending: Ending }
  /** 503 with Retry-After: the gateway rests (RFC 3261 §21.5.4). */
  | { readonly type: "rest"; readonly seconds: number }
  | { readonly type: "provisional"; readonly status: number; readonly sdp: boolean }
  | { readonly type: "accept" }
  /**
   * The final response to the caller. `exhausted`: no candidate is left; else it is a verdict that ends the call
   * whoever else there is. `own`: what it was made from, before it was put in words for the caller.
   */
  | { readonly type: "refuse"; readonly ending: Ending; readonly own: Ending; readonly exhausted: boolean };

export interface HuntStep {
  readonly state: HuntState;
  readonly moves: readonly HuntMove[];
}

const REDIRECTS_MAX = 3;
/** A resting gateway is asked again after this at the latest. */
const REST_S_MAX = 3600;

const NEXT_ON = [408, 430, 480] as const;
/** An AI gateway that doesn't know the number, our account or our codecs says nothing about the person called. */
const NEXT_ON_FROM_GATEWAY = [401, 403, 404, 407, 488] as const;
const STOP_ALWAYS = [486, 600, 603, 604, 606] as const;

/** @param startedMs when the set-up began, for its budget */
export function beginHunt(candidates: readonly HuntCandidate[], times: HuntTimes, startedMs: number, more = false): HuntStep {
  const state: HuntState = {
    stage: "dialling",
    candidate: 0,
    addressesLeft: 0,
    redirects: 0,
    deadlineMs: startedMs + times.setupBudgetMs,
    budgetEndMs: startedMs + times.setupBudgetMs,
    best: undefined,
    more,
  };
  if (candidates.length === 0) return refuse(state, { status: 0, q850: 38, outcome: "failed", reason: "no candidate" }, [], true);
  return { state, moves: [{ type: "dial", candidate: 0 }] };
}

export function hunt(state: HuntState, event: HuntEvent, candidates: readonly HuntCandidate[], times: HuntTimes, nowMs: number): HuntStep {
  if (state.stage === "answered" || state.stage === "over") return { state, moves: [] };
  const candidate = candidates[state.candidate]!;
  /** Nobody is left to move to when it stays silent, or rings in vain. */
  const last = (outcome: "timeout" | "no_answer"): boolean =>
    !state.more && following(state.candidate, { status: 0, outcome }, candidates) === candidates.length;
  switch (event.type) {
    case "sent":
      return {
        state: { ...state, stage: "sent", addressesLeft: event.addressesLeft, deadlineMs: within(state, nowMs + times.tryTimeoutMs) },
        moves: [],
      };
    case "trying":
      if (state.stage !== "sent") return { state, moves: [] };
      return { state: { ...state, stage: "trying", deadlineMs: progressDeadline(state, last("timeout"), times, nowMs) }, moves: [] };
    case "provisional":
      if (event.status < 180 || event.status === 199) return progress(state, last("timeout"), times, nowMs);
      return provisional(state, event, candidate, last("no_answer"), times, nowMs);
    case "answer":
      return { state: { ...state, stage: "answered", deadlineMs: Infinity }, moves: [{ type: "accept" }] };
    case "bad-answer":
      return next(state, { status: 502, q850: 88, outcome: "media_failed", reason: event.reason }, "bye", candidates);
    case "response":
      return response(state, event, candidate, candidates);
    case "timeout":
      return next(state, { status: 0, q850: 102, outcome: "timeout", reason: "no final response" }, "done", candidates, true);
    case "transport-error":
      return next(state, { status: 0, q850: 27, outcome: "failed", reason: `${event.code}, next at once` }, "done", candidates, true);
    case "unavailable":
      return next(
        state,
        { status: 0, q850: event.outcome === "failed" ? 27 : 42, outcome: event.outcome, reason: event.reason },
        "done",
        candidates,
      );
    case "not-acceptable":
      return next(state, { status: 488, q850: 88, outcome: "media_failed", reason: event.reason }, "done", candidates);
    case "no-media":
      // Our own overload concerns every candidate, and is the one reason for a 503 upward.
      return refuseOurselves(state, { status: 503, q850: 42, outcome: "capacity", reason: event.reason }, "done");
    case "clock":
      return clock(state, candidates, times, nowMs);
    case "caller-gone": {
      const ending: Ending = { status: 487, q850: 16, outcome: "cancelled", reason: "the caller cancelled" };
      return { state: { ...state, stage: "over", deadlineMs: Infinity }, moves: [{ type: "leave", how: "cancel", ending }] };
    }
    case "elsewhere": {
      // Q.850 26: non-selected user clearing.
      const ending: Ending = { status: 487, q850: 26, outcome: "cancelled", reason: event.reason };
      return { state: { ...state, stage: "over", deadlineMs: Infinity }, moves: [{ type: "leave", how: "cancel", ending }] };
    }
    case "stop": {
      const ending: Ending = { status: event.status, q850: 31, outcome: "failed", reason: event.reason };
      return refuseOurselves(state, ending, "cancel");
    }
  }
}

const within = (state: HuntState, atMs: number): number => Math.min(atMs, state.budgetEndMs);

/** Deviation from "100 only for progressTimeoutMs": the last candidate has the rest of the budget, as nobody is left to move to. */
const progressDeadline = (state: HuntState, last: boolean, times: HuntTimes, nowMs: number): number =>
  last && state.addressesLeft === 0 ? state.budgetEndMs : within(state, nowMs + times.progressTimeoutMs);

/** 199 ends an early dialog (RFC 6228) and 101–179 are not progress of the call. */
const progress = (state: HuntState, last: boolean, times: HuntTimes, nowMs: number): HuntStep =>
  state.stage === "sent"
    ? { state: { ...state, stage: "trying", deadlineMs: progressDeadline(state, last, times, nowMs) }, moves: [] }
    : { state, moves: [] };

function provisional(
  state: HuntState,
  event: { readonly status: number; readonly sdp: boolean },
  candidate: HuntCandidate,
  last: boolean,
  times: HuntTimes,
  nowMs: number,
): HuntStep {
  const sdp = event.sdp && (candidate.earlyMedia === "relay" || last);
  const deadlineMs = state.stage === "ringing" ? state.deadlineMs : last ? state.budgetEndMs : within(state, nowMs + times.ringTimeoutMs);
  // A 183 is early media and nothing else: without its description it says nothing to the caller.
  const moves: HuntMove[] = event.status !== 183 || sdp ? [{ type: "provisional", status: event.status, sdp }] : [];
  return { state: { ...state, stage: "ringing", deadlineMs }, moves };
}

function response(
  state: HuntState,
  event: {
    readonly status: number;
    readonly q850: number | undefined;
    readonly retryAfterS: number | undefined;
    readonly contact: boolean;
  },
  candidate: HuntCandidate,
  candidates: readonly HuntCandidate[],
): HuntStep {
  const { status } = event;
  const ending: Ending = { status, q850: event.q850, outcome: outcomeOf(status, event.q850), reason: `answered ${status}` };
  if (status < 400) {
    if (candidate.followRedirects && event.contact && state.redirects < REDIRECTS_MAX) {
      const moved: HuntState = {
        ...state,
        stage: "dialling",
        redirects: state.redirects + 1,
        addressesLeft: 0,
        deadlineMs: state.budgetEndMs,
      };
      return {
        state: moved,
        moves: [{ type: "leave", how: "done", ending: { ...ending, reason: `${status}, redirected` } }, { type: "dial-redirect" }],
      };
    }
    if (!candidate.nextOn.includes(status)) return refuse(state, ending, [{ type: "leave", how: "done", ending }]);
    return next(state, ending, "done", candidates);
  }
  if (status === 503) {
    const step = next(state, ending, "done", candidates, event.retryAfterS === undefined);
    if (event.retryAfterS === undefined) return step;
    return { state: step.state, moves: [{ type: "rest", seconds: Math.min(event.retryAfterS, REST_S_MAX) }, ...step.moves] };
  }
  const backup = candidates[state.candidate + 1]?.after;
  if (movesOn(status, candidate) || (backup !== undefined && !speaksForCallee(status) && isFailure(backup, ending)))
    return next(state, ending, "done", candidates);
  return refuse(state, ending, [{ type: "leave", how: "done", ending }]);
}

const speaksForCallee = (status: number): boolean => (STOP_ALWAYS as readonly number[]).includes(status);

/** The table's rows of statuses, then the candidate's own list; 486, 600, 603, 604 and 606 speak for the person called. */
function movesOn(status: number, candidate: HuntCandidate): boolean {
  if (speaksForCallee(status)) return false;
  if (status >= 500 && status < 600) return true;
  if ((NEXT_ON as readonly number[]).includes(status)) return true;
  if (candidate.kind === "gateway" && (NEXT_ON_FROM_GATEWAY as readonly number[]).includes(status)) return true;
  return candidate.nextOn.includes(status);
}

function clock(state: HuntState, candidates: readonly HuntCandidate[], times: HuntTimes, nowMs: number): HuntStep {
  if (nowMs < state.deadlineMs) return { state, moves: [] };
  if (nowMs >= state.budgetEndMs) {
    const ending: Ending = { status: 480, q850: 19, outcome: "no_answer", reason: `no answer within ${times.setupBudgetMs} ms` };
    return refuseOurselves(state, ending, "cancel");
  }
  if (state.stage === "sent") {
    return next(
      state,
      { status: 0, q850: 102, outcome: "timeout", reason: `no response within ${times.tryTimeoutMs} ms` },
      "cancel",
      candidates,
      true,
    );
  }
  if (state.stage === "trying") {
    return next(
      state,
      { status: 0, q850: 102, outcome: "timeout", reason: `only 100 within ${times.progressTimeoutMs} ms` },
      "cancel",
      candidates,
    );
  }
  return next(
    state,
    { status: 0, q850: 19, outcome: "no_answer", reason: `no answer within ${times.ringTimeoutMs} ms` },
    "cancel",
    candidates,
  );
}

/** @param sameName try the further addresses of this candidate first (RFC 3263 §4.3: failure of the transport, a timeout or 503) */
function next(
  state: HuntState,
  ending: Ending,
  how: "done" | "cancel" | "bye",
  candidates: readonly HuntCandidate[],
  sameName = false,
): HuntStep {
  const leave: HuntMove = { type: "leave", how, ending };
  const best = better(state.best, ending);
  if (sameName && state.addressesLeft > 0) {
    return { state: { ...state, stage: "dialling", deadlineMs: state.budgetEndMs, best }, moves: [leave, { type: "dial-next-address" }] };
  }
  const candidate = following(state.candidate, ending, candidates);
  if (candidate >= candidates.length) return refuse({ ...state, best }, best, [leave], true);
  return {
    state: { ...state, stage: "dialling", candidate, addressesLeft: 0, redirects: 0, deadlineMs: state.budgetEndMs, best },
    moves: [leave, { type: "dial", candidate }],
  };
}

/** The next candidate; backups only after a failure that they are for. */
function following(left: number, ending: Pick<Ending, "status" | "outcome">, candidates: readonly HuntCandidate[]): number {
  let candidate = left + 1;
  for (let after = candidates[candidate]?.after; after !== undefined && !isFailure(after, ending); after = candidates[candidate]?.after)
    candidate++;
  return candidate;
}

/** With the status as it stands: it is our own verdict, not a gateway's. */
function refuseOurselves(state: HuntState, ending: Ending, how: "done" | "cancel"): HuntStep {
  return {
    state: { ...state, stage: "over", deadlineMs: Infinity, best: ending },
    moves: [
      { type: "leave", how, ending: { ...ending, status: 0 } },
      { type: "refuse", ending, own: ending, exhausted: false },
    ],
  };
}

function refuse(state: HuntState, ending: Ending, before: readonly HuntMove[] = [], exhausted = false): HuntStep {
  return {
    state: { ...state, stage: "over", deadlineMs: Infinity, best: ending },
    moves: [...before, { type: "refuse", ending: upward(ending), own: ending, exhausted }],
  };
}
