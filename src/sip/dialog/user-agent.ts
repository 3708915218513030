/**
 * The user agent as `call/`, `trunk/` and `phone/` see it: dialogs (RFC 3261 §12), the INVITE usage on
 * both sides (§13, §14), 2xx retransmission and ACK, CANCEL and its races, forked early dialogs.
 * Types only; `dialog.ts` has the pure dialog state, `agent.ts` the implementation.
 */
import type { Account } from "#sip/auth/digest-client.ts";
import type { HeaderField, ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import type { Flow, Target, TransportFailure } from "#sip/transport/transport.ts";
import type { Admission, ServerTransaction } from "#sip/transaction/transactions.ts";

/** Everything a dialog is (§12), serialisable: the journal keeps it and `restore` takes it back. */
export interface DialogState {
  readonly sipCallId: string;
  /** From/To value of our side without the tag, as it stands in our requests' From. */
  readonly localUri: string;
  readonly localTag: string;
  readonly remoteUri: string;
  readonly remoteTag: string;
  /** CSeq of our last request in this dialog. */
  readonly localSequence: number;
  /** Of the peer's last; undefined while it sent none. */
  readonly remoteSequence: number | undefined;
  /** The peer's Contact URI: R-URI of our requests. */
  readonly remoteTarget: string;
  /** Route values in the order we send them. */
  readonly routeSet: readonly string[];
  /** Our Contact URI, without angle brackets. */
  readonly localContact: string;
  /** Where our next request goes when remoteTarget and routeSet name no other place (and, for NAT, where the peer was seen). */
  readonly target: Target;
  /** The addresses that the peer names lead nowhere from here: requests go to `target`. */
  readonly behindNat?: boolean;
  readonly confirmed: boolean;
  /** Methods of the peer's Allow; empty when it sent none. */
  readonly peerAllows: readonly string[];
}

export interface RequestParts {
  readonly headers: readonly HeaderField[];
  readonly contentType?: string;
  readonly body: string;
}

export type FailureOutcome =
  | { readonly type: "response"; readonly response: ReceivedResponse }
  | { readonly type: "timeout" }
  | { readonly type: "transport-error"; readonly failure: TransportFailure };

export interface InviteParameters extends RequestParts {
  readonly requestUri: string;
  readonly target: Target;
  /** Pre-loaded Route values (outbound proxy); usually empty. */
  readonly routeSet: readonly string[];
  /** From value without tag. */
  readonly localUri: string;
  readonly remoteUri: string;
  readonly localTag: string;
  readonly sipCallId: string;
  /** Contact URI without angle brackets; carries our token as user. */
  readonly localContact: string;
  /** Unique prefix for this attempt's branches; the agent appends a counter per request. */
  readonly branchPrefix: string;
  readonly maxForwards: number;
  /** See DialogState. */
  readonly behindNat?: boolean;
  /** CSeq; 1 where it is absent. */
  readonly sequence?: number;
  /** 401 and 407 are answered with it, and the request goes out again with the next CSeq (§22). Never journaled. */
  readonly credentials?: Account;
}

/** What the UAC of an initial INVITE tells its owner. After onAnswer or onFailure nothing more comes here. */
export interface OutgoingInviteUser {
  onTrying(): void;
  /**
   * The INVITE was challenged and goes out again, with credentials and this CSeq, right after: what
   * `recoverInvite` would need has changed. `onTrying` follows.
   */
  onResend?(sequence: number): void;
  /**
   * 101–199. `early` identifies the fork by its remote tag ("" for none).
   */
  onProvisional(response: ReceivedResponse, remoteTag: string): void;
  /**
   * The first 2xx. The owner must call dialog.ack() in time (before 32 s), with the answer where the
   * 2xx carried the offer. Further 2xx from other forks are ACKed and ended with BYE by the agent.
   */
  onAnswer(response: ReceivedResponse, dialog: Dialog): void;
  onFailure(outcome: FailureOutcome): void;
  /**
   * A request of the callee in an early dialog (UPDATE, INFO …); answer it with `respondInDialog`.
   * Without it the agent answers: OPTIONS 200, others 500 with Retry-After.
   */
  onRequest?(transaction: ServerTransaction, remoteTag: string): void;
}

export interface OutgoingInvite {
  /**
   * CANCEL (§9.1). The owner hears onFailure with the 487 or whatever final comes; a 2xx that won the race
   * is ACKed and ended with BYE by the agent, and the owner hears onFailure({type: "timeout"}) at the
   * latest 64*T1 after.
   */
  cancel(headers?: readonly HeaderField[]): void;
  /** Like cancel, and the owner hears nothing more: for an attempt that hunting left behind. */
  abandon(headers?: readonly HeaderField[]): void;
}

export interface Dialog {
  readonly state: DialogState;
  /** ACK to the 2xx of our INVITE or re-INVITE; sent again by itself when the 2xx repeats. `body` is SDP or "". */
  ack(body: string): void;
  /** Any request but INVITE, ACK, CANCEL and BYE. Challenges are answered where the dialog has credentials; other retries are not its business. */
  request(method: string, parts: RequestParts, onFinal: (outcome: FailureOutcome) => void): void;
  /** Re-INVITE (§14.1). onAnswer: the owner calls ack(). 491 is reported like any failure. 481/408 too: the owner ends the call. */
  reinvite(parts: RequestParts, user: ReinviteUser): void;
  /** BYE; the dialog is gone for the owner at once, the agent sees it through. Never before the ACK of the peer to our 2xx (§15), unless it never comes. */
  bye(headers?: readonly HeaderField[]): void;
  /** True while our own INVITE in this dialog awaits its final response. */
  readonly invitePending: boolean;
}

export interface ReinviteUser {
  onAnswer(response: ReceivedResponse): void;
  onFailure(outcome: FailureOutcome): void;
}

/** What happens inside a dialog; the owner gives one with `answer`, `accept` or `restore`. */
export interface DialogUser {
  /** Asked by `answer`; see DialogState. */
  readonly behindNat?: boolean;
  /** Re-INVITE or initial. §14.2 is done already: 491 while our INVITE is pending, 500 while another of theirs is. */
  onReinvite(invite: IncomingInvite): void;
  /** INFO, UPDATE, REFER, NOTIFY, MESSAGE, OPTIONS …, CSeq checked; answer it with `respondInDialog`. */
  onRequest(transaction: ServerTransaction): void;
  /** BYE; answered 200 when this returns, so that what is journaled of the end comes first. Nothing more comes. */
  onBye(request: ReceivedRequest): void;
  /** The first ACK to our 2xx; its body is the answer of a late offer. */
  onAck(request: ReceivedRequest): void;
  /** No ACK within 64*T1 (§13.3.1.4): the owner should end the call. */
  onNoAck(): void;
  /** CSeq, target or route changed, or our answer makes the dialog and leaves when this returns: journal it. */
  onState(state: DialogState): void;
}

/** An INVITE that awaits our answer: initial or within a dialog. */
export interface IncomingInvite {
  readonly request: ReceivedRequest;
  readonly flow: Flow;
  /** Our To tag, used in every answer but 100. */
  readonly localTag: string;
  /** 101–199 with our tag and Contact; repeated every minute while pending (§13.3.1.1). */
  provisional(status: number, reasonPhrase: string, parts: RequestParts): void;
  /** 200, repeated until the ACK (§13.3.1.4). For an initial INVITE `user` and `credentials` become the dialog's. */
  answer(parts: RequestParts, user: DialogUser, credentials?: Account): Dialog;
  reject(status: number, reasonPhrase: string, headers?: readonly HeaderField[]): void;
  /**
   * Set by the owner: CANCEL came (200 and 487 were sent by the agent already), or the caller sent BYE in
   * the early dialog, which means the same. Not heard for a re-INVITE that ends with its dialog.
   */
  onCancelled: ((cancel: ReceivedRequest) => void) | undefined;
  /** Set by the owner: UPDATE, INFO … before the answer. Without it: OPTIONS 200, others 500 with Retry-After. */
  onRequest?: (transaction: ServerTransaction) => void;
  readonly pending: boolean;
}

/** The method table's side: what the agent hands up. Given at construction by the composition root. */
export interface AgentUser {
  /** See TransactionUser.admit; in-dialog requests are not asked. */
  admit(request: ReceivedRequest, flow: Flow): Admission;
  /** Names our tag and Contact for a new INVITE, before anything is answered. */
  newInvite(request: ReceivedRequest, flow: Flow): { readonly localTag: string; readonly localContact: string };
  onInvite(invite: IncomingInvite): void;
  /** Out-of-dialog requests but INVITE: OPTIONS, REGISTER, MESSAGE … §8.2 inspection is done. */
  onRequest(transaction: ServerTransaction): void;
}

export interface UserAgent {
  invite(parameters: InviteParameters, user: OutgoingInviteUser, dialogUser: DialogUser): OutgoingInvite;
  /** Takes up a confirmed dialog after a restart. Nonces are learned anew. */
  restore(state: DialogState, user: DialogUser, credentials?: Account): Dialog;
  /**
   * After a restart, for an INVITE of the former process whose end nobody saw: sends CANCEL at once, ACKs
   * whatever final response comes and ends a 2xx with BYE. Parameters as they were given to `invite`;
   * headers and body of the INVITE are not needed.
   */
  recoverInvite(parameters: InviteParameters, headers?: readonly HeaderField[]): void;
  /** Out-of-dialog request: OPTIONS, REGISTER … */
  request(
    parameters: Omit<InviteParameters, "localContact"> & { readonly method: string; readonly localContact?: string },
    onFinal: (outcome: FailureOutcome) => void,
  ): void;
  /** What each answer to an INVITE carries beside Contact and the owner's own: Allow, Supported, Server. */
  readonly responseHeaders: readonly HeaderField[];
  /** Dialogs and INVITEs alive, early ones included. */
  readonly dialogs: number;
}
