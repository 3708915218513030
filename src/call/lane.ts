/**
 * A lane of a call's set-up: one attempt at a time, from candidate to candidate. Runs the moves of `hunt.ts`
 * on dialogs and media (RFC 3261 §13, §16.7); what the caller hears of it is its owner's, `set-up.ts`.
 */
import type { Timer } from "#base/clock.ts";
import type { CdrAttempt } from "#cdr/record.ts";
import type { Prepared } from "#media/engine.ts";
import type { DialPlan, PlannedAttempt } from "#routing/decision.ts";
import type { HeaderField, ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import { parseNameAddr } from "#sip/message/parse-name-addr.ts";
import { parseUri } from "#sip/message/parse-uri.ts";
import { ownText } from "#sip/message/received-message.ts";
import type { Dialog, IncomingInvite } from "#sip/dialog/user-agent.ts";
import { Attempt, type AttemptOwner, targetText } from "./attempt.ts";
import { inviteTo } from "./attempt-invite.ts";
import type { Caller } from "./caller-identity.ts";
import type { Call } from "./call.ts";
import type { Ending } from "./ending.ts";
import { beginHunt, hunt, type HuntCandidate, type HuntEvent, type HuntMove, type HuntState, type HuntStep } from "./hunt.ts";
import { Leg } from "./leg.ts";
import type { MediaSession, Side } from "./media-session.ts";
import type { Located, Target } from "./ports.ts";
import type { LaneAttempts, LaneEnd } from "./rounds.ts";

export type Dialling = Extract<DialPlan, { readonly type: "dial" }>;

/** The set-up as its lanes see it. */
export interface LaneOwner {
  readonly call: Call;
  /** Undefined: Tandem itself calls. */
  readonly invite: IncomingInvite | undefined;
  /** What rules may pass on to whoever is called: the caller's INVITE, or the REFER that asked for it. */
  readonly passing: ReceivedRequest | undefined;
  /** Which of the call's legs is being made. */
  readonly side: Side;
  readonly plan: Dialling;
  readonly caller: Caller;
  readonly media: MediaSession;
  /** Number of the next attempt, counted over all lanes. */
  nextNumber(): number;
  /** An attempt is over. */
  record(attempt: CdrAttempt): void;
  /** An INVITE leaves, or leaves again: the journal has to know before the wire does. */
  onSending(): void;
  onProvisional(attempt: Attempt, status: number, withSdp: boolean, response: ReceivedResponse): void;
  /** @param sdp what to tell the caller */
  onAnswered(lane: Lane, attempt: Attempt, response: ReceivedResponse, sdp: string): void;
  /** The lane's last word; `response` is what it was made from, where there was one. */
  onOver(lane: Lane, end: LaneEnd, response: ReceivedResponse | undefined): void;
}

const NOT_BEGUN: HuntState = {
  stage: "over",
  candidate: 0,
  addressesLeft: 0,
  redirects: 0,
  deadlineMs: Infinity,
  budgetEndMs: Infinity,
  best: undefined,
  more: false,
};

export class Lane implements AttemptOwner {
  readonly #owner: LaneOwner;
  readonly #call: Call;
  readonly #media: MediaSession;
  readonly #attempts: LaneAttempts;
  readonly #candidates: readonly HuntCandidate[];
  #hunt: HuntState = NOT_BEGUN;
  #attempt: Attempt | undefined;
  /** Addresses of the present candidate that were not tried; and where its 3xx points. */
  #addresses: readonly Target[] = [];
  #redirect: PlannedAttempt | undefined;
  #timer: Timer | undefined;
  #timerDueMs = Infinity;
  /** Grows with every dial, so that late answers of DNS and engine are told from current ones. */
  #dial = 0;
  /** The candidate whose capacity is taken while its attempt runs. */
  #counted: string | undefined;
  #restS: number | undefined;
  #cancelHeaders: readonly HeaderField[] = [];
  /** The response being worked on, for what its peer may pass upward. */
  #response: ReceivedResponse | undefined;

  constructor(owner: LaneOwner, attempts: LaneAttempts) {
    this.#owner = owner;
    this.#call = owner.call;
    this.#media = owner.media;
    this.#attempts = attempts;
    this.#candidates = attempts.map(({ peer, backup }) => ({
      kind: peer.kind,
      nextOn: peer.kind === "gateway" ? peer.nextOn : [],
      earlyMedia: peer.earlyMedia,
      followRedirects: peer.followRedirects,
      ...(backup?.on === undefined ? {} : { after: backup.on }),
    }));
  }

  /**
   * @param startedMs when the set-up began: lanes of later rounds have what is left of its budget
   * @param more whether others are tried when this lane has come to its end
   */
  start(startedMs: number, more: boolean): void {
    this.#run(beginHunt(this.#candidates, this.#owner.plan.hunt, startedMs, more));
  }
  /** Where it goes now. */
  get towards(): string {
    return this.#attempt?.planned.peer.name ?? this.#attempts[this.#hunt.candidate]?.peer.name ?? "";
  }
  /** For the journal: what a successor of this process must cancel. */
  get attempt(): Attempt | undefined {
    return this.#attempt;
  }

  /** Without a word to the owner, after a mistake of ours: what is open on the wire is ended. */
  giveUp(headers: readonly HeaderField[]): void {
    this.#hunt = { ...this.#hunt, stage: "over", deadlineMs: Infinity };
    this.#dial++;
    const attempt = this.#attempt;
    if (attempt !== undefined) attempt.left = true;
    this.#uncount();
    this.#stop();
    attempt?.invite?.abandon();
    // Its 2xx came already: only ACK and BYE end that (RFC 3261 §13.2.2.4).
    attempt?.dialog?.bye(headers);
  }

  step(event: HuntEvent): void {
    this.#run(hunt(this.#hunt, event, this.#candidates, this.#owner.plan.hunt, this.#call.ports.clock.nowMs()));
  }
  /** Nobody waits for this lane any more: what is out is cancelled. */
  cancel(event: Extract<HuntEvent, { readonly type: "caller-gone" | "elsewhere" }>, headers: readonly HeaderField[]): void {
    this.#cancelHeaders = headers;
    this.step(event);
    this.#stop();
  }

  onAttemptResend(attempt: Attempt): void {
    if (attempt === this.#attempt) this.#owner.onSending();
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

  onAttemptAnswer(attempt: Attempt, response: ReceivedResponse, dialog: Dialog): void {
    this.#call.guard(() => this.#answered(attempt, response, dialog));
  }
  #answered(attempt: Attempt, response: ReceivedResponse, dialog: Dialog): void {
    const text = attempt.descriptionOf(response);
    if (text === undefined) return this.step({ type: "bad-answer", reason: `${response.status} without a session description` });
    const told = this.#media.calleeAnswers(attempt.leg.name, text, true);
    if (!told.ok) return this.step({ type: "bad-answer", reason: told.reason });
    attempt.leg.dialog = dialog;
    this.step({ type: "answer" });
    this.#leaveHunt(attempt, { status: response.status, q850: undefined, outcome: "answered", reason: "answered" }, true);
    this.#stop();
    this.#owner.onAnswered(this, attempt, response, told.sdp);
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
        return this.#dialCandidate(this.#attempts[move.candidate]!);
      case "dial-redirect":
        return this.#dialCandidate(this.#redirect!);
      case "dial-next-address":
        return this.#prepare(this.#redirect ?? this.#attempts[this.#hunt.candidate]!);
      case "leave":
        return this.#leave(move.how, move.ending);
      case "rest":
        this.#restS = move.seconds;
        return;
      case "provisional":
        if (this.#attempt !== undefined && this.#response !== undefined)
          this.#owner.onProvisional(this.#attempt, move.status, move.sdp, this.#response);
        return;
      case "accept":
        return;
      case "refuse":
        this.#stop();
        return this.#owner.onOver(this, move, this.#response?.status === move.ending.status ? this.#response : undefined);
    }
  }

  #dialCandidate(planned: PlannedAttempt): void {
    const { ports, calls } = this.#call;
    const { peer } = planned;
    const dial = ++this.#dial;
    if (planned !== this.#redirect) this.#redirect = undefined;
    const full = calls.fullness(peer, "out", planned.group);
    if (full !== undefined) return this.#unavailable(planned, "capacity", full);
    const refused = ports.limits?.against(calls.callsAt(peer, "out"));
    if (refused !== undefined)
      return this.#unavailable(planned, refused.outcome === "rate_limited" ? "rate_limited" : "capacity", refused.reason);
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
    const { tryTimeoutMs } = this.#owner.plan.hunt;
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
    this.#owner.record({
      number: this.#owner.nextNumber(),
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
    const number = this.#owner.nextNumber();
    const name = `b${number}`;
    const opened = (prepared: Prepared): void => {
      if (dial !== this.#dial || this.#hunt.stage !== "dialling") this.#media.abort(name);
      else if (prepared.ok) this.#send(planned, number, name, target, rest.length);
      else this.#noMedia(`${prepared.code}: ${prepared.detail}`);
    };
    this.#media.prepare(name, peer, target.address, this.#owner.invite?.flow.remoteAddress ?? "").then(
      (prepared) => this.#call.guard(() => opened(prepared)),
      (error: unknown) => this.#call.guard(() => opened({ ok: false, code: "ENGINE_GONE", detail: String(error) })),
    );
  }

  #noMedia(reason: string): void {
    this.#call.publish({ type: "limit", limit: "media", detail: reason });
    this.step({ type: "no-media", reason });
  }

  #send(planned: PlannedAttempt, number: number, name: string, target: Target, addressesLeft: number): void {
    const offer = this.#media.offerCallee(name);
    if (!offer.ok) {
      this.#media.abort(name);
      return this.step({ type: "not-acceptable", reason: offer.reason });
    }
    const call = this.#call;
    const { ports } = call;
    const { peer } = planned;
    const proxy = this.#firstHop(planned) === planned.requestUri ? undefined : peer.outboundProxy;
    const { parameters, headers } = inviteTo(this.#owner, planned, target, name, proxy);
    const leg = new Leg(call, this.#owner.side, name, peer, {
      sipCallId: parameters.sipCallId,
      remoteAddress: targetText(target),
      from: ownText(parameters.localUri),
      to: ownText(parameters.remoteUri),
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
    this.#owner.onSending();
    // Whoever a 3xx names is not who the account is for.
    const credentials = peer.account === undefined || planned === this.#redirect ? {} : { credentials: peer.account };
    const invite = { ...parameters, ...credentials, headers, contentType: "application/sdp", body: offer.sdp };
    attempt.invite = call.calls.agent.invite(invite, attempt, leg);
    this.step({ type: "sent", addressesLeft });
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
    this.#owner.record(attempt.cdr(ending));
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
}

/** RFC 3261 §8.1.3.4: the first Contact of a 3xx, for the same peer's account and rules. */
function redirected(planned: PlannedAttempt, response: ReceivedResponse): PlannedAttempt | undefined {
  const first = response.headerValues("contact")[0];
  const contact = first === undefined ? undefined : parseNameAddr(first);
  if (contact === undefined || !contact.ok || contact.value.uri.scheme !== "sip") return undefined;
  return { ...planned, requestUri: contact.value.uriText };
}
