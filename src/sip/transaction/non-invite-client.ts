/**
 * Non-INVITE client transaction: RFC 3261 §17.1.2. Pure.
 * An event that a state does not name is absorbed.
 */
import { NO_EFFECTS, type ResponseClass, type Step as AnyStep, perform, start, stop } from "./machine.ts";
import { T1_MS, T2_MS, T4_MS } from "./transactions.ts";

export type NonInviteClient =
  | { readonly name: "trying" | "proceeding"; readonly reliable: boolean; readonly timerEMs: number }
  | { readonly name: "completed" | "terminated" };

export type NonInviteClientEvent = ResponseClass | "transport-error" | "timerE" | "timerF" | "timerK";

export type NonInviteClientDeed = "send-request" | "tell-response" | "tell-timeout" | "tell-transport-error";

type Step = AnyStep<NonInviteClient, NonInviteClientEvent, NonInviteClientDeed>;

const TIMER_F_MS = 64 * T1_MS;

const COMPLETED: NonInviteClient = { name: "completed" };
const TERMINATED: NonInviteClient = { name: "terminated" };
const TELL = [perform("tell-response")] as const;

const START_RELIABLE: Step = [
  { name: "trying", reliable: true, timerEMs: 0 },
  [start("limit", "timerF", TIMER_F_MS), perform("send-request")],
];
const START_UNRELIABLE: Step = [
  { name: "trying", reliable: false, timerEMs: T1_MS },
  [start("limit", "timerF", TIMER_F_MS), start("repeat", "timerE", T1_MS), perform("send-request")],
];
const FINAL_UNRELIABLE: Step = [COMPLETED, [stop("repeat"), start("limit", "timerK", T4_MS), ...TELL]];
// Timer K is 0 over reliable transports: no repeats will come.
const FINAL_RELIABLE: Step = [TERMINATED, TELL];
const TIMED_OUT: Step = [TERMINATED, [perform("tell-timeout")]];
const UNREACHABLE: Step = [TERMINATED, [perform("tell-transport-error")]];
const GONE: Step = [TERMINATED, NO_EFFECTS];

export const startNonInviteClient = (reliable: boolean): Step => (reliable ? START_RELIABLE : START_UNRELIABLE);

export function stepNonInviteClient(state: NonInviteClient, event: NonInviteClientEvent): Step {
  switch (state.name) {
    case "trying":
    case "proceeding":
      return stepUnfinished(state, event);
    case "completed":
      return event === "timerK" ? GONE : [state, NO_EFFECTS];
    case "terminated":
      return [state, NO_EFFECTS];
  }
}

function stepUnfinished(state: NonInviteClient & { name: "trying" | "proceeding" }, event: NonInviteClientEvent): Step {
  switch (event) {
    case "timerE": {
      // §17.1.2.2: doubled up to T2 while trying, T2 at once when proceeding.
      const timerEMs = state.name === "trying" ? Math.min(2 * state.timerEMs, T2_MS) : T2_MS;
      return [{ ...state, timerEMs }, [start("repeat", "timerE", timerEMs), perform("send-request")]];
    }
    case "timerF":
      return TIMED_OUT;
    case "transport-error":
      return UNREACHABLE;
    case "1xx":
      // Timers E and F run on.
      return [{ ...state, name: "proceeding" }, TELL];
    case "2xx":
    case "3xx-6xx":
      return state.reliable ? FINAL_RELIABLE : FINAL_UNRELIABLE;
    default:
      return [state, NO_EFFECTS];
  }
}
