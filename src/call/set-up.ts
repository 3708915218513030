/**
 * A call from its INVITE to its answer or refusal: runs the moves of `hunt.ts` on dialogs and media
 * (RFC 3261 §13, §16.7; RFC 3960). It is dropped whole when the call is answered, so that a running call
 * keeps none of it.
 */
import type { Timer } from "#base/clock.ts";
import type { CdrAttempt } from "#cdr/record.ts";
import type { Prepared } from "#media/engine.ts";
import type { DialPlan, PlannedAttempt } from "#routing/decision.ts";
import { mayShow, numberFrom, numberToward } from "#routing/peer-numbers.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { HeaderField, ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import { writeHostPort } from "#sip/message/parse-host.ts";
import { parseNameAddr } from "#sip/message/parse-name-addr.ts";
import { parseUri } from "#sip/message/parse-uri.ts";
import { ownText } from "#sip/message/received-message.ts";
import { reasonPhraseOf } from "#sip/message/reason-phrases.ts";
import type { Dialog, IncomingInvite, RequestParts } from "#sip/dialog/user-agent.ts";
import { Attempt, type AttemptOwner, targetText } from "./attempt.ts";
import { type Caller, callerToward, nameAddr } from "./caller-identity.ts";
import type { Call } from "./call.ts";
import { beginHunt, type Ending, hunt, type HuntCandidate, type HuntEvent, type HuntMove, type HuntState, type HuntStep } from "./hunt.ts";
import { diversionsToward } from "./diversion.ts";
import { headersToward } from "./header-rules.ts";
import { Leg } from "./leg.ts";
import type { MediaSession } from "./media-session.ts";
import type { Located, Target } from "./ports.ts";
import { reasonAcross } from "./reason-across.ts";

export type Dialling = Extract<DialPlan, { readonly type: "dial" }>;

/** RFC 3261 §8.1.1.6, for callers that sent no Max-Forwards. */
const MAX_FORWARDS_DEFAULT = 70;
const NO_PARTS: RequestParts = { headers: [], body: "" };

export class SetUp implements AttemptOwner {
  readonly #call: Call;
  readonly invite: IncomingInvite;
  readonly #plan: Dialling;
  readonly #caller: Caller;
  readonly #media: MediaSession;
  readonly #candidates: readonly HuntCandidate[];
  #hunt: HuntState;
  #attempt: Attempt | undefined;
  #attempts = 0;
  /** Addresses of the present candidate that were not tried; and where its 3xx points. */
  #addresses: readonly Target[] = [];
  #redirect: PlannedAttempt | undefined;
  #timer: Timer | undefined;
  #timerDueMs = Infinity;
  /** Grows with every dial, so that late answers of DNS and engine are told from current ones. */
  #dial = 0;
  /** The candidate whose capacity is taken while its attempt runs. */
  #counted: string | undefined;
  #ringing = false;
  readonly ended: CdrAttempt[] = [];

  constructor(call: Call, invite: IncomingInvite, plan: Dialling, caller: Caller, media: MediaSession) {
    this.#call = call;
    this.invite = invite;
    this.#plan = plan;
    this.#caller = caller;
    this.#media = media;
    this.#candidates = plan.attempts.map(({ peer, backup }) => ({
      kind: peer.kind,
      nextOn: peer.kind === "gateway" ? peer.nextOn : [],
      earlyMedia: peer.earlyMedia,
      followRedirects: peer.followRedirects,
      ...(backup?.on === undefined ? {} : { after: backup.on }),
    }));
    this.#hunt = {
      stage: "over",
      candidate: 0,
      addressesLeft: 0,
      redirects: 0,
      deadlineMs: Infinity,
      budgetEndMs: Infinity,
      best: undefined,
    };
  }

  start(): void {
    this.#run(beginHunt(this.#candidates, this.#plan.hunt, this.#call.ports.clock.nowMs()));
  }
  get ringing(): boolean {
    return this.#ringing;
  }
  /** With the backups that what failed was not for. */
  get skipped(): Dialling["skipped"] {
    const tried = new Set(this.ended.map(({ peer }) => peer));
    const { attempts } = this.#plan;
    const looked = this.#hunt.stage === "answered" ? attempts.slice(0, this.#hunt.candidate) : attempts;
    const passedOver = looked.filter(({ peer, backup }) => backup?.on !== undefined && !tried.has(peer.name));
    if (passedOver.length === 0) return this.#plan.skipped;
    return [
      ...this.#plan.skipped,
      ...passedOver.map(({ peer, backup }) => ({ peer: peer.name, reason: `backup of ${backup!.of} for ${backup!.on!.join(", ")} only` })),
    ];
  }
  /** Where the call is going now. */
  get towards(): string {
    return this.#attempt?.planned.peer.name ?? this.#plan.attempts[this.#hunt.candidate]?.peer.name ?? "";
  }
  /** For the journal: what a successor of this process must cancel. */
  get attempt(): Attempt | undefined {
    return this.#attempt;
  }

  /** Without a word to anybody: the owner ends what is open. */
  giveUp(): void {
    this.#hunt = { ...this.#hunt, stage: "over", deadlineMs: Infinity };
    this.#dial++;
    if (this.#attempt !== undefined) this.#attempt.left = true;
    this.#uncount();
    this.#stop();
  }

  step(event: HuntEvent): void {
    this.#run(hunt(this.#hunt, event, this.#candidates, this.#plan.hunt, this.#call.ports.clock.nowMs()));
  }

  /** CANCEL, or BYE in the early dialog: whatever is out is cancelled. */
  callerGone(request: ReceivedRequest): void {
    this.#cancelHeaders = reasonAcross(request);
    this.step({ type: "caller-gone" });
    this.#stop();
  }
  #cancelHeaders: readonly HeaderField[] = [];

  onAttemptResend(attempt: Attempt): void {
    if (attempt === this.#attempt) this.#call.journalSetUp(this);
  }
  onAttemptEvent(attempt: Attempt, event: HuntEvent, response: ReceivedResponse | undefined): void {
    this.#call.guard(() => {
      this.#response = response;
      this.step(this.#withRedirect(attempt, event, response));
      this.#response = undefined;
    });
  }
  #withRedirect(attempt: Attempt, event: HuntEvent, response: ReceivedResponse | undefined): HuntEvent {
    if (event.type !== "response" || !event.contact || response === undefined) return event;
    this.#redirect = redirected(attempt.planned, response);
    return this.#redirect === undefined ? { ...event, contact: false } : event;
  }
  /** The response being worked on, for what its peer may pass upward. */
  #response: ReceivedResponse | undefined;

  onAttemptAnswer(attempt: Attempt, response: ReceivedResponse, dialog: Dialog): void {
    this.#call.guard(() => this.#answered(attempt, response, dialog));
  }
  #answered(attempt: Attempt, response: ReceivedResponse, dialog: Dialog): void {
    const text = attempt.descriptionOf(response);
    if (text === undefined) return this.step({ type: "bad-answer", reason: `${response.status} without a session description` });
    const told = this.#media.calleeAnswers(text, true);
    if (!told.ok) return this.step({ type: "bad-answer", reason: told.reason });
    attempt.leg.dialog = dialog;
    this.step({ type: "answer" });
    this.#leaveHunt(attempt, { status: response.status, q850: undefined, outcome: "answered", reason: "answered" }, true);
    this.#stop();
    const headers = headersToward(this.#call.source.headers, "200", response);
    this.#call.onAnswered(this, attempt, { headers, contentType: "application/sdp", body: told.sdp });
    // RFC 3261 §13.2.2.4: our INVITE had the offer, so the ACK waits for nothing but the journal.
    dialog.ack("");
  }

  #run(step: HuntStep): void {
    this.#hunt = step.state;
    for (const move of step.moves) this.#move(move);
    this.#arm();
  }

  #move(move: HuntMove): void {
    switch (move.type) {
      case "dial":
        return this.#dialCandidate(this.#plan.attempts[move.candidate]!);
      case "dial-redirect":
        return this.#dialCandidate(this.#redirect!);
      case "dial-next-address":
        return this.#prepare(this.#redirect ?? this.#plan.attempts[this.#hunt.candidate]!);
      case "leave":
        return this.#leave(move.how, move.ending);
      case "rest":
        this.#restS = move.seconds;
        return;
      case "provisional":
        return this.#provisional(move.status, move.sdp);
      case "accept":
        return;
      case "refuse": {
        this.#stop();
        const told = this.#response?.status === move.ending.status ? this.#response : undefined;
        return this.#call.onRefused(this, move.ending, headersToward(this.#call.source.headers, "refusal", told));
      }
    }
  }
  #restS: number | undefined;

  #dialCandidate(planned: PlannedAttempt): void {
    const { ports, calls } = this.#call;
    const { peer } = planned;
    const dial = ++this.#dial;
    if (planned !== this.#redirect) this.#redirect = undefined;
    const full = calls.fullness(peer, "out", planned.group);
    if (full !== undefined) return this.#unavailable(planned, "capacity", full);
    const turn = calls.turn(peer, "out");
    if (typeof turn === "string") return this.#unavailable(planned, "rate_limited", turn);
    if (turn === 0) return this.#locate(planned);
    // Its place is kept while it waits, so that whoever comes later finds it taken.
    this.#count(peer.name);
    ports.clock.after(turn, () => {
      if (dial === this.#dial && this.#hunt.stage === "dialling") this.#call.guard(() => this.#locate(planned));
    });
  }

  #locate(planned: PlannedAttempt): void {
    const { ports } = this.#call;
    const { peer } = planned;
    const dial = this.#dial;
    const uri = parseUri(this.#firstHop(planned));
    if (!uri.ok) return this.#unavailable(planned, "failed", `R-URI: ${uri.reason}`);
    this.#count(peer.name);
    const take = (located: Located): void => {
      if (dial !== this.#dial || this.#hunt.stage !== "dialling") return;
      if (!located.ok) return this.#unavailable(planned, "failed", `${located.code}: ${located.detail}`);
      this.#addresses = located.targets;
      this.#prepare(planned);
    };
    const located = ports.locate(uri.value, peer.listener, planned === this.#redirect ? "" : peer.name);
    if (!(located instanceof Promise)) return take(located);
    // Several questions may be asked in a row, and each may wait: together no longer than for a gateway that is silent.
    const { tryTimeoutMs } = this.#plan.hunt;
    const late = ports.clock.after(tryTimeoutMs, () => {
      this.#call.guard(() => take({ ok: false, code: "DNS_FAILED", detail: `no answer within ${tryTimeoutMs} ms` }));
    });
    const settle = (found: Located): void => {
      late.cancel();
      this.#call.guard(() => take(found));
    };
    located.then(settle, (error: unknown) => settle({ ok: false, code: "DNS_FAILED", detail: String(error) }));
  }

  /** RFC 3261 §8.1.2: the outbound proxy, unless the call was sent elsewhere by a 3xx. */
  #firstHop(planned: PlannedAttempt): string {
    return planned === this.#redirect ? planned.requestUri : (planned.peer.outboundProxy ?? planned.requestUri);
  }

  #unavailable(planned: PlannedAttempt, outcome: "capacity" | "rate_limited" | "failed", reason: string): void {
    this.#record({
      number: ++this.#attempts,
      peer: planned.peer.name,
      peerKind: planned.peer.kind,
      target: planned.peer.uri ?? "",
      startedAtMs: this.#call.ports.clock.wallMs(),
      postDialDelayMs: undefined,
      durationMs: 0,
      status: 0,
      q850: undefined,
      outcome,
      reason,
    });
    // A name that doesn't resolve is the gateway's fault as a dead address is; being full is not.
    if (outcome === "failed") {
      this.#call.ports.onAttempt({
        peer: planned.peer.name,
        target: planned.peer.uri ?? "",
        status: 0,
        alive: false,
        restS: undefined,
        reason,
      });
    }
    this.step({ type: "unavailable", outcome, reason });
  }

  #prepare(planned: PlannedAttempt): void {
    const [target, ...rest] = this.#addresses;
    if (target === undefined) return this.#unavailable(planned, "failed", "no address");
    this.#addresses = rest;
    const { peer } = planned;
    // A further address of the same candidate takes its capacity again.
    this.#count(peer.name);
    const dial = ++this.#dial;
    const name = `b${++this.#attempts}`;
    const number = this.#attempts;
    const opened = (prepared: Prepared): void => {
      if (dial !== this.#dial || this.#hunt.stage !== "dialling") this.#call.abortSide(name);
      else if (prepared.ok) this.#send(planned, number, name, target, rest.length);
      else this.#noMedia(`${prepared.code}: ${prepared.detail}`);
    };
    this.#media.prepare(name, peer, target.address, this.invite.flow.remoteAddress).then(
      (prepared) => this.#call.guard(() => opened(prepared)),
      (error: unknown) => this.#call.guard(() => opened({ ok: false, code: "ENGINE_GONE", detail: String(error) })),
    );
  }

  #noMedia(reason: string): void {
    this.#call.publish({ type: "limit", limit: "media", detail: reason });
    this.step({ type: "no-media", reason });
  }

  #send(planned: PlannedAttempt, number: number, name: string, target: Target, addressesLeft: number): void {
    const offer = this.#media.offerCallee();
    if (!offer.ok) {
      this.#media.abort(name);
      return this.step({ type: "not-acceptable", reason: offer.reason });
    }
    const call = this.#call;
    const { ports } = call;
    const { peer } = planned;
    const token = call.token + name;
    const face = ports.face(peer.listener);
    const host = face?.advertised ?? "";
    const from = callerToward(this.#caller, peer, planned.caller, host, (user) => this.#shown(user, peer));
    const diverted = diversionsToward(this.invite.request, peer.identity?.diversion ?? "drop", {
      host: peer.fromDomain === "" ? host : peer.fromDomain,
      called: numberToward(peer, this.#plan.called, this.#plan.called, "caller"),
      write: (user) => numberToward(peer, numberFrom(this.#call.source, user, "caller"), user, "caller"),
      hideHistory: this.#caller.privacy !== "" && this.#caller.privacy !== "none",
    });
    const remoteUri = nameAddr(undefined, planned.called, peer.fromDomain === "" ? hostOf(planned.requestUri) : peer.fromDomain);
    const parameters = {
      requestUri: planned.requestUri,
      target,
      routeSet: this.#firstHop(planned) === planned.requestUri ? [] : [`<${peer.outboundProxy};lr>`],
      localUri: from.localUri,
      remoteUri,
      localTag: token,
      sipCallId: token,
      localContact: contactOf(token, host, face?.portOf(target.transport), target.transport),
      branchPrefix: token,
      maxForwards: this.#maxForwards(),
    };
    const leg = new Leg(call, "b", name, peer, {
      sipCallId: token,
      remoteAddress: targetText(target),
      from: ownText(from.localUri),
      to: ownText(remoteUri),
    });
    const attempt = new Attempt(this, number, planned, target, leg, ports.clock);
    attempt.parameters = parameters;
    this.#attempt = attempt;
    ports.publish({
      type: "attempt-started",
      tenant: call.tenant,
      callId: call.id,
      leg: name,
      attempt: number,
      peer: peer.name,
      target: targetText(target),
    });
    // The journal has the attempt before the wire does.
    call.journalSetUp(this);
    const headers = [...from.headers, ...diverted, ...headersToward(peer.headers, "INVITE", this.invite.request)];
    // Whoever a 3xx names is not who the account is for.
    const credentials = peer.account === undefined || planned === this.#redirect ? {} : { credentials: peer.account };
    const invite = { ...parameters, ...credentials, headers, contentType: "application/sdp", body: offer.sdp };
    attempt.invite = call.calls.agent.invite(invite, attempt, leg);
    this.step({ type: "sent", addressesLeft });
  }

  /** An asserted number as the peer writes it; undefined: it may not be shown to it. */
  #shown(user: string, peer: Peer): string | undefined {
    const canonical = numberFrom(this.#call.source, user, "caller");
    return mayShow(peer, canonical) ? numberToward(peer, canonical, user, "caller") : undefined;
  }

  #provisional(status: number, withSdp: boolean): void {
    const attempt = this.#attempt;
    const response = this.#response;
    if (!this.invite.pending || attempt === undefined || response === undefined) return;
    const headers = headersToward(this.#call.source.headers, "18x", response);
    const text = withSdp ? attempt.descriptionOf(response) : undefined;
    // RFC 3261 §13.2.1: a late offer can't be answered by an unreliable provisional response.
    const told = text === undefined || !this.#call.callerOffered ? undefined : this.#media.calleeAnswers(text, true);
    const parts: RequestParts = told?.ok === true ? { headers, contentType: "application/sdp", body: told.sdp } : { ...NO_PARTS, headers };
    if (status === 183 && parts.body === "") return;
    this.invite.provisional(status, reasonPhraseOf(status), parts);
    if (!this.#ringing) {
      this.#ringing = true;
      this.#call.publish({ type: "call-ringing" });
    }
  }

  #leave(how: "done" | "cancel" | "bye", ending: Ending): void {
    const attempt = this.#attempt;
    this.#dial++;
    if (attempt === undefined) return this.#uncount();
    if (how === "cancel") attempt.invite?.abandon(this.#cancelHeaders);
    if (how === "bye") {
      attempt.dialog?.ack("");
      attempt.dialog?.bye();
    }
    this.#leaveHunt(attempt, ending, false);
    this.#media.abort(attempt.leg.name);
  }

  #leaveHunt(attempt: Attempt, ending: Ending, answered: boolean): void {
    attempt.left = true;
    attempt.invite = undefined;
    this.#attempt = undefined;
    if (!answered) this.#uncount();
    this.#counted = undefined;
    this.#record(attempt.cdr(ending));
    const restS = this.#restS;
    this.#restS = undefined;
    this.#call.ports.onAttempt({
      peer: attempt.planned.peer.name,
      target: targetText(attempt.target),
      status: ending.status,
      // A call that the caller gave up, or we, says nothing of the gateway.
      alive: ending.status !== 0 || ending.outcome === "no_answer" || ending.outcome === "cancelled" || ending.q850 === 31,
      restS,
      reason: ending.reason,
    });
  }

  #record(attempt: CdrAttempt): void {
    this.ended.push(attempt);
    const { number, peer, status, outcome, reason } = attempt;
    this.#call.publish({ type: "attempt-ended", leg: `b${number}`, attempt: number, peer, status, outcome, reason });
  }

  /** The one timer of the set-up: kept while it is due no later than the deadline, as most deadlines move away. */
  #arm(): void {
    const { deadlineMs } = this.#hunt;
    if (deadlineMs === Infinity) return this.#stop();
    if (this.#timerDueMs <= deadlineMs) return;
    const { clock } = this.#call.ports;
    this.#timer?.cancel();
    this.#timerDueMs = deadlineMs;
    this.#timer = clock.after(Math.max(0, deadlineMs - clock.nowMs()), () => {
      this.#timer = undefined;
      this.#timerDueMs = Infinity;
      this.#call.guard(() => this.step({ type: "clock" }));
    });
  }
  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerDueMs = 0;
  }

  #count(peer: string): void {
    if (this.#counted !== undefined) return;
    this.#counted = peer;
    this.#call.calls.count(peer, 1, "out");
  }
  #uncount(): void {
    if (this.#counted !== undefined) this.#call.calls.count(this.#counted, -1, "out");
    this.#counted = undefined;
  }

  #maxForwards(): number {
    const read = this.invite.request.maxForwards();
    return Math.max(0, ((read.ok ? read.value : undefined) ?? MAX_FORWARDS_DEFAULT) - 1);
  }
}

function hostOf(uriText: string): string {
  const uri = parseUri(uriText);
  return uri.ok ? uri.value.host : "";
}

/** Our Contact URI, without angle brackets. */
export function contactOf(token: string, host: string, port: number | undefined, transport: Target["transport"]): string {
  return `sip:${token}@${writeHostPort(host, port)}${transport === "UDP" ? "" : `;transport=${transport.toLowerCase()}`}`;
}

/** RFC 3261 §8.1.3.4: the first Contact of a 3xx, for the same peer's account and rules. */
function redirected(planned: PlannedAttempt, response: ReceivedResponse): PlannedAttempt | undefined {
  const first = response.headerValues("contact")[0];
  const contact = first === undefined ? undefined : parseNameAddr(first);
  if (contact === undefined || !contact.ok || contact.value.uri.scheme !== "sip") return undefined;
  return { ...planned, requestUri: contact.value.uriText };
}
