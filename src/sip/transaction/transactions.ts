/**
 * The transaction layer as its user sees it (RFC 3261 §17). The four machines are pure functions
 * in this folder; `driver.ts` runs their effects over a TransportLayer and a Clock.
 */
import type {
  HeaderField,
  OutgoingRequest,
  OutgoingResponse,
  ReceivedMessage,
  ReceivedRequest,
  ReceivedResponse,
} from "#sip/message/message.ts";
import type { Flow, Target, TransportFailure } from "#sip/transport/transport.ts";

/**
 * The server's side of one request. After `onRequest` returns without a response the driver sends 100
 * to an INVITE itself (§17.2.1), so that what the user journals in `onRequest` precedes it.
 */
export interface ServerTransaction {
  readonly request: ReceivedRequest;
  readonly flow: Flow;
  /** Via, From, To, Call-ID and CSeq are copied from the request by `responseTo`; see dialog/. */
  respond(response: OutgoingResponse): void;
  /**
   * Keeps nothing of an answered request that may as well be answered anew when it is repeated (§8.2.7). For
   * what anyone may ask, so that a flood of it costs no memory. Before the final response, and of an INVITE: nothing.
   */
  forget(): void;
  /** False once a final response was sent. */
  readonly pending: boolean;
}

export interface ClientTransaction {
  readonly request: OutgoingRequest;
  readonly target: Target;
  /** The branch without the Via around it. */
  readonly branch: string;
  /**
   * Sends CANCEL for this INVITE (§9.1): waits for the first provisional, does nothing after a final.
   * @param headers e.g. Reason
   */
  cancel(headers?: OutgoingRequest["headers"]): void;
  /** Stops retransmitting and forgets the transaction without telling the user. */
  abandon(): void;
}

export type ClientOutcome =
  /** Timer B or F fired: nobody answered (or, for an INVITE, nobody finished while proceeding is not timed). */
  { readonly type: "timeout" } | { readonly type: "transport-error"; readonly failure: TransportFailure };

export interface ClientUser {
  /** Every response, 100 included. For an INVITE each 2xx, also repeats and other forks (RFC 6026). */
  onResponse(response: ReceivedResponse, flow: Flow): void;
  onFailure(outcome: ClientOutcome): void;
}

/**
 * True: it goes on. False: silence. Else: answered so without a transaction (§8.2.7), which under a flood costs
 * no memory and no repeats.
 */
export type Admission = boolean | { readonly status: number; readonly headers: readonly HeaderField[] };

/** Given to the driver at construction. */
export interface TransactionUser {
  /**
   * Asked before anything is answered to a request that matches no transaction (ACK is not asked, CANCEL only
   * where we hold no INVITE for it). What is not admitted is counted. Identification and flood limits
   * stand here, so an unknown source never costs a transaction and never sees the automatic 100.
   */
  admit(request: ReceivedRequest, flow: Flow): Admission;
  /**
   * Asked of an ACK or response that matches no transaction: is it of a dialog or INVITE of ours? False: dropped
   * unseen and counted, so that a stranger's flood of them leaves no trace in the ladders. Left out: all are.
   */
  recognises?(message: ReceivedMessage): boolean;
  /** A new request that is neither ACK nor CANCEL. */
  onRequest(transaction: ServerTransaction): void;
  /** An ACK that no transaction absorbed: for a 2xx, or stray. */
  onAck(request: ReceivedRequest, flow: Flow): void;
  /** CANCEL matched this pending INVITE and was answered 200 by the driver; the user answers the INVITE 487. */
  onCancel(invite: ServerTransaction, cancel: ReceivedRequest): void;
  /**
   * No ACK came for the final non-2xx response to an INVITE (timer H), or a response could not be sent.
   * @param flow whose; the request is not kept so long
   */
  onServerFailure(flow: Flow, reason: "no-ack" | "transport-error"): void;
  /** A response that matches nothing, e.g. a late 2xx of a transaction gone since 64*T1. */
  onStrayResponse(response: ReceivedResponse, flow: Flow): void;
}

export interface TransactionLayer {
  /**
   * Sends a request in a new client transaction; adds the topmost Via with this branch and rport.
   * @param branch without the magic cookie, a token of base/ids.ts with a suffix; unique per transaction
   */
  request(request: OutgoingRequest, target: Target, branch: string, user: ClientUser): ClientTransaction;
  /** Sends an ACK to a 2xx: no transaction, never retransmitted by the layer (§13.2.2.4). */
  sendAck(request: OutgoingRequest, target: Target, branch: string): void;
  /** Transactions alive, for counters and tests. */
  readonly size: { readonly client: number; readonly server: number };
}

export const T1_MS = 500;
export const T2_MS = 4000;
export const T4_MS = 5000;
