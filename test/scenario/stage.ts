/**
 * The stage of the call scenarios: Tandem's call room with the real user agent and transaction layer on
 * the virtual network, a carrier and some gateways that the test plays, media and journal in memory.
 *
 *     const stage = new Stage({ gateways: 2 });
 *     const call = stage.dial();
 *     await stage.clock.settle(10);
 */
import { CallIds, DEFAULT_TENANT, TokenSigner } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import { LimitBook, type Lock } from "#admission/limit-book.ts";
import { type Calls, createCalls } from "#call/calls.ts";
import type { AttemptResult, CallPorts, Located } from "#call/ports.ts";
import type { Cdr } from "#cdr/record.ts";
import type { Journal, JournalCall } from "#journal/journal.ts";
import type { TandemEvent } from "#observe/event.ts";
import type { DialPlan } from "#routing/decision.ts";
import { type LimitPolicy, NO_LIMITS } from "#routing/limits.ts";
import type { TransferQuestion } from "#routing/plan-transfer.ts";
import type { Gateway, HuntTimes, Peer, Trunk } from "#routing/snapshot.ts";
import { type Agent, createUserAgent } from "#sip/dialog/agent.ts";
import type { InviteParameters, RequestParts } from "#sip/dialog/user-agent.ts";
import { buildResponse } from "#sip/message/build-response.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { serializeResponse } from "#sip/message/serialize.ts";
import { createTransactionLayer, type RunningTransactionLayer } from "#sip/transaction/driver.ts";
import { FakeMedia } from "../kit/fake-media.ts";
import { type VirtualAgent, type VirtualCall, virtualAgent } from "../kit/virtual-agent.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";
import { type LinkQuality, VirtualNetwork, type VirtualTransport } from "../kit/virtual-network.ts";

export const CARRIER = "10.0.0.9";
const INSIDE = "10.0.0.1";
export const OUTSIDE = "198.51.100.1";
export const NUMBER = "+15551234567";
export const HUNT: HuntTimes = { tryTimeoutMs: 2000, progressTimeoutMs: 5000, ringTimeoutMs: 20_000, setupBudgetMs: 55_000 };

const COMMON = {
  tenant: DEFAULT_TENANT,
  addresses: [],
  nat: false,
  codecs: [],
  callsMax: 0,
  callDurationMaxMs: 0,
  mediaTimeoutMs: 0,
  numbers: { countryCode: "", nationalPrefix: "", internationalPrefix: "", write: "+e164" },
  headers: { pass: [], set: [] },
  earlyMedia: "suppress",
  followRedirects: false,
  privacy: "pass",
  callerNumber: "",
  fromDomain: "",
} as const;

export interface StageOptions {
  readonly gateways?: number;
  readonly carrier?: Partial<Trunk>;
  /** For all gateways, then for one by index. */
  readonly gateway?: Partial<Gateway>;
  readonly each?: readonly Partial<Gateway>[];
  readonly hunt?: Partial<HuntTimes>;
  readonly callsMax?: number;
  readonly limits?: LimitPolicy;
  readonly plan?: (plan: Extract<DialPlan, { type: "dial" }>) => DialPlan;
  readonly network?: { readonly seed: number; readonly quality: Partial<LinkQuality> };
  readonly transfer?: (question: TransferQuestion, stage: Stage) => DialPlan;
  readonly locate?: (host: string) => Located | Promise<Located>;
}

/** A session description with one audio stream, as a phone writes it. */
export function audio(
  address: string,
  port: number,
  more: { readonly formats?: string; readonly lines?: string; readonly version?: number; readonly session?: string } = {},
): RequestParts {
  const { formats = "0 8 101", lines = "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n", version = 1, session = "s=phone\r\n" } = more;
  const body = `v=0\r\no=phone 77 ${version} IN IP4 ${address}\r\n${session}c=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP ${formats}\r\n${lines}`;
  return { headers: [], contentType: "application/sdp", body };
}

export class Stage {
  readonly clock = new VirtualClock();
  readonly network: VirtualNetwork;
  readonly carrier: VirtualAgent;
  readonly gateways: readonly VirtualAgent[];
  readonly media = new FakeMedia({ inside: INSIDE, outside: OUTSIDE });
  readonly transport: VirtualTransport;
  readonly trunk: Trunk;
  readonly peers: readonly Gateway[];
  readonly events: TandemEvent[] = [];
  readonly cdrs: Cdr[] = [];
  readonly attempts: AttemptResult[] = [];
  /** Of this process. */
  limits!: LimitBook;
  readonly locks: Lock[] = [];
  readonly journal: Journal & { degraded: boolean };
  /** What a reader of the journal would find: sections folded per call. */
  readonly journaled = new Map<string, JournalCall>();
  calls!: Calls;
  agent!: Agent;
  layer!: RunningTransactionLayer;
  readonly #options: StageOptions;
  /** kill -9: the process does so many things more that leave a trace (a record, a message), and nothing afterwards. */
  diesAfter = Infinity;
  /** What it did of that kind. */
  acts = 0;
  #lives = 0;
  /** What a process that died would still do: nothing. */
  #alive = { yes: true };

  constructor(options: StageOptions = {}) {
    this.#options = options;
    this.network = new VirtualNetwork({ clock: this.clock, ...options.network });
    this.carrier = virtualAgent(this.network, this.clock, { name: "carrier", address: CARRIER });
    const count = options.gateways ?? 1;
    this.gateways = Array.from({ length: count }, (_, i) =>
      virtualAgent(this.network, this.clock, { name: `g${i + 1}`, address: `203.0.113.${i + 1}` }),
    );
    this.transport = this.network.endpoint({
      name: "tandem",
      listener: "inside",
      address: INSIDE,
      more: [{ listener: "outside", address: OUTSIDE }],
    });
    this.trunk = { ...COMMON, kind: "trunk", name: "carrier", listener: "inside", uri: `sip:${CARRIER}`, ...options.carrier };
    this.peers = Array.from({ length: count }, (_, i) => ({
      ...COMMON,
      kind: "gateway",
      name: `g${i + 1}`,
      listener: "outside",
      uri: `sip:203.0.113.${i + 1}`,
      nextOn: [],
      ...options.gateway,
      ...options.each?.[i],
    }));
    const { journaled, cdrs } = this;
    this.journal = {
      degraded: false,
      append: (callId, tenant, sections) => {
        // Through JSON, as the real one: what isn't JSON would be lost there too.
        const merged = { ...journaled.get(callId)?.sections, ...(JSON.parse(JSON.stringify(sections)) as object) };
        journaled.set(callId, {
          callId,
          tenant,
          sections: Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)),
        });
      },
      end: (cdr) => {
        journaled.delete(cdr.callId);
        cdrs.push(cdr);
      },
    };
    this.boot();
    this.calls.restore([]);
  }

  get cdr(): Cdr {
    const [cdr] = this.cdrs;
    if (cdr === undefined || this.cdrs.length !== 1) throw new Error(`${this.cdrs.length} CDRs`);
    return cdr;
  }
  gateway(number: number): VirtualAgent {
    return this.gateways[number - 1]!;
  }

  /** A new process on the same addresses; the former one hears and says nothing any more. */
  boot(): void {
    this.#alive.yes = false;
    const alive = (this.#alive = { yes: true });
    this.#lives++;
    const clock = {
      nowMs: () => this.clock.nowMs(),
      wallMs: () => this.clock.wallMs(),
      after: (delayMs: number, run: () => void) => this.clock.after(delayMs, () => alive.yes && run()),
    };
    const random = seededRandom(this.#lives);
    this.limits = new LimitBook({
      clock: this.clock,
      policy: () => this.#options.limits ?? NO_LIMITS,
      onLock: (lock) => void this.locks.push(lock),
    });
    const ports: CallPorts = {
      clock,
      ids: new CallIds(() => this.clock.wallMs(), random),
      signer: new TokenSigner(new Uint8Array(16).fill(7), "n1"),
      media: this.media,
      journal: this.#journalOf(alive),
      publish: (event) => void this.events.push(event),
      plan: ({ source, calledUser, callerUser }) => this.#plan(source, calledUser, callerUser),
      planTransfer: (question) => this.#options.transfer?.(question, this) ?? this.#plan(this.trunk, question.place.name, question.caller),
      generation: () => 1,
      locate: (uri, listener) =>
        this.#options.locate?.(uri.host) ?? {
          ok: true,
          targets: [{ transport: "UDP", listener, address: uri.host, port: uri.port ?? 5060 }],
        },
      face: (listener) => this.transport.listener(listener),
      peer: (kind, name) => (kind === "trunk" ? this.trunk : this.peers.find((peer) => peer.name === name)),
      onAttempt: (result) => void this.attempts.push(result),
      limits: this.limits,
      answerRaw: (wire, flow, localTag, status, reasonPhrase, answer) => {
        const request = parseMessage(wire);
        if (!request.ok || request.value.kind !== "request") return;
        const received = { address: flow.remoteAddress, rport: flow.remotePort };
        const response = serializeResponse(
          buildResponse(request.value, status, reasonPhrase, {
            ...(answer === undefined
              ? {}
              : { headers: [["Contact", `<${answer.contact}>`], ...answer.headers], contentType: "application/sdp", body: answer.sdp }),
            toTag: localTag,
            received,
          }),
        );
        this.#act(alive, () => this.transport.respond(flow, response, () => undefined));
      },
      callsMax: this.#options.callsMax ?? 0,
    };
    const calls = createCalls(ports);
    this.calls = calls;
    this.agent = createUserAgent({
      clock,
      random,
      locator: { locate: () => [] },
      user: {
        admit: () => true,
        newInvite: calls.newInvite,
        onInvite: (invite) =>
          calls.onInvite(
            invite,
            invite.flow.listener === "inside" ? this.trunk : this.peers.find((peer) => peer.uri === `sip:${invite.flow.remoteAddress}`)!,
          ),
        onRequest: (transaction) => transaction.respond({ status: 405, reasonPhrase: "Method Not Allowed", headers: [], body: "" }),
      },
    });
    calls.attach(this.agent);
    const transport = this.transport;
    this.layer = createTransactionLayer({
      clock,
      user: this.agent,
      transport: {
        listener: (name) => transport.listener(name),
        listeners: () => transport.listeners(),
        isReliable: (name) => transport.isReliable(name),
        send: (target, wire, onFailure) => this.#act(alive, () => transport.send(target, wire, onFailure)),
        respond: (flow, wire, onFailure) => this.#act(alive, () => transport.respond(flow, wire, onFailure)),
      },
    });
    this.agent.attach(this.layer);
    transport.attach(this.layer);
  }

  #act(alive: { yes: boolean }, run: () => void): void {
    if (!alive.yes) return;
    run();
    if (++this.acts >= this.diesAfter) alive.yes = false;
  }
  #journalOf(alive: { yes: boolean }): Journal {
    const { journal } = this;
    return {
      get degraded() {
        return journal.degraded;
      },
      append: (callId, tenant, sections) => this.#act(alive, () => journal.append(callId, tenant, sections)),
      end: (cdr) => this.#act(alive, () => journal.end(cdr)),
    };
  }

  #plan(source: Peer, called: string, caller: string): DialPlan {
    const outbound = source.kind === "gateway";
    const attempts = outbound
      ? [{ peer: this.trunk, requestUri: `sip:${called}@${CARRIER}`, called, caller }]
      : this.peers.map((peer) => ({ peer, requestUri: `${peer.uri?.replace("sip:", `sip:${called}@`)}`, called, caller }));
    const plan = {
      type: "dial",
      tenant: DEFAULT_TENANT,
      route: `did ${called}`,
      called,
      caller,
      attempts,
      skipped: [],
      hunt: { ...HUNT, ...this.#options.hunt },
    } as const;
    return this.#options.plan?.(plan) ?? plan;
  }

  /** The carrier calls our number. */
  dial(changes: Partial<InviteParameters> = {}, ack = true): VirtualCall {
    return this.carrier.call({ address: INSIDE }, this.#inbound(changes), ack);
  }
  #inbound(changes: Partial<InviteParameters>): Partial<InviteParameters> {
    return {
      requestUri: `sip:${NUMBER}@${INSIDE}`,
      localUri: `"Alice" <sip:+4930111@${CARRIER}>`,
      remoteUri: `<sip:${NUMBER}@${INSIDE}>`,
      localContact: `sip:alice@${CARRIER}:5060`,
      ...audio(CARRIER, 4000),
      ...changes,
    };
  }
  /** A gateway calls out. */
  dialOut(number: number, changes: Partial<InviteParameters> = {}): VirtualCall {
    return this.gateway(number).call(
      { address: OUTSIDE },
      { requestUri: `sip:+4930222@${OUTSIDE}`, ...audio(this.gateway(number).address, 6000), ...changes },
    );
  }

  /** Lets time pass, promises too. */
  async wait(durationMs: number): Promise<void> {
    await this.clock.settle(durationMs);
  }

  /** Dials, and the first gateway answers at once. */
  async answered(changes: Partial<InviteParameters> = {}): Promise<VirtualCall> {
    const call = this.dial(changes);
    await this.wait(10);
    this.gateway(1).answer(audio(this.gateway(1).address, 6000));
    await this.wait(10);
    return call;
  }

  /** Nothing is left of any call, on any side. */
  async quiet(): Promise<string[]> {
    await this.wait(70_000);
    const left: string[] = [];
    const { client, server } = this.layer.size;
    if (client + server > 0) left.push(`tandem: ${client} client and ${server} server transactions`);
    if (this.agent.dialogs > 0) left.push(`tandem: ${this.agent.dialogs} dialogs`);
    if (this.calls.size > 0) left.push(`${this.calls.size} calls`);
    if (this.media.sessions.size > 0) left.push(`${this.media.sessions.size} media sessions`);
    if (this.limits.taken > 0) left.push(`${this.limits.taken} places of limits`);
    if (this.journaled.size > 0) left.push(`${this.journaled.size} calls in the journal`);
    for (const peer of ["carrier", ...this.peers.map(({ name }) => name)]) {
      if (this.calls.callsOf(peer) !== 0) left.push(`${peer} counts ${this.calls.callsOf(peer)} calls`);
    }
    for (const agent of [this.carrier, ...this.gateways]) if (!agent.idle) left.push(`${agent.name} is not idle`);
    if (this.clock.pending > 0) left.push(`${this.clock.pending} timers`);
    return left;
  }

  /** Requests and responses that reached someone, by name: "INVITE", "180 INVITE" … */
  received(name: string): string[] {
    return this.network.packets.filter((packet) => packet.to === name).map((packet) => packet.summary);
  }
  /** The wire of the last packet to someone with this summary. */
  wireTo(name: string, summary: string): string {
    return this.network.packets.findLast((packet) => packet.to === name && packet.summary === summary)?.wire ?? "";
  }
}
