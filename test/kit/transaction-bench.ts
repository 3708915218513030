/**
 * Transaction layers on a virtual network, with users that write what they hear into the ladder and do
 * what a test tells them: for the ladders and the property tests of sip/transaction.
 */
import { buildResponse } from "#sip/message/build-response.ts";
import type { HeaderField, OutgoingRequest, ReceivedResponse } from "#sip/message/message.ts";
import { type RunningTransactionLayer, createTransactionLayer, type OnWire } from "#sip/transaction/driver.ts";
import type {
  Admission,
  ClientOutcome,
  ClientTransaction,
  ClientUser,
  ServerTransaction,
  TransactionUser,
} from "#sip/transaction/transactions.ts";
import type { Flow, Target, TransportName } from "#sip/transport/transport.ts";
import { VirtualClock } from "./virtual-clock.ts";
import { type LinkQuality, VirtualNetwork, type VirtualTransport } from "./virtual-network.ts";

export interface Bench {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly alice: Side;
  readonly bob: Side;
}

/** alice at 192.0.2.1, bob at 192.0.2.2, one way takes 10 ms unless `quality` says otherwise. */
export function bench(options: { seed?: number; quality?: Partial<LinkQuality>; onWire?: OnWire } = {}): Bench {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock, seed: options.seed ?? 1, quality: { delayMs: 10, ...options.quality } });
  const alice = new Side(clock, network, "alice", "192.0.2.1", undefined);
  const bob = new Side(clock, network, "bob", "192.0.2.2", options.onWire);
  return { clock, network, alice, bob };
}

export class Side implements TransactionUser {
  readonly transport: VirtualTransport;
  readonly layer: RunningTransactionLayer;
  readonly address: string;
  readonly #network: VirtualNetwork;
  /** What this side's users heard, without times. */
  readonly heard: string[] = [];
  /** Every server transaction that was handed up. */
  readonly served: ServerTransaction[] = [];
  /** Called for each new request; by default nothing is answered. */
  serve: (transaction: ServerTransaction) => void = () => undefined;
  /** Called after CANCEL was heard; by default the INVITE is answered 487. */
  cancelled: (invite: ServerTransaction) => void = (invite) => this.respond(invite, 487);
  admits: Admission = true;
  recognises: NonNullable<TransactionUser["recognises"]> = () => true;

  constructor(clock: VirtualClock, network: VirtualNetwork, name: string, address: string, onWire: OnWire | undefined) {
    this.address = address;
    this.#network = network;
    this.transport = network.endpoint({ name, address });
    this.layer = createTransactionLayer({
      transport: this.transport,
      clock,
      user: this,
      ...(onWire === undefined ? {} : { onWire }),
    });
    this.transport.attach(this.layer);
  }

  target(transport: TransportName = "UDP"): Target {
    return { transport, listener: "main", address: this.address, port: 5060 };
  }

  send(
    method: string,
    to: Side | Target,
    options: { branch?: string; headers?: readonly HeaderField[]; onResponse?: (response: ReceivedResponse) => void } = {},
  ): ClientTransaction {
    const target = to instanceof Side ? to.target() : to;
    const user: ClientUser = {
      onResponse: (response) => {
        this.#note(`hears ${response.status}${response.status < 300 && response.toTag() !== "" ? ` (${response.toTag()})` : ""}`);
        options.onResponse?.(response);
      },
      onFailure: (outcome) => this.#note(failureWords(outcome)),
    };
    return this.layer.request(request(method, options.headers), target, options.branch ?? "b1", user);
  }

  ack(to: Side, branch = "ack1"): void {
    this.layer.sendAck({ ...request("ACK"), headers: request("ACK").headers.map(withToTag) }, to.target(), branch);
  }

  respond(transaction: ServerTransaction, status: number, toTag = "bob1"): void {
    const { flow } = transaction;
    const received = { address: flow.remoteAddress, rport: flow.remotePort };
    transaction.respond(buildResponse(transaction.request, status, undefined, { toTag, received }));
  }

  /** The latest server transaction. */
  get last(): ServerTransaction {
    return this.served.at(-1)!;
  }

  admit(): Admission {
    return this.admits;
  }
  onRequest(transaction: ServerTransaction): void {
    this.#note(`gets ${transaction.request.method}`);
    this.served.push(transaction);
    this.serve(transaction);
  }
  onAck(): void {
    this.#note("gets ACK");
  }
  onCancel(invite: ServerTransaction): void {
    this.#note("is cancelled");
    this.cancelled(invite);
  }
  onServerFailure(_flow: Flow, reason: string): void {
    this.#note(`fails: ${reason}`);
  }
  onStrayResponse(response: ReceivedResponse, _flow: Flow): void {
    this.#note(`stray ${response.status}`);
  }

  #note(text: string): void {
    this.heard.push(text);
    this.#network.note(this.transport.name, text);
  }
}

const failureWords = (outcome: ClientOutcome): string =>
  outcome.type === "timeout" ? "hears timeout" : `hears transport-error ${outcome.failure.code}`;

const withToTag = (field: HeaderField): HeaderField => (field[0] === "To" ? ["To", `${field[1]};tag=bob1`] : field);

export const request = (method: string, headers: readonly HeaderField[] = []): OutgoingRequest => ({
  method,
  requestUri: "sip:bob@192.0.2.2",
  headers: [
    ["Max-Forwards", "70"],
    ["From", "<sip:alice@192.0.2.1>;tag=alice1"],
    ["To", "<sip:bob@192.0.2.2>"],
    ["Call-ID", "call1"],
    ["CSeq", `1 ${method}`],
    ...headers,
  ],
  body: "",
});
