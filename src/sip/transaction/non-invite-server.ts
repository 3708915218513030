/**
 * Non-INVITE server transaction: RFC 3261 §17.2.2 with RFC 4320: a 100 only once the client repeats
 * slowly, no other provisional, no 408, and nothing after 64*T1. Pure.
 * An event that a state does not name is absorbed.
 */
import { NO_EFFECTS, type Step as AnyStep, perform, start, stop } from "./machine.ts";
import { T1_MS } from "./transactions.ts";

export type NonInviteServer =
  | { readonly name: "trying" | "proceeding"; readonly reliable: boolean }
  | { readonly name: "completed" }
  /** Nothing will be answered; repeats are absorbed until the client has given up. */
  | { readonly name: "silenced" }
  | { readonly name: "terminated" };

export type NonInviteServerEvent =
  /** A repeat of the request. */
  | "request"
  /** The user returned from onRequest without a response. */
  | "unanswered"
  | "respond-1xx"
  | "respond-408"
  | "respond-final"
  | "transport-error"
  | "timerJ"
  /** The client's timer E reached T2. */
  | "timerTrying"
  /** The client's timer F fired. */
  | "timerLate";

export type NonInviteServerDeed = "send-response" | "resend" | "send-trying";

type Step = AnyStep<NonInviteServer, NonInviteServerEvent, NonInviteServerDeed>;

const TIMER_J_MS = 64 * T1_MS;
/** T1 + 2*T1 + 4*T1: then the client's timer E is set to T2 (RFC 4320 §4.1). */
const TIMER_TRYING_MS = 7 * T1_MS;
const TIMER_LATE_MS = 64 * T1_MS;

const TRYING_RELIABLE: NonInviteServer = { name: "trying", reliable: true };
const TRYING_UNRELIABLE: NonInviteServer = { name: "trying", reliable: false };
const COMPLETED: NonInviteServer = { name: "completed" };
const SILENCED: NonInviteServer = { name: "silenced" };
const TERMINATED: NonInviteServer = { name: "terminated" };

const SEND = [perform("send-response")] as const;
const RESEND = [perform("resend")] as const;
const SEND_TRYING = [perform("send-trying")] as const;
const AWAIT = [start("repeat", "timerTrying", TIMER_TRYING_MS), start("limit", "timerLate", TIMER_LATE_MS)] as const;

const FINAL_UNRELIABLE: Step = [COMPLETED, [stop("repeat"), start("limit", "timerJ", TIMER_J_MS), ...SEND]];
// Timer J is 0 over reliable transports: no repeats will come.
const FINAL_RELIABLE: Step = [TERMINATED, SEND];
const SILENCE: Step = [SILENCED, [stop("repeat"), start("limit", "timerJ", TIMER_J_MS)]];
const GONE: Step = [TERMINATED, NO_EFFECTS];
const AGAIN: Step = [COMPLETED, RESEND];

/** The first state; nothing is sent yet. */
export const startNonInviteServer = (reliable: boolean): NonInviteServer => (reliable ? TRYING_RELIABLE : TRYING_UNRELIABLE);

export function stepNonInviteServer(state: NonInviteServer, event: NonInviteServerEvent): Step {
  switch (state.name) {
    case "trying":
    case "proceeding":
      return stepUnfinished(state, event);
    case "completed":
      if (event === "request") return AGAIN;
      return event === "timerJ" || event === "transport-error" ? GONE : [state, NO_EFFECTS];
    case "silenced":
      return event === "timerJ" ? GONE : [state, NO_EFFECTS];
    case "terminated":
      return [state, NO_EFFECTS];
  }
}

function stepUnfinished(state: NonInviteServer & { name: "trying" | "proceeding" }, event: NonInviteServerEvent): Step {
  switch (event) {
    case "unanswered":
      return [state, AWAIT];
    case "request":
      // §17.2.2: dropped while trying; the 100 again when proceeding.
      return [state, state.name === "proceeding" ? RESEND : NO_EFFECTS];
    case "timerTrying":
      return [{ ...state, name: "proceeding" }, SEND_TRYING];
    case "respond-final":
      return state.reliable ? FINAL_RELIABLE : FINAL_UNRELIABLE;
    case "respond-408":
      // RFC 4320 §4.2: a 408 would reach a client that has timed out by itself, or blame the wrong hop.
      return SILENCE;
    case "timerLate":
      // RFC 4320 §4.2: the client has given up; a final response now would be a stray.
      return GONE;
    case "transport-error":
      return GONE;
    default:
      // A 1xx of the user's (RFC 4320 §4.1): the 100 above is the only one that may be sent.
      return [state, NO_EFFECTS];
  }
}
