/**
 * A crowd of calls through Tandem, each with audio in both directions whose every packet is accounted for:
 * a carrier that places them and a gateway that answers, both in the test's own process. The caller's number
 * is each call's own, so that the two ends of one call are told.
 */
import type { TransportName } from "#sip/transport/transport.ts";
import type { Lab } from "./lab.ts";
import { RtpFlow, RtpTicker } from "./rtp-flow.ts";
import { WireAgent, type WireCall } from "./wire-agent.ts";

const AT_ONCE = 10;
/** For what is on its way between the ends when the sources stop. */
const DRAIN_MS = 700;
const SETTLE_MS = 50;
const CALLER_FIRST = 4_930_000_000;

/** One call, both ends. */
export interface Pair {
  readonly caller: WireCall;
  readonly callee: WireCall;
  readonly callerAudio: RtpFlow;
  readonly calleeAudio: RtpFlow;
}

export interface CrowdAudio {
  readonly sent: number;
  readonly missing: number;
  readonly duplicates: number;
  /** The longest silence that any end heard. */
  readonly gapMs: number;
}

export class Crowd {
  readonly carrier: WireAgent;
  readonly gateway: WireAgent;
  readonly pairs: Pair[] = [];
  /** What the gateway does with a new call. */
  gatewayDoes: "answer" | "ring" | "nothing" = "answer";
  readonly #target: string;
  readonly #called: string;
  readonly #ticker = new RtpTicker();
  readonly #flows = new Map<WireCall, RtpFlow>();
  #callers = 0;

  private constructor(carrier: WireAgent, gateway: WireAgent, target: string, called: string) {
    this.carrier = carrier;
    this.gateway = gateway;
    this.#target = target;
    this.#called = called;
    gateway.onCall = (call) => void this.#onCall(call);
  }

  /** From the laboratory's carrier to its first gateway; closed at the end of the test. */
  static async open(lab: Lab, called: string, transport: TransportName = "UDP"): Promise<Crowd> {
    const carrier = await WireAgent.open({ address: lab.carrier.address, transport });
    const gateway = await WireAgent.open({ address: lab.gateways[0].address, transport });
    const crowd = new Crowd(carrier, gateway, lab.sbcPrivate.address, called);
    lab.atEnd(async () => {
      crowd.#ticker.close();
      await Promise.all([carrier.close(), gateway.close()]);
    });
    return crowd;
  }

  async #onCall(call: WireCall): Promise<void> {
    if (this.gatewayDoes === "nothing") return;
    this.gateway.ring(call);
    if (this.gatewayDoes === "ring") return;
    const flow = await this.#flow(call, this.gateway.address);
    this.gateway.answer(call, flow.port);
  }

  async #flow(call: WireCall | undefined, address: string): Promise<RtpFlow> {
    const flow = await RtpFlow.open(address);
    this.#ticker.add(flow);
    if (call !== undefined) this.#flows.set(call, flow);
    return flow;
  }

  /** One call, placed and not waited for. */
  async place(): Promise<WireCall> {
    const flow = await this.#flow(undefined, this.carrier.address);
    const call = this.carrier.call(this.#called, this.#target, flow.port, `+${CALLER_FIRST + this.#callers++}`);
    this.#flows.set(call, flow);
    return call;
  }

  /** One call that is answered, with audio both ways. */
  async connect(timeoutMs?: number): Promise<Pair> {
    const caller = await this.place();
    await caller.until("answered", (call) => call.dialog !== undefined || call.over, timeoutMs);
    if (caller.dialog === undefined) throw new Error(`the call failed with ${caller.status}`);
    const callee = this.farEnd(caller)!;
    const [callerAudio, calleeAudio] = [this.#flows.get(caller)!, this.#flows.get(callee)!];
    // Both ends know the answer, and so does whoever stands between: nothing is sent into a bridge half built.
    await pause(SETTLE_MS);
    callerAudio.sendTo(caller.remote!);
    calleeAudio.sendTo(callee.remote!);
    const pair = { caller, callee, callerAudio, calleeAudio };
    this.pairs.push(pair);
    return pair;
  }
  /** The gateway's end of the carrier's call. */
  farEnd(caller: WireCall): WireCall | undefined {
    return this.gateway.calls.findLast((call) => call.from === caller.from);
  }

  async connectMany(count: number): Promise<void> {
    while (this.pairs.length < count)
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - this.pairs.length) }, () => this.connect()));
  }

  /** Until every end has heard so many packets. */
  async heard(packets: number, timeoutMs = 30_000): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    const quiet = (): number =>
      this.pairs.filter((pair) => pair.callerAudio.received < packets || pair.calleeAudio.received < packets).length;
    while (quiet() > 0) {
      if (performance.now() > endMs)
        throw new Error(`${quiet()} of ${this.pairs.length} calls did not hear ${packets} packets within ${timeoutMs} ms`);
      await pause(20);
    }
  }
  /** Until every end has heard something that was sent from now on. */
  async heardAnew(timeoutMs = 15_000): Promise<void> {
    const ends = this.pairs.flatMap(({ callerAudio, calleeAudio }) => [callerAudio, calleeAudio]);
    const sinceMs = performance.now();
    while (ends.some((end) => end.lastMs < sinceMs)) {
      if (performance.now() - sinceMs > timeoutMs)
        throw new Error(`${ends.filter((end) => end.lastMs < sinceMs).length} of ${ends.length} ends heard nothing for ${timeoutMs} ms`);
      await pause(10);
    }
  }

  measureFromNow(): void {
    for (const { callerAudio, calleeAudio } of this.pairs) for (const end of [callerAudio, calleeAudio]) end.measureFromNow();
  }

  /** Stops the sources and counts. */
  async stopAudio(): Promise<CrowdAudio> {
    for (const flow of this.#flows.values()) flow.stop();
    await pause(DRAIN_MS);
    const reports = this.pairs.flatMap(({ callerAudio, calleeAudio }) => [
      callerAudio.report(calleeAudio),
      calleeAudio.report(callerAudio),
    ]);
    const sum = (of: (report: (typeof reports)[number]) => number): number => reports.reduce((total, report) => total + of(report), 0);
    return {
      sent: sum((report) => report.sent),
      missing: sum((report) => report.missing.length),
      duplicates: sum((report) => report.duplicates),
      gapMs: Math.max(0, ...reports.map((report) => report.gapMs)),
    };
  }
}

export const pause = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs));
