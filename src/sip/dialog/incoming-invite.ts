/**
 * An INVITE that awaits our answer (RFC 3261 §13.3, §14.2): provisional responses and their repeats, the
 * final one, CANCEL; for an initial INVITE also its early dialog (§12.1.1) until the answer.
 */
import type { Timer } from "#base/clock.ts";
import type { Account } from "#sip/auth/digest-client.ts";
import type { HeaderField, OutgoingResponse, ReceivedRequest } from "#sip/message/message.ts";
import type { ServerTransaction } from "#sip/transaction/transactions.ts";
import type { Flow } from "#sip/transport/transport.ts";
import { belongsTo, countRequest, dialogOfUas } from "./dialog.ts";
import type { ConfirmedDialog } from "./confirmed-dialog.ts";
import type { Cancellable, DialogEnd, DialogHost } from "./dialog-host.ts";
import { DigestRetry } from "./digest-retry.ts";
import { answerEarly } from "./early-requests.ts";
import { dialogResponse, respondInDialog, respondPlain } from "./respond.ts";
import type { Dialog, DialogState, DialogUser, IncomingInvite, RequestParts } from "./user-agent.ts";

/** §13.3.1.1: "MUST send a non-100 provisional response at every minute", against proxies that cancel. */
const PROVISIONAL_REPEAT_MS = 60_000;

const natOf = ({ behindNat }: DialogUser) => (behindNat === true ? { behindNat } : {});

export class PendingInvite implements IncomingInvite, DialogEnd, Cancellable {
  readonly request: ReceivedRequest;
  readonly flow: Flow;
  readonly localTag: string;
  onCancelled: ((cancel: ReceivedRequest) => void) | undefined = undefined;
  onRequest?: (transaction: ServerTransaction) => void;
  readonly #host: DialogHost;
  readonly #transaction: ServerTransaction;
  readonly #localContact: string;
  readonly #isInitial: boolean;
  /** The dialog that a re-INVITE belongs to, or that the answer made. */
  #dialog: ConfirmedDialog | undefined;
  /** The early dialog of an initial INVITE, once something needs it. */
  #early: DialogState | undefined;
  #pending = true;
  #answered = false;
  #repeat: Timer | undefined;

  constructor(host: DialogHost, transaction: ServerTransaction, localTag: string, localContact: string, dialog?: ConfirmedDialog) {
    this.request = transaction.request;
    this.flow = transaction.flow;
    this.localTag = localTag;
    this.#host = host;
    this.#transaction = transaction;
    this.#localContact = localContact;
    this.#isInitial = dialog === undefined;
    this.#dialog = dialog;
    host.awaitCancel(transaction, this);
    if (dialog === undefined) host.enlist(localTag, this);
  }

  get pending(): boolean {
    return this.#pending;
  }

  provisional(status: number, reasonPhrase: string, parts: RequestParts): void {
    if (!this.#pending) return;
    const response = this.#response(status, reasonPhrase, parts);
    this.#transaction.respond(response);
    if (status > 100) this.#repeatLater(response);
  }

  answer(parts: RequestParts, user: DialogUser, credentials?: Account): Dialog {
    const digest = credentials === undefined ? undefined : new DigestRetry(credentials, this.#host.random);
    this.#dialog ??= this.#host.openDialog({ ...this.#earlyState(), ...natOf(user), confirmed: true }, user, undefined, digest);
    const dialog = this.#dialog;
    if (this.#settle()) {
      if (this.#isInitial) {
        this.#host.enlist(this.localTag, dialog);
        user.onState(dialog.state);
      }
      dialog.beginAnswer(this.#transaction, this.#response(200, "OK", parts));
    } else if (!this.#answered && this.#isInitial) {
      dialog.closeUnanswered();
    }
    this.#answered = true;
    return dialog;
  }

  reject(status: number, reasonPhrase: string, headers: readonly HeaderField[] = []): void {
    if (!this.#settle()) return;
    respondPlain(this.#transaction, status, reasonPhrase, this.localTag, headers);
    if (this.#dialog === undefined) this.#host.release(this.localTag, this);
    else this.#dialog.endIncoming();
  }

  /** §9.2: CANCEL for a pending INVITE: 487. One that crossed our final response changes nothing. */
  cancelled(cancel: ReceivedRequest): void {
    if (!this.#pending) return;
    this.reject(487, "Request Terminated");
    this.onCancelled?.(cancel);
  }

  /** BYE ended the dialog that this re-INVITE belongs to. */
  endWithDialog(): void {
    if (!this.#settle()) return;
    respondPlain(this.#transaction, 487, "Request Terminated", this.localTag);
  }

  receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    const state = this.#earlyState();
    if (!belongsTo(state, request)) return respondInDialog(transaction, 481, "Call/Transaction Does Not Exist");
    const counted = countRequest(state, request);
    if (counted === undefined) return respondInDialog(transaction, 500, "Server Internal Error");
    this.#early = counted;
    if (request.method === "BYE") {
      // §15: "the caller's UA MAY send a BYE for … early dialogs".
      respondInDialog(transaction, 200, "OK");
      this.cancelled(request);
      return;
    }
    answerEarly(this.#host, transaction, this.onRequest);
  }

  /** An ACK for a 2xx finds the confirmed dialog; any other here is stray. */
  receiveAck(): void {}
  receiveStray(): void {}

  #earlyState(): DialogState {
    this.#early ??= dialogOfUas(this.request, this.flow, this.localTag, this.#localContact, false);
    return this.#early;
  }

  #response(status: number, reasonPhrase: string, parts: RequestParts): OutgoingResponse {
    if (status === 100) return dialogResponse(this.request, this.flow, status, reasonPhrase, parts);
    return dialogResponse(this.request, this.flow, status, reasonPhrase, parts, {
      localTag: this.localTag,
      localContact: this.#localContact,
      headers: this.#host.responseHeaders,
    });
  }

  #repeatLater(response: OutgoingResponse): void {
    this.#repeat?.cancel();
    this.#repeat = this.#host.clock.after(PROVISIONAL_REPEAT_MS, () => {
      this.#transaction.respond(response);
      this.#repeatLater(response);
    });
  }

  /** False where a final response was given before. */
  #settle(): boolean {
    if (!this.#pending) return false;
    this.#pending = false;
    this.#repeat?.cancel();
    this.#repeat = undefined;
    this.#host.forgetCancel(this.#transaction);
    return true;
  }
}
