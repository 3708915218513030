/**
 * A small SIP phone over the same rooms as the switch, for `tandem ping`, `tandem call` and the demo's
 * carrier and gateways: places a call and listens, answers and echoes, or refuses. One audio stream of
 * PCMU a call. Never runs inside the signalling process; no registration, no transfer, no hold of its own.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";
import type { Account } from "#sip/auth/digest-client.ts";
import type { HeaderField, ReceivedRequest, ReceivedResponse, Uri } from "#sip/message/message.ts";
import { parseUri } from "#sip/message/parse-uri.ts";
import { type Agent, createUserAgent } from "#sip/dialog/agent.ts";
import { respondInDialog } from "#sip/dialog/respond.ts";
import type {
  AgentUser,
  Dialog,
  DialogUser,
  FailureOutcome,
  IncomingInvite,
  OutgoingInvite,
  RequestParts,
} from "#sip/dialog/user-agent.ts";
import { createTransactionLayer } from "#sip/transaction/driver.ts";
import type { ServerTransaction } from "#sip/transaction/transactions.ts";
import type { Locator } from "#sip/transport/location.ts";
import type { TlsSource } from "#sip/transport/tls-terms.ts";
import { type OpenTransportLayer, createTransportLayer } from "#sip/transport/transport-layer.ts";
import type { Flow, Target, TransportName } from "#sip/transport/transport.ts";
import { type AudioStream, openAudioStream } from "./audio-stream.ts";
import { phoneSdp, remoteAudio } from "./phone-sdp.ts";

const LISTENER = "phone";
const NO_PARTS: RequestParts = { headers: [], body: "" };

export interface PhoneOptions {
  /** Numeric address to bind; also what SDP and Contact say. */
  readonly address: string;
  /** 0: the kernel chooses. */
  readonly port: number;
  readonly transports: readonly TransportName[];
  /** What TLS trusts; absent: it speaks none. */
  readonly tls?: TlsSource | undefined;
  /** User part of From and Contact. */
  readonly user: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly makeLocator: (listeners: OpenTransportLayer) => Locator;
}

/** What an incoming call meets. */
export type Answering =
  | { readonly type: "echo"; readonly ringMs: number }
  | { readonly type: "refuse"; readonly status: number; readonly reasonPhrase: string };

export interface CallOrder {
  /** R-URI, also the To. */
  readonly uri: string;
  /** Played once; the call is ended `tailMs` after it. */
  readonly ulaw: Uint8Array;
  readonly tailMs: number;
  readonly answerTimeoutMs: number;
  readonly onProgress: (what: string) => void;
}

export interface CallReport {
  readonly answered: boolean;
  /** From INVITE to the final response. */
  readonly setupMs: number;
  readonly status: number;
  readonly reason: string;
  readonly recording: Uint8Array;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  /** True when the other side ended it first. */
  readonly endedByPeer: boolean;
}

export interface PingReport {
  readonly ok: boolean;
  readonly status: number;
  readonly reason: string;
  readonly roundTripMs: number;
  readonly target: string;
  readonly userAgent: string;
  readonly allow: string;
}

/** A request outside any dialog, and whom it is about. */
export interface AskOrder {
  /** REGISTER goes without a Contact: it asks for bindings and changes none (RFC 3261 §10.2.3). */
  readonly method: "OPTIONS" | "REGISTER";
  readonly uri: string;
  /** Where it goes first, with a Route; undefined: to `uri`. */
  readonly proxy?: string;
  /** From and To of a REGISTER. */
  readonly addressOfRecord?: string;
  /** Challenges are answered with it. */
  readonly account?: Account;
}

export interface AskReport extends PingReport {
  readonly body: string;
}

export interface Phone {
  readonly address: string;
  readonly port: number;
  call(order: CallOrder): Promise<CallReport>;
  ping(uri: string): Promise<PingReport>;
  ask(order: AskOrder): Promise<AskReport>;
  close(): Promise<void>;
}

export async function openPhone(options: PhoneOptions, answering: Answering): Promise<Phone> {
  const phone = new SipPhone(options, answering);
  await phone.open();
  return phone;
}

const words = (outcome: FailureOutcome): { readonly status: number; readonly reason: string } => {
  switch (outcome.type) {
    case "response":
      return { status: outcome.response.status, reason: `${outcome.response.status} ${outcome.response.reasonPhrase}` };
    case "timeout":
      return { status: 0, reason: "no response" };
    case "transport-error":
      return { status: 0, reason: UNREACHABLE[outcome.failure.code] ?? `${outcome.failure.code}: ${outcome.failure.detail}` };
  }
};
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused: nothing listens there (ECONNREFUSED)",
  EHOSTUNREACH: "that host can't be reached (EHOSTUNREACH)",
  ENETUNREACH: "no route to that network (ENETUNREACH)",
};
/** Long enough for three transmissions (RFC 3261 §17.1.2.2: at 0, 0.5 and 1.5 s) and a slow network. */
const PING_MS = 5_000;

class SipPhone implements Phone, AgentUser {
  readonly #options: PhoneOptions;
  readonly #answering: Answering;
  readonly #agent: Agent;
  #transport!: OpenTransportLayer;
  #locator!: Locator;
  #counter = 0;
  readonly #streams = new Set<AudioStream>();

  constructor(options: PhoneOptions, answering: Answering) {
    this.#options = options;
    this.#answering = answering;
    const { clock, random } = options;
    this.#agent = createUserAgent({ clock, random, user: this, locator: { locate: () => [] }, product: "Tandem phone" });
  }

  async open(): Promise<void> {
    const { address, port, transports, tls, clock, makeLocator } = this.#options;
    const agent = this.#agent;
    // The layers know each other through this: the first message comes after both are made.
    const transport = await createTransportLayer({
      listeners: [{ name: LISTENER, address, port, advertised: address, transports }],
      tls,
      clock,
      user: {
        onMessage: (message, flow) => layer.onMessage(message, flow),
        onGarbage: () => false,
      },
    });
    const layer = createTransactionLayer({ transport, clock, user: agent });
    agent.attach(layer);
    this.#transport = transport;
    this.#locator = makeLocator(transport);
  }

  get address(): string {
    return this.#options.address;
  }
  get port(): number {
    const face = this.#transport.listener(LISTENER);
    return face?.portOf("UDP") ?? face?.portOf("TCP") ?? 0;
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    await this.#transport.close();
  }

  async ping(uri: string): Promise<PingReport> {
    const { body: _, ...report } = await this.ask({ method: "OPTIONS", uri });
    return report;
  }

  async ask({ method, uri, proxy, addressOfRecord, account }: AskOrder): Promise<AskReport> {
    const none = { ok: false, status: 0, roundTripMs: 0, target: "", userAgent: "", allow: "", body: "" };
    const located = await this.#locate(proxy ?? uri);
    if (!located.ok) return { ...none, reason: located.reason };
    const { target } = located;
    const startMs = this.#options.clock.nowMs();
    const { localContact, ...parameters } = this.#parameters(uri, target);
    const about = addressOfRecord === undefined ? {} : { localUri: `<${addressOfRecord}>`, remoteUri: `<${addressOfRecord}>` };
    const how = {
      ...parameters,
      ...(method === "OPTIONS" ? { localContact, headers: [["Accept", "application/sdp"]] as const } : {}),
      ...about,
      ...(proxy === undefined ? {} : { routeSet: [`<${proxy};lr>`] }),
      ...(account === undefined ? {} : { credentials: account }),
    };
    const targetSaid = `${target.transport.toLowerCase()}:${target.address}:${target.port}`;
    return new Promise((resolve) => {
      const patience = this.#options.clock.after(PING_MS, () =>
        resolve({ ...none, target: targetSaid, roundTripMs: PING_MS, reason: `no response within ${PING_MS / 1000} s` }),
      );
      this.#agent.request({ ...how, method, body: "" }, (outcome) => {
        patience.cancel();
        const roundTripMs = this.#options.clock.nowMs() - startMs;
        const response: ReceivedResponse | undefined = outcome.type === "response" ? outcome.response : undefined;
        resolve({
          ...words(outcome),
          // Any answer but a server failure shows a living SIP element.
          ok: response !== undefined && response.status < 500,
          roundTripMs,
          target: targetSaid,
          userAgent: response?.header("Server") ?? response?.header("User-Agent") ?? "",
          allow: response?.header("Allow") ?? "",
          body: response?.body ?? "",
        });
      });
    });
  }

  async call(order: CallOrder): Promise<CallReport> {
    const { clock, random } = this.#options;
    const located = await this.#locate(order.uri);
    const stream = await openAudioStream(this.#options.address, clock, random);
    this.#streams.add(stream);
    const startMs = clock.nowMs();
    const report = (
      answered: boolean,
      setupMs: number,
      how: { readonly status: number; readonly reason: string },
      endedByPeer: boolean,
    ): CallReport => ({
      answered,
      setupMs,
      ...how,
      recording: stream.recording().slice(),
      packetsSent: stream.packetsSent,
      packetsReceived: stream.packetsReceived,
      endedByPeer,
    });
    try {
      if (!located.ok) return report(false, 0, { status: 0, reason: located.reason }, false);
      return await new Promise<CallReport>((resolve) => {
        new PlacedCall(
          this.#agent,
          order,
          this.#parameters(order.uri, located.target),
          stream,
          clock,
          this.#options.address,
          (answered, how, setupEndMs, endedByPeer) => resolve(report(answered, setupEndMs - startMs, how, endedByPeer)),
        ).start();
      });
    } finally {
      this.#streams.delete(stream);
      stream.close();
    }
  }

  admit(): boolean {
    return true;
  }
  newInvite(_request: ReceivedRequest, _flow: Flow): { readonly localTag: string; readonly localContact: string } {
    return { localTag: this.#newTag(), localContact: this.#contact() };
  }
  onRequest(transaction: ServerTransaction): void {
    const known = transaction.request.method === "OPTIONS";
    respondInDialog(transaction, known ? 200 : 501, known ? "OK" : "Not Implemented");
  }
  onInvite(invite: IncomingInvite): void {
    if (this.#answering.type === "refuse") return invite.reject(this.#answering.status, this.#answering.reasonPhrase);
    void this.#echo(invite, this.#answering.ringMs);
  }

  async #echo(invite: IncomingInvite, ringMs: number): Promise<void> {
    const { clock, random, address } = this.#options;
    const remote = remoteAudio(invite.request.body);
    if (remote === undefined) return invite.reject(488, "Not Acceptable Here");
    const stream = await openAudioStream(address, clock, random);
    this.#streams.add(stream);
    const close = (): void => {
      if (this.#streams.delete(stream)) stream.close();
    };
    stream.connect(remote.address, remote.port);
    stream.echo();
    invite.provisional(180, "Ringing", NO_PARTS);
    const timer = clock.after(ringMs, () => {
      if (!invite.pending) return close();
      const answer = (): RequestParts => ({ headers: [], contentType: "application/sdp", body: phoneSdp(address, stream.port) });
      const dialog: Dialog = invite.answer(answer(), {
        onReinvite: (again) => void again.answer(answer(), silentUser),
        onRequest: (transaction) => respondInDialog(transaction, 200, "OK"),
        onBye: close,
        onAck: () => undefined,
        onNoAck: () => {
          dialog.bye();
          close();
        },
        onState: () => undefined,
      });
    });
    invite.onCancelled = () => {
      timer.cancel();
      close();
    };
  }

  async #locate(
    uriText: string,
  ): Promise<{ readonly ok: true; readonly target: Target } | { readonly ok: false; readonly reason: string }> {
    const uri = parseUri(uriText);
    if (!uri.ok || (uri.value.scheme !== "sip" && uri.value.scheme !== "sips"))
      return { ok: false, reason: `"${uriText}" is no SIP URI; write sip:user@host, sip:host:port;transport=tcp or sips:host` };
    const located = await this.#locator.locate(uri.value satisfies Uri, LISTENER);
    if (!located.ok) return { ok: false, reason: `${located.code}: ${located.detail}` };
    const target = located.targets[0];
    return target === undefined ? { ok: false, reason: "no address to send to" } : { ok: true, target };
  }

  #parameters(uri: string, target: Target) {
    const tag = this.#newTag();
    const { user, address } = this.#options;
    return {
      requestUri: uri,
      target,
      routeSet: [],
      localUri: `<sip:${user}@${address}>`,
      // §8.1.1.2: the To has no place for the parameters that only routing needs.
      remoteUri: `<${uri.split(";")[0]!}>`,
      localTag: tag,
      sipCallId: `${tag}@${address}`,
      localContact: this.#contact(),
      branchPrefix: tag,
      maxForwards: 70,
      headers: [] as readonly HeaderField[],
      body: "",
    };
  }

  #contact(): string {
    return `sip:${this.#options.user}@${this.#options.address}:${this.port}`;
  }
  #newTag(): string {
    return `p${this.#options.random.integer(2 ** 32).toString(36)}${(this.#counter++).toString(36)}`;
  }
}

const silentUser: DialogUser = {
  onReinvite: (again) => again.reject(488, "Not Acceptable Here"),
  onRequest: (transaction) => respondInDialog(transaction, 200, "OK"),
  onBye: () => undefined,
  onAck: () => undefined,
  onNoAck: () => undefined,
  onState: () => undefined,
};

type Finish = (
  answered: boolean,
  how: { readonly status: number; readonly reason: string },
  setupEndMs: number,
  endedByPeer: boolean,
) => void;

/** One call that we place: INVITE, listen, play, BYE. */
class PlacedCall {
  readonly #agent: Agent;
  readonly #order: CallOrder;
  readonly #parameters: Parameters<Agent["invite"]>[0];
  readonly #stream: AudioStream;
  readonly #clock: Clock;
  readonly #finish: Finish;
  #invite: OutgoingInvite | undefined;
  #timer: Timer | undefined;
  #setupEndMs = 0;

  constructor(
    agent: Agent,
    order: CallOrder,
    parameters: Parameters<Agent["invite"]>[0],
    stream: AudioStream,
    clock: Clock,
    address: string,
    finish: Finish,
  ) {
    this.#agent = agent;
    this.#order = order;
    this.#parameters = { ...parameters, contentType: "application/sdp", body: phoneSdp(address, stream.port) };
    this.#stream = stream;
    this.#clock = clock;
    this.#finish = finish;
  }

  start(): void {
    const { onProgress, answerTimeoutMs } = this.#order;
    this.#timer = this.#clock.after(answerTimeoutMs, () => this.#invite?.cancel());
    this.#invite = this.#agent.invite(
      this.#parameters,
      {
        onTrying: () => undefined,
        onProvisional: (response) => onProgress(`${response.status} ${response.reasonPhrase}`),
        onAnswer: (response, dialog) => this.#answered(response, dialog),
        onFailure: (outcome) => {
          this.#timer?.cancel();
          this.#finish(false, words(outcome), this.#clock.nowMs(), false);
        },
      },
      { ...silentUser, onBye: () => this.#over(true) },
    );
  }

  #answered(response: ReceivedResponse, dialog: Dialog): void {
    this.#timer?.cancel();
    this.#setupEndMs = this.#clock.nowMs();
    dialog.ack("");
    const remote = remoteAudio(response.body);
    this.#order.onProgress(`${response.status} ${response.reasonPhrase}`);
    if (remote === undefined) {
      dialog.bye();
      this.#finish(true, { status: response.status, reason: "the answer has no audio that we can play to" }, this.#setupEndMs, false);
      return;
    }
    this.#stream.connect(remote.address, remote.port);
    this.#stream.play(this.#order.ulaw, () => {
      this.#timer = this.#clock.after(this.#order.tailMs, () => {
        dialog.bye();
        this.#over(false);
      });
    });
  }

  #over(endedByPeer: boolean): void {
    this.#timer?.cancel();
    this.#finish(true, { status: 200, reason: endedByPeer ? "ended by the other side" : "ended by us" }, this.#setupEndMs, endedByPeer);
  }
}
