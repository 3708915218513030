/**
 * The two client transactions with their messages. What is no longer needed is let go at once: the request
 * at the final response, the wire as soon as nothing is repeated.
 */
import type { HeaderField, OutgoingRequest, ReceivedResponse } from "#sip/message/message.ts";
import type { Flow, Target, TransportFailure } from "#sip/transport/transport.ts";
import { type InviteClient, type InviteClientDeed, type InviteClientEvent, startInviteClient, stepInviteClient } from "./invite-client.ts";
import { responseClass } from "./machine.ts";
import {
  type NonInviteClient,
  type NonInviteClientDeed,
  type NonInviteClientEvent,
  startNonInviteClient,
  stepNonInviteClient,
} from "./non-invite-client.ts";
import { ackToRefusal, cancelOf } from "./requests.ts";
import { Running } from "./running.ts";
import type { TimerLists } from "./timer-lists.ts";
import type { ClientTransaction, ClientUser } from "./transactions.ts";

/** What a client transaction needs of the driver. */
export interface ClientGround {
  readonly timers: TimerLists;
  sendRequest(target: Target, wire: string, retransmission: boolean, onFailure: (failure: TransportFailure) => void): void;
  serialize(request: OutgoingRequest): string;
  /** Unless one runs already for this branch. */
  startCancel(cancel: OutgoingRequest, departure: Departure): void;
  forgetClient(transaction: ClientRecord): void;
  strayResponse(response: ReceivedResponse, flow: Flow): void;
}

/** A client transaction as it leaves: the Via is part of the wire already. */
export interface Departure {
  readonly branch: string;
  /** With the transport that the wire's Via names. */
  readonly target: Target;
  readonly via: string;
  readonly wire: string;
  readonly reliable: boolean;
}

export type ClientRecord = InviteClientTransaction | NonInviteClientTransaction;

const TERMINATED = { name: "terminated" } as const;
const NO_HEADERS: readonly HeaderField[] = [];

export class InviteClientTransaction extends Running<InviteClient, InviteClientEvent, InviteClientDeed> {
  readonly method = "INVITE";
  readonly branch: string;
  readonly #ground: ClientGround;
  /** Both undefined once it was accepted: nothing is sent from then on. */
  #target: Target | undefined;
  #via: string | undefined;
  readonly #reliable: boolean;
  #request: OutgoingRequest | undefined;
  /** Of the INVITE, later of the ACK; "" when nothing may be repeated. */
  #wire: string;
  #user: ClientUser | undefined;
  #sent = false;
  #cancelHeaders: readonly HeaderField[] = NO_HEADERS;
  #response: ReceivedResponse | undefined;
  #flow: Flow | undefined;
  #failure: TransportFailure | undefined;
  /** One for all repeats: the transport tells each callback once. */
  #onFailure: ((failure: TransportFailure) => void) | undefined = (failure) => {
    this.#failure = failure;
    this.feed("transport-error");
  };

  constructor(ground: ClientGround, departure: Departure, request: OutgoingRequest, user: ClientUser) {
    super(ground.timers, startInviteClient(departure.reliable)[0]);
    this.#ground = ground;
    this.branch = departure.branch;
    this.#target = departure.target;
    this.#via = departure.via;
    this.#wire = departure.wire;
    this.#reliable = departure.reliable;
    this.#request = request;
    this.#user = user;
  }

  begin(): void {
    this.take(...startInviteClient(this.#reliable));
  }
  /** True while responses are news. */
  get pending(): boolean {
    const { name } = this.state;
    return name === "calling" || name === "proceeding";
  }
  receive(response: ReceivedResponse, flow: Flow): void {
    this.#response = response;
    this.#flow = flow;
    this.feed(responseClass(response.status));
    this.#response = undefined;
    this.#flow = undefined;
  }
  cancel(headers: readonly HeaderField[]): void {
    this.#cancelHeaders = headers;
    this.feed("cancel");
  }
  abandon(): void {
    this.end(TERMINATED);
  }

  protected step(state: InviteClient, event: InviteClientEvent) {
    return stepInviteClient(state, event);
  }

  protected perform(deed: InviteClientDeed): void {
    switch (deed) {
      case "send-request":
        this.#ground.sendRequest(this.#target!, this.#wire, this.#sent, this.#onFailure!);
        this.#sent = true;
        return;
      case "send-ack":
        return this.#acknowledge();
      case "send-cancel":
        return this.#sendCancel();
      case "tell-response":
        return this.#tellResponse();
      case "tell-stray":
        return this.#ground.strayResponse(this.#response!, this.#flow!);
      case "tell-timeout":
        return this.#user?.onFailure({ type: "timeout" });
      case "tell-transport-error":
        return this.#user?.onFailure({ type: "transport-error", failure: this.#failure! });
    }
  }

  protected ended(): void {
    this.#ground.forgetClient(this);
  }

  #tellResponse(): void {
    const user = this.#user;
    const response = this.#response!;
    if (response.status >= 200) {
      this.#request = undefined;
      // RFC 6026: only an accepted INVITE has more to tell.
      if (this.state.name === "accepted") this.#accepted();
      else this.#user = undefined;
    } else {
      this.#wire = "";
    }
    user?.onResponse(response, this.#flow!);
  }

  /** It stays for 64*T1, as thousands of others do. */
  #accepted(): void {
    this.#wire = "";
    this.#target = undefined;
    this.#via = undefined;
    this.#onFailure = undefined;
  }

  #acknowledge(): void {
    const repeated = this.#request === undefined;
    if (this.#request !== undefined) {
      this.#wire = this.#ground.serialize(ackToRefusal(this.#request, this.#via!, this.#response!));
    }
    this.#ground.sendRequest(this.#target!, this.#wire, repeated, ignore);
  }

  #sendCancel(): void {
    const request = this.#request;
    const target = this.#target;
    const via = this.#via;
    if (request === undefined || target === undefined || via === undefined) return;
    const cancel = cancelOf(request, via, this.#cancelHeaders);
    const wire = this.#ground.serialize(cancel);
    this.#ground.startCancel(cancel, { branch: this.branch, target, via, wire, reliable: this.#reliable });
  }
}

export class NonInviteClientTransaction extends Running<NonInviteClient, NonInviteClientEvent, NonInviteClientDeed> {
  readonly method: string;
  readonly branch: string;
  readonly #ground: ClientGround;
  readonly #target: Target;
  readonly #reliable: boolean;
  #wire: string;
  #user: ClientUser | undefined;
  #sent = false;
  #response: ReceivedResponse | undefined;
  #flow: Flow | undefined;
  #failure: TransportFailure | undefined;
  /** One for all repeats: the transport tells each callback once. */
  readonly #onFailure = (failure: TransportFailure): void => {
    this.#failure = failure;
    this.feed("transport-error");
  };

  constructor(ground: ClientGround, departure: Departure, method: string, user: ClientUser | undefined) {
    super(ground.timers, startNonInviteClient(departure.reliable)[0]);
    this.method = method;
    this.#ground = ground;
    this.branch = departure.branch;
    this.#target = departure.target;
    this.#wire = departure.wire;
    this.#reliable = departure.reliable;
    this.#user = user;
  }

  begin(): void {
    this.take(...startNonInviteClient(this.#reliable));
  }
  /** True while responses are news. */
  get pending(): boolean {
    const { name } = this.state;
    return name === "trying" || name === "proceeding";
  }
  receive(response: ReceivedResponse, flow: Flow): void {
    this.#response = response;
    this.#flow = flow;
    this.feed(responseClass(response.status));
    this.#response = undefined;
    this.#flow = undefined;
  }
  abandon(): void {
    this.end(TERMINATED);
  }

  protected step(state: NonInviteClient, event: NonInviteClientEvent) {
    return stepNonInviteClient(state, event);
  }

  protected perform(deed: NonInviteClientDeed): void {
    switch (deed) {
      case "send-request":
        this.#ground.sendRequest(this.#target, this.#wire, this.#sent, this.#onFailure);
        this.#sent = true;
        return;
      case "tell-response":
        return this.#tellResponse();
      case "tell-timeout":
        return this.#user?.onFailure({ type: "timeout" });
      case "tell-transport-error":
        return this.#user?.onFailure({ type: "transport-error", failure: this.#failure! });
    }
  }

  protected ended(): void {
    this.#ground.forgetClient(this);
  }

  #tellResponse(): void {
    const user = this.#user;
    if (this.#response!.status >= 200) {
      this.#wire = "";
      this.#user = undefined;
    }
    user?.onResponse(this.#response!, this.#flow!);
  }
}

/** What the user holds. It is a separate object, so that a user who keeps it does not keep it in the maps' way. */
export class ClientHandle implements ClientTransaction {
  readonly request: OutgoingRequest;
  readonly target: Target;
  readonly branch: string;
  readonly #transaction: ClientRecord;
  constructor(request: OutgoingRequest, transaction: ClientRecord, target: Target) {
    this.request = request;
    this.target = target;
    this.branch = transaction.branch;
    this.#transaction = transaction;
  }
  cancel(headers: readonly HeaderField[] = NO_HEADERS): void {
    // §9.1: only an INVITE is worth a CANCEL.
    if (this.#transaction instanceof InviteClientTransaction) this.#transaction.cancel(headers);
  }
  abandon(): void {
    this.#transaction.abandon();
  }
}

const ignore = (): void => undefined;
