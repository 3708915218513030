/**
 * What passes between the two answered legs: re-INVITE (RFC 3261 §14), UPDATE (RFC 3311), late offers
 * (RFC 3264 §5, RFC 3261 §13.2.1), DTMF in INFO (RFC 6086). One offer is under way at a time over both
 * legs; a second one hears 491. Every description and body is generated anew.
 *
 * REFER (`refer.ts` answers it where it may be), NOTIFY and MESSAGE are deliberately not passed: they would act on the
 * far network.
 */
import type { ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import { reasonPhraseOf } from "#sip/message/reason-phrases.ts";
import { respondInDialog } from "#sip/dialog/respond.ts";
import type { Dialog, FailureOutcome, IncomingInvite, RequestParts } from "#sip/dialog/user-agent.ts";
import type { Call } from "./call.ts";
import { parseInfoDtmf, writeInfoDtmf } from "./info-dtmf.ts";
import type { Leg } from "./leg.ts";
import { otherSide, type Told } from "./media-session.ts";
import { mayTransfer, onRefer } from "./refer.ts";
import type { ServerTransaction } from "./ports.ts";
import { sdpBodyOf } from "./sdp-body.ts";

/** An offer of one side, re-INVITE or UPDATE, that waits for the other side's answer. */
interface Offered {
  readonly by: Leg;
  readonly method: "INVITE" | "UPDATE";
  readonly pending: () => boolean;
  readonly accept: (sdp: string) => void;
  readonly refuse: (status: number) => void;
}
/** An ACK that we owe until the other side's ACK brought the answer. */
interface OwedAck {
  /** The leg whose ACK is awaited. */
  readonly from: Leg;
  /** undefined: the callee was ACKed already, the answer goes to the engine alone. */
  readonly to: Leg | undefined;
}

const description = (sdp: string): RequestParts => ({ headers: [], contentType: "application/sdp", body: sdp });
const NO_PARTS: RequestParts = { headers: [], body: "" };
/** RFC 3261 §14.1: 2.1 to 4 s for who made the Call-ID, up to 2 s for the other; between them both come through. */
const RENEW_MS = 2_050;
const RENEW_TRIES = 5;
const ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";
const allowedTo = (leg: Leg): string => (mayTransfer(leg) ? `${ALLOW}, REFER` : ALLOW);
const INFO_TYPES = "application/dtmf-relay, application/dtmf";

export class Bridge {
  readonly #call: Call;
  #offered: Offered | undefined;
  #owedAck: OwedAck | undefined;
  /** A re-INVITE of ours that asks for an offer, or restores the former description, is out. */
  #asking = false;

  constructor(call: Call) {
    this.#call = call;
  }

  /** The caller's INVITE had no offer: its ACK brings the answer to ours. */
  awaitCallersAnswer(): void {
    this.#owedAck = { from: this.#call.leg("a")!, to: undefined };
  }

  onReinvite(leg: Leg, invite: IncomingInvite): void {
    if (!this.#call.running) return invite.reject(this.#notYet, reasonPhraseOf(this.#notYet));
    const body = sdpBodyOf(invite.request);
    if (body.type === "other") return invite.reject(415, reasonPhraseOf(415), [["Accept", "application/sdp"]]);
    if (this.#busy(leg)) return invite.reject(491, reasonPhraseOf(491));
    if (body.type === "none") return this.#askForOffer(leg, invite);
    this.#offer(body.text, {
      by: leg,
      method: "INVITE",
      pending: () => invite.pending,
      accept: (sdp) => void invite.answer(description(sdp), leg),
      refuse: (status) => invite.reject(status, reasonPhraseOf(status)),
    });
  }

  onRequest(leg: Leg, transaction: ServerTransaction): void {
    const { request } = transaction;
    if (!this.#call.running) return respondInDialog(transaction, this.#notYet, reasonPhraseOf(this.#notYet));
    switch (request.method) {
      case "UPDATE":
        return this.#onUpdate(leg, transaction);
      case "INFO":
        return this.#onInfo(leg, transaction);
      case "REFER":
        return mayTransfer(leg) ? onRefer(this.#call.moves, leg, transaction) : this.#notAllowed(leg, transaction);
      case "OPTIONS":
        return respondInDialog(transaction, 200, "OK", {
          headers: [
            ["Allow", allowedTo(leg)],
            ["Accept", "application/sdp"],
          ],
          body: "",
        });
      default:
        return this.#notAllowed(leg, transaction);
    }
  }
  #notAllowed(leg: Leg, transaction: ServerTransaction): void {
    respondInDialog(transaction, 405, reasonPhraseOf(405), { headers: [["Allow", allowedTo(leg)]], body: "" });
  }

  onAck(leg: Leg, request: ReceivedRequest): void {
    const owed = this.#owedAck;
    if (owed === undefined || owed.from !== leg) return;
    this.#owedAck = undefined;
    const body = sdpBodyOf(request);
    const { media } = this.#call;
    const told: Told =
      body.type !== "sdp"
        ? { ok: false, reason: "ACK without the answer" }
        : owed.to === undefined
          ? media.callerAnswers(body.text)
          : media.reanswer(body.text);
    if (owed.to === undefined) media.settled();
    else if (told.ok) owed.to.dialog?.ack(told.sdp);
    else owed.to.dialog?.ack(media.told(owed.to.side));
    // RFC 3261 §13.2.2.4: an ACK can't be refused; an unusable answer ends the call.
    if (!told.ok) return this.#call.hangUp("us", told.reason, 88, "media_failed");
    this.#call.journalMedia();
  }

  /** The call is over. RFC 3261 §15.1.2: "MUST still respond to any pending requests", with 487. */
  end(): void {
    const offered = this.#offered;
    this.#offered = undefined;
    if (offered?.pending() === true) offered.refuse(487);
  }

  /** Nothing is under way on either leg that a transfer would cross. */
  get idle(): boolean {
    const { media } = this.#call;
    const pending = (["a", "b"] as const).some((side) => this.#call.leg(side)?.dialog?.invitePending === true);
    return this.#offered === undefined && this.#owedAck === undefined && !this.#asking && !media.exchanging && !pending;
  }

  /** A side was replaced: an exchange that was under way with it is refused, and whoever waits for an ACK gets it. */
  drop(): void {
    const [offered, owed] = [this.#offered, this.#owedAck];
    this.#offered = undefined;
    this.#owedAck = undefined;
    if (offered?.pending() === true) offered.refuse(491);
    if (owed?.to !== undefined) owed.to.dialog?.ack(this.#call.media.told(owed.to.side));
  }

  /** After a transfer: who stayed hears where its audio comes from now, if that makes a difference. */
  renew(leg: Leg, triesLeft = RENEW_TRIES): void {
    const { media, ports } = this.#call;
    const { dialog } = leg;
    if (dialog === undefined || triesLeft === 0 || !this.#call.running || this.#call.leg("a") !== leg) return;
    const again = (): void => void ports.clock.after(RENEW_MS, () => this.#call.guard(() => this.renew(leg, triesLeft - 1)));
    if (!this.idle) return again();
    const sdp = media.tellMoved();
    if (sdp === "") return;
    this.#asking = true;
    dialog.reinvite(description(sdp), {
      onAnswer: (response) => {
        dialog.ack("");
        this.#call.guard(() => {
          this.#asking = false;
          const body = sdpBodyOf(response);
          if (body.type !== "sdp" || !media.exchanging || !media.reanswer(body.text).ok) return void media.rollBack();
          this.#call.journalMedia();
        });
      },
      onFailure: (outcome) =>
        this.#call.guard(() => {
          this.#asking = false;
          media.rollBack();
          // RFC 3261 §14.1: both asked at once.
          if (outcome.type === "response" && outcome.response.status === 491) return again();
          if (this.#call.running) this.#endIfDead(outcome.type === "response" ? outcome.response.status : 408, leg);
        }),
    });
  }

  /** Before BYE: the ACK that this leg is owed, without which BYE is wrong (RFC 3261 §15). */
  settleAck(leg: Leg, dialog: Dialog): void {
    const owed = this.#owedAck;
    if (owed?.to !== leg) return;
    this.#owedAck = undefined;
    dialog.ack(this.#call.media.told(leg.side));
  }

  /** RFC 3261 §14.2: who waits to be connected may ask again; 481 would end his dialog. */
  get #notYet(): number {
    return this.#call.state === "ending" ? 481 : 491;
  }

  #busy(leg: Leg): boolean {
    const other = this.#other(leg);
    return (
      this.#offered !== undefined ||
      this.#owedAck !== undefined ||
      this.#asking ||
      this.#call.media.exchanging ||
      other?.dialog === undefined ||
      other.dialog.invitePending
    );
  }

  /** An offer of one side: answered locally when it changes nothing, else offered to the other side. */
  #offer(text: string, offered: Offered): void {
    const { by } = offered;
    const offer = this.#call.media.reoffer(by.side, text);
    if (offer.type === "bad") return offered.refuse(488);
    if (offer.type === "same") return offered.accept(offer.sdp);
    this.#offered = offered;
    const other = this.#other(by)!;
    const dialog = other.dialog!;
    if (offered.method === "UPDATE" && dialog.state.peerAllows.includes("UPDATE")) {
      dialog.request("UPDATE", description(offer.sdp), (outcome) => {
        this.#call.guard(() => {
          if (outcome.type === "response" && outcome.response.status < 300) this.#answered(offered, outcome.response, false, other);
          else this.#failed(offered, outcome, other);
        });
      });
      return;
    }
    dialog.reinvite(description(offer.sdp), {
      onAnswer: (response) => this.#call.guard(() => this.#answered(offered, response, true, other)),
      onFailure: (outcome) => this.#call.guard(() => this.#failed(offered, outcome, other)),
    });
  }

  #answered(offered: Offered, response: ReceivedResponse, acknowledge: boolean, answerer: Leg): void {
    if (acknowledge) answerer.dialog?.ack("");
    // A transfer has come between.
    if (this.#offered !== offered) return;
    this.#offered = undefined;
    if (!this.#call.running) return;
    const body = sdpBodyOf(response);
    // The offerer cancelled meanwhile: the answerer must be brought back to what was.
    if (!offered.pending()) return this.#restore(answerer);
    const told: Told = body.type === "sdp" ? this.#call.media.reanswer(body.text) : { ok: false, reason: "no description in the answer" };
    if (!told.ok) {
      offered.refuse(488);
      return this.#restore(answerer);
    }
    this.#call.journalMedia();
    offered.accept(told.sdp);
  }

  /** RFC 3264 §8: refused, so everything stays as it was on both legs. */
  #failed(offered: Offered, outcome: FailureOutcome, answerer: Leg): void {
    if (this.#offered !== offered) return;
    this.#offered = undefined;
    this.#call.media.rollBack();
    if (!this.#call.running) return;
    const status = outcome.type === "response" ? outcome.response.status : 408;
    if (offered.pending()) offered.refuse(refusalAcross(status));
    this.#endIfDead(status, answerer);
  }

  /** Offers the former description again to a side that accepted a new one in vain. */
  #restore(leg: Leg): void {
    const sdp = this.#call.media.rollBack(true);
    const { dialog } = leg;
    if (dialog === undefined || sdp === "") return;
    this.#asking = true;
    dialog.reinvite(description(sdp), {
      onAnswer: () => {
        this.#asking = false;
        dialog.ack("");
      },
      onFailure: (outcome) =>
        this.#call.guard(() => {
          this.#asking = false;
          this.#endIfDead(outcome.type === "response" ? outcome.response.status : 408, leg);
        }),
    });
  }

  /** Re-INVITE without an offer: the other side is asked for one, and its ACK waits for this side's (RFC 3261 §14.2). */
  #askForOffer(leg: Leg, invite: IncomingInvite): void {
    const other = this.#other(leg)!;
    const dialog = other.dialog!;
    this.#asking = true;
    dialog.reinvite(NO_PARTS, {
      onAnswer: (response) =>
        this.#call.guard(() => {
          this.#asking = false;
          const { media } = this.#call;
          const body = sdpBodyOf(response);
          const usable = body.type === "sdp" && this.#other(leg) === other && !media.exchanging;
          const offer = usable ? media.reoffer(other.side, body.text, true) : undefined;
          if (offer?.type !== "relay" || !invite.pending || !this.#call.running || this.#other(leg) !== other) {
            // The 2xx had an offer, so the ACK must answer it: with what is in force.
            media.rollBack();
            dialog.ack(media.told(other.side));
            if (invite.pending) invite.reject(488, reasonPhraseOf(488));
            return;
          }
          this.#owedAck = { from: leg, to: other };
          invite.answer(description(offer.sdp), leg);
        }),
      onFailure: (outcome) =>
        this.#call.guard(() => {
          this.#asking = false;
          if (!this.#call.running) return;
          const status = outcome.type === "response" ? outcome.response.status : 408;
          if (invite.pending) invite.reject(refusalAcross(status), reasonPhraseOf(refusalAcross(status)));
          this.#endIfDead(status, other);
        }),
    });
  }

  #onUpdate(leg: Leg, transaction: ServerTransaction): void {
    const contact = leg.dialog?.state.localContact;
    const body = sdpBodyOf(transaction.request);
    if (body.type === "other")
      return respondInDialog(transaction, 415, reasonPhraseOf(415), { headers: [["Accept", "application/sdp"]], body: "" });
    // RFC 3311 §5.1: without an offer it refreshes the dialog, which concerns this leg alone.
    if (body.type === "none") return respondInDialog(transaction, 200, "OK", NO_PARTS, contact);
    if (this.#busy(leg)) return respondInDialog(transaction, 491, reasonPhraseOf(491));
    this.#offer(body.text, {
      by: leg,
      method: "UPDATE",
      pending: () => transaction.pending,
      accept: (sdp) => respondInDialog(transaction, 200, "OK", description(sdp), contact),
      refuse: (status) => respondInDialog(transaction, status, reasonPhraseOf(status)),
    });
  }

  #onInfo(leg: Leg, transaction: ServerTransaction): void {
    const { request } = transaction;
    // RFC 6086 §1: INFO without a body was in use as a keep-alive.
    if (request.body === "") return respondInDialog(transaction, 200, "OK");
    const dtmf = parseInfoDtmf(request.contentType(), request.body);
    if (dtmf === undefined) return respondInDialog(transaction, 415, reasonPhraseOf(415), { headers: [["Accept", INFO_TYPES]], body: "" });
    const other = this.#other(leg);
    if (other?.dialog === undefined) return respondInDialog(transaction, 481, reasonPhraseOf(481));
    this.#call.publish({ type: "dtmf", leg: leg.name, digit: dtmf.digit, via: "info" });
    other.dialog.request("INFO", { headers: [], contentType: dtmf.type, body: writeInfoDtmf(dtmf) }, (outcome) => {
      this.#call.guard(() => {
        const status = outcome.type === "response" ? outcome.response.status : 408;
        // RFC 4320 §4.2: after a timeout on the far side this side's transaction is over too, so silence is right.
        if (transaction.pending && outcome.type === "response")
          respondInDialog(
            transaction,
            status < 300 ? 200 : refusalAcross(status),
            reasonPhraseOf(status < 300 ? 200 : refusalAcross(status)),
          );
        if (this.#call.running) this.#endIfDead(status, other);
      });
    });
  }

  /** RFC 3261 §12.2.1.2: 481, 408 or no response at all: the dialog is gone, and the call with it. */
  #endIfDead(status: number, leg: Leg): void {
    if (status !== 408 && status !== 481) return;
    this.#call.hangUp(
      "us",
      `the ${leg.side === "a" ? "caller" : "callee"} answered ${status === 481 ? "481" : "nothing"} inside the dialog`,
      41,
      "answered",
    );
  }

  #other(leg: Leg): Leg | undefined {
    return this.#call.leg(otherSide(leg.side));
  }
}

/** A refusal inside the dialog, for the other leg: 408 and 481 would end that leg's dialog too, 401 and 407 are ours. */
function refusalAcross(status: number): number {
  if (status === 491 || status === 488 || status === 606) return status;
  if (status === 415 || status === 420) return 488;
  if (status >= 600) return 603;
  return status >= 500 ? 500 : 488;
}
