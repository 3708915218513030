/**
 * The user agent: finds the dialog or pending INVITE that a message belongs to, and makes new ones
 * (RFC 3261 §8, §12.2.2, §13). Sits between the transaction layer and its users; one for all listeners.
 *
 *     const agent = createUserAgent({ clock, random, user, locator });
 *     agent.attach(createTransactionLayer({ transport, clock, user: agent }));
 *
 * It deliberately asks nobody for credentials, and has no 100rel and no session timers of its own.
 */
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";
import { assert } from "#base/assert.ts";
import type { HeaderField, ReceivedMessage, ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import type { Admission, ServerTransaction, TransactionLayer, TransactionUser } from "#sip/transaction/transactions.ts";
import type { Flow } from "#sip/transport/transport.ts";
import { ConfirmedDialog } from "./confirmed-dialog.ts";
import type { Account } from "#sip/auth/digest-client.ts";
import { requestOutside, sequenceOf } from "./dialog.ts";
import { DigestRetry } from "./digest-retry.ts";
import type { Cancellable, DialogEnd, DialogHost, DialogMaker } from "./dialog-host.ts";
import { PendingInvite } from "./incoming-invite.ts";
import { DEFAULT_POLICY, type UasPolicy, inspectRequest } from "./inspect-request.ts";
import { LateAnswers, initialBranch } from "./late-answers.ts";
import type { Locator } from "./next-hop.ts";
import { SentInvite } from "./outgoing-invite.ts";
import { refuse, respondPlain } from "./respond.ts";
import type {
  AgentUser,
  Dialog,
  DialogState,
  DialogUser,
  FailureOutcome,
  InviteParameters,
  OutgoingInvite,
  OutgoingInviteUser,
  UserAgent,
} from "./user-agent.ts";

export interface UserAgentOptions {
  readonly clock: Clock;
  /** For branches, tags of refusals and Retry-After. */
  readonly random: Random;
  readonly user: AgentUser;
  /** For Contact and Record-Route URIs that are names. */
  readonly locator: Locator;
  readonly policy?: UasPolicy;
  /** User-Agent and Server; absent where not configured. */
  readonly product?: string;
}

export interface Agent extends UserAgent, TransactionUser {
  /** Once, before the first message. */
  attach(transactions: TransactionLayer): void;
  /** Given-up INVITEs whose late answers are awaited, for counters and tests. */
  readonly lateAnswers: number;
}

export const createUserAgent = (options: UserAgentOptions): Agent => new DialogLayer(options);

/** Methods that mean nothing outside a dialog (§15.1.2, RFC 3311, RFC 3262, RFC 6086). */
const DIALOG_ONLY = new Set(["BYE", "UPDATE", "PRACK", "INFO"]);

class DialogLayer implements Agent, DialogHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly locator: Locator;
  readonly policy: UasPolicy;
  readonly requestHeaders: readonly HeaderField[];
  readonly responseHeaders: readonly HeaderField[];
  readonly #user: AgentUser;
  readonly #late: LateAnswers;
  /** By our tag. */
  readonly #ends = new Map<string, DialogEnd>();
  readonly #cancellable = new Map<ServerTransaction, Cancellable>();
  /** What tells the branches of this process from those of a former one. */
  readonly #salt: string;
  #counter = 0;
  #transactions: TransactionLayer | undefined;

  constructor(options: UserAgentOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.locator = options.locator;
    this.policy = options.policy ?? DEFAULT_POLICY;
    this.#user = options.user;
    this.#late = new LateAnswers(options.clock, this);
    this.#salt = options.random.integer(2 ** 32).toString(36);
    const { methods, supported } = this.policy;
    const lists: HeaderField[] = [["Allow", methods.join(", ")]];
    if (supported.length > 0) lists.push(["Supported", supported.join(", ")]);
    const { product } = options;
    this.requestHeaders = product === undefined ? lists : [...lists, ["User-Agent", product]];
    this.responseHeaders = product === undefined ? lists : [...lists, ["Server", product]];
  }

  attach(transactions: TransactionLayer): void {
    assert(this.#transactions === undefined, "the agent has its transaction layer already");
    this.#transactions = transactions;
  }

  get transactions(): TransactionLayer {
    assert(this.#transactions !== undefined, "the agent has no transaction layer yet");
    return this.#transactions;
  }
  get dialogs(): number {
    return this.#ends.size;
  }
  get lateAnswers(): number {
    return this.#late.size;
  }

  invite(parameters: InviteParameters, user: OutgoingInviteUser, dialogUser: DialogUser): OutgoingInvite {
    return new SentInvite(this, parameters, user, dialogUser);
  }

  restore(state: DialogState, user: DialogUser, credentials?: Account): Dialog {
    const dialog = new ConfirmedDialog(this, state, user, undefined, this.#digest(credentials));
    this.enlist(state.localTag, dialog);
    return dialog;
  }

  recoverInvite(parameters: InviteParameters, headers: readonly HeaderField[] = []): void {
    const bare: InviteParameters = { ...parameters, headers: [], body: "" };
    this.#late.expect(bare);
    // §9.1: all as in the INVITE, in its branch. The former process may have heard a provisional response or
    // not; a CANCEL that finds nothing is answered 481.
    const { localContact: _, ...withoutContact } = bare;
    const cancel = requestOutside(withoutContact, "CANCEL", sequenceOf(parameters), headers);
    const deaf = { onResponse: (): void => undefined, onFailure: (): void => undefined };
    this.transactions.request(cancel, parameters.target, initialBranch(parameters), deaf);
  }

  request(
    parameters: Omit<InviteParameters, "localContact"> & { readonly method: string; readonly localContact?: string },
    onFinal: (outcome: FailureOutcome) => void,
  ): void {
    const digest = this.#digest(parameters.credentials);
    const send = (sequence: number): void => {
      const request = requestOutside(parameters, parameters.method, sequence, this.requestHeaders);
      this.transactions.request(digest?.authorized(request) ?? request, parameters.target, this.newBranch(parameters.branchPrefix), {
        onResponse: (response) => {
          if (response.status < 200) return;
          if (digest?.challenged(response) === true) send(sequence + 1);
          else onFinal({ type: "response", response });
        },
        onFailure: onFinal,
      });
    };
    send(sequenceOf(parameters));
  }

  admit(request: ReceivedRequest, flow: Flow): Admission {
    const tag = request.toTag();
    return (tag !== "" && this.#ends.has(tag)) || this.#user.admit(request, flow);
  }

  recognises(message: ReceivedMessage): boolean {
    if (message.kind === "request") return this.#ends.has(message.toTag());
    const tag = message.fromTag();
    return this.#ends.has(tag) || this.#late.awaits(tag);
  }

  onRequest(transaction: ServerTransaction): void {
    this.#serve(transaction);
    const { request } = transaction;
    // The one request that strangers are answered, whose addresses may be forged.
    if (request.method === "OPTIONS" && request.toTag() === "") transaction.forget();
  }

  #serve(transaction: ServerTransaction): void {
    const { request, flow } = transaction;
    const tag = request.toTag();
    if (tag !== "") {
      const end = this.#ends.get(tag);
      if (end !== undefined) return end.receive(transaction);
      // §12.2.2: a To tag that we don't know: "the UAS … MAY either accept or reject the request"; 481.
      return respondPlain(transaction, 481, "Call/Transaction Does Not Exist", tag);
    }
    const refusal = inspectRequest(request, flow.transport, this.policy);
    if (refusal !== undefined) return refuse(transaction, refusal, this.#newTag());
    if (DIALOG_ONLY.has(request.method)) return respondPlain(transaction, 481, "Call/Transaction Does Not Exist", this.#newTag());
    if (request.method !== "INVITE") return this.#user.onRequest(transaction);
    const { localTag, localContact } = this.#user.newInvite(request, flow);
    this.#user.onInvite(new PendingInvite(this, transaction, localTag, localContact));
  }

  onAck(request: ReceivedRequest): void {
    this.#ends.get(request.toTag())?.receiveAck(request);
  }

  onCancel(invite: ServerTransaction, cancel: ReceivedRequest): void {
    this.#cancellable.get(invite)?.cancelled(cancel);
  }

  /** A lost final response needs nothing from us: a 2xx is repeated until onNoAck, others are the layer's. */
  onServerFailure(): void {}

  onStrayResponse(response: ReceivedResponse, flow: Flow): void {
    if (this.#late.receive(response, flow)) return;
    const cseq = response.cseq();
    if (!cseq.ok || cseq.value.method !== "INVITE" || response.status < 200 || response.status > 299) return;
    this.#ends.get(response.fromTag())?.receiveStray(response, flow);
  }

  newBranch(prefix: string): string {
    return `${prefix}.${this.#salt}.${(this.#counter++).toString(36)}`;
  }
  openDialog(
    state: DialogState,
    user: DialogUser | undefined,
    owedAck?: number,
    digest?: DigestRetry,
    maker?: DialogMaker,
  ): ConfirmedDialog {
    return new ConfirmedDialog(this, state, user, owedAck, digest, maker);
  }
  enlist(localTag: string, end: DialogEnd): void {
    this.#ends.set(localTag, end);
  }
  enlistIfFree(localTag: string, end: DialogEnd): void {
    if (!this.#ends.has(localTag)) this.#ends.set(localTag, end);
  }
  release(localTag: string, end: DialogEnd): void {
    if (this.#ends.get(localTag) === end) this.#ends.delete(localTag);
  }
  awaitCancel(transaction: ServerTransaction, invite: Cancellable): void {
    this.#cancellable.set(transaction, invite);
  }
  forgetCancel(transaction: ServerTransaction): void {
    this.#cancellable.delete(transaction);
  }
  expectLateAnswer(parameters: InviteParameters): void {
    this.#late.expect(parameters);
  }

  #digest(account: Account | undefined): DigestRetry | undefined {
    return account === undefined ? undefined : new DigestRetry(account, this.random);
  }
  #newTag(): string {
    return `${this.#salt}.${(this.#counter++).toString(36)}`;
  }
}
