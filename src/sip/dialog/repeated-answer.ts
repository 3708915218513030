/**
 * The 2xx to an INVITE, repeated end to end until its ACK (RFC 3261 §13.3.1.4): after T1, doubling to T2,
 * for 64*T1, over reliable transports too, because proxies between may not be reliable.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { OutgoingResponse } from "#sip/message/message.ts";
import { type ServerTransaction, T1_MS, T2_MS } from "#sip/transaction/transactions.ts";

export class RepeatedAnswer {
  /** CSeq number of the INVITE and so of the ACK. */
  readonly sequence: number;
  /** The INVITE had no offer: the 2xx makes one and the ACK answers it. */
  readonly awaitsSdp: boolean;
  readonly #clock: Clock;
  readonly #transaction: ServerTransaction;
  readonly #response: OutgoingResponse;
  readonly #onNoAck: (answer: RepeatedAnswer) => void;
  readonly #endMs: number;
  #intervalMs = T1_MS;
  #timer: Timer | undefined;

  constructor(clock: Clock, transaction: ServerTransaction, response: OutgoingResponse, onNoAck: (answer: RepeatedAnswer) => void) {
    const cseq = transaction.request.cseq();
    this.sequence = cseq.ok ? cseq.value.number : 0;
    this.awaitsSdp = transaction.request.body === "";
    this.#clock = clock;
    this.#transaction = transaction;
    this.#response = response;
    this.#onNoAck = onNoAck;
    this.#endMs = clock.nowMs() + 64 * T1_MS;
    transaction.respond(response);
    this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): void {
    const restMs = this.#endMs - this.#clock.nowMs();
    this.#timer = this.#clock.after(Math.min(this.#intervalMs, restMs), () => this.#fire());
  }

  #fire(): void {
    // Fractions of a millisecond must not buy one more round.
    if (this.#clock.nowMs() >= this.#endMs - 1) {
      this.#timer = undefined;
      this.#onNoAck(this);
      return;
    }
    this.#intervalMs = Math.min(2 * this.#intervalMs, T2_MS);
    this.#transaction.respond(this.#response);
    this.#wait();
  }
}
