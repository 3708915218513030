/**
 * A user agent on the virtual network that a test plays both users of: what it hears is kept, and noted
 * between the packets of the ladder.
 *
 *     const [alice, bob] = [virtualAgent(network, { name: "alice", address: "192.0.2.1" }), …];
 *     const call = alice.call(bob);
 *     clock.advance(100);
 *     bob.answer();
 *     clock.advance(100);
 *     call.dialog?.bye();
 */
import { assert } from "#base/assert.ts";
import { seededRandom } from "#base/random.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { type Agent, createUserAgent } from "#sip/dialog/agent.ts";
import type { UasPolicy } from "#sip/dialog/inspect-request.ts";
import type { Locator } from "#sip/dialog/next-hop.ts";
import { respondInDialog } from "#sip/dialog/respond.ts";
import type {
  AgentUser,
  Dialog,
  DialogState,
  DialogUser,
  FailureOutcome,
  IncomingInvite,
  InviteParameters,
  OutgoingInvite,
  RequestParts,
} from "#sip/dialog/user-agent.ts";
import { type RunningTransactionLayer, createTransactionLayer } from "#sip/transaction/driver.ts";
import type { ServerTransaction } from "#sip/transaction/transactions.ts";
import type { Target } from "#sip/transport/transport.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import type { EndpointSpec, VirtualNetwork, VirtualTransport } from "./virtual-network.ts";

export interface VirtualAgentSpec extends EndpointSpec {
  readonly seed?: number;
  readonly locator?: Locator;
  readonly policy?: UasPolicy;
}

export interface VirtualCall {
  readonly invite: OutgoingInvite;
  /** Once answered. */
  dialog: Dialog | undefined;
  failure: FailureOutcome | undefined;
  /** Body of the 2xx. */
  answer: string;
}

/** A body that looks like SDP; `word` tells one from the other. */
export const sdp = (word: string): RequestParts => ({
  headers: [],
  contentType: "application/sdp",
  body: `v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=${word}\r\nt=0 0\r\n`,
});
export const noSdp: RequestParts = { headers: [], body: "" };
/** The word of such a body. */
export const wordOf = (body: string): string => /s=(.*)\r/.exec(body)?.[1] ?? "";

const describe = (outcome: FailureOutcome): string => (outcome.type === "response" ? String(outcome.response.status) : outcome.type);

export class VirtualAgent implements AgentUser {
  readonly name: string;
  readonly address: string;
  readonly network: VirtualNetwork;
  readonly transport: VirtualTransport;
  agent!: Agent;
  layer!: RunningTransactionLayer;
  /** One line for everything that its users heard. */
  readonly heard: string[] = [];
  readonly invites: IncomingInvite[] = [];
  readonly reinvites: IncomingInvite[] = [];
  /** The last dialog that `answer` made. */
  dialog: Dialog | undefined;
  readonly requests: ServerTransaction[] = [];
  /** The last state that a dialog asked to journal, by local tag. */
  readonly states = new Map<string, DialogState>();
  onCall: (invite: IncomingInvite) => void = () => undefined;
  onReinvited: (invite: IncomingInvite) => void = () => undefined;
  onDialogRequest: (transaction: ServerTransaction) => void = (transaction) => respondInDialog(transaction, 200, "OK");
  onNoAck: () => void = () => undefined;
  onBye: () => void = () => undefined;
  readonly #clock: VirtualClock;
  readonly #spec: VirtualAgentSpec;
  #lives = 0;
  #tags = 0;

  constructor(network: VirtualNetwork, clock: VirtualClock, spec: VirtualAgentSpec) {
    this.name = spec.name;
    this.address = spec.address;
    this.network = network;
    this.#clock = clock;
    this.#spec = spec;
    this.transport = network.endpoint(spec);
    this.boot();
  }

  /** A new process: nothing is remembered. The timers of the former one may still fire, into nothing. */
  boot(): void {
    this.#lives++;
    const { seed = 1, locator = { locate: () => [] }, policy } = this.#spec;
    const base = { clock: this.#clock, random: seededRandom(seed + this.#lives), user: this, locator };
    this.agent = createUserAgent(policy === undefined ? base : { ...base, policy });
    this.layer = createTransactionLayer({ transport: this.transport, clock: this.#clock, user: this.agent });
    this.agent.attach(this.layer);
    this.transport.attach(this.layer);
  }

  get lastInvite(): IncomingInvite {
    const invite = this.invites.at(-1);
    assert(invite !== undefined, `${this.name} got no INVITE`);
    return invite;
  }
  get lastReinvite(): IncomingInvite {
    const invite = this.reinvites.at(-1);
    assert(invite !== undefined, `${this.name} got no re-INVITE`);
    return invite;
  }
  /** Nothing left of any call. */
  get idle(): boolean {
    const { client, server } = this.layer.size;
    return this.agent.dialogs === 0 && this.agent.lateAnswers === 0 && client === 0 && server === 0;
  }

  parameters(to: { readonly address: string }, changes: Partial<InviteParameters> = {}): InviteParameters {
    const tag = this.#newTag();
    const target: Target = { transport: "UDP", listener: "main", address: to.address, port: 5060 };
    return {
      requestUri: `sip:callee@${to.address}`,
      target,
      routeSet: [],
      localUri: `"${this.name}" <sip:${this.name}@example.com>`,
      remoteUri: "<sip:callee@example.net>",
      localTag: tag,
      sipCallId: `call-${tag}`,
      localContact: `sip:${tag}@${this.address}:5060`,
      branchPrefix: tag,
      maxForwards: 70,
      ...sdp("offer"),
      ...changes,
    };
  }

  call(to: { readonly address: string }, changes: Partial<InviteParameters> = {}, ack = true): VirtualCall {
    let call: VirtualCall | undefined = undefined;
    const parameters = this.parameters(to, changes);
    const invite = this.agent.invite(
      parameters,
      {
        onTrying: () => this.hear("trying"),
        onProvisional: (response) => this.hear(String(response.status)),
        onAnswer: (response, dialog) => {
          this.hear("answered");
          call!.dialog = dialog;
          call!.answer = response.body;
          if (ack) dialog.ack(parameters.body === "" ? sdp("answer").body : "");
        },
        onFailure: (outcome) => {
          this.hear(`failed ${describe(outcome)}`);
          call!.failure = outcome;
        },
      },
      this.dialogUser,
    );
    call = { invite, dialog: undefined, failure: undefined, answer: "" };
    return call;
  }

  readonly dialogUser: DialogUser = {
    onReinvite: (invite) => {
      this.hear("re-INVITE");
      this.reinvites.push(invite);
      this.onReinvited(invite);
    },
    onRequest: (transaction) => {
      this.hear(transaction.request.method);
      this.requests.push(transaction);
      this.onDialogRequest(transaction);
    },
    onBye: () => {
      this.hear("BYE");
      this.onBye();
    },
    onAck: (request) => this.hear(request.body === "" ? "ACK" : `ACK with ${wordOf(request.body)}`),
    onNoAck: () => {
      this.hear("no ACK");
      this.onNoAck();
    },
    onState: (state) => void this.states.set(state.localTag, state),
  };

  reinvite(dialog: Dialog, parts: RequestParts = sdp("re-offer"), ackWith: string | undefined = ""): void {
    dialog.reinvite(parts, {
      onAnswer: () => {
        this.hear("re-INVITE answered");
        if (ackWith !== undefined) dialog.ack(ackWith);
      },
      onFailure: (outcome) => this.hear(`re-INVITE failed ${describe(outcome)}`),
    });
  }

  /** Answers the last INVITE. */
  answer(parts: RequestParts = sdp("answer")): Dialog {
    this.dialog = this.lastInvite.answer(parts, this.dialogUser);
    return this.dialog;
  }

  request(dialog: Dialog, method: string, parts: RequestParts = noSdp): void {
    dialog.request(method, parts, (outcome) => this.hear(`${method} ${describe(outcome)}`));
  }

  hear(text: string): void {
    this.heard.push(text);
    this.network.note(this.name, text);
  }

  // What the agent asks and tells

  admit(): boolean {
    return true;
  }
  newInvite(): { readonly localTag: string; readonly localContact: string } {
    const tag = this.#newTag();
    return { localTag: tag, localContact: `sip:${tag}@${this.address}:5060` };
  }
  onInvite(invite: IncomingInvite): void {
    this.hear("INVITE");
    this.invites.push(invite);
    invite.onCancelled = (cancel: ReceivedRequest): void => this.hear(cancel.method);
    this.onCall(invite);
  }
  onRequest(transaction: ServerTransaction): void {
    this.hear(transaction.request.method);
    this.requests.push(transaction);
    respondInDialog(transaction, 200, "OK");
  }

  #newTag(): string {
    return `${this.name}-${this.#lives}-${++this.#tags}`;
  }
}

export const virtualAgent = (network: VirtualNetwork, clock: VirtualClock, spec: VirtualAgentSpec): VirtualAgent =>
  new VirtualAgent(network, clock, spec);
