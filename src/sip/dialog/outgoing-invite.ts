/**
 * The UAC of an initial INVITE (RFC 3261 §13.2): forks and their early dialogs, the first 2xx, CANCEL and
 * what crosses it. It hears its transaction until every repeat of the 2xx is over.
 */
import type { HeaderField, OutgoingRequest, ReceivedResponse } from "#sip/message/message.ts";
import { ownText } from "#sip/message/received-message.ts";
import type { ClientOutcome, ClientTransaction, ClientUser, ServerTransaction } from "#sip/transaction/transactions.ts";
import type { Flow } from "#sip/transport/transport.ts";
import type { ConfirmedDialog } from "./confirmed-dialog.ts";
import { belongsTo, countRequest, dialogOfUac, invitationOf, requestOutside, sequenceOf } from "./dialog.ts";
import type { DialogEnd, DialogHost, DialogMaker } from "./dialog-host.ts";
import { DigestRetry } from "./digest-retry.ts";
import { answerEarly } from "./early-requests.ts";
import { initialBranch } from "./late-answers.ts";
import { RefusedForks } from "./refused-forks.ts";
import { respondInDialog } from "./respond.ts";
import type { DialogState, DialogUser, FailureOutcome, InviteParameters, OutgoingInvite, OutgoingInviteUser } from "./user-agent.ts";

/** Early dialogs of one INVITE whose requests are served. */
const EARLY_DIALOGS_MAX = 16;

export class SentInvite implements OutgoingInvite, ClientUser, DialogEnd, DialogMaker {
  readonly #host: DialogHost;
  /** Without headers and body: the transaction has them as long as they are needed. undefined: the dialog is over. */
  #parameters: InviteParameters | undefined;
  /** Handed to the dialog with the first 2xx: the repeats that may come for half a minute shall not hold the call. */
  #dialogUser: DialogUser | undefined;
  #digest: DigestRetry | undefined;
  /** Kept only while it may be challenged. */
  #request: OutgoingRequest | undefined;
  /** Let go at the end: it holds the whole INVITE. */
  #transaction: ClientTransaction | undefined;
  /** undefined once the owner heard the end, or abandoned it. */
  #user: OutgoingInviteUser | undefined;
  /** A final response came, or none will. */
  #over = false;
  #cancelled = false;
  #early: Map<string, DialogState> | undefined;
  #dialog: ConfirmedDialog | undefined;
  /** The dialog that is over: all else that a repeat of its 2xx needs is in that 2xx. */
  #past: { readonly remoteTag: string; readonly behindNat: boolean } | undefined;
  #refused: RefusedForks | undefined;

  constructor(host: DialogHost, parameters: InviteParameters, user: OutgoingInviteUser, dialogUser: DialogUser) {
    this.#host = host;
    this.#parameters = { ...parameters, headers: [], body: "" };
    this.#user = user;
    this.#dialogUser = dialogUser;
    this.#digest = parameters.credentials === undefined ? undefined : new DigestRetry(parameters.credentials, host.random);
    host.enlist(parameters.localTag, this);
    const request = requestOutside(parameters, "INVITE", sequenceOf(parameters), host.requestHeaders);
    if (this.#digest !== undefined) this.#request = request;
    this.#transaction = host.transactions.request(request, parameters.target, initialBranch(parameters), this);
  }

  cancel(headers: readonly HeaderField[] = []): void {
    if (this.#over || this.#cancelled) return;
    this.#cancelled = true;
    this.#transaction?.cancel(headers);
  }

  abandon(headers: readonly HeaderField[] = []): void {
    this.#user = undefined;
    this.cancel(headers);
  }

  onResponse(response: ReceivedResponse, flow: Flow): void {
    const { status } = response;
    if (status === 100) this.#user?.onTrying();
    else if (status < 200) this.#receiveProvisional(response, flow);
    else if (status < 300) this.#receiveAnswer(response, flow);
    else if (this.#mayTryAgain(response)) this.#sendAgain();
    else this.#end({ type: "response", response });
  }

  onFailure(outcome: ClientOutcome): void {
    if (this.#over || this.#parameters === undefined) return;
    // Whoever is slower than 64*T1 still believes in his 2xx.
    if (outcome.type === "timeout") this.#host.expectLateAnswer(this.#parameters);
    this.#end(outcome);
  }

  /** A request of the callee in an early dialog. */
  receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    const tag = request.fromTag();
    const state = this.#early?.get(tag);
    // The callee may not end an early dialog with BYE (§15), so that BYE belongs to nothing either.
    if (state === undefined || !belongsTo(state, request) || request.method === "BYE") {
      return respondInDialog(transaction, 481, "Call/Transaction Does Not Exist");
    }
    const counted = countRequest(state, request);
    if (counted === undefined) return respondInDialog(transaction, 500, "Server Internal Error");
    this.#early!.set(tag, counted);
    const user = this.#user;
    const owner = user?.onRequest === undefined ? undefined : (early: ServerTransaction): void => user.onRequest!(early, tag);
    answerEarly(this.#host, transaction, owner);
  }

  receiveAck(): void {}
  /** While the transaction lives, no 2xx is stray. */
  receiveStray(): void {}

  /** What remains waits in tens of thousands for answers that hardly ever come. */
  dialogOver(): void {
    const state = this.#dialog?.state;
    if (state !== undefined) this.#past = { remoteTag: ownText(state.remoteTag), behindNat: state.behindNat === true };
    this.#dialog = undefined;
    this.#parameters = undefined;
    this.#digest = undefined;
  }

  #mayTryAgain(response: ReceivedResponse): boolean {
    const given = this.#over || this.#cancelled || this.#user === undefined || this.#request === undefined;
    return !given && this.#digest?.challenged(response) === true;
  }

  /** §22.2: "the UAC MUST increment the CSeq header field value"; Call-ID, From and To stay. */
  #sendAgain(): void {
    const before = this.#parameters;
    if (before === undefined) return;
    const sequence = sequenceOf(before) + 1;
    const parameters = { ...before, sequence };
    this.#parameters = parameters;
    this.#early = undefined;
    const user = this.#user;
    user?.onResend?.(sequence);
    const headers = this.#request!.headers.map((field): HeaderField => (field[0] === "CSeq" ? ["CSeq", `${sequence} INVITE`] : field));
    const request = this.#digest!.authorized({ ...this.#request!, headers });
    this.#transaction = this.#host.transactions.request(request, parameters.target, initialBranch(parameters), this);
    // The peer is there, and what it wants to hear takes a second round.
    user?.onTrying();
  }

  #receiveProvisional(response: ReceivedResponse, flow: Flow): void {
    const parameters = this.#parameters;
    if (this.#over || parameters === undefined) return;
    const tag = response.toTag();
    this.#early ??= new Map();
    // §12.1.2: a tag makes the dialog; what the callee counted stays (§12.2.2).
    if (tag !== "" && !this.#early.has(tag) && this.#early.size < EARLY_DIALOGS_MAX) {
      this.#early.set(tag, dialogOfUac(parameters, response, flow, false));
    }
    this.#user?.onProvisional(response, tag);
  }

  #receiveAnswer(response: ReceivedResponse, flow: Flow): void {
    const tag = response.toTag();
    if (this.#dialog !== undefined && this.#dialog.state.remoteTag === tag) return this.#dialog.receiveStray(response, flow);
    if (this.#past?.remoteTag === tag) return this.#acknowledgeAgain(response, flow);
    const user = this.#user;
    const parameters = this.#parameters;
    if (this.#over || this.#cancelled || user === undefined || parameters === undefined) return this.#refuseAnswer(response, flow);
    this.#over = true;
    this.#user = undefined;
    this.#transaction = undefined;
    this.#request = undefined;
    // §13.2.2.4: the route set is made anew from the 2xx; the CSeq that the early dialog saw stays.
    const remoteSequence = this.#early?.get(tag)?.remoteSequence;
    const state = { ...dialogOfUac(parameters, response, flow, true), remoteSequence };
    this.#early = undefined;
    this.#dialog = this.#host.openDialog(state, this.#dialogUser, sequenceOf(parameters), this.#digest, this);
    this.#dialogUser = undefined;
    this.#host.enlist(state.localTag, this.#dialog);
    user.onAnswer(response, this.#dialog);
  }

  /** The ACK was lost, and the BYE overtook the repeat. */
  #acknowledgeAgain(response: ReceivedResponse, flow: Flow): void {
    const invitation = this.#invitation(response, flow);
    this.#host.openDialog(dialogOfUac(invitation, response, flow, true), undefined, sequenceOf(invitation)).ack("");
  }

  #invitation(response: ReceivedResponse, flow: Flow): InviteParameters {
    if (this.#parameters !== undefined) return this.#parameters;
    return { ...invitationOf(response, flow), behindNat: this.#past?.behindNat === true };
  }

  /** Another fork's, or one that crossed our CANCEL (§9.1). */
  #refuseAnswer(response: ReceivedResponse, flow: Flow): void {
    this.#refused ??= new RefusedForks(this.#host, this.#invitation(response, flow));
    if (!this.#over) this.#end({ type: "timeout" });
    this.#refused.receive(response, flow);
  }

  #end(outcome: FailureOutcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#transaction = undefined;
    this.#request = undefined;
    this.#dialogUser = undefined;
    this.#early = undefined;
    if (this.#parameters !== undefined) this.#host.release(this.#parameters.localTag, this);
    const user = this.#user;
    this.#user = undefined;
    user?.onFailure(outcome);
  }
}
