/**
 * A user agent on a real socket whose both users a test plays: it calls, it is called, and keeps every
 * call with how it ended. For crowds of calls whose audio is accounted for; what other people's stacks make
 * of us is sipp's part.
 */
import { type Clock, systemClock } from "#base/clock.ts";
import { systemRandom as random } from "#base/random.ts";
import { sipCallIdOf } from "#observe/ladder-records.ts";
import { phoneSdp, remoteAudio } from "#phone/phone-sdp.ts";
import { type Agent, createUserAgent } from "#sip/dialog/agent.ts";
import { respondInDialog } from "#sip/dialog/respond.ts";
import type { AgentUser, Dialog, DialogUser, IncomingInvite, OutgoingInvite } from "#sip/dialog/user-agent.ts";
import { createTransactionLayer } from "#sip/transaction/driver.ts";
import { type OpenTransportLayer, createTransportLayer } from "#sip/transport/transport-layer.ts";
import type { TransportName } from "#sip/transport/transport.ts";

const LISTENER = "wire";
/** Timers of half a minute wait for what may come late (§17); a test that is over does not wait for them. */
const clock: Clock = {
  ...systemClock,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** One call as this agent sees it. */
export class WireCall {
  readonly sipCallId: string;
  /** The caller's number, which Tandem passes on: by it the two ends of one call are told. */
  readonly from: string;
  /** Where the other side wants its audio. */
  remote: { readonly address: string; readonly port: number } | undefined;
  dialog: Dialog | undefined;
  invite: IncomingInvite | undefined;
  placed: OutgoingInvite | undefined;
  /** Last status of a call that we placed; 0 for silence. */
  status = 0;
  failed = false;
  cancelled = false;
  /** BYEs that came. */
  byes = 0;
  /** Final status of the BYE that we sent; undefined while none came. */
  byeStatus: number | undefined;
  answeredAtMs = 0;
  endedAtMs = 0;
  over = false;
  readonly #watchers = new Set<() => void>();

  constructor(sipCallId: string, from: string) {
    this.sipCallId = sipCallId;
    this.from = from;
  }
  changed(): void {
    for (const look of this.#watchers) look();
  }
  end(): void {
    this.over = true;
    if (this.endedAtMs === 0) this.endedAtMs = performance.now();
    this.changed();
  }
  /** Until it is so; rejects after `timeoutMs`. */
  until(what: string, so: (call: WireCall) => boolean, timeoutMs = 20_000): Promise<this> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#watchers.delete(look);
        reject(new Error(`${this.sipCallId}: not ${what} within ${timeoutMs} ms (status ${this.status}, over ${this.over})`));
      }, timeoutMs);
      const look = (): void => {
        if (!so(this)) return;
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve(this);
      };
      this.#watchers.add(look);
      look();
    });
  }
}

export interface WireAgentOptions {
  readonly address: string;
  readonly transport?: TransportName;
  /** Default 5060. */
  readonly port?: number;
}

export class WireAgent implements AgentUser {
  readonly address: string;
  readonly transportName: TransportName;
  readonly calls: WireCall[] = [];
  /** A new call came in; the test answers, rings or waits. */
  onCall: (call: WireCall) => void = () => {};
  readonly #agent: Agent;
  #transport!: OpenTransportLayer;
  #count = 0;
  readonly #salt = random.integer(2 ** 32).toString(36);

  private constructor(options: WireAgentOptions) {
    this.address = options.address;
    this.transportName = options.transport ?? "UDP";
    this.#agent = createUserAgent({ clock, random, user: this, locator: { locate: () => [] } });
  }

  static async open(options: WireAgentOptions): Promise<WireAgent> {
    const agent = new WireAgent(options);
    const { address, port = 5060 } = options;
    const transport = await createTransportLayer({
      listeners: [{ name: LISTENER, address, port, advertised: address, transports: ["UDP", "TCP"] }],
      clock,
      user: { onMessage: (message, flow) => layer.onMessage(message, flow), onGarbage: () => false },
    });
    const layer = createTransactionLayer({
      transport,
      clock,
      user: agent.#agent,
      onWire: (direction, wire) => {
        if (direction === "in") agent.#sawByeAnswer(wire, sipCallIdOf(wire));
      },
    });
    agent.#agent.attach(layer);
    agent.#transport = transport;
    return agent;
  }
  close(): Promise<void> {
    return this.#transport.close();
  }

  admit(): boolean {
    return true;
  }
  newInvite(): { readonly localTag: string; readonly localContact: string } {
    return { localTag: this.#name(), localContact: this.#contact() };
  }
  onRequest(transaction: Parameters<AgentUser["onRequest"]>[0]): void {
    respondInDialog(transaction, 200, "OK");
  }
  onInvite(invite: IncomingInvite): void {
    const from = invite.request.from();
    const call = new WireCall(invite.request.callId(), from.ok ? (from.value.uri.user ?? "") : "");
    call.invite = invite;
    call.remote = remoteAudio(invite.request.body);
    invite.onCancelled = () => {
      call.cancelled = true;
      call.end();
    };
    this.calls.push(call);
    this.onCall(call);
  }

  ring(call: WireCall): void {
    call.invite!.provisional(180, "Ringing", { headers: [], body: "" });
  }
  answer(call: WireCall, rtpPort: number): void {
    if (call.invite?.pending !== true) return;
    call.dialog = call.invite.answer(
      { headers: [], contentType: "application/sdp", body: phoneSdp(this.address, rtpPort) },
      this.#inside(call),
    );
    call.answeredAtMs = performance.now();
    call.changed();
  }

  /** Calls `user` at that address and port 5060. */
  call(user: string, address: string, rtpPort: number, from = "+4930123456"): WireCall {
    const tag = this.#name();
    const uri = `sip:${user}@${address}:5060${this.#transportParameter()}`;
    const call = new WireCall(`${tag}@${this.address}`, from);
    this.calls.push(call);
    call.placed = this.#agent.invite(
      {
        requestUri: uri,
        target: { transport: this.transportName, listener: LISTENER, address, port: 5060 },
        routeSet: [],
        localUri: `<sip:${from}@${this.address}>`,
        remoteUri: `<${uri.split(";")[0]!}>`,
        localTag: tag,
        sipCallId: call.sipCallId,
        localContact: this.#contact(),
        branchPrefix: tag,
        maxForwards: 70,
        headers: [],
        contentType: "application/sdp",
        body: phoneSdp(this.address, rtpPort),
      },
      {
        onTrying: () => {},
        onProvisional: (response) => {
          call.status = response.status;
          call.changed();
        },
        onAnswer: (response, dialog) => {
          call.status = response.status;
          call.dialog = dialog;
          call.remote = remoteAudio(response.body);
          call.answeredAtMs = performance.now();
          dialog.ack("");
          call.changed();
        },
        onFailure: (outcome) => {
          call.status = outcome.type === "response" ? outcome.response.status : 0;
          call.failed = true;
          call.end();
        },
      },
      this.#inside(call),
    );
    return call;
  }

  /** Ends it with BYE; `byeStatus` tells what came back. */
  hangUp(call: WireCall): void {
    call.dialog!.bye();
    call.end();
  }

  /** A dialog keeps the answer to its BYE for itself; the wire shows it. */
  #sawByeAnswer(wire: string, sipCallId: string): void {
    const status = /^SIP\/2\.0 (\d{3})/.exec(wire);
    if (status === null || !/\r\nCSeq:\s*\d+ BYE\r\n/i.test(wire)) return;
    const call = this.calls.find((one) => one.sipCallId === sipCallId);
    if (call === undefined) return;
    call.byeStatus = Number(status[1]);
    call.changed();
  }

  #inside(call: WireCall): DialogUser {
    return {
      onReinvite: (again) => again.reject(488, "Not Acceptable Here"),
      onRequest: (transaction) => respondInDialog(transaction, 200, "OK"),
      onBye: () => {
        call.byes++;
        call.end();
      },
      onAck: () => {},
      onNoAck: () => {
        call.failed = true;
        call.changed();
      },
      onState: () => {},
    };
  }

  #transportParameter(): string {
    return this.transportName === "UDP" ? "" : `;transport=${this.transportName.toLowerCase()}`;
  }
  #contact(): string {
    return `sip:wire@${this.address}:${this.#transport.listener(LISTENER)!.portOf(this.transportName) ?? 5060}${this.#transportParameter()}`;
  }
  #name(): string {
    return `w${this.#salt}${(this.#count++).toString(36)}`;
  }
}
