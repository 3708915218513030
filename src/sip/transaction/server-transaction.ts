/**
 * The two server transactions with their messages. The request and the user's handle are let go at the
 * final response: what a flood of refused INVITEs leaves for 64*T1 is the response and two timers each.
 */
import { buildResponse } from "#sip/message/build-response.ts";
import type { OutgoingResponse, ReceivedRequest } from "#sip/message/message.ts";
import { serializeResponse } from "#sip/message/serialize.ts";
import type { Flow, TransportFailure } from "#sip/transport/transport.ts";
import { type InviteServer, type InviteServerDeed, type InviteServerEvent, startInviteServer, stepInviteServer } from "./invite-server.ts";
import {
  type NonInviteServer,
  type NonInviteServerDeed,
  type NonInviteServerEvent,
  startNonInviteServer,
  stepNonInviteServer,
} from "./non-invite-server.ts";
import { Running } from "./running.ts";
import type { TimerLists } from "./timer-lists.ts";
import type { ServerTransaction } from "./transactions.ts";

/** What a server transaction needs of the driver. */
export interface ServerGround {
  readonly timers: TimerLists;
  sendResponse(flow: Flow, wire: string, retransmission: boolean, onFailure: (failure: TransportFailure) => void): void;
  forgetServer(transaction: ServerRecord): void;
  /** From now on another request may look like this one without being a merged one. */
  forgetMerge(transaction: ServerRecord): void;
  serverFailure(flow: Flow, reason: "no-ack" | "transport-error"): void;
  acknowledged(ack: ReceivedRequest, flow: Flow): void;
}

export interface Arrival {
  readonly key: string;
  readonly mergeKey: string | undefined;
  readonly request: ReceivedRequest;
  readonly flow: Flow;
  readonly reliable: boolean;
}

const TERMINATED = { name: "terminated" } as const;

export type ServerRecord = InviteServerTransaction | NonInviteServerTransaction;

export const receivedFrom = (flow: Flow): { readonly address: string; readonly rport: number } => ({
  address: flow.remoteAddress,
  rport: flow.remotePort,
});

const tryingWire = (handle: ServerTransaction): string =>
  serializeResponse(buildResponse(handle.request, 100, "Trying", { received: receivedFrom(handle.flow) }));

export class InviteServerTransaction extends Running<InviteServer, InviteServerEvent, InviteServerDeed> {
  readonly key: string;
  readonly mergeKey: string | undefined;
  readonly #ground: ServerGround;
  readonly #flow: Flow;
  /** The last response, for repeats; "" before the first and once accepted. */
  #wire = "";
  #handle: ServerHandle | undefined;
  /** What came with the event being fed. */
  #response: OutgoingResponse | undefined;
  #responder: ServerHandle | undefined;
  #ack: ReceivedRequest | undefined;
  #ackFlow: Flow | undefined;
  /** Set by the driver: a CANCEL was passed up. */
  cancelled = false;

  constructor(ground: ServerGround, arrival: Arrival) {
    super(ground.timers, startInviteServer(arrival.reliable));
    this.#ground = ground;
    this.key = arrival.key;
    this.mergeKey = arrival.mergeKey;
    this.#flow = arrival.flow;
    this.#handle = new ServerHandle(arrival.request, arrival.flow, this);
  }

  /** undefined once a final response was sent. */
  get handle(): ServerTransaction | undefined {
    return this.#handle;
  }
  get pending(): boolean {
    return this.state.name === "proceeding";
  }
  /** What a repeat would be answered with. */
  get lastWire(): string {
    return this.#wire;
  }
  /** True when an ACK is the first: the machine waits for it, or its user does. */
  get awaitsAck(): boolean {
    return this.state.name === "completed" || this.state.name === "accepted";
  }
  repeat(): void {
    this.feed("request");
  }
  /** The user returned; what it sent meanwhile makes the 100 superfluous. */
  unanswered(): void {
    if (this.#wire === "") this.feed("unanswered");
  }
  acknowledge(ack: ReceivedRequest, flow: Flow): void {
    this.#ack = ack;
    this.#ackFlow = flow;
    this.feed("ack");
    this.#ack = undefined;
    this.#ackFlow = undefined;
    if (this.state.name === "confirmed") this.#wire = "";
  }
  respond(handle: ServerHandle, response: OutgoingResponse): void {
    const { status } = response;
    this.#response = response;
    this.#responder = handle;
    this.feed(status < 200 ? "respond-1xx" : status < 300 ? "respond-2xx" : "respond-final");
    this.#response = undefined;
    this.#responder = undefined;
  }

  protected step(state: InviteServer, event: InviteServerEvent) {
    return stepInviteServer(state, event);
  }

  protected perform(deed: InviteServerDeed): void {
    switch (deed) {
      case "send-response":
        return this.#sendResponse();
      case "send-trying":
        this.#wire = tryingWire(this.#handle!);
        return this.#ground.sendResponse(this.#flow, this.#wire, false, ignore);
      case "resend":
        // Nothing yet: the repeat came while the user was still being asked.
        if (this.#wire === "") return;
        return this.#ground.sendResponse(this.#flow, this.#wire, true, ignore);
      case "tell-ack":
        return this.#ground.acknowledged(this.#ack!, this.#ackFlow!);
      case "tell-no-ack":
        return this.#ground.serverFailure(this.#flow, "no-ack");
      case "tell-transport-error":
        return this.#ground.serverFailure(this.#flow, "transport-error");
    }
  }

  protected ended(): void {
    this.#ground.forgetServer(this);
  }

  #sendResponse(): void {
    const { name } = this.state;
    const handle = this.#responder!;
    const wire = serializeResponse(this.#response!);
    const repeated = name === "accepted" && handle.answered;
    if (name === "accepted") {
      handle.answered = true;
      // Nothing is repeated from here (RFC 6026 §7.1).
      this.#wire = "";
    } else {
      this.#wire = wire;
      if (name === "completed") this.#ground.forgetMerge(this);
    }
    if (name !== "proceeding") this.#handle = undefined;
    this.#ground.sendResponse(this.#flow, wire, repeated, () => this.feed("transport-error"));
  }
}

export class NonInviteServerTransaction extends Running<NonInviteServer, NonInviteServerEvent, NonInviteServerDeed> {
  readonly key: string;
  readonly mergeKey: string | undefined;
  readonly #ground: ServerGround;
  readonly #flow: Flow;
  #wire = "";
  /** Until the final response. */
  #handle: ServerHandle | undefined;
  /** What came with the event being fed. */
  #response: OutgoingResponse | undefined;

  constructor(ground: ServerGround, arrival: Arrival) {
    super(ground.timers, startNonInviteServer(arrival.reliable));
    this.#ground = ground;
    this.key = arrival.key;
    this.mergeKey = arrival.mergeKey;
    this.#flow = arrival.flow;
    this.#handle = new ServerHandle(arrival.request, arrival.flow, this);
  }

  get handle(): ServerTransaction | undefined {
    return this.#handle;
  }
  get pending(): boolean {
    return this.state.name === "trying" || this.state.name === "proceeding";
  }
  repeat(): void {
    this.feed("request");
  }
  unanswered(): void {
    this.feed("unanswered");
  }
  respond(_handle: ServerHandle, response: OutgoingResponse): void {
    const { status } = response;
    this.#response = response;
    this.feed(status < 200 ? "respond-1xx" : status === 408 ? "respond-408" : "respond-final");
    this.#response = undefined;
    if (this.pending) return;
    this.#handle = undefined;
    this.#ground.forgetMerge(this);
  }
  forget(): void {
    if (this.state.name === "completed") this.end(TERMINATED);
  }

  protected step(state: NonInviteServer, event: NonInviteServerEvent) {
    return stepNonInviteServer(state, event);
  }

  protected perform(deed: NonInviteServerDeed): void {
    switch (deed) {
      case "send-response":
        this.#wire = serializeResponse(this.#response!);
        return this.#ground.sendResponse(this.#flow, this.#wire, false, () => this.feed("transport-error"));
      case "send-trying":
        this.#wire = tryingWire(this.#handle!);
        return this.#ground.sendResponse(this.#flow, this.#wire, false, ignore);
      case "resend":
        return this.#ground.sendResponse(this.#flow, this.#wire, true, ignore);
    }
  }

  protected ended(): void {
    this.#ground.forgetServer(this);
  }
}

/** What the user holds; it may outlive the transaction. */
class ServerHandle implements ServerTransaction {
  readonly request: ReceivedRequest;
  readonly flow: Flow;
  readonly #transaction: ServerRecord;
  /** A 2xx was sent: the next one is a repeat. */
  answered = false;
  constructor(request: ReceivedRequest, flow: Flow, transaction: ServerRecord) {
    this.request = request;
    this.flow = flow;
    this.#transaction = transaction;
  }
  respond(response: OutgoingResponse): void {
    this.#transaction.respond(this, response);
  }
  forget(): void {
    if (this.#transaction instanceof NonInviteServerTransaction) this.#transaction.forget();
  }
  get pending(): boolean {
    return this.#transaction.pending;
  }
}

const ignore = (): void => undefined;
