/**
 * The transaction layer: finds the transaction of each message (RFC 3261 §17.1.3, §17.2.3), makes new ones,
 * and runs the four machines over a TransportLayer and a Clock.
 *
 * Answered here, without the user: repeats, CANCEL (§9.2), merged requests (§8.2.2.2) and requests that
 * break RFC 3261 itself. Not here: dialogs, the repeats of a 2xx and its ACK, authentication.
 */
import { assert } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import { answerable } from "#sip/message/answerable.ts";
import { buildResponse } from "#sip/message/build-response.ts";
import { checkRequest, checkResponse } from "#sip/message/check-request.ts";
import type { HeaderField, OutgoingRequest, ReceivedMessage, ReceivedRequest, ReceivedResponse, Via } from "#sip/message/message.ts";
import { MAGIC_COOKIE } from "#sip/message/parse-via.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { serializeRequest, serializeResponse } from "#sip/message/serialize.ts";
import type { Flow, Target, TransportFailure, TransportLayer, TransportUser } from "#sip/transport/transport.ts";
import {
  type ClientGround,
  ClientHandle,
  type ClientRecord,
  type Departure,
  InviteClientTransaction,
  NonInviteClientTransaction,
} from "./client-transaction.ts";
import { mergeKey, serverKey, statelessTag } from "./matching.ts";
import { viaValue } from "./requests.ts";
import {
  InviteServerTransaction,
  NonInviteServerTransaction,
  type ServerGround,
  type ServerRecord,
  receivedFrom,
} from "./server-transaction.ts";
import { TimerLists } from "./timer-lists.ts";
import type { ClientTransaction, ClientUser, TransactionLayer, TransactionUser } from "./transactions.ts";

/**
 * Every message of a transaction, in or out, once, before it is acted upon; refused senders are left out.
 * @param peer where it came from or goes to
 * @param retransmission a repeat that a machine sent or absorbed
 */
export type OnWire = (direction: "in" | "out", wire: string, peer: Flow | Target, retransmission: boolean) => void;

export interface TransactionLayerOptions {
  readonly transport: TransportLayer;
  readonly clock: Clock;
  readonly user: TransactionUser;
  /** For the ladder; costs nothing when left out. */
  readonly onWire?: OnWire;
}

/** They only grow. */
export interface TransactionCounters {
  /** Requests that `admit` refused. */
  refused: number;
  /** Requests answered 400 or 505 here, and ACKs dropped for the same reason. */
  badRequests: number;
  badResponses: number;
  /** ACKs and responses that are of nothing of ours. */
  strays: number;
  /** Bytes that were no message. */
  garbage: number;
  /** Answered 482. */
  merged: number;
  /** Repeats that we sent, and that we absorbed. */
  retransmissionsOut: number;
  retransmissionsIn: number;
}

export type RunningTransactionLayer = TransactionLayer &
  TransportUser & {
    readonly counters: Readonly<TransactionCounters>;
    /**
     * True for a request outside a dialog that another way brought already and that is pending or accepted
     * (§8.2.2.2). The layer answers those 482 itself.
     */
    isMerged(request: ReceivedRequest): boolean;
  };

export function createTransactionLayer(options: TransactionLayerOptions): RunningTransactionLayer {
  return new Driver(options);
}

class Driver implements RunningTransactionLayer, ClientGround, ServerGround {
  readonly timers: TimerLists;
  readonly #transport: TransportLayer;
  readonly #user: TransactionUser;
  readonly #onWire: OnWire | undefined;
  /** By branch. A CANCEL has the branch of its INVITE, so it stands apart. */
  readonly #clients = new Map<string, ClientRecord>();
  readonly #cancels = new Map<string, ClientRecord>();
  readonly #servers = new Map<string, ServerRecord>();
  readonly #merges = new Map<string, ServerRecord>();
  readonly counters: TransactionCounters = {
    refused: 0,
    badRequests: 0,
    badResponses: 0,
    strays: 0,
    garbage: 0,
    merged: 0,
    retransmissionsOut: 0,
    retransmissionsIn: 0,
  };

  constructor(options: TransactionLayerOptions) {
    this.timers = new TimerLists(options.clock);
    this.#transport = options.transport;
    this.#user = options.user;
    this.#onWire = options.onWire;
  }

  get size(): { readonly client: number; readonly server: number } {
    return { client: this.#clients.size + this.#cancels.size, server: this.#servers.size };
  }

  // The user's side

  request(request: OutgoingRequest, target: Target, branch: string, user: ClientUser): ClientTransaction {
    const departure = this.#depart(request, target, branch);
    const transaction =
      request.method === "INVITE"
        ? new InviteClientTransaction(this, departure, request, user)
        : new NonInviteClientTransaction(this, departure, request.method, user);
    this.#remember(transaction);
    transaction.begin();
    return new ClientHandle(request, transaction, departure.target);
  }

  sendAck(request: OutgoingRequest, target: Target, branch: string): void {
    const departure = this.#depart(request, target, branch);
    this.sendRequest(departure.target, departure.wire, false, ignore);
  }

  isMerged(request: ReceivedRequest): boolean {
    const key = mergeKey(request);
    return key !== undefined && this.#merges.has(key);
  }

  // The transport's side

  onMessage(message: ReceivedMessage, flow: Flow): void {
    if (message.kind === "response") this.#onResponse(message, flow);
    else this.#onRequest(message, flow);
  }

  onGarbage(reason: string, bytes: string, flow: Flow): void {
    this.counters.garbage++;
    const request = answerable(bytes);
    if (request === undefined || !this.#admits(request, flow)) return;
    // RFC 3261 §21.4.1: the phrase should say what was wrong.
    this.#answerStateless(request, flow, 400, `Bad Request (${reason})`);
  }

  // Ground of the transactions

  sendRequest(target: Target, wire: string, retransmission: boolean, onFailure: (failure: TransportFailure) => void): void {
    if (retransmission) this.counters.retransmissionsOut++;
    this.#onWire?.("out", wire, target, retransmission);
    this.#transport.send(target, wire, onFailure);
  }
  serialize(request: OutgoingRequest): string {
    return serializeRequest(request);
  }
  startCancel(cancel: OutgoingRequest, departure: Departure): void {
    if (this.#cancels.has(departure.branch)) return;
    const transaction = new NonInviteClientTransaction(this, departure, cancel.method, undefined);
    this.#remember(transaction);
    transaction.begin();
  }
  forgetClient(transaction: ClientRecord): void {
    this.#clientsOf(transaction.method).delete(transaction.branch);
  }
  strayResponse(response: ReceivedResponse, flow: Flow): void {
    this.#user.onStrayResponse(response, flow);
  }
  sendResponse(flow: Flow, wire: string, retransmission: boolean, onFailure: (failure: TransportFailure) => void): void {
    if (retransmission) this.counters.retransmissionsOut++;
    this.#onWire?.("out", wire, flow, retransmission);
    this.#transport.respond(flow, wire, onFailure);
  }
  forgetServer(transaction: ServerRecord): void {
    this.#servers.delete(transaction.key);
    this.forgetMerge(transaction);
  }
  forgetMerge(transaction: ServerRecord): void {
    const { mergeKey: key } = transaction;
    if (key !== undefined && this.#merges.get(key) === transaction) this.#merges.delete(key);
  }
  serverFailure(flow: Flow, reason: "no-ack" | "transport-error"): void {
    this.#user.onServerFailure(flow, reason);
  }
  acknowledged(ack: ReceivedRequest, flow: Flow): void {
    this.#user.onAck(ack, flow);
  }

  // Out

  #depart(request: OutgoingRequest, target: Target, branch: string): Departure {
    const face = this.#transport.listener(target.listener);
    const via = viaValue(face, target.transport, branch);
    const wire = serializeRequest(request, via);
    return { branch, target, via, wire, reliable: this.#transport.isReliable(target.transport) };
  }

  #remember(transaction: ClientRecord): void {
    const clients = this.#clientsOf(transaction.method);
    assert(!clients.has(transaction.branch), "a branch names one transaction");
    clients.set(transaction.branch, transaction);
  }

  #clientsOf(method: string): Map<string, ClientRecord> {
    return method === "CANCEL" ? this.#cancels : this.#clients;
  }

  // Responses in

  #onResponse(response: ReceivedResponse, flow: Flow): void {
    if (!checkResponse(response)) {
      this.counters.badResponses++;
      return;
    }
    const transaction = this.#clientFor(response);
    if (transaction === undefined && this.#isStray(response)) return;
    const repeated = transaction !== undefined && !transaction.pending;
    if (repeated) this.counters.retransmissionsIn++;
    this.#onWire?.("in", response.wire, flow, repeated);
    if (transaction === undefined) this.#user.onStrayResponse(response, flow);
    else transaction.receive(response, flow);
  }

  /** §17.1.3: the branch of the top Via and the method of CSeq. */
  #clientFor(response: ReceivedResponse): ClientRecord | undefined {
    const via = response.topVia();
    const cseq = response.cseq();
    if (!via.ok || !cseq.ok || !via.value.branch.startsWith(MAGIC_COOKIE)) return undefined;
    const transaction = this.#clientsOf(cseq.value.method).get(via.value.branch.slice(MAGIC_COOKIE.length));
    return transaction?.method === cseq.value.method ? transaction : undefined;
  }

  // Requests in

  #onRequest(request: ReceivedRequest, flow: Flow): void {
    const via = request.topVia();
    if (!via.ok) return this.#onBadVia(request, flow);
    if (request.method === "ACK") return this.#onAck(request, flow, via.value);
    const key = serverKey(request, via.value, request.method);
    const known = this.#servers.get(key);
    if (known !== undefined) {
      this.counters.retransmissionsIn++;
      this.#onWire?.("in", request.wire, flow, true);
      return known.repeat();
    }
    if (request.method === "CANCEL") return this.#onCancel(request, flow, via.value, key);
    if (!this.#admits(request, flow)) return;
    this.#onWire?.("in", request.wire, flow, false);
    if (this.#refuses(request, flow)) return;
    const merge = mergeKey(request);
    if (merge !== undefined && this.#merges.has(merge)) {
      this.counters.merged++;
      return this.#answerStateless(request, flow, 482);
    }
    const transaction = this.#serve(request, flow, key, merge);
    this.#user.onRequest(transaction.handle!);
    transaction.unanswered();
  }

  /**
   * A Via that can't be read (RFC 4475 §3.1.2.1, badinv01; §3.1.2.16, badvers: the version of its Via is 7.0 too)
   * names no transaction; the refusal goes where the request came from. Without any Via nobody could match it.
   */
  #onBadVia(request: ReceivedRequest, flow: Flow): void {
    if (request.method === "ACK" || request.header("Via") === undefined) this.counters.badRequests++;
    else if (this.#admits(request, flow)) {
      this.#onWire?.("in", request.wire, flow, false);
      this.#refuses(request, flow);
    }
  }

  #onAck(request: ReceivedRequest, flow: Flow, via: Via): void {
    const transaction = this.#servers.get(serverKey(request, via, "INVITE"));
    if (transaction instanceof InviteServerTransaction) {
      this.#onWire?.("in", request.wire, flow, !transaction.awaitsAck);
      return transaction.acknowledge(request, flow);
    }
    if (checkRequest(request) !== undefined) {
      this.counters.badRequests++;
      return;
    }
    if (this.#isStray(request)) return;
    this.#onWire?.("in", request.wire, flow, false);
    this.#user.onAck(request, flow);
  }

  #isStray(message: ReceivedMessage): boolean {
    if (this.#user.recognises?.(message) !== false) return false;
    this.counters.strays++;
    return true;
  }

  /** §9.2. */
  #onCancel(request: ReceivedRequest, flow: Flow, via: Via, key: string): void {
    const invite = this.#servers.get(serverKey(request, via, "INVITE"));
    // Who cancels nothing of ours is asked for like any other sender: silence for the unknown.
    if (invite === undefined && !this.#admits(request, flow)) return;
    this.#onWire?.("in", request.wire, flow, false);
    if (this.#refuses(request, flow)) return;
    if (!(invite instanceof InviteServerTransaction)) return this.#answerStateless(request, flow, 481);
    const cancel = this.#serve(request, flow, key, undefined);
    // The To tag should be that of the INVITE's answers.
    const toTag = toTagOf(invite.lastWire) || statelessTag(request);
    cancel.handle!.respond(buildResponse(request, 200, undefined, { toTag, received: receivedFrom(flow) }));
    const { handle } = invite;
    if (!invite.pending || invite.cancelled || handle === undefined) return;
    invite.cancelled = true;
    this.#user.onCancel(handle, request);
  }

  #serve(request: ReceivedRequest, flow: Flow, key: string, merge: string | undefined): ServerRecord {
    const arrival = { key, mergeKey: merge, request, flow, reliable: this.#transport.isReliable(flow.transport) };
    const transaction =
      request.method === "INVITE" ? new InviteServerTransaction(this, arrival) : new NonInviteServerTransaction(this, arrival);
    this.#servers.set(key, transaction);
    if (merge !== undefined) this.#merges.set(merge, transaction);
    return transaction;
  }

  #admits(request: ReceivedRequest, flow: Flow): boolean {
    const admission = this.#user.admit(request, flow);
    if (admission === true) return true;
    this.counters.refused++;
    if (admission !== false) {
      this.#onWire?.("in", request.wire, flow, false);
      this.#answerStateless(request, flow, admission.status, undefined, admission.headers);
    }
    return false;
  }

  /** True when the request broke RFC 3261 and was answered so. */
  #refuses(request: ReceivedRequest, flow: Flow): boolean {
    const refusal = checkRequest(request);
    if (refusal === undefined) return false;
    this.counters.badRequests++;
    this.#answerStateless(request, flow, refusal.status, refusal.reason);
    return true;
  }

  /** §8.2.7: each repeat of the request is answered anew, an ACK to it concerns nobody. */
  #answerStateless(
    request: ReceivedRequest,
    flow: Flow,
    status: number,
    reasonPhrase?: string,
    headers: readonly HeaderField[] = [],
  ): void {
    const parts = { toTag: statelessTag(request), received: receivedFrom(flow), headers };
    this.sendResponse(flow, serializeResponse(buildResponse(request, status, reasonPhrase, parts)), false, ignore);
  }
}

/** "" where no response went out yet or it had no tag. */
function toTagOf(wire: string): string {
  if (wire === "") return "";
  const message = parseMessage(wire);
  return message.ok ? message.value.toTag() : "";
}

const ignore = (): void => undefined;
