/**
 * INVITE server transaction: RFC 3261 §17.2.1 as corrected by RFC 6026 §7.1. Pure.
 * An event that a state does not name is absorbed.
 *
 * Repeating a 2xx until its ACK is the user's business (§13.3.1.4); here it only passes through.
 */
import { NO_EFFECTS, type Step as AnyStep, perform, start, stop } from "./machine.ts";
import { T1_MS, T2_MS, T4_MS } from "./transactions.ts";

export type InviteServer =
  | { readonly name: "proceeding"; readonly reliable: boolean }
  | { readonly name: "completed"; readonly reliable: boolean; readonly timerGMs: number }
  | { readonly name: "accepted" | "confirmed" | "terminated" };

export type InviteServerEvent =
  /** A repeat of the INVITE. */
  | "request"
  | "ack"
  /** The user returned from onRequest without a response. */
  | "unanswered"
  | "respond-1xx"
  | "respond-2xx"
  | "respond-final"
  | "transport-error"
  | "timerG"
  | "timerH"
  | "timerI"
  | "timerL";

export type InviteServerDeed =
  /** The response that came with the event. */
  | "send-response"
  /** The last response sent, the same bytes; nothing if there is none yet. */
  | "resend"
  | "send-trying"
  | "tell-ack"
  | "tell-no-ack"
  | "tell-transport-error";

type Step = AnyStep<InviteServer, InviteServerEvent, InviteServerDeed>;

const TIMER_H_MS = 64 * T1_MS;
const TIMER_L_MS = 64 * T1_MS;

const PROCEEDING_RELIABLE: InviteServer = { name: "proceeding", reliable: true };
const PROCEEDING_UNRELIABLE: InviteServer = { name: "proceeding", reliable: false };
const ACCEPTED: InviteServer = { name: "accepted" };
const CONFIRMED: InviteServer = { name: "confirmed" };
const TERMINATED: InviteServer = { name: "terminated" };

const SEND = [perform("send-response")] as const;
const RESEND = [perform("resend")] as const;
const SEND_TRYING = [perform("send-trying")] as const;
const TELL_TRANSPORT_ERROR = [perform("tell-transport-error")] as const;

const SUCCESS: Step = [ACCEPTED, [start("limit", "timerL", TIMER_L_MS), ...SEND]];
const REFUSE_RELIABLE: Step = [{ name: "completed", reliable: true, timerGMs: 0 }, [start("limit", "timerH", TIMER_H_MS), ...SEND]];
const REFUSE_UNRELIABLE: Step = [
  { name: "completed", reliable: false, timerGMs: T1_MS },
  [start("limit", "timerH", TIMER_H_MS), start("repeat", "timerG", T1_MS), ...SEND],
];
const ACKNOWLEDGED: Step = [CONFIRMED, [stop("repeat"), start("limit", "timerI", T4_MS)]];
const NO_ACK: Step = [TERMINATED, [perform("tell-no-ack")]];
const GONE: Step = [TERMINATED, NO_EFFECTS];
const ACK_OF_SUCCESS: Step = [ACCEPTED, [perform("tell-ack")]];
const SUCCESS_AGAIN: Step = [ACCEPTED, SEND];

/** The first state; nothing is sent yet. */
export const startInviteServer = (reliable: boolean): InviteServer => (reliable ? PROCEEDING_RELIABLE : PROCEEDING_UNRELIABLE);

export function stepInviteServer(state: InviteServer, event: InviteServerEvent): Step {
  switch (state.name) {
    case "proceeding":
      return stepProceeding(state, event);
    case "completed":
      return stepCompleted(state, event);
    case "accepted":
      // RFC 6026 §7.1: repeats of the INVITE are absorbed without an answer.
      if (event === "ack") return ACK_OF_SUCCESS;
      if (event === "respond-2xx") return SUCCESS_AGAIN;
      if (event === "transport-error") return [state, TELL_TRANSPORT_ERROR];
      return event === "timerL" ? GONE : [state, NO_EFFECTS];
    case "confirmed":
      return event === "timerI" ? GONE : [state, NO_EFFECTS];
    case "terminated":
      return [state, NO_EFFECTS];
  }
}

function stepProceeding(state: InviteServer & { name: "proceeding" }, event: InviteServerEvent): Step {
  switch (event) {
    case "request":
      return [state, RESEND];
    case "unanswered":
      // RFC 3261 §17.2.1: 100 unless the user answers within 200 ms; we don't wait for that.
      return [state, SEND_TRYING];
    case "respond-1xx":
      return [state, SEND];
    case "respond-2xx":
      return SUCCESS;
    case "respond-final":
      return state.reliable ? REFUSE_RELIABLE : REFUSE_UNRELIABLE;
    case "transport-error":
      // RFC 6026 §7.1: the user hears of it, the transaction stays.
      return [state, TELL_TRANSPORT_ERROR];
    default:
      return [state, NO_EFFECTS];
  }
}

function stepCompleted(state: InviteServer & { name: "completed" }, event: InviteServerEvent): Step {
  switch (event) {
    case "request":
      return [state, RESEND];
    case "timerG": {
      const timerGMs = Math.min(2 * state.timerGMs, T2_MS);
      return [{ ...state, timerGMs }, [start("repeat", "timerG", timerGMs), ...RESEND]];
    }
    case "ack":
      // Timer I is 0 over reliable transports: no further ACK will come.
      return state.reliable ? GONE : ACKNOWLEDGED;
    case "timerH":
      return NO_ACK;
    case "transport-error":
      return [state, TELL_TRANSPORT_ERROR];
    default:
      return [state, NO_EFFECTS];
  }
}
