/**
 * One INVITE to one address of one candidate: the UAC's ear while hunting. It turns responses into events
 * of `hunt.ts` and remembers what its CDR line needs; once left it hears nothing.
 */
import type { CdrAttempt } from "#cdr/record.ts";
import type { PlannedAttempt } from "#routing/decision.ts";
import type { ReceivedResponse } from "#sip/message/message.ts";
import type { Dialog, FailureOutcome, InviteParameters, OutgoingInvite, OutgoingInviteUser } from "#sip/dialog/user-agent.ts";
import { failureText } from "#sip/dialog/failure-text.ts";
import type { Ending } from "./ending.ts";
import type { HuntEvent } from "./hunt.ts";
import type { Leg } from "./leg.ts";
import type { Target } from "./ports.ts";
import { q850CauseOf } from "#sip/message/reason.ts";
import { sdpBodyOf } from "./sdp-body.ts";

export interface AttemptOwner {
  /** `response`: what the event was made from, where there was one. */
  onAttemptEvent(attempt: Attempt, event: HuntEvent, response: ReceivedResponse | undefined): void;
  onAttemptAnswer(attempt: Attempt, response: ReceivedResponse, dialog: Dialog): void;
  /** It goes out again, with credentials: what the journal has of it is out of date. */
  onAttemptResend(attempt: Attempt): void;
}

/** What `recoverInvite` needs after a restart; the INVITE's headers and body are not kept. */
export type AttemptParameters = Omit<InviteParameters, "headers" | "body" | "contentType" | "credentials">;

export class Attempt implements OutgoingInviteUser {
  readonly number: number;
  readonly planned: PlannedAttempt;
  readonly target: Target;
  readonly leg: Leg;
  readonly startedAtMs: number;
  readonly #startedMs: number;
  readonly #owner: AttemptOwner;
  readonly #nowMs: () => number;
  #firstProgressMs: number | undefined;
  /** The last early description, and the fork (remote tag) that sent it. */
  #earlySdp: readonly [remoteTag: string, text: string] | undefined;
  parameters: AttemptParameters | undefined;
  invite: OutgoingInvite | undefined;
  /** The 2xx's dialog until it is either used or ended. */
  dialog: Dialog | undefined;
  left = false;

  constructor(
    owner: AttemptOwner,
    number: number,
    planned: PlannedAttempt,
    target: Target,
    leg: Leg,
    clock: { nowMs(): number; wallMs(): number },
  ) {
    this.#owner = owner;
    this.number = number;
    this.planned = planned;
    this.target = target;
    this.leg = leg;
    this.startedAtMs = clock.wallMs();
    this.#startedMs = clock.nowMs();
    this.#nowMs = () => clock.nowMs();
  }

  onTrying(): void {
    if (!this.left) this.#owner.onAttemptEvent(this, { type: "trying" }, undefined);
  }

  onResend(sequence: number): void {
    if (this.left || this.parameters === undefined) return;
    this.parameters = { ...this.parameters, sequence };
    this.#owner.onAttemptResend(this);
  }

  onProvisional(response: ReceivedResponse, remoteTag: string): void {
    if (this.left) return;
    if (response.status >= 180) this.#firstProgressMs ??= this.#nowMs();
    const body = sdpBodyOf(response);
    if (body.type === "sdp") this.#earlySdp = [remoteTag, body.text];
    this.#owner.onAttemptEvent(this, { type: "provisional", status: response.status, sdp: body.type === "sdp" }, response);
  }

  onAnswer(response: ReceivedResponse, dialog: Dialog): void {
    this.#firstProgressMs ??= this.#nowMs();
    if (this.left) {
      // The agent abandons for us; a dialog that comes all the same is ended at once (RFC 3261 §13.2.2.4).
      dialog.ack("");
      dialog.bye();
      return;
    }
    this.dialog = dialog;
    this.#owner.onAttemptAnswer(this, response, dialog);
  }

  onFailure(outcome: FailureOutcome): void {
    if (this.left) return;
    if (outcome.type === "timeout") return this.#owner.onAttemptEvent(this, { type: "timeout" }, undefined);
    if (outcome.type === "transport-error")
      return this.#owner.onAttemptEvent(this, { type: "transport-error", code: failureText(outcome.failure) }, undefined);
    const { response } = outcome;
    this.#firstProgressMs ??= this.#nowMs();
    const event: HuntEvent = {
      type: "response",
      status: response.status,
      q850: q850CauseOf(response),
      retryAfterS: retryAfterS(response),
      contact: response.status < 400 && response.header("contact") !== undefined,
    };
    this.#owner.onAttemptEvent(this, event, response);
  }

  /** The description of a 2xx: its own, or the early one of the same fork (RFC 3261 §13.2.1). */
  descriptionOf(response: ReceivedResponse): string | undefined {
    const body = sdpBodyOf(response);
    if (body.type === "sdp") return body.text;
    const early = this.#earlySdp;
    return early !== undefined && (early[0] === response.toTag() || early[0] === "") ? early[1] : undefined;
  }

  cdr(ending: Ending): CdrAttempt {
    const { peer } = this.planned;
    return {
      number: this.number,
      peer: peer.name,
      peerKind: peer.kind,
      target: targetText(this.target),
      startedAtMs: this.startedAtMs,
      postDialDelayMs: this.#firstProgressMs === undefined ? undefined : Math.round(this.#firstProgressMs - this.#startedMs),
      durationMs: Math.round(this.#nowMs() - this.#startedMs),
      status: ending.status,
      q850: ending.q850,
      outcome: ending.outcome,
      reason: this.planned.backup === undefined ? ending.reason : `${ending.reason}; backup of ${this.planned.backup.of}`,
    };
  }
}

export const targetText = (target: Target): string =>
  `${target.transport.toLowerCase()}:${target.address.includes(":") ? `[${target.address}]` : target.address}:${target.port}`;

/** RFC 3261 §20.33: delta-seconds, then comment and parameters. */
function retryAfterS(response: ReceivedResponse): number | undefined {
  const value = response.header("retry-after");
  const seconds = value === undefined ? null : /^\s*(\d{1,9})\b/.exec(value);
  return seconds === null ? undefined : Number(seconds[1]);
}
