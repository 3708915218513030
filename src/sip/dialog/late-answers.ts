/**
 * Memory of INVITEs whose transactions are gone while a 2xx may still come: nobody answered in 64*T1, or the
 * process that sent them died (RFC 3261 §13.2.2.4). Bounded in time and number; the oldest go first.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { ReceivedResponse } from "#sip/message/message.ts";
import { T1_MS } from "#sip/transaction/transactions.ts";
import type { Flow } from "#sip/transport/transport.ts";
import { INITIAL_SEQUENCE, requestOutside, sequenceOf } from "./dialog.ts";
import type { DialogHost } from "./dialog-host.ts";
import { RefusedForks } from "./refused-forks.ts";
import type { InviteParameters } from "./user-agent.ts";

/** As long as a UAS repeats its answer. */
const KEPT_MS = 64 * T1_MS;
const INVITES_MAX = 4096;

interface Entry {
  readonly parameters: InviteParameters;
  readonly forks: RefusedForks;
  readonly untilMs: number;
}

export class LateAnswers {
  readonly #clock: Clock;
  readonly #host: DialogHost;
  /** By our tag; in the order of time. */
  readonly #entries = new Map<string, Entry>();
  #timer: Timer | undefined;

  constructor(clock: Clock, host: DialogHost) {
    this.#clock = clock;
    this.#host = host;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @param localTag of an INVITE */
  awaits(localTag: string): boolean {
    return this.#entries.has(localTag);
  }

  /** @param parameters without headers and body, which nobody needs again */
  expect(parameters: InviteParameters): void {
    this.#entries.delete(parameters.localTag);
    const entry = { parameters, forks: new RefusedForks(this.#host, parameters), untilMs: this.#clock.nowMs() + KEPT_MS };
    this.#entries.set(parameters.localTag, entry);
    if (this.#entries.size > INVITES_MAX) this.#entries.delete(this.#entries.keys().next().value!);
    this.#wait();
  }

  /** False where the response is to none of these INVITEs. */
  receive(response: ReceivedResponse, flow: Flow): boolean {
    const entry = this.#entries.get(response.fromTag());
    const cseq = response.cseq();
    if (entry === undefined || !cseq.ok || cseq.value.method !== "INVITE") return false;
    if (cseq.value.number !== sequenceOf(entry.parameters)) return false;
    if (response.callId() !== entry.parameters.sipCallId) return false;
    if (response.status >= 300) this.#acknowledgeRefusal(entry.parameters, response);
    else if (response.status >= 200) entry.forks.receive(response, flow);
    return true;
  }

  /** §17.1.1.3: the ACK that the lost transaction would have sent, hop by hop in its branch. */
  #acknowledgeRefusal(parameters: InviteParameters, response: ReceivedResponse): void {
    const { headers, ...ack } = requestOutside({ ...parameters, headers: [], body: "" }, "ACK", sequenceOf(parameters), []);
    const answered = headers
      .filter(([name]) => name !== "Contact")
      .map(([name, value]) => [name, name === "To" ? (response.header("To") ?? value) : value] as const);
    this.#host.transactions.sendAck({ ...ack, headers: answered }, parameters.target, initialBranch(parameters));
  }

  #wait(): void {
    const oldest = this.#entries.values().next().value;
    if (oldest === undefined || this.#timer !== undefined) return;
    this.#timer = this.#clock.after(oldest.untilMs - this.#clock.nowMs(), () => this.#sweep());
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    for (const [tag, entry] of this.#entries) {
      // Fractions of a millisecond must not cost one more round.
      if (entry.untilMs > nowMs + 1) break;
      this.#entries.delete(tag);
    }
    this.#wait();
  }
}

/** The branch of the INVITE itself; known beforehand, so that a successor of this process can CANCEL it. */
export function initialBranch(parameters: { readonly branchPrefix: string; readonly sequence?: number }): string {
  const sequence = sequenceOf(parameters);
  return `${parameters.branchPrefix}i${sequence === INITIAL_SEQUENCE ? "" : sequence}`;
}
