/**
 * All calls of this process: makes them, finds them, counts them per peer, refuses them when we are full,
 * and takes them up again after a restart. One owner per call; nothing else holds a reference.
 *
 *     const calls = createCalls(ports);
 *     const agent = createUserAgent({ …, user: { newInvite: calls.newInvite, … } });
 *     calls.attach(agent);
 *     calls.restore(journal.live);      // before the listeners open
 */
import { type CallId, type TenantId, TOKEN_CHARS } from "#base/ids.ts";
import type { JournalCall } from "#journal/journal.ts";
import type { MediaEvent } from "#media/engine.ts";
import { absentPeer } from "#routing/absent-peer.ts";
import type { DialPlan } from "#routing/decision.ts";
import { type CallUnderWay, findLoop } from "#routing/loops.ts";
import { asDialled } from "#routing/peer-numbers.ts";
import type { GatewayGroup, Peer } from "#routing/snapshot.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { reasonPhraseOf } from "#sip/message/reason-phrases.ts";
import type { IncomingInvite, UserAgent } from "#sip/dialog/user-agent.ts";
import { Call, RETRY_AFTER_S } from "./call.ts";
import type { CallHouse } from "./call-house.ts";
import type { Originated, Origination } from "./origination.ts";
import type { CallSummary, LegQuality, PlaceName } from "./control.ts";
import { ownCallsIn } from "./own-marks.ts";
import type { CallPorts, Flow } from "./ports.ts";
import { type PeerName, readSections } from "./recovery.ts";
import { contactOf } from "./own-contact.ts";
import { PeerCounts } from "./peer-counts.ts";
import type { TransferRefusal } from "./transfer.ts";

export interface RestoreReport {
  readonly running: number;
  /** Calls in set-up that were ended. */
  readonly ended: number;
  readonly unreadable: number;
}

export interface Calls {
  attach(agent: UserAgent): void;
  /** For AgentUser: names our side of a dialog, and with it the call. */
  newInvite(request: ReceivedRequest, flow: Flow): { readonly localTag: string; readonly localContact: string };
  /** An INVITE whose sender was recognised as `source`. */
  onInvite(invite: IncomingInvite, source: Peer): void;
  /** Calls somebody, and connects him when he has answered. */
  originate(order: Origination): Originated;
  /** Replaces one side of a running call. Undefined: no such call; @param who undefined: the gateway's side */
  transfer(
    callId: string,
    place: PlaceName,
    who: "caller" | "callee" | undefined,
  ): { readonly refusal: TransferRefusal | undefined } | undefined;
  list(): CallSummary[];
  /** By id or a unique prefix of it. */
  find(callId: string): CallSummary | undefined;
  /** What media counted so far. Undefined: no such call. */
  quality(callId: string): Promise<readonly LegQuality[]> | undefined;
  /** False: no such call. */
  hangUp(callId: string, reason: string): boolean;
  /** Calls with this peer now, both directions unless one is named. */
  callsOf(peer: string, way?: "in" | "out"): number;
  readonly size: number;
  /** No new calls from now on; resolves when the last one is over. */
  drain(): Promise<void>;
  /** Ends every call with BYE, for the end of a drain. */
  hangUpAll(reason: string): void;
  /** Once, before the first message; with nothing where there is nothing. */
  restore(live: Iterable<JournalCall>): RestoreReport;
  /** For the journal's rotation. */
  live(): Iterable<JournalCall>;
}

export const createCalls = (ports: CallPorts): Calls => new Registry(ports);

/** Q.850: normal, unspecified. */
const CAUSE_HUNG_UP = 31;
const TELL_EVERY_MS = 1000;
const OVERLOADS = {
  draining: "Tandem is being taken out of service and takes no new calls",
  calls: "as many calls are up as this node may have",
  journal: "the journal can't be written, so no new calls are taken",
} as const;

class Registry implements Calls, CallHouse {
  readonly ports: CallPorts;
  readonly #calls = new Map<CallId, Call>();
  readonly #peers = new PeerCounts();
  #agent: UserAgent | undefined;
  /** New calls refused since that was last told. */
  #refused = 0;
  #toldMs = -Infinity;
  #drained: (() => void)[] | undefined;
  /** Until the journal's calls are back nobody can say which sessions are nobody's. */
  #restored = false;
  #heldByEngine: readonly string[] | undefined;

  constructor(ports: CallPorts) {
    this.ports = ports;
    ports.media.onEvent = (event) => this.#onMedia(event);
    this.newInvite = this.newInvite.bind(this);
    this.onInvite = this.onInvite.bind(this);
  }

  attach(agent: UserAgent): void {
    this.#agent = agent;
  }
  get agent(): UserAgent {
    return this.#agent!;
  }
  get size(): number {
    return this.#calls.size;
  }

  newInvite(request: ReceivedRequest, flow: Flow): { readonly localTag: string; readonly localContact: string } {
    const localTag = `${this.ports.signer.sign(this.ports.ids.next())}a`;
    const face = this.ports.face(flow.listener);
    return {
      localTag,
      localContact: contactOf(
        localTag,
        face?.advertised ?? flow.localAddress,
        face?.portOf(flow.transport) ?? flow.localPort,
        flow.transport,
        request.requestUri,
      ),
    };
  }

  onInvite(invite: IncomingInvite, source: Peer): void {
    const overload = this.#overload();
    if (overload !== undefined) {
      this.#tellOverload(overload, source);
      // RFC 3261 §21.5.4: our own overload is what 503 is for.
      return invite.reject(503, reasonPhraseOf(503), [["Retry-After", String(RETRY_AFTER_S)]]);
    }
    const token = invite.localTag.slice(0, TOKEN_CHARS);
    const id = callIdIn(token);
    const call = new Call(this, id, token, source);
    this.#calls.set(id, call);
    call.guard(() => call.begin(invite));
  }

  originate(order: Origination): Originated {
    if (!this.ports.media.capabilities.has("any-pair"))
      return {
        ok: false,
        code: "NOT_SUPPORTED",
        message: `the media engine ${this.ports.media.name} carries no calls that Tandem places itself`,
      };
    const overload = this.#overload();
    if (overload !== undefined) {
      this.#tellOverload(overload, order.source);
      return { ok: false, code: "OVERLOADED", message: OVERLOADS[overload] };
    }
    const id = this.ports.ids.next();
    const call = new Call(this, id, this.ports.signer.sign(id), order.source);
    this.#calls.set(id, call);
    call.guard(() => call.originate(order));
    return { ok: true, callId: id };
  }

  #tellOverload(limit: string, source: Peer): void {
    this.#tellLimit(limit, source.tenant, `${this.#calls.size} calls are up, the last from ${source.name}`);
  }
  /** Once a second says enough: a flood of refused calls must not become a flood of lines. */
  #tellLimit(limit: string, tenant: TenantId, detail: string): void {
    const nowMs = this.ports.clock.nowMs();
    this.#refused++;
    if (nowMs - this.#toldMs < TELL_EVERY_MS) return;
    this.ports.publish({ type: "limit", tenant, limit, detail: `${detail}; ${this.#refused} refused` });
    this.#toldMs = nowMs;
    this.#refused = 0;
  }
  #overload(): keyof typeof OVERLOADS | undefined {
    const { callsMax, journal } = this.ports;
    if (this.#drained !== undefined) return "draining";
    if (callsMax > 0 && this.#calls.size >= callsMax) return "calls";
    return journal.degraded ? "journal" : undefined;
  }

  transfer(
    callId: string,
    place: PlaceName,
    who: "caller" | "callee" | undefined,
  ): { readonly refusal: TransferRefusal | undefined } | undefined {
    const call = this.#find(callId);
    if (call === undefined) return undefined;
    let refusal: TransferRefusal | undefined;
    call.guard(() => (refusal = call.moves.move(place, who)));
    return { refusal };
  }
  list(): CallSummary[] {
    return Array.from(this.#calls.values(), (call) => call.summary());
  }
  quality(callId: string): Promise<readonly LegQuality[]> | undefined {
    return this.#find(callId)?.quality();
  }
  find(callId: string): CallSummary | undefined {
    return this.#find(callId)?.summary();
  }
  hangUp(callId: string, reason: string): boolean {
    const call = this.#find(callId);
    if (call === undefined) return false;
    call.guard(() => call.hangUp("us", reason, CAUSE_HUNG_UP, call.running ? "answered" : "failed"));
    return true;
  }
  hangUpAll(reason: string): void {
    for (const call of this.#calls.values()) this.hangUp(call.id, reason);
  }
  #find(callId: string): Call | undefined {
    const exact = this.#calls.get(callId as CallId);
    if (exact !== undefined || callId === "") return exact;
    const fitting = Array.from(this.#calls.keys()).filter((id) => id.startsWith(callId));
    return fitting.length === 1 ? this.#calls.get(fitting[0]!) : undefined;
  }

  callsOf(peer: string, way?: "in" | "out"): number {
    return this.#peers.callsOf(peer, way);
  }
  count(peer: string, change: 1 | -1, way: "in" | "out"): void {
    this.#peers.count(peer, change, way);
  }
  callsAt(peer: Peer, way: "in" | "out") {
    return this.#peers.callsAt(peer, way);
  }
  fullness(peer: Peer, way: "in" | "out", group?: GatewayGroup): string | undefined {
    return this.#peers.fullness(peer, way, group);
  }
  turn(peer: Peer, way: "in" | "out"): number | string {
    const turn = this.#peers.turn(peer, way, this.ports.clock.nowMs());
    if (typeof turn === "number") return turn;
    const perSecond = way === "in" ? peer.inboundCallsPerSecond : peer.outboundCallsPerSecond;
    this.#tellLimit("calls per second", peer.tenant, `${peer.name} is over ${perSecond} ${way === "in" ? "from" : "to"} it`);
    return turn;
  }
  withoutLoop(plan: DialPlan, request: ReceivedRequest, source: Peer, self: Call): DialPlan {
    const { tenant, route, called, caller } = plan;
    const refuse = (status: number, reason: string): DialPlan => ({
      type: "reject",
      tenant,
      route,
      called,
      caller,
      status,
      reasonPhrase: reasonPhraseOf(status),
      reason,
      skipped: plan.skipped,
    });
    const maxForwards = request.maxForwards();
    // RFC 3261 §16.3 step 3: a B2BUA passes the call on, so it counts hops as a proxy does.
    if (maxForwards.ok && maxForwards.value === 0) return refuse(483, "loop, or too long a way: Max-Forwards is 0");
    const carried = ownCallsIn(request, this.ports.signer).flatMap((callId) => this.#calls.get(callId)?.underWay ?? []);
    const loop = findLoop({
      source,
      called,
      caller,
      route,
      carried,
      underWay: source.kind === "gateway" ? this.#settingUp(called, self) : [],
    });
    return loop === undefined ? plan : refuse(482, loop);
  }
  #settingUp(called: string, except: Call): readonly CallUnderWay[] {
    const found: CallUnderWay[] = [];
    for (const call of this.#calls.values()) {
      if (call.running || call === except) continue;
      const facts = call.underWay;
      if (facts?.called === called) found.push(facts);
    }
    return found;
  }
  gone(call: Call): void {
    this.#calls.delete(call.id);
    if (this.#drained === undefined || this.#calls.size > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  drain(): Promise<void> {
    this.#drained ??= [];
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained!.push(resolve));
  }

  *live(): Iterable<JournalCall> {
    for (const call of this.#calls.values())
      yield { callId: call.id, tenant: call.tenant, sections: call.sections() as JournalCall["sections"] };
  }

  restore(live: Iterable<JournalCall>): RestoreReport {
    let [running, ended, unreadable] = [0, 0, 0];
    for (const { callId, tenant, sections } of live) {
      const recovered = readSections(sections);
      if (recovered.type === "unreadable") {
        unreadable++;
        this.ports.publish({
          type: "process",
          what: "call not restored",
          detail: "its journal sections can't be understood",
          callId,
          tenant,
        });
        void this.ports.media.release(callId);
        continue;
      }
      const token = this.ports.signer.sign(callId);
      const call = new Call(this, callId, token, this.#peer(recovered.core.source, tenant));
      this.#calls.set(callId, call);
      if (recovered.type === "set-up") {
        ended++;
        const callee = recovered.answered?.callee;
        const first = recovered.first?.peer;
        const peers = [callee, first].map((peer) => (peer === undefined ? undefined : this.#peer(peer, tenant)));
        call.guard(() => call.closeSetUp(recovered, peers[0], peers[1]));
      } else {
        if (recovered.ended === undefined) running++;
        const first = recovered.first === undefined ? undefined : asDialled(this.#peer(recovered.first.peer, tenant));
        call.guard(() => call.restore(recovered, asDialled(this.#peer(recovered.answered.callee, tenant)), first));
      }
    }
    this.#restored = true;
    this.#reconcile();
    return { running, ended, unreadable };
  }

  /** The peer of the present configuration, or what a running call needs where it is no longer there. */
  #peer({ kind, name }: PeerName, tenant: TenantId): Peer {
    return this.ports.peer(kind, name) ?? absentPeer(kind, name, tenant);
  }

  #onMedia(event: MediaEvent): void {
    switch (event.type) {
      case "down":
        return this.ports.publish({ type: "media", what: "engine down", side: "", detail: event.reason });
      case "up":
        this.ports.publish({ type: "media", what: "engine up", side: "", detail: `${event.sessions.length} sessions` });
        this.#heldByEngine = event.sessions;
        return this.#reconcile();
      default: {
        const call = this.#calls.get(event.session as CallId);
        if (call === undefined) {
          if (event.type === "timeout") void this.ports.media.release(event.session);
          return;
        }
        return call.onMedia(event);
      }
    }
  }

  /** The engine came back with these sessions: it forgets those that are nobody's, and calls without theirs end. */
  #reconcile(): void {
    if (!this.#restored || this.#heldByEngine === undefined) return;
    const held = new Set(this.#heldByEngine);
    this.#heldByEngine = undefined;
    for (const session of held) if (!this.#calls.has(session as CallId)) void this.ports.media.release(session);
    for (const call of this.#calls.values()) {
      if (call.media.prepared && !held.has(call.id)) call.guard(() => call.mediaLost("the engine does not know the session"));
    }
  }
}

/** See base/ids.ts for the layout; the token is our own, so it needs no check. */
const callIdIn = (token: string): CallId => token.slice(4, 20) as CallId;
