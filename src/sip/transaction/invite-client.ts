/**
 * INVITE client transaction: RFC 3261 §17.1.1 as corrected by RFC 6026 §7.2, with the CANCEL of §9.1.
 * Pure. An event that a state does not name is absorbed.
 *
 * It does not send the ACK to a 2xx: that one belongs to the dialog (§13.2.2.4).
 */
import { NO_EFFECTS, type ResponseClass, type Step as AnyStep, perform, start, stop } from "./machine.ts";
import { T1_MS } from "./transactions.ts";

export type InviteClient =
  | { readonly name: "calling"; readonly reliable: boolean; readonly timerAMs: number; readonly cancelWanted: boolean }
  | { readonly name: "proceeding"; readonly reliable: boolean; readonly cancelled: boolean }
  | { readonly name: "completed" | "accepted" | "terminated" };

export type InviteClientEvent =
  | ResponseClass
  | "cancel"
  | "transport-error"
  | "timerA"
  | "timerB"
  | "timerD"
  | "timerM"
  /** 64*T1 after our CANCEL (§9.1). */
  | "timerCancel";

export type InviteClientDeed =
  | "send-request"
  /** ACK for a non-2xx, in this transaction (§17.1.1.3). */
  | "send-ack"
  | "send-cancel"
  | "tell-response"
  /** A 2xx after another final: no one waits for it here, yet it must be acknowledged and ended. */
  | "tell-stray"
  | "tell-timeout"
  | "tell-transport-error";

type Step = AnyStep<InviteClient, InviteClientEvent, InviteClientDeed>;

const TIMER_B_MS = 64 * T1_MS;
/** At least 32 s over unreliable transports (§17.1.1.2). */
const TIMER_D_MS = 64 * T1_MS;
const TIMER_M_MS = 64 * T1_MS;
const TIMER_CANCEL_MS = 64 * T1_MS;

const calling = (reliable: boolean, timerAMs: number, cancelWanted: boolean): InviteClient => ({
  name: "calling",
  reliable,
  timerAMs,
  cancelWanted,
});
const proceeding = (reliable: boolean, cancelled: boolean): InviteClient => ({ name: "proceeding", reliable, cancelled });
const COMPLETED: InviteClient = { name: "completed" };
const ACCEPTED: InviteClient = { name: "accepted" };
const TERMINATED: InviteClient = { name: "terminated" };

const SEND_CANCEL = [start("limit", "timerCancel", TIMER_CANCEL_MS), perform("send-cancel")] as const;
const TELL = [perform("tell-response")] as const;

// Steps of the usual path, made once: a call allocates none of them.
const START_RELIABLE: Step = [calling(true, 0, false), [start("limit", "timerB", TIMER_B_MS), perform("send-request")]];
const START_UNRELIABLE: Step = [
  calling(false, T1_MS, false),
  [start("limit", "timerB", TIMER_B_MS), start("repeat", "timerA", T1_MS), perform("send-request")],
];
const PROVISIONAL_RELIABLE: Step = [proceeding(true, false), [stop("repeat"), stop("limit"), ...TELL]];
const PROVISIONAL_UNRELIABLE: Step = [proceeding(false, false), [stop("repeat"), stop("limit"), ...TELL]];
const SUCCESS: Step = [ACCEPTED, [stop("repeat"), start("limit", "timerM", TIMER_M_MS), ...TELL]];
const REFUSED_UNRELIABLE: Step = [COMPLETED, [stop("repeat"), start("limit", "timerD", TIMER_D_MS), perform("send-ack"), ...TELL]];
// Timer D is 0 over reliable transports: no repeats will come.
const REFUSED_RELIABLE: Step = [TERMINATED, [perform("send-ack"), ...TELL]];
const TIMED_OUT: Step = [TERMINATED, [perform("tell-timeout")]];
const UNREACHABLE: Step = [TERMINATED, [perform("tell-transport-error")]];
const GONE: Step = [TERMINATED, NO_EFFECTS];
const AGAIN_REFUSED: Step = [COMPLETED, [perform("send-ack")]];
const LATE_SUCCESS: Step = [COMPLETED, [perform("tell-stray")]];
const AGAIN_SUCCESS: Step = [ACCEPTED, TELL];

export const startInviteClient = (reliable: boolean): Step => (reliable ? START_RELIABLE : START_UNRELIABLE);

export function stepInviteClient(state: InviteClient, event: InviteClientEvent): Step {
  switch (state.name) {
    case "calling":
      return stepCalling(state, event);
    case "proceeding":
      return stepProceeding(state, event);
    case "completed":
      // RFC 3261 §17.1.1.2: any repeat of the final response gets the ACK again.
      if (event === "3xx-6xx") return AGAIN_REFUSED;
      if (event === "2xx") return LATE_SUCCESS;
      // Deviation: a transport error ends nothing here. The user has its final response, and a repeat of it
      // may yet come from a peer that was unreachable for a moment.
      return event === "timerD" ? GONE : [state, NO_EFFECTS];
    case "accepted":
      // RFC 6026 §7.2: every 2xx goes up, repeats and other forks alike; anything else is absorbed.
      if (event === "2xx") return AGAIN_SUCCESS;
      return event === "timerM" ? GONE : [state, NO_EFFECTS];
    case "terminated":
      return [state, NO_EFFECTS];
  }
}

function stepCalling(state: InviteClient & { name: "calling" }, event: InviteClientEvent): Step {
  const { reliable, timerAMs, cancelWanted } = state;
  switch (event) {
    case "timerA":
      // §17.1.1.2: doubled without T2's bound; timer B ends it after 7 requests.
      return [calling(reliable, 2 * timerAMs, cancelWanted), [start("repeat", "timerA", 2 * timerAMs), perform("send-request")]];
    case "timerB":
      return TIMED_OUT;
    case "transport-error":
      return UNREACHABLE;
    case "cancel":
      // §9.1: no CANCEL before a provisional; until then the INVITE is repeated as if nothing were.
      return [calling(reliable, timerAMs, true), NO_EFFECTS];
    case "1xx":
      if (cancelWanted) return [proceeding(reliable, true), [stop("repeat"), ...SEND_CANCEL, ...TELL]];
      return reliable ? PROVISIONAL_RELIABLE : PROVISIONAL_UNRELIABLE;
    case "2xx":
      return SUCCESS;
    case "3xx-6xx":
      return reliable ? REFUSED_RELIABLE : REFUSED_UNRELIABLE;
    default:
      return [state, NO_EFFECTS];
  }
}

function stepProceeding(state: InviteClient & { name: "proceeding" }, event: InviteClientEvent): Step {
  switch (event) {
    case "1xx":
      return [state, TELL];
    case "2xx":
      return SUCCESS;
    case "3xx-6xx":
      return state.reliable ? REFUSED_RELIABLE : REFUSED_UNRELIABLE;
    case "cancel":
      return state.cancelled ? [state, NO_EFFECTS] : [proceeding(state.reliable, true), SEND_CANCEL];
    case "timerCancel":
      // §9.1: no final response within 64*T1 of the CANCEL: the INVITE counts as cancelled.
      return TIMED_OUT;
    default:
      // A transport error is absorbed: nothing is sent in this state, and the peer did answer.
      return [state, NO_EFFECTS];
  }
}
