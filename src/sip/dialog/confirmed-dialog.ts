/**
 * A confirmed dialog with its INVITE usage (RFC 3261 §12.2, §14, §15): requests both ways, one INVITE at a
 * time, the ACK of our INVITEs and the repeated 2xx of theirs, BYE seen through to its end.
 *
 * After `bye` or a BYE from the peer the owner hears nothing more; the dialog stays until the wire is quiet.
 * It deliberately keeps no message: an ACK that must be repeated is built again from the state.
 */
import type { Timer } from "#base/clock.ts";
import type { HeaderField, OutgoingResponse, ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import type { ClientOutcome, ClientUser, ServerTransaction } from "#sip/transaction/transactions.ts";
import type { Flow, Target } from "#sip/transport/transport.ts";
import { belongsTo, countRequest, nextSequence, refreshTarget, requestInDialog, seenAt } from "./dialog.ts";
import type { DialogEnd, DialogHost, DialogMaker } from "./dialog-host.ts";
import type { DigestRetry } from "./digest-retry.ts";
import { PendingInvite } from "./incoming-invite.ts";
import { inspectRequest } from "./inspect-request.ts";
import { nextHop } from "./next-hop.ts";
import { RepeatedAnswer } from "./repeated-answer.ts";
import { NO_PARTS, refuse, respondInDialog, respondPlain } from "./respond.ts";
import type { Dialog, DialogState, DialogUser, FailureOutcome, IncomingInvite, ReinviteUser, RequestParts } from "./user-agent.ts";

/** BYE again after a transport failure: waits of 1, 2 and 4 s, in turn to where the peer was seen and where it says it is. */
const BYE_RETRIES_MAX = 3;
const BYE_RETRY_MS = 1000;
/** §14.2: "a Retry-After header field with a randomly chosen value of between 0 and 10 seconds". */
const RETRY_AFTER_MAX_S = 10;
/** Requests that refresh the target and so name ours (RFC 3261 §12.2, RFC 3311, 6665, 3515). */
const TARGET_REFRESH = new Set(["INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"]);

const NONE: readonly never[] = [];

interface WaitingReinvite {
  readonly parts: RequestParts;
  readonly user: ReinviteUser;
}
interface SentAck {
  readonly sequence: number;
  readonly branch: string;
  readonly body: string;
}

export class ConfirmedDialog implements Dialog, DialogEnd {
  readonly #host: DialogHost;
  /** undefined: a challenge is a failure like any other. */
  readonly #digest: DigestRetry | undefined;
  #maker: DialogMaker | undefined;
  #state: DialogState;
  /** undefined once the owner is done with it, and in a dialog that only lives to be ended. */
  #user: DialogUser | undefined;
  /** BYE was asked for or came. */
  #closing = false;
  /** CSeq of our INVITE that awaits its final response. */
  #inviteSequence: number | undefined;
  /** CSeq of our INVITE that was answered and that the owner hasn't ACKed. */
  #owedAck: number | undefined;
  #sentAck: SentAck | undefined;
  #waiting: readonly WaitingReinvite[] = NONE;
  /** Their INVITE that awaits our answer. */
  #incoming: PendingInvite | undefined;
  /** Our 2xx that await their ACK: one, or two where a re-INVITE overtook the first ACK. */
  #answers: readonly RepeatedAnswer[] = NONE;
  /** BYE that waits for those. */
  #heldBye: readonly HeaderField[] | undefined;
  #byeTimer: Timer | undefined;

  /** @param owedAck CSeq of the INVITE of ours whose 2xx made this dialog */
  constructor(
    host: DialogHost,
    state: DialogState,
    user: DialogUser | undefined,
    owedAck?: number,
    digest?: DigestRetry,
    maker?: DialogMaker,
  ) {
    this.#host = host;
    this.#digest = digest;
    this.#maker = maker;
    this.#state = state;
    this.#user = user;
    this.#owedAck = owedAck;
  }

  get state(): DialogState {
    return this.#state;
  }
  get invitePending(): boolean {
    return this.#inviteSequence !== undefined || this.#waiting.length > 0;
  }

  ack(body: string): void {
    const sequence = this.#owedAck;
    if (sequence === undefined) return;
    this.#owedAck = undefined;
    this.#sendAck({ sequence, branch: this.#host.newBranch(this.#state.localTag), body });
    this.#sendWaiting();
  }

  request(method: string, parts: RequestParts, onFinal: (outcome: FailureOutcome) => void): void {
    if (this.#user === undefined) return;
    const finish = (outcome: FailureOutcome): void => {
      if (this.#user !== undefined) onFinal(outcome);
    };
    this.#send(method, parts, {
      onResponse: (response, flow) => {
        if (response.status < 200) return;
        if (response.status < 300 && TARGET_REFRESH.has(method)) this.#refresh(response, flow);
        finish({ type: "response", response });
      },
      onFailure: finish,
    });
  }

  reinvite(parts: RequestParts, user: ReinviteUser): void {
    if (this.#user === undefined) return;
    this.#waiting = [...this.#waiting, { parts, user }];
    this.#sendWaiting();
  }

  bye(headers: readonly HeaderField[] = []): void {
    if (this.#closing) return;
    this.#close();
    // The peer repeats its 2xx until the ACK, whatever comes after.
    this.ack("");
    // §15: "MUST NOT send a BYE … until it has received an ACK for its 2xx response or until the server transaction times out".
    if (this.#answers.length > 0) this.#heldBye = headers;
    else this.#sendBye(headers, 0);
  }

  /** The INVITE ended before it was answered: nothing may be sent here. */
  closeUnanswered(): void {
    this.#close();
  }

  /** Sends our 2xx to an INVITE until the ACK comes. */
  beginAnswer(transaction: ServerTransaction, response: OutgoingResponse): void {
    this.#incoming = undefined;
    this.#refresh(transaction.request, transaction.flow);
    const answer = new RepeatedAnswer(this.#host.clock, transaction, response, (unacknowledged) => this.#endWithoutAck(unacknowledged));
    this.#answers = [...this.#answers, answer];
  }

  /** Their re-INVITE got a final response that is no 2xx. */
  endIncoming(): void {
    this.#incoming = undefined;
    this.#sendWaiting();
  }

  receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (!belongsTo(this.#state, request)) return respondInDialog(transaction, 481, "Call/Transaction Does Not Exist");
    const counted = countRequest(this.#state, request);
    // §12.2.2: "the request is out of order and MUST be rejected with a 500".
    if (counted === undefined) return respondInDialog(transaction, 500, "Server Internal Error");
    if (request.method === "BYE") return this.#receiveBye(transaction, counted);
    const user = this.#user;
    if (user === undefined) return respondInDialog(transaction, 481, "Call/Transaction Does Not Exist");
    this.#become(seenAt(counted, transaction.flow));
    const refusal = inspectRequest(request, transaction.flow.transport, this.#host.policy);
    if (refusal !== undefined) return refuse(transaction, refusal, this.#state.localTag);
    if (request.method === "INVITE") return this.#receiveReinvite(transaction, user);
    if (TARGET_REFRESH.has(request.method)) this.#refresh(request, transaction.flow);
    user.onRequest(transaction);
  }

  receiveAck(request: ReceivedRequest): void {
    const cseq = request.cseq();
    if (!cseq.ok || !belongsTo(this.#state, request)) return;
    const answer = this.#answers.find(({ sequence }) => sequence === cseq.value.number);
    if (answer === undefined) return;
    this.#endAnswer(answer);
    this.#user?.onAck(request);
    this.#afterAnswer();
  }

  /** A repeated 2xx: the ACK was lost, or sent by a former process that kept no copy (§13.2.2.4). */
  receiveStray(response: ReceivedResponse, _flow: Flow): void {
    const cseq = response.cseq();
    if (!cseq.ok || response.toTag() !== this.#state.remoteTag || response.callId() !== this.#state.sipCallId) return;
    const sequence = cseq.value.number;
    // The owner still makes up the answer that the ACK will carry.
    if (sequence === this.#owedAck || sequence === this.#inviteSequence) return;
    if (this.#sentAck?.sequence === sequence) return this.#sendAck(this.#sentAck);
    this.#sendAck({ sequence, branch: this.#host.newBranch(this.#state.localTag), body: "" });
  }

  #receiveReinvite(transaction: ServerTransaction, user: DialogUser): void {
    // §14.2: a second INVITE before the final response to the first.
    if (this.#incoming !== undefined) {
      const seconds = String(this.#host.random.integer(RETRY_AFTER_MAX_S + 1));
      return respondPlain(transaction, 500, "Server Internal Error", this.#state.localTag, [["Retry-After", seconds]]);
    }
    // §14.2: "an INVITE … while an INVITE it had sent on that dialog is in progress": 491. Our offer in an
    // unacknowledged 2xx is open as well (RFC 5407 §3.1.5).
    const open = this.#inviteSequence !== undefined || this.#owedAck !== undefined || this.#answers.some((answer) => answer.awaitsSdp);
    if (open) return respondInDialog(transaction, 491, "Request Pending");
    this.#incoming = new PendingInvite(this.#host, transaction, this.#state.localTag, this.#state.localContact, this);
    user.onReinvite(this.#incoming satisfies IncomingInvite);
  }

  #receiveBye(transaction: ServerTransaction, counted: DialogState): void {
    const user = this.#user;
    this.#state = counted;
    for (const answer of this.#answers) answer.stop();
    this.#answers = NONE;
    this.#heldBye = undefined;
    this.#close();
    this.ack("");
    this.#release();
    // The owner journals the end before the peer hears that it came: what it was not told it says again.
    user?.onBye(transaction.request);
    respondInDialog(transaction, 200, "OK");
  }

  #sendBye(headers: readonly HeaderField[], retries: number): void {
    const onFailure = (outcome: ClientOutcome): void => {
      if (outcome.type === "timeout" || retries === BYE_RETRIES_MAX) return this.#release();
      this.#byeTimer = this.#host.clock.after(BYE_RETRY_MS * 2 ** retries, () => this.#sendBye(headers, retries + 1));
    };
    const onResponse = (response: ReceivedResponse): void => {
      // §15.1.1: 481, 408 and no response at all end it as well as 200 does.
      if (response.status >= 200) this.#release();
    };
    const elsewhere = retries % 2 === 1 ? this.#state.target : undefined;
    this.#send("BYE", { headers, body: "" }, { onResponse, onFailure }, elsewhere);
  }

  #sendWaiting(): void {
    const [next, ...rest] = this.#waiting;
    // §14.1: "MUST NOT initiate a new INVITE transaction within a dialog while another … is in progress in either direction".
    const busy =
      this.#inviteSequence !== undefined || this.#owedAck !== undefined || this.#incoming !== undefined || this.#answers.length > 0;
    if (next === undefined || busy) return;
    this.#waiting = rest.length === 0 ? NONE : rest;
    let sequence = this.#state.localSequence + 1;
    this.#inviteSequence = sequence;
    const user: ClientUser = {
      onResponse: (response, flow) => this.#receiveAnswer(response, flow, sequence, next.user),
      onFailure: (outcome) => {
        if (this.#endInvite(sequence)) next.user.onFailure(outcome);
        this.#sendWaiting();
      },
    };
    this.#send("INVITE", next.parts, user, undefined, (raised) => {
      sequence = raised;
      this.#inviteSequence = raised;
    });
  }

  #receiveAnswer(response: ReceivedResponse, flow: Flow, sequence: number, user: ReinviteUser): void {
    if (response.status < 200) return;
    if (this.#inviteSequence !== sequence) return this.receiveStray(response, flow);
    if (response.status < 300) {
      this.#owedAck = sequence;
      this.#refresh(response, flow);
      if (this.#endInvite(sequence)) user.onAnswer(response);
      else this.ack("");
      return;
    }
    if (this.#endInvite(sequence)) user.onFailure({ type: "response", response });
    this.#sendWaiting();
  }

  /** True where the owner wants to hear of it. */
  #endInvite(sequence: number): boolean {
    if (this.#inviteSequence === sequence) this.#inviteSequence = undefined;
    return this.#user !== undefined;
  }

  #endWithoutAck(answer: RepeatedAnswer): void {
    this.#endAnswer(answer);
    this.#user?.onNoAck();
    this.#afterAnswer();
  }

  #endAnswer(answer: RepeatedAnswer): void {
    answer.stop();
    const left = this.#answers.filter((other) => other !== answer);
    this.#answers = left.length === 0 ? NONE : left;
  }

  #afterAnswer(): void {
    if (this.#answers.length > 0) return;
    const headers = this.#heldBye;
    this.#heldBye = undefined;
    if (headers !== undefined) this.#sendBye(headers, 0);
    else this.#sendWaiting();
  }

  #sendAck(ack: SentAck): void {
    this.#sentAck = ack;
    const headers = this.#digest?.inviteCredentials ?? NO_PARTS.headers;
    const parts = ack.body === "" ? { headers, body: "" } : { headers, contentType: "application/sdp", body: ack.body };
    const request = requestInDialog(this.#state, "ACK", ack.sequence, parts);
    this.#whenLocated(undefined, (target) => this.#host.transactions.sendAck(request, target, ack.branch));
  }

  /** @param onAgain hears the CSeq of a repetition with credentials before it is sent */
  #send(method: string, parts: RequestParts, user: ClientUser, elsewhere?: Target, onAgain?: (sequence: number) => void): void {
    this.#digest?.begin();
    this.#sendOnce(method, parts, user, elsewhere, onAgain);
  }

  #sendOnce(method: string, parts: RequestParts, user: ClientUser, elsewhere?: Target, onAgain?: (sequence: number) => void): void {
    // Told before it is sent: a CSeq must not come twice, not even after a crash.
    this.#become(nextSequence(this.#state));
    const refreshes = TARGET_REFRESH.has(method);
    const extras = refreshes ? { contact: true, headers: this.#host.requestHeaders } : {};
    const bare = requestInDialog(this.#state, method, this.#state.localSequence, parts, extras);
    const branch = this.#host.newBranch(this.#state.localTag);
    const digest = this.#digest;
    const request = digest?.authorized(bare) ?? bare;
    const heard: ClientUser =
      digest === undefined
        ? user
        : {
            onResponse: (response, flow) => {
              // What a closing dialog had in flight is of no use any more; its BYE is.
              if ((this.#closing && method !== "BYE") || !digest.challenged(response)) return user.onResponse(response, flow);
              onAgain?.(this.#state.localSequence + 1);
              this.#sendOnce(method, parts, user, elsewhere, onAgain);
            },
            onFailure: (outcome) => user.onFailure(outcome),
          };
    this.#whenLocated(elsewhere, (target) => this.#host.transactions.request(request, target, branch, heard));
  }

  #whenLocated(elsewhere: Target | undefined, send: (target: Target) => void): void {
    const hop = elsewhere ?? nextHop(this.#state, this.#host.locator);
    if ("then" in hop) void hop.then(send);
    else send(hop);
  }

  #refresh(message: ReceivedRequest | ReceivedResponse, flow: Flow): void {
    this.#become(refreshTarget(this.#state, message, flow));
  }

  #become(state: DialogState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#user?.onState(state);
  }

  #close(): void {
    this.#closing = true;
    this.#user = undefined;
    this.#waiting = NONE;
    // §15.1.2: "MUST still respond to any pending requests", with 487.
    this.#incoming?.endWithDialog();
    this.#incoming = undefined;
  }

  #release(): void {
    this.#byeTimer?.cancel();
    this.#byeTimer = undefined;
    this.#host.release(this.#state.localTag, this);
    this.#maker?.dialogOver();
    this.#maker = undefined;
  }
}
