/**
 * One call: a back-to-back user agent of two legs (RFC 3261 §6), from the INVITE that made it to the
 * record of its end. States: routing → hunting → ringing → answered → ending. Set-up is `set-up.ts`,
 * what passes between answered legs is `bridge.ts`; this file owns both, the journal's sections and the end.
 *
 * Whatever enters a call enters through `guard`: a mistake of ours ends that call with its CDR, not the
 * process. Above 500 lines, because begin, end, journal and recovery read and write the same few fields,
 * and one owner of those is what keeps the record single.
 */
import type { Timer } from "#base/clock.ts";
import type { CallId, TenantId } from "#base/ids.ts";
import type { Cdr, CdrAttempt, CdrSkip } from "#cdr/record.ts";
import type { Outcome } from "#cdr/outcome.ts";
import type { MediaEvent, Tone } from "#media/engine.ts";
import type { TandemEvent } from "#observe/event.ts";
import type { DialPlan } from "#routing/decision.ts";
import type { CallUnderWay } from "#routing/loops.ts";
import type { GatewayGroup, Peer } from "#routing/snapshot.ts";
import type { HeaderField, ReceivedRequest } from "#sip/message/message.ts";
import { ownText } from "#sip/message/received-message.ts";
import { q850CauseOf } from "#sip/message/reason.ts";
import { reasonPhraseOf } from "#sip/message/reason-phrases.ts";
import { withoutTag } from "#sip/dialog/dialog.ts";
import { respondInDialog } from "#sip/dialog/respond.ts";
import type { DialogState, IncomingInvite, RequestParts, UserAgent } from "#sip/dialog/user-agent.ts";
import type { Attempt } from "./attempt.ts";
import { Bridge } from "./bridge.ts";
import { attemptSections, lostAttempt, sectionsOf, type Standing, triedOf } from "./call-sections.ts";
import { type CallEnding, type CallRecord, cdrOf } from "./cdr-of-call.ts";
import type { CallSummary, LegQuality } from "./control.ts";
import { type Caller, callerOf } from "./caller-identity.ts";
import { headersToward } from "./header-rules.ts";
import type { Dialling } from "./lane.ts";
import { type Ending, q850Of } from "./hunt.ts";
import { Leg, type LegFacts, type LegOwner } from "./leg.ts";
import { MediaSession, type Side, type Told } from "./media-session.ts";
import { type MovedCall, Moves } from "./moves.ts";
import { callerNamed, type Origination } from "./origination.ts";
import type { CallLease, CallPorts, ServerTransaction } from "./ports.ts";
import { q850Reason, reasonAcross } from "./reason-across.ts";
import type { CallSections, CoreSection, IncomingSection, Recovered } from "./recovery.ts";
import { sdpBodyOf } from "./sdp-body.ts";
import { SetUp } from "./set-up.ts";

/** The registry as a call sees it. */
export interface CallHouse {
  readonly ports: CallPorts;
  readonly agent: UserAgent;
  /**
   * Why no more calls with this peer fit; undefined: they do.
   * @param way "in": the call that asks came from it, and is counted already
   * @param group whose capacity it takes as well
   */
  fullness(peer: Peer, way: "in" | "out", group?: GatewayGroup): string | undefined;
  count(peer: string, change: 1 | -1, way: "in" | "out"): void;
  /** The peer with its calls, both ways; "in": without the one that asks. */
  callsAt(peer: Peer, way: "in" | "out"): { readonly name: string; readonly kind: Peer["kind"]; readonly calls: number };
  /** A place in the peer's calls per second: milliseconds until then, or why there is none. */
  turn(peer: Peer, way: "in" | "out"): number | string;
  /** The plan, or a refusal where the call is one of ours that came back. */
  withoutLoop(plan: DialPlan, request: ReceivedRequest, source: Peer, self: Call): DialPlan;
  /** The call is over and its CDR written. */
  gone(call: Call): void;
}

type AnsweredFacts = { readonly answeredAtMs: number; readonly answeredMs: number; readonly setupMs: number };
type WithoutCall<T> = T extends unknown ? Omit<T, "tenant" | "callId"> : never;

/** RFC 3261 §20.33: what a caller is told to wait when we are overloaded. */
export const RETRY_AFTER_S = 5;

/** How long a tone is heard before the refusal. */
const TONE_MS = 4_000;
/** The end of a former process's call is recorded so long after it was said. */
const SAID_MS = 100;

export class Call implements LegOwner {
  readonly id: CallId;
  /** Signed; tags, branches, Call-IDs and Contacts of ours begin with it. */
  readonly token: string;
  readonly calls: CallHouse;
  readonly ports: CallPorts;
  readonly source: Peer;
  readonly #bridge: Bridge;
  /** How one of its sides is replaced. */
  readonly moves: Moves;
  #tenant: TenantId;
  #state: CallSummary["state"] = "routing";
  #core: CoreSection | undefined;
  #startedMs: number;
  #setUp: SetUp | undefined;
  #invite: IncomingInvite | undefined;
  /** Until the caller's ACK, or a refusal. */
  #incoming: IncomingSection | undefined;
  #a: Leg | undefined;
  #b: Leg | undefined;
  media: MediaSession;
  callerOffered = true;
  #answered: AnsweredFacts | undefined;
  #attempts: readonly CdrAttempt[] = [];
  #skipped: readonly CdrSkip[] = [];
  #durationTimer: Timer | undefined;
  /** While the record waits: for the engine's counters, or in recovery. */
  #ending: CallEnding | undefined;
  #held = false;
  /** Its place among the tenant's and source's calls. */
  #lease: CallLease | undefined;
  /** Of a call that Tandem places. */
  #order: Origination | undefined;

  constructor(calls: CallHouse, id: CallId, token: string, source: Peer) {
    this.calls = calls;
    this.ports = calls.ports;
    this.id = id;
    this.token = token;
    this.source = source;
    this.#tenant = source.tenant;
    this.#startedMs = this.ports.clock.nowMs();
    // RFC 8866 §5.2: a numeric id; the time it was made, as the RFC suggests, doubled for the two sides.
    this.media = new MediaSession(this.ports.media, id, source, Math.floor(this.ports.clock.wallMs()) * 2);
    this.#bridge = new Bridge(this);
    this.moves = new Moves(this.#asMoved());
    this.moves.count(source.name, "in");
  }
  #asMoved(): MovedCall {
    return {
      call: this,
      core: () => this.#core,
      attempts: () => this.#attempts,
      setAttempts: (attempts) => void (this.#attempts = attempts),
      setLegs: (a, b) => void ([this.#a, this.#b] = [a, b]),
      personAt: (leg) => this.#personAt(leg),
      idle: () => this.#bridge.idle,
      drop: () => this.#bridge.drop(),
      renew: (leg) => this.#bridge.renew(leg),
      bye: (leg) => this.#bye(leg, []),
      journal: () => this.ports.journal.append(this.id, this.#tenant, { ...this.#sections(false) }),
      answered: (leg) => this.#lease?.answered(leg.peer, 0),
    };
  }

  get tenant(): TenantId {
    return this.#tenant;
  }
  get state(): CallSummary["state"] {
    return this.#state === "hunting" && this.#setUp?.ringing === true ? "ringing" : this.#state;
  }
  /** What a loop is recognised by; undefined while nothing is decided. */
  get underWay(): CallUnderWay | undefined {
    const core = this.#core;
    if (core === undefined) return undefined;
    const to = this.#towards;
    return { callId: this.id, route: core.route, called: core.called, caller: core.caller, to, answered: this.#answered !== undefined };
  }
  get #towards(): readonly string[] {
    return this.#b === undefined ? (this.#setUp?.towards ?? []) : [this.#b.peer.name];
  }
  get running(): boolean {
    return this.#state === "answered";
  }
  leg(side: Side): Leg | undefined {
    return side === "a" ? this.#a : this.#b;
  }

  /** Everything that enters a call enters here. */
  guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.publish({ type: "process", what: "call failed", detail: error instanceof Error ? (error.stack ?? reason) : reason });
      this.#abandon(`internal: ${reason}`);
    }
  }
  publish(event: WithoutCall<TandemEvent>): void {
    this.ports.publish({ ...event, tenant: this.#tenant, callId: this.id } as TandemEvent);
  }

  // Set-up

  begin(invite: IncomingInvite): void {
    this.#invite = invite;
    const { request, flow } = invite;
    const facts: LegFacts = {
      sipCallId: ownText(request.callId()),
      remoteAddress: `${flow.transport.toLowerCase()}:${flow.remoteAddress}:${flow.remotePort}`,
      from: ownText(withoutTag(request.header("from") ?? "")),
      to: ownText(withoutTag(request.header("to") ?? "")),
    };
    this.#a = new Leg(this, "a", "a", this.source, facts);
    invite.onCancelled = (cancel) => this.guard(() => this.#callerGone(cancel));
    const caller = callerOf(request, this.source.identity?.read);
    const uri = request.uri();
    const calledUser = (uri.ok ? uri.value.user : undefined) ?? "";
    const decided = this.ports.plan({ source: this.source, flow, request, uri, calledUser, callerUser: caller.user, callId: this.id });
    const plan = this.calls.withoutLoop(decided, request, this.source, this);
    this.#incoming = { wire: request.wire, flow, localTag: invite.localTag };
    this.#began(plan, { facts, ...(decided.seen !== undefined && { decision: decided.seen }) });
    this.#route(plan, invite, caller);
  }

  /** A call that Tandem places. */
  originate(order: Origination): void {
    this.#order = order;
    this.media.place();
    const plan = order.plan(this.id);
    this.#began(plan, { facts: { sipCallId: this.token, remoteAddress: "", from: plan.caller, to: plan.called }, placed: true });
    if (this.#decided(plan) && this.#admitted(""))
      this.#dial(new SetUp(this, undefined, plan, callerNamed(plan.caller), this.media, { side: "a" }));
  }

  #began(plan: DialPlan, more: Pick<CoreSection, "facts" | "decision" | "placed">): void {
    const { kind, name } = this.source;
    const { caller, called, route } = plan;
    this.#tenant = plan.tenant;
    this.#core = {
      startedAtMs: this.ports.clock.wallMs(),
      source: { kind, name },
      caller,
      called,
      route,
      generation: this.ports.generation(),
      ...more,
    };
    this.ports.journal.append(this.id, this.#tenant, {
      core: this.#core,
      ...(this.#incoming !== undefined && { incoming: this.#incoming }),
    });
    const webhookUrl = this.#order?.webhookUrl;
    const { sipCallId } = more.facts;
    this.publish({ type: "call-started", caller, called, peer: name, sipCallId, ...(webhookUrl !== undefined && { webhookUrl }) });
  }

  /** Refuses where the plan does. */
  #decided(plan: DialPlan): plan is Dialling {
    this.#skipped = [...this.#skipped, ...plan.skipped];
    this.publish({
      type: "route-decided",
      route: plan.route,
      generation: this.#core!.generation,
      attempts: plan.type === "dial" ? plan.attempts.map(({ peer }) => peer.name) : [],
      skipped: plan.skipped.map(({ peer, reason }) => `${peer}: ${reason}`),
    });
    if (plan.type === "dial") return true;
    const { status, reason, tone } = plan;
    const ending = { status, q850: q850Of(status), outcome: outcomeOfRejection(status), reason };
    const body = this.#invite === undefined ? undefined : sdpBodyOf(this.#invite.request);
    const audible = tone !== undefined && body?.type === "sdp" && this.ports.media.capabilities.has("play");
    if (audible && this.media.callerOffers(body.text).ok) this.#refuseAudibly(tone, ending);
    else this.#refuse(ending, [], "us");
    return false;
  }
  /** Early media, then the refusal. Whoever hangs up before has heard enough. */
  #refuseAudibly(tone: Tone, ending: Ending): void {
    const invite = this.#invite!;
    const refuse = (): void => this.guard(() => (invite.pending && this.#state !== "ending" ? this.#refuse(ending, [], "us") : undefined));
    const heard = (told: Told): void => {
      if (!told.ok || !invite.pending || this.#state === "ending") return refuse();
      invite.provisional(183, reasonPhraseOf(183), { headers: [], contentType: "application/sdp", body: told.sdp });
      this.publish({ type: "media", what: "tone", side: "a", detail: tone });
      this.ports.clock.after(TONE_MS, refuse);
    };
    this.media.tone(tone, invite.flow.remoteAddress, TONE_MS).then((told) => this.guard(() => heard(told)), refuse);
  }
  /** Refuses where the tenant, the peer or the source has as much as it may. @param source address; "" where we place it */
  #admitted(source: string): boolean {
    const { limits } = this.ports;
    if (limits === undefined) return true;
    const lease = limits.admit({ tenant: this.#tenant, peer: source === "" ? undefined : this.calls.callsAt(this.source, "in"), source });
    if (!("said" in lease)) {
      this.#lease = lease;
      return true;
    }
    const { outcome, reason, said } = lease;
    const forNow = outcome !== "carrier_blocked";
    const ending = { status: forNow ? 503 : 403, q850: forNow ? 42 : 21, outcome, reason };
    // RFC 3261 §20.43: the agent's name may be a pseudonym.
    this.#refuse(ending, [["Warning", `399 tandem "limit: ${said}"`]], "us");
    return false;
  }
  #dial(setUp: SetUp): void {
    this.#state = "hunting";
    this.#setUp = setUp;
    setUp.start();
  }

  #route(plan: DialPlan, invite: IncomingInvite, caller: Caller): void {
    if (!this.#decided(plan)) return;
    const full = this.calls.fullness(this.source, "in");
    if (full !== undefined) return this.#refuse({ status: 503, q850: 42, outcome: "capacity", reason: full }, [], "us");
    const turn = this.calls.turn(this.source, "in");
    if (typeof turn === "string") return this.#refuse({ status: 503, q850: 42, outcome: "rate_limited", reason: turn }, [], "us");
    if (!this.#admitted(invite.flow.remoteAddress)) return;
    const body = sdpBodyOf(invite.request);
    if (body.type === "other")
      return this.#refuse(
        { status: 415, q850: 79, outcome: "media_failed", reason: "no session description in the body" },
        [["Accept", "application/sdp"]],
        "us",
      );
    this.callerOffered = body.type === "sdp";
    if (body.type === "sdp") {
      const offered = this.media.callerOffers(body.text);
      if (!offered.ok) return this.#refuse({ status: 488, q850: 88, outcome: "media_failed", reason: offered.reason }, [], "us");
    }
    this.#dial(new SetUp(this, invite, plan, caller, this.media));
  }

  journalSetUp(setUp: SetUp): void {
    this.ports.journal.append(this.id, this.#tenant, { attempt: attemptSections(setUp), ...triedOf(this.#standing, setUp.ended) });
  }

  #callerGone(cancel: ReceivedRequest, endedBy: "caller" | "callee" = "caller"): void {
    const setUp = this.#setUp;
    setUp?.callerGone(cancel);
    this.#attempts = setUp?.ended ?? [];
    this.#end({
      outcome: "cancelled",
      sipStatus: 487,
      q850: q850CauseOf(cancel) ?? 16,
      endedBy,
      reason: cancel.method === "CANCEL" ? "CANCEL" : this.#placed ? "BYE before the connection" : "BYE before the answer",
    });
  }

  onRefused(setUp: SetUp, ending: Ending, headers: readonly HeaderField[]): void {
    this.#attempts = setUp.ended;
    this.#skipped = setUp.skipped;
    const last = setUp.ended.at(-1);
    this.#refuse(ending, headers, last !== undefined && last.status >= 400 ? "callee" : "us");
  }

  #refuse(ending: Ending, headers: readonly HeaderField[], endedBy: Cdr["endedBy"]): void {
    const fields: HeaderField[] = [...headers];
    if (ending.q850 !== undefined) fields.push(q850Reason(ending.q850));
    if (ending.status === 503) fields.push(["Retry-After", String(RETRY_AFTER_S)]);
    // RFC 3261 §8.2.6 and topology: our own phrase, never the gateway's.
    if (this.#invite?.pending === true) this.#invite.reject(ending.status, reasonPhraseOf(ending.status), fields);
    // Of a call that we place, whoever answered first can't be connected.
    else this.#bye(this.#a, ending.q850 === undefined ? [] : [q850Reason(ending.q850)]);
    this.#end({ outcome: ending.outcome, sipStatus: ending.status, q850: ending.q850, endedBy, reason: ending.reason });
  }

  onAnswered(setUp: SetUp, attempt: Attempt, parts: RequestParts): void {
    const { clock, journal } = this.ports;
    this.#attempts = setUp.ended;
    this.#skipped = setUp.skipped;
    this.#setUp = undefined;
    this.#invite = undefined;
    this.#answered ??= { answeredAtMs: clock.wallMs(), answeredMs: clock.nowMs(), setupMs: clock.nowMs() - this.#startedMs };
    if (setUp.side === "a") return this.#firstAnswered(attempt.leg);
    const b = attempt.leg;
    this.#b = b;
    this.moves.take(b.peer.name, "out");
    this.#lease?.answered(b.peer, 0);
    this.#state = "answered";
    const a = this.#a!;
    if (setUp.invite === undefined) {
      journal.append(this.id, this.#tenant, { ...this.#sections(false) });
      this.media.settled();
      return this.#limitDuration(0);
    }
    if (this.#incoming !== undefined && parts.headers.length > 0) this.#incoming = { ...this.#incoming, headers: parts.headers };
    // `onState` journals the answer before it leaves: a caller that heard it has a call after a crash too.
    a.dialog = setUp.invite.answer(parts, a, this.source.account);
    if (this.callerOffered) this.media.settled();
    else this.#bridge.awaitCallersAnswer();
    this.publish({ type: "call-answered", setupMs: Math.round(this.#answered.setupMs), peer: b.peer.name });
    this.#limitDuration(0);
  }

  /** Of a call that we place. His ACK leaves when this returns, and only then the second INVITE. */
  #firstAnswered(leg: Leg): void {
    this.#a = leg;
    this.moves.take(leg.peer.name, "out");
    this.#lease?.answered(leg.peer, 0);
    this.ports.journal.append(this.id, this.#tenant, { ...this.#sections(false) });
    this.publish({ type: "call-answered", setupMs: Math.round(this.#answered!.setupMs), peer: leg.peer.name });
    this.ports.clock.after(0, () => this.guard(() => this.#connect(leg)));
  }
  #connect(first: Leg): void {
    const order = this.#order;
    if (order === undefined || this.#state !== "hunting" || first.dialog === undefined) return;
    const plan = order.connect(this.id, first.peer);
    if (!this.#decided(plan)) return;
    this.#dial(new SetUp(this, undefined, plan, callerNamed(plan.caller), this.media, { before: this.#attempts }));
  }
  get #placed(): boolean {
    return this.#core?.placed === true;
  }

  #limitDuration(alreadyMs: number): void {
    const limits = [this.source, this.#a!.peer, this.#b!.peer].map((peer) => peer.callDurationMaxMs).filter((limitMs) => limitMs > 0);
    if (limits.length === 0) return;
    const limitMs = Math.min(...limits);
    this.#durationTimer = this.ports.clock.after(Math.max(0, limitMs - alreadyMs), () => {
      this.guard(() => this.hangUp("us", `longer than ${Math.round(limitMs / 1000)} s`, 102, "answered"));
    });
  }

  // In the call

  onReinvite(leg: Leg, invite: IncomingInvite): void {
    if (leg !== this.#a && leg !== this.#b) return invite.reject(481, reasonPhraseOf(481));
    this.guard(() => this.#bridge.onReinvite(leg, invite));
  }
  onRequest(leg: Leg, transaction: ServerTransaction): void {
    if (leg !== this.#a && leg !== this.#b) return respondInDialog(transaction, 481, reasonPhraseOf(481));
    this.guard(() => this.#bridge.onRequest(leg, transaction));
  }
  onAck(leg: Leg, request: ReceivedRequest): void {
    if (leg.side === "a" && this.#incoming !== undefined) {
      this.#incoming = undefined;
      this.ports.journal.append(this.id, this.#tenant, { incoming: null });
    }
    this.guard(() => this.#bridge.onAck(leg, request));
  }
  onState(leg: Leg, state: DialogState): void {
    if (this.moves.isLeaving(leg)) return;
    if (!this.running) {
      // Whoever answered first of a call that we place, before it is connected.
      if (leg === this.#a && leg.dialog !== undefined) this.ports.journal.append(this.id, this.#tenant, { dialogA: state });
      return;
    }
    if (leg.dialog === undefined) {
      if (leg.side === "a") this.ports.journal.append(this.id, this.#tenant, { ...this.#sections(false, state) });
      return;
    }
    this.ports.journal.append(this.id, this.#tenant, leg.side === "a" ? { dialogA: state } : { dialogB: state });
  }
  onNoAck(leg: Leg): void {
    this.guard(() => this.hangUp("us", `no ACK from the ${this.#personAt(leg)}`, 102, "failed"));
  }
  onBye(leg: Leg, request: ReceivedRequest): void {
    this.guard(() => {
      if (this.moves.onBye(leg)) return;
      if (this.#state === "hunting") return this.#callerGone(request, this.#personAt(leg));
      const far = this.leg(leg.side === "a" ? "b" : "a");
      this.#end({ outcome: "answered", sipStatus: 200, q850: q850CauseOf(request) ?? 16, endedBy: this.#personAt(leg), reason: "BYE" });
      this.#bye(far, reasonAcross(request), request);
    });
  }
  onMedia(event: Extract<MediaEvent, { readonly session: string }>): void {
    this.guard(() => {
      switch (event.type) {
        case "timeout":
          this.publish({ type: "media", what: "timeout", side: event.side, detail: `nothing for ${event.silentMs} ms` });
          if (!this.running) return;
          return this.hangUp(
            "us",
            `no audio from the ${event.side === this.#a?.name ? this.#personAt(this.#a) : this.#placed ? "caller" : "callee"} for ${event.silentMs} ms`,
            41,
            "answered",
          );
        case "gone":
          this.publish({ type: "media", what: "gone", side: "", detail: event.reason });
          return this.mediaLost(event.reason);
        case "first-packet":
          return this.publish({ type: "media", what: "first packet", side: event.side, detail: event.from });
        case "stray":
          return this.publish({ type: "media", what: "stray", side: event.side, detail: `${event.from}, ${event.packets} packets` });
      }
    });
  }
  /** The engine holds nothing of this call any more. */
  mediaLost(reason: string): void {
    this.hangUp("us", `media lost: ${reason}`, 41, "media_failed");
  }

  journalMedia(): void {
    const { state } = this.media;
    if (state !== undefined) this.ports.journal.append(this.id, this.#tenant, { media: state });
    if (this.media.held === this.#held) return;
    this.#held = !this.#held;
    this.publish({ type: "call-held", held: this.#held });
  }

  // The end

  /** BYE on both legs, or the end of the set-up. `q850` tells both sides why. */
  hangUp(endedBy: Cdr["endedBy"], reason: string, q850: number, outcome: Outcome): void {
    if (this.#state === "ending") return;
    if (this.#setUp !== undefined) {
      // The hunt refuses upward, and `onRefused` ends the call.
      return this.#setUp.stop(outcome === "media_failed" ? 500 : 480, reason);
    }
    if (!this.running) return this.#refuse({ status: 480, q850, outcome, reason }, [], endedBy);
    this.#end({ outcome, sipStatus: 200, q850, endedBy, reason });
    this.#bye(this.#a, [q850Reason(q850)]);
    this.#bye(this.#b, [q850Reason(q850)]);
  }

  /** @param passed the BYE of the other leg, of which rules may let headers pass */
  #bye(leg: Leg | undefined, headers: readonly HeaderField[], passed?: ReceivedRequest): void {
    const dialog = leg?.dialog;
    if (leg === undefined || dialog === undefined) return;
    leg.dialog = undefined;
    this.#bridge.settleAck(leg, dialog);
    const byRule = headersToward(leg.peer.headers, "BYE", passed);
    dialog.bye(byRule.length === 0 ? headers : [...headers, ...byRule]);
  }

  /** After a mistake of ours: whatever still can be ended is. */
  #abandon(reason: string): void {
    const setUp = this.#setUp;
    this.#setUp = undefined;
    try {
      if (setUp !== undefined) {
        setUp.giveUp([q850Reason(41)]);
        if (setUp.invite?.pending === true) setUp.invite.reject(500, reasonPhraseOf(500), [q850Reason(41)]);
        this.#attempts = setUp.ended;
      } else if (this.#invite?.pending === true) this.#invite.reject(500, reasonPhraseOf(500), [q850Reason(41)]);
      this.#bye(this.#a, [q850Reason(41)]);
      this.#bye(this.#b, [q850Reason(41)]);
    } catch (error) {
      this.publish({ type: "process", what: "call failed twice", detail: String(error) });
    }
    this.#end({ outcome: "failed", sipStatus: this.#answered === undefined ? 500 : 200, q850: 41, endedBy: "us", reason });
  }

  #end(how: Omit<CallEnding, "endedAtMs" | "setupMs" | "durationMs">): void {
    if (this.#state === "ending") return;
    this.#state = "ending";
    this.#setUp = undefined;
    this.#invite = undefined;
    this.#durationTimer?.cancel();
    this.#bridge.end();
    this.moves.end([]);
    const { clock } = this.ports;
    const nowMs = clock.nowMs();
    const answered = this.#answered;
    const ending: CallEnding = {
      ...how,
      endedAtMs: clock.wallMs(),
      setupMs: answered?.setupMs ?? nowMs - this.#startedMs,
      durationMs: answered === undefined ? 0 : nowMs - answered.answeredMs,
    };
    if (!this.media.opened) return this.#finish(ending, undefined);
    this.#ending = ending;
    // Between here and the CDR the engine is asked for its counters; a crash meanwhile must not revive the call.
    this.ports.journal.append(this.id, this.#tenant, { ended: ending, ...triedOf(this.#standing, this.#attempts) });
    this.media.release().then(
      (stats) => this.#finish(ending, stats),
      () => this.#finish(ending, undefined),
    );
  }

  #finish(ending: CallEnding, stats: Parameters<typeof cdrOf>[2]): void {
    // Without a core the plan itself failed: nothing was journaled, and nobody knows who called whom.
    if (this.#core !== undefined) this.#writeRecord(this.#core, ending, stats);
    this.publish({
      type: "call-ended",
      outcome: ending.outcome,
      sipStatus: ending.sipStatus,
      endedBy: ending.endedBy,
      reason: ending.reason,
      durationMs: Math.round(ending.durationMs),
    });
    this.#lease?.end({
      called: this.#core?.called ?? "",
      trunks: this.#attempts.filter(({ peerKind }) => peerKind === "trunk").map(({ peer }) => peer),
      talkedMs: ending.durationMs,
    });
    this.moves.giveAll();
    this.calls.gone(this);
  }

  /** Beyond `guard`: a mistake here costs the counters, or the record, and never keeps an ended call. */
  #writeRecord(core: CoreSection, ending: CallEnding, stats: Parameters<typeof cdrOf>[2]): void {
    for (const counted of stats === undefined ? [undefined] : [stats, undefined]) {
      try {
        return this.ports.journal.end(cdrOf(this.#record(core), ending, counted));
      } catch (error) {
        const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.publish({ type: "process", what: counted === undefined ? "record failed" : "counters failed", detail });
      }
    }
  }

  #record(core: CoreSection): CallRecord {
    const { left } = this.moves;
    const now = [this.#a, this.#b]
      .filter((leg) => leg !== undefined)
      .map(({ name, peer, facts, side }) => ({ name, peer, facts, codec: this.media.codec(side) }));
    return {
      callId: this.id,
      tenant: this.#tenant,
      node: this.ports.signer.node,
      direction: this.source.kind === "trunk" ? "inbound" : "outbound",
      caller: core.caller,
      called: core.called,
      route: core.route,
      generation: core.generation,
      decision: core.decision,
      startedAtMs: core.startedAtMs,
      answeredAtMs: this.#answered?.answeredAtMs,
      legs: left.length === 0 ? now : [...left, ...now].toSorted((one, other) => numberOf(one.name) - numberOf(other.name)),
      attempts: this.#attempts,
      skipped: this.#skipped,
    };
  }

  async quality(): Promise<readonly LegQuality[]> {
    if (!this.media.opened) return [];
    const stats = await this.ports.media.stats(this.id);
    return [this.#a, this.#b].flatMap((leg) => {
      const counted = stats?.sides.find(({ side }) => side === leg?.name);
      if (leg === undefined || counted === undefined) return [];
      const { packetsReceived, packetsSent, lost: packetsLost, jitterMs, strays } = counted;
      return [
        {
          leg: leg.name,
          peer: leg.peer.name,
          codec: this.media.codec(leg.side),
          packetsReceived,
          packetsSent,
          packetsLost,
          jitterMs,
          strays,
        },
      ];
    });
  }
  summary(): CallSummary {
    const core = this.#core;
    return {
      callId: this.id,
      tenant: this.#tenant,
      state: this.state,
      caller: core?.caller ?? "",
      called: core?.called ?? "",
      from: this.source.name,
      to: this.#towards.join(", "),
      startedAtMs: core?.startedAtMs ?? 0,
      answeredAtMs: this.#answered?.answeredAtMs,
      held: this.#held,
    };
  }

  // Recovery

  /** All sections of this call as they stand: what a new journal segment starts with. */
  sections(): CallSections {
    return this.#sections(true);
  }
  /** @param dialogA where the caller's dialog is just being made */
  #sections(whole: boolean, dialogA = this.#a?.dialog?.state): CallSections {
    return sectionsOf(this.#standing, whole, dialogA);
  }
  get #standing(): Standing {
    return {
      core: this.#core,
      ending: this.#ending,
      incoming: this.#incoming,
      setUp: this.#setUp,
      a: this.#a,
      b: this.#b,
      media: this.media.state,
      answered: this.#answered,
      attempts: this.#attempts,
      skipped: this.#skipped,
      moves: this.moves,
    };
  }

  /** Takes up a confirmed call of the former process. */
  restore(recovered: Extract<Recovered, { readonly type: "answered" }>, callee: Peer, firstPeer: Peer = this.source): void {
    const { core, answered, media, first } = recovered;
    const { clock } = this.ports;
    const agoMs = Math.max(0, clock.wallMs() - answered.answeredAtMs);
    this.#core = core;
    this.#answered = { answeredAtMs: answered.answeredAtMs, answeredMs: clock.nowMs() - agoMs, setupMs: answered.setupMs };
    this.#attempts = answered.attempts;
    this.#skipped = answered.skipped;
    this.media = MediaSession.restore(this.ports.media, this.id, firstPeer, callee, media);
    this.#held = this.media.held;
    this.#a = new Leg(this, "a", first?.leg ?? "a", firstPeer, first?.facts ?? core.facts);
    this.#b = new Leg(this, "b", answered.leg, callee, answered.facts);
    this.moves.swapped = first?.swapped === true;
    this.moves.everSwapped = first !== undefined;
    this.moves.left = answered.left ?? [];
    for (const leg of [this.#a, this.#b]) if (leg.name !== "a") this.moves.count(leg.peer.name, "out");
    if (!this.#placed && this.#a.name !== "a" && this.#b.name !== "a") this.moves.give({ name: "a", peer: this.source });
    for (const { parameters } of recovered.attempts) this.calls.agent.recoverInvite({ ...parameters, headers: [], body: "" });
    const from = first === undefined ? this.calls.callsAt(this.source, "in") : undefined;
    const [, source = ""] = /^[a-z]+:(.*):\d+$/.exec(core.facts.remoteAddress) ?? [];
    this.#lease = this.ports.limits?.resume({ tenant: this.#tenant, peer: from, source });
    this.#lease?.answered(firstPeer, agoMs);
    this.#lease?.answered(callee, agoMs);
    const { agent } = this.calls;
    const { ended, incoming } = recovered;
    // Whoever ended the call itself needs nothing more: a repeated BYE meets 481, which ends it as well.
    if (ended?.endedBy !== this.#personAt(this.#a)) this.#a.dialog = agent.restore(recovered.dialogA, this.#a, firstPeer.account);
    if (ended?.endedBy !== this.#personAt(this.#b)) this.#b.dialog = agent.restore(recovered.dialogB, this.#b, callee.account);
    if (ended !== undefined) {
      // Its BYEs were out when the process died, or just not yet.
      this.#state = "ending";
      this.#ending = ended;
      this.#bye(this.#a, []);
      this.#bye(this.#b, []);
      void this.media.release();
      return this.#finishOnceSaid(ended);
    }
    this.#state = "answered";
    if (incoming !== undefined) {
      // RFC 3261 §13.3.1.4: a 2xx is repeated until its ACK; who has it already sends the ACK once more.
      const headers = [...agent.responseHeaders, ...(incoming.headers ?? [])];
      const answer = { contact: recovered.dialogA.localContact, headers, sdp: this.media.told("a") };
      this.ports.answerRaw(incoming.wire, incoming.flow, incoming.localTag, 200, reasonPhraseOf(200), answer);
      this.ports.journal.append(this.id, this.#tenant, { incoming: null });
    }
    this.#limitDuration(agoMs);
  }

  /**
   * Ends a call that was being set up when the former process died (RFC 3261 §9.1 for what was out), or closes
   * the record of one that was over.
   * @param callee of one that was answered
   * @param firstPeer of one that we placed, where he had answered
   */
  closeSetUp(recovered: Extract<Recovered, { readonly type: "set-up" }>, callee: Peer | undefined, firstPeer: Peer | undefined): void {
    const { core, incoming, attempts, tried, answered, first, ended } = recovered;
    const { ports } = this;
    this.#core = core;
    this.#state = "ending";
    this.#attempts = tried?.attempts ?? [];
    this.#skipped = tried?.skipped ?? [];
    if (answered !== undefined && callee !== undefined) {
      const { answeredAtMs, setupMs, leg, facts } = answered;
      this.#answered = { answeredAtMs, answeredMs: ports.clock.nowMs(), setupMs };
      this.#attempts = answered.attempts;
      this.#skipped = answered.skipped;
      this.#b = new Leg(this, "b", leg, callee, facts);
      this.moves.count(callee.name, "out");
    }
    if (core.placed !== true) this.#a = new Leg(this, "a", "a", this.source, core.facts);
    else if (first !== undefined && firstPeer !== undefined) {
      this.#answered ??= { answeredAtMs: first.answeredAtMs, answeredMs: ports.clock.nowMs(), setupMs: first.setupMs };
      this.#a = new Leg(this, "a", first.leg, firstPeer, first.facts);
      this.moves.count(firstPeer.name, "out");
      if (recovered.dialogA !== undefined && ended?.endedBy !== this.#personAt(this.#a)) {
        this.#a.dialog = this.calls.agent.restore(recovered.dialogA, this.#a, firstPeer.account);
        this.#bye(this.#a, [q850Reason(41)]);
      }
    }
    const reason = "restart during set-up";
    if (ended === undefined) {
      if (incoming !== undefined) ports.answerRaw(incoming.wire, incoming.flow, incoming.localTag, 500, reasonPhraseOf(500));
      for (const { parameters } of attempts) this.calls.agent.recoverInvite({ ...parameters, headers: [], body: "" });
      const lost = attempts.map((attempt) => lostAttempt(attempt, ports.clock.wallMs(), reason));
      this.#attempts = [...this.#attempts, ...lost];
    }
    this.#ending = ended;
    void this.ports.media.release(this.id);
    const endedAtMs = ports.clock.wallMs();
    this.#incoming = incoming;
    this.#finishOnceSaid(
      ended ?? {
        outcome: "failed",
        sipStatus: 500,
        q850: 41,
        endedBy: "us",
        reason,
        endedAtMs,
        setupMs: Math.max(0, endedAtMs - core.startedAtMs),
        durationMs: 0,
      },
    );
  }

  /** Who is called first by us is who was asked for. */
  #personAt({ side }: Leg): "caller" | "callee" {
    return (side === "a") === (this.#placed !== this.moves.swapped) ? "callee" : "caller";
  }

  /** Only when what was said has left: a process that is killed right after its start leaves the same to do to the next one. */
  #finishOnceSaid(ending: CallEnding): void {
    this.ports.clock.after(SAID_MS, () => this.guard(() => this.#finish(ending, undefined)));
  }
}

const outcomeOfRejection = (status: number): Outcome =>
  status === 404
    ? "invalid_number"
    : status === 403
      ? "carrier_blocked"
      : status === 486
        ? "busy"
        : status === 480
          ? "no_answer"
          : status >= 600 || status === 433
            ? "rejected"
            : "failed";

/** Of a leg's name: "a" is 0, "b2" 2. */
const numberOf = (name: string): number => Number(name.slice(1));
