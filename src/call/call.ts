/**
 * One call: a back-to-back user agent of two legs (RFC 3261 §6), from the INVITE that made it to the
 * record of its end. States: routing → hunting → ringing → answered → ending. Set-up is `set-up.ts`,
 * what passes between answered legs is `bridge.ts`, what is remembered `call-state.ts`; this file owns all
 * three, says when the journal hears of them, and ends the call once.
 *
 * Whatever enters a call enters through `guard`: a mistake of ours ends that call with its CDR, not the
 * process.
 */
import type { Timer } from "#base/clock.ts";
import type { CallId, TenantId } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import { type Outcome, outcomeOf } from "#cdr/outcome.ts";
import type { TandemEvent } from "#observe/event.ts";
import type { DialPlan } from "#routing/decision.ts";
import type { CallUnderWay } from "#routing/loops.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { HeaderField, ReceivedRequest } from "#sip/message/message.ts";
import { ownText } from "#sip/message/received-message.ts";
import { q850CauseOf } from "#sip/message/reason.ts";
import { reasonPhraseOf } from "#sip/message/reason-phrases.ts";
import { withoutTag } from "#sip/dialog/dialog.ts";
import { respondInDialog } from "#sip/dialog/respond.ts";
import type { DialogState, IncomingInvite, RequestParts } from "#sip/dialog/user-agent.ts";
import type { Attempt } from "./attempt.ts";
import { canHear, refuseAudibly } from "./audible-refusal.ts";
import { Bridge } from "./bridge.ts";
import type { CallHouse } from "./call-house.ts";
import { qualityOf, summaryOf } from "./call-report.ts";
import { attemptSections, sectionsOf, triedOf } from "./call-sections.ts";
import { type CallInside, type CallState, isPlaced, newState, towards } from "./call-state.ts";
import type { CallEnding } from "./cdr-of-call.ts";
import type { CallSummary, LegQuality } from "./control.ts";
import { type Caller, callerOf } from "./caller-identity.ts";
import { finishCall } from "./finish-call.ts";
import { headersToward } from "./header-rules.ts";
import type { Dialling } from "./lane.ts";
import { type Ending, q850Of } from "./ending.ts";
import { Leg, type LegFacts, type LegOwner } from "./leg.ts";
import { type Refusal, whyNoLease, whyNotLetIn } from "./let-in.ts";
import { MediaSession, type Side } from "./media-session.ts";
import { type SessionEvent, toldOf } from "./media-told.ts";
import { Moves } from "./moves.ts";
import { callerNamed, type Origination } from "./origination.ts";
import type { CallPorts, ServerTransaction } from "./ports.ts";
import { q850Reason, reasonAcross } from "./reason-across.ts";
import type { CallSections, CoreSection, Recovered } from "./recovery.ts";
import { SetUp } from "./set-up.ts";
import { closeSetUp, takeUp } from "./take-up.ts";

type WithoutCall<T> = T extends unknown ? Omit<T, "tenant" | "callId"> : never;

/** RFC 3261 §20.33: what a caller is told to wait when we are overloaded. */
export const RETRY_AFTER_S = 5;

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
  readonly #is: CallState;
  #insideOnce: CallInside | undefined;
  callerOffered = true;
  #durationTimer: Timer | undefined;
  /** Of a call that Tandem places. */
  #order: Origination | undefined;

  constructor(calls: CallHouse, id: CallId, token: string, source: Peer) {
    this.calls = calls;
    this.ports = calls.ports;
    this.id = id;
    this.token = token;
    this.source = source;
    // RFC 8866 §5.2: a numeric id; the time it was made, as the RFC suggests, doubled for the two sides.
    const media = new MediaSession(this.ports.media, id, source, Math.floor(this.ports.clock.wallMs()) * 2);
    this.#is = newState(source.tenant, this.ports.clock.nowMs(), media);
    this.#bridge = new Bridge(this);
    this.moves = new Moves(this, () => this.#inside);
    this.moves.count(source.name, "in");
  }
  /** Most calls are never moved nor taken up. */
  get #inside(): CallInside {
    return (this.#insideOnce ??= {
      call: this,
      is: this.#is,
      personAt: (leg) => this.#personAt(leg),
      idle: () => this.#bridge.idle,
      drop: () => this.#bridge.drop(),
      renew: (leg) => this.#bridge.renew(leg),
      bye: (leg, headers) => this.#bye(leg, headers),
      journal: () => this.#journalAll(),
      limitDuration: (alreadyMs) => this.#limitDuration(alreadyMs),
      finish: (ending) => this.#finishOnceSaid(ending),
    });
  }

  get tenant(): TenantId {
    return this.#is.tenant;
  }
  get state(): CallSummary["state"] {
    return this.#is.phase === "hunting" && this.#is.setUp?.ringing === true ? "ringing" : this.#is.phase;
  }
  /** What a loop is recognised by; undefined while nothing is decided. */
  get underWay(): CallUnderWay | undefined {
    const core = this.#is.core;
    if (core === undefined) return undefined;
    const to = towards(this.#is);
    return { callId: this.id, route: core.route, called: core.called, caller: core.caller, to, answered: this.#is.answered !== undefined };
  }
  get running(): boolean {
    return this.#is.phase === "answered";
  }
  get media(): MediaSession {
    return this.#is.media;
  }
  leg(side: Side): Leg | undefined {
    return side === "a" ? this.#is.a : this.#is.b;
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
    this.ports.publish({ ...event, tenant: this.#is.tenant, callId: this.id } as TandemEvent);
  }

  // Set-up

  begin(invite: IncomingInvite): void {
    this.#is.invite = invite;
    const { request, flow } = invite;
    const facts: LegFacts = {
      sipCallId: ownText(request.callId()),
      remoteAddress: `${flow.transport.toLowerCase()}:${flow.remoteAddress}:${flow.remotePort}`,
      from: ownText(withoutTag(request.header("from") ?? "")),
      to: ownText(withoutTag(request.header("to") ?? "")),
    };
    this.#is.a = new Leg(this, "a", "a", this.source, facts);
    invite.onCancelled = (cancel) => this.guard(() => this.#callerGone(cancel));
    const caller = callerOf(request, this.source.identity?.read);
    const uri = request.uri();
    const calledUser = (uri.ok ? uri.value.user : undefined) ?? "";
    const decided = this.ports.plan({ source: this.source, flow, request, uri, calledUser, callerUser: caller.user, callId: this.id });
    const plan = this.calls.withoutLoop(decided, request, this.source, this);
    this.#is.incoming = { wire: request.wire, flow, localTag: invite.localTag };
    this.#began(plan, { facts, ...(decided.seen !== undefined && { decision: decided.seen }) });
    this.#route(plan, invite, caller);
  }

  /** A call that Tandem places. */
  originate(order: Origination): void {
    this.#order = order;
    this.media.place();
    const plan = order.plan(this.id);
    this.#began(plan, { facts: { sipCallId: this.token, remoteAddress: "", from: plan.caller, to: plan.called }, placed: true });
    if (this.#decided(plan) && this.#passes(whyNoLease(this, this.#is, "")))
      this.#dial(new SetUp(this, undefined, plan, callerNamed(plan.caller), this.media, { side: "a" }));
  }

  #began(plan: DialPlan, more: Pick<CoreSection, "facts" | "decision" | "placed">): void {
    const { kind, name } = this.source;
    const { caller, called, route } = plan;
    this.#is.tenant = plan.tenant;
    this.#is.core = {
      startedAtMs: this.ports.clock.wallMs(),
      source: { kind, name },
      caller,
      called,
      route,
      generation: this.ports.generation(),
      ...more,
    };
    this.#journal({
      core: this.#is.core,
      ...(this.#is.incoming !== undefined && { incoming: this.#is.incoming }),
    });
    const webhookUrl = this.#order?.webhookUrl;
    const { sipCallId } = more.facts;
    this.publish({ type: "call-started", caller, called, peer: name, sipCallId, ...(webhookUrl !== undefined && { webhookUrl }) });
  }

  /** Refuses where the plan does. */
  #decided(plan: DialPlan): plan is Dialling {
    this.#is.skipped = [...this.#is.skipped, ...plan.skipped];
    this.publish({
      type: "route-decided",
      route: plan.route,
      generation: this.#is.core!.generation,
      attempts: plan.type === "dial" ? plan.attempts.map(({ peer }) => peer.name) : [],
      skipped: plan.skipped.map(({ peer, reason }) => `${peer}: ${reason}`),
    });
    if (plan.type === "dial") return true;
    const { status, reason, tone } = plan;
    // A plan that says 503 says maintenance (RFC 3261 §21.5.4), not that we are full.
    const ending = { status, q850: q850Of(status), outcome: status === 503 ? "failed" : outcomeOf(status), reason } as const;
    const invite = this.#is.invite;
    const refuse = (): void => this.#refuse(ending, [], "us");
    if (tone !== undefined && invite !== undefined && canHear(this, invite)) refuseAudibly(this, invite, tone, refuse);
    else refuse();
    return false;
  }
  /** True where the call may go on. */
  #passes(refusal: Refusal | undefined): boolean {
    if (refusal !== undefined) this.#refuse(refusal.ending, refusal.headers, "us");
    return refusal === undefined;
  }
  #dial(setUp: SetUp): void {
    this.#is.phase = "hunting";
    this.#is.setUp = setUp;
    setUp.start();
  }

  #route(plan: DialPlan, invite: IncomingInvite, caller: Caller): void {
    if (!this.#decided(plan) || !this.#passes(whyNotLetIn(this, this.#is, invite))) return;
    this.#dial(new SetUp(this, invite, plan, caller, this.media));
  }

  journalSetUp(setUp: SetUp): void {
    this.#journal({ attempt: attemptSections(setUp), ...triedOf(this.#is, setUp.ended) });
  }

  #callerGone(cancel: ReceivedRequest, endedBy: "caller" | "callee" = "caller"): void {
    const setUp = this.#is.setUp;
    setUp?.callerGone(cancel);
    this.#is.attempts = setUp?.ended ?? [];
    this.#end({
      outcome: "cancelled",
      sipStatus: 487,
      q850: q850CauseOf(cancel) ?? 16,
      endedBy,
      reason: cancel.method === "CANCEL" ? "CANCEL" : isPlaced(this.#is) ? "BYE before the connection" : "BYE before the answer",
    });
  }

  onRefused(setUp: SetUp, ending: Ending, headers: readonly HeaderField[]): void {
    this.#is.attempts = setUp.ended;
    this.#is.skipped = setUp.skipped;
    const last = setUp.ended.at(-1);
    this.#refuse(ending, headers, last !== undefined && last.status >= 400 ? "callee" : "us");
  }

  #refuse(ending: Ending, headers: readonly HeaderField[], endedBy: Cdr["endedBy"]): void {
    const fields: HeaderField[] = [...headers];
    if (ending.q850 !== undefined) fields.push(q850Reason(ending.q850));
    if (ending.status === 503) fields.push(["Retry-After", String(RETRY_AFTER_S)]);
    // RFC 3261 §8.2.6 and topology: our own phrase, never the gateway's.
    if (this.#is.invite?.pending === true) this.#is.invite.reject(ending.status, reasonPhraseOf(ending.status), fields);
    // Of a call that we place, whoever answered first can't be connected.
    else this.#bye(this.#is.a, ending.q850 === undefined ? [] : [q850Reason(ending.q850)]);
    this.#end({ outcome: ending.outcome, sipStatus: ending.status, q850: ending.q850, endedBy, reason: ending.reason });
  }

  onAnswered(setUp: SetUp, attempt: Attempt, parts: RequestParts): void {
    const { clock } = this.ports;
    this.#is.attempts = setUp.ended;
    this.#is.skipped = setUp.skipped;
    this.#is.setUp = undefined;
    this.#is.invite = undefined;
    this.#is.answered ??= { answeredAtMs: clock.wallMs(), answeredMs: clock.nowMs(), setupMs: clock.nowMs() - this.#is.startedMs };
    if (setUp.side === "a") return this.#firstAnswered(attempt.leg);
    const b = attempt.leg;
    this.#is.b = b;
    this.moves.take(b.peer.name, "out");
    this.#is.lease?.answered(b.peer, 0);
    this.#is.phase = "answered";
    const a = this.#is.a!;
    if (setUp.invite === undefined) {
      this.#journalAll();
      this.media.settled();
      return this.#limitDuration(0);
    }
    if (this.#is.incoming !== undefined && parts.headers.length > 0) this.#is.incoming = { ...this.#is.incoming, headers: parts.headers };
    // `onState` journals the answer before it leaves: a caller that heard it has a call after a crash too.
    a.dialog = setUp.invite.answer(parts, a, this.source.account);
    if (this.callerOffered) this.media.settled();
    else this.#bridge.awaitCallersAnswer();
    this.publish({ type: "call-answered", setupMs: Math.round(this.#is.answered.setupMs), peer: b.peer.name });
    this.#limitDuration(0);
  }

  /** Of a call that we place. His ACK leaves when this returns, and only then the second INVITE. */
  #firstAnswered(leg: Leg): void {
    this.#is.a = leg;
    this.moves.take(leg.peer.name, "out");
    this.#is.lease?.answered(leg.peer, 0);
    this.#journalAll();
    this.publish({ type: "call-answered", setupMs: Math.round(this.#is.answered!.setupMs), peer: leg.peer.name });
    this.ports.clock.after(0, () => this.guard(() => this.#connect(leg)));
  }
  #connect(first: Leg): void {
    const order = this.#order;
    if (order === undefined || this.#is.phase !== "hunting" || first.dialog === undefined) return;
    const plan = order.connect(this.id, first.peer);
    if (!this.#decided(plan)) return;
    this.#dial(new SetUp(this, undefined, plan, callerNamed(plan.caller), this.media, { before: this.#is.attempts }));
  }

  #limitDuration(alreadyMs: number): void {
    let limitMs = Infinity;
    for (const { callDurationMaxMs } of [this.source, this.#is.a!.peer, this.#is.b!.peer])
      if (callDurationMaxMs > 0 && callDurationMaxMs < limitMs) limitMs = callDurationMaxMs;
    if (limitMs === Infinity) return;
    this.#durationTimer = this.ports.clock.after(Math.max(0, limitMs - alreadyMs), () => {
      this.guard(() => this.hangUp("us", `longer than ${Math.round(limitMs / 1000)} s`, 102, "answered"));
    });
  }

  // In the call

  onReinvite(leg: Leg, invite: IncomingInvite): void {
    if (leg !== this.#is.a && leg !== this.#is.b) return invite.reject(481, reasonPhraseOf(481));
    this.guard(() => this.#bridge.onReinvite(leg, invite));
  }
  onRequest(leg: Leg, transaction: ServerTransaction): void {
    if (leg !== this.#is.a && leg !== this.#is.b) return respondInDialog(transaction, 481, reasonPhraseOf(481));
    this.guard(() => this.#bridge.onRequest(leg, transaction));
  }
  onAck(leg: Leg, request: ReceivedRequest): void {
    if (leg.side === "a" && this.#is.incoming !== undefined) {
      this.#is.incoming = undefined;
      this.#journal({ incoming: null });
    }
    this.guard(() => this.#bridge.onAck(leg, request));
  }
  onState(leg: Leg, state: DialogState): void {
    if (this.moves.isLeaving(leg)) return;
    if (!this.running) {
      // Whoever answered first of a call that we place, before it is connected.
      if (leg === this.#is.a && leg.dialog !== undefined) this.#journal({ dialogA: state });
      return;
    }
    if (leg.dialog === undefined) {
      if (leg.side === "a") this.#journalAll(state);
      return;
    }
    this.#journal(leg.side === "a" ? { dialogA: state } : { dialogB: state });
  }
  onNoAck(leg: Leg): void {
    this.guard(() => this.hangUp("us", `no ACK from the ${this.#personAt(leg)}`, 102, "failed"));
  }
  onBye(leg: Leg, request: ReceivedRequest): void {
    this.guard(() => {
      if (this.moves.onBye(leg)) return;
      if (this.#is.phase === "hunting") return this.#callerGone(request, this.#personAt(leg));
      const far = this.leg(leg.side === "a" ? "b" : "a");
      this.#end({ outcome: "answered", sipStatus: 200, q850: q850CauseOf(request) ?? 16, endedBy: this.#personAt(leg), reason: "BYE" });
      this.#bye(far, reasonAcross(request), request);
    });
  }
  onMedia(event: SessionEvent): void {
    this.guard(() => {
      this.publish({ type: "media", ...toldOf(event) });
      if (event.type === "gone") this.mediaLost(event.reason);
      else if (event.type === "timeout" && this.running) this.hangUp("us", this.#silence(event.side, event.silentMs), 41, "answered");
    });
  }
  #silence(side: string, silentMs: number): string {
    const leg = side === this.#is.a?.name ? this.#is.a : this.#is.b;
    return `no audio from the ${leg === undefined ? "callee" : this.#personAt(leg)} for ${silentMs} ms`;
  }
  /** The engine holds nothing of this call any more. */
  mediaLost(reason: string): void {
    this.hangUp("us", `media lost: ${reason}`, 41, "media_failed");
  }

  journalMedia(): void {
    const { state } = this.media;
    if (state !== undefined) this.#journal({ media: state });
    if (this.media.held === this.#is.held) return;
    this.#is.held = !this.#is.held;
    this.publish({ type: "call-held", held: this.#is.held });
  }

  // The end

  /** BYE on both legs, or the end of the set-up. `q850` tells both sides why. */
  hangUp(endedBy: Cdr["endedBy"], reason: string, q850: number, outcome: Outcome): void {
    if (this.#is.phase === "ending") return;
    if (this.#is.setUp !== undefined) {
      // The hunt refuses upward, and `onRefused` ends the call.
      return this.#is.setUp.stop(outcome === "media_failed" ? 500 : 480, reason);
    }
    if (!this.running) return this.#refuse({ status: 480, q850, outcome, reason }, [], endedBy);
    this.#end({ outcome, sipStatus: 200, q850, endedBy, reason });
    this.#bye(this.#is.a, [q850Reason(q850)]);
    this.#bye(this.#is.b, [q850Reason(q850)]);
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
    const setUp = this.#is.setUp;
    this.#is.setUp = undefined;
    try {
      if (setUp !== undefined) {
        setUp.giveUp([q850Reason(41)]);
        if (setUp.invite?.pending === true) setUp.invite.reject(500, reasonPhraseOf(500), [q850Reason(41)]);
        this.#is.attempts = setUp.ended;
      } else if (this.#is.invite?.pending === true) this.#is.invite.reject(500, reasonPhraseOf(500), [q850Reason(41)]);
      this.#bye(this.#is.a, [q850Reason(41)]);
      this.#bye(this.#is.b, [q850Reason(41)]);
    } catch (error) {
      this.publish({ type: "process", what: "call failed twice", detail: String(error) });
    }
    this.#end({ outcome: "failed", sipStatus: this.#is.answered === undefined ? 500 : 200, q850: 41, endedBy: "us", reason });
  }

  #end(how: Omit<CallEnding, "endedAtMs" | "setupMs" | "durationMs">): void {
    if (this.#is.phase === "ending") return;
    this.#is.phase = "ending";
    this.#is.setUp = undefined;
    this.#is.invite = undefined;
    this.#durationTimer?.cancel();
    this.#bridge.end();
    this.moves.end([]);
    const { clock } = this.ports;
    const nowMs = clock.nowMs();
    const answered = this.#is.answered;
    const ending: CallEnding = {
      ...how,
      endedAtMs: clock.wallMs(),
      setupMs: answered?.setupMs ?? nowMs - this.#is.startedMs,
      durationMs: answered === undefined ? 0 : nowMs - answered.answeredMs,
    };
    if (!this.media.opened) return finishCall(this, this.#is, ending, undefined);
    this.#is.ending = ending;
    // Between here and the CDR the engine is asked for its counters; a crash meanwhile must not revive the call.
    this.#journal({ ended: ending, ...triedOf(this.#is, this.#is.attempts) });
    this.media.release().then(
      (stats) => finishCall(this, this.#is, ending, stats),
      () => finishCall(this, this.#is, ending, undefined),
    );
  }

  quality(): Promise<readonly LegQuality[]> {
    return qualityOf(this, this.#is);
  }
  summary(): CallSummary {
    return summaryOf(this, this.#is);
  }

  // Recovery

  /** All sections of this call as they stand: what a new journal segment starts with. */
  sections(): CallSections {
    return this.#sections(true);
  }
  /** @param dialogA where the caller's dialog is just being made */
  #sections(whole: boolean, dialogA = this.#is.a?.dialog?.state): CallSections {
    return sectionsOf(this.#is, this.moves, whole, dialogA);
  }
  #journalAll(dialogA?: DialogState): void {
    this.#journal(this.#sections(false, dialogA));
  }
  #journal(sections: CallSections): void {
    this.ports.journal.append(this.id, this.#is.tenant, { ...sections });
  }

  /** Takes up a confirmed call of the former process. */
  restore(recovered: Extract<Recovered, { readonly type: "answered" }>, callee: Peer, firstPeer: Peer = this.source): void {
    takeUp(this.#inside, recovered, callee, firstPeer);
  }
  /** Ends one that was being set up, or closes the record of one that was over. */
  closeSetUp(recovered: Extract<Recovered, { readonly type: "set-up" }>, callee: Peer | undefined, firstPeer: Peer | undefined): void {
    closeSetUp(this.#inside, recovered, callee, firstPeer);
  }

  /** Who is called first by us is who was asked for. */
  #personAt({ side }: Leg): "caller" | "callee" {
    return (side === "a") === (isPlaced(this.#is) !== this.moves.swapped) ? "callee" : "caller";
  }

  /** Only when what was said has left: a process that is killed right after its start leaves the same to do to the next one. */
  #finishOnceSaid(ending: CallEnding): void {
    this.ports.clock.after(SAID_MS, () => this.guard(() => finishCall(this, this.#is, ending, undefined)));
  }
}
