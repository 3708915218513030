/**
 * A call from its INVITE to its answer or refusal: the rounds of its plan, one after the other, each with its
 * lanes at once, and what the caller hears of them (RFC 3261 §13, §16.7; RFC 3960). The first lane that is
 * answered has the call. It is dropped whole then, so that a running call keeps none of it.
 */
import type { CdrAttempt } from "#cdr/record.ts";
import type { PlannedAttempt } from "#routing/decision.ts";
import type { HeaderField, ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import { reasonPhraseOf } from "#sip/message/reason-phrases.ts";
import type { IncomingInvite, RequestParts } from "#sip/dialog/user-agent.ts";
import type { Attempt } from "./attempt.ts";
import type { Caller } from "./caller-identity.ts";
import type { Call } from "./call.ts";
import type { Ending } from "./ending.ts";
import type { HuntEvent } from "./hunt.ts";
import { headersToward } from "./header-rules.ts";
import { type Dialling, Lane, type LaneOwner } from "./lane.ts";
import type { MediaSession, Side } from "./media-session.ts";
import { reasonAcross } from "./reason-across.ts";
import { allowsRefer } from "./refer.ts";
import { bestOf, type LaneEnd, type Round, roundsOf, speaksForAll } from "./rounds.ts";

const NO_PARTS: RequestParts = { headers: [], body: "" };
/** RFC 3326 §3.1: whoever rang in vain need not show a missed call. */
const ANSWERED_ELSEWHERE: readonly HeaderField[] = [["Reason", 'SIP;cause=200;text="Call completed elsewhere"']];
/** RFC 3326 §2: a cause of SIP is a status. */
const refusedWith = (status: number): readonly HeaderField[] => [["Reason", `SIP;cause=${status}`]];

/** Who is told what it comes to. */
export interface SetUpOwner {
  /** What a successor of this process would have to cancel has changed. */
  journalSetUp(setUp: SetUp): void;
  /** @param parts for the caller */
  onAnswered(setUp: SetUp, attempt: Attempt, parts: RequestParts): void;
  onRefused(setUp: SetUp, ending: Ending, headers: readonly HeaderField[]): void;
}

type OverLane = LaneEnd & { readonly response: ReceivedResponse | undefined };

export class SetUp implements LaneOwner {
  readonly call: Call;
  readonly invite: IncomingInvite | undefined;
  readonly passing: ReceivedRequest | undefined;
  readonly side: Side;
  readonly plan: Dialling;
  readonly caller: Caller;
  readonly media: MediaSession;
  readonly #owner: SetUpOwner;
  readonly #rounds: readonly Round[];
  #round = 0;
  /** Those of this round that still hunt. */
  #lanes: readonly Lane[] = [];
  /** What lanes came to, of all rounds. */
  readonly #over: OverLane[] = [];
  readonly #startedMs: number;
  #attempts: number;
  readonly #ended: CdrAttempt[] = [];
  #ringing = false;
  #answeredBy: string | undefined;

  constructor(
    call: Call,
    invite: IncomingInvite | undefined,
    plan: Dialling,
    caller: Caller,
    media: MediaSession,
    {
      side = "b",
      before = [],
      owner = call,
      passing = invite?.request,
    }: {
      readonly passing?: ReceivedRequest | undefined;
      readonly side?: Side;
      readonly before?: readonly CdrAttempt[];
      readonly owner?: SetUpOwner;
    } = {},
  ) {
    this.call = call;
    this.side = side;
    this.passing = passing;
    this.#owner = owner;
    this.#attempts = before.at(-1)?.number ?? 0;
    this.#ended.push(...before);
    this.invite = invite;
    this.plan = plan;
    this.caller = caller;
    this.media = media;
    this.#rounds = roundsOf(plan.attempts);
    this.#startedMs = call.ports.clock.nowMs();
  }

  start(): void {
    const round = this.#rounds[this.#round]!;
    const lanes = round.map((attempts) => new Lane(this, attempts));
    this.#lanes = lanes;
    const more = this.#round + 1 < this.#rounds.length;
    // A lane may be over at once, and the round with it.
    for (const lane of lanes) if (this.#lanes.includes(lane)) lane.start(this.#startedMs, more);
  }

  get ringing(): boolean {
    return this.#ringing;
  }
  /** By number: lanes end in another order than they began. */
  get ended(): readonly CdrAttempt[] {
    return this.#ended.length < 2 ? [...this.#ended] : this.#ended.toSorted((a, b) => a.number - b.number);
  }
  /** With the backups that what failed was not for. */
  get skipped(): Dialling["skipped"] {
    const { attempts, skipped } = this.plan;
    if (!attempts.some(isBackup)) return skipped;
    const tried = new Set(this.#ended.map(({ peer }) => peer));
    const answered = attempts.findIndex(({ peer }) => peer.name === this.#answeredBy);
    const looked = answered === -1 ? attempts : attempts.slice(0, answered);
    const passedOver = looked.filter((one) => isBackup(one) && !tried.has(one.peer.name));
    if (passedOver.length === 0) return skipped;
    return [
      ...skipped,
      ...passedOver.map(({ peer, backup }) => ({ peer: peer.name, reason: `backup of ${backup!.of} for ${backup!.on!.join(", ")} only` })),
    ];
  }
  /** Where the call is going now. */
  get towards(): readonly string[] {
    return this.#lanes.map(({ towards }) => towards);
  }
  /** For the journal: what a successor of this process must cancel. */
  get attempts(): readonly Attempt[] {
    const attempts: Attempt[] = [];
    for (const { attempt } of this.#lanes) if (attempt !== undefined) attempts.push(attempt);
    return attempts;
  }

  /** After a mistake of ours: ends what is out, and says nothing to the caller. */
  giveUp(headers: readonly HeaderField[]): void {
    const lanes = this.#lanes;
    this.#lanes = [];
    for (const lane of lanes) lane.giveUp(headers);
  }
  /** We end it ourselves. */
  stop(status: number, reason: string): void {
    for (const lane of this.#lanes) lane.step({ type: "stop", status, reason });
  }
  /** CANCEL, or BYE in the early dialog: whatever is out is cancelled. */
  callerGone(request: ReceivedRequest): void {
    this.#cancelAll({ type: "caller-gone" }, reasonAcross(request));
  }
  #cancelAll(event: Extract<HuntEvent, { readonly type: "caller-gone" | "elsewhere" }>, headers: readonly HeaderField[]): void {
    const lanes = this.#lanes;
    this.#lanes = [];
    for (const lane of lanes) lane.cancel(event, headers);
  }

  nextNumber(): number {
    return ++this.#attempts;
  }
  record(attempt: CdrAttempt): void {
    this.#ended.push(attempt);
    const { number, peer, status, outcome, reason } = attempt;
    this.call.publish({ type: "attempt-ended", leg: `b${number}`, attempt: number, peer, status, outcome, reason });
  }
  onSending(): void {
    this.#owner.journalSetUp(this);
  }

  onProvisional(attempt: Attempt, status: number, withSdp: boolean, response: ReceivedResponse): void {
    if (this.invite === undefined) return this.#rings();
    if (!this.invite.pending) return;
    const together = this.#rounds[this.#round]!.length > 1;
    // Of those that ring at once the caller hears one ringing, and no early media: nobody can say whose.
    if (together && this.#ringing) return;
    const headers = headersToward(this.call.source.headers, "18x", response);
    const text = withSdp && !together ? attempt.descriptionOf(response) : undefined;
    // RFC 3261 §13.2.1: a late offer can't be answered by an unreliable provisional response.
    const told = text === undefined || !this.call.callerOffered ? undefined : this.media.calleeAnswers(attempt.leg.name, text, true);
    const parts: RequestParts = told?.ok === true ? { headers, contentType: "application/sdp", body: told.sdp } : { ...NO_PARTS, headers };
    if (status === 183 && parts.body === "") return;
    this.invite.provisional(status, reasonPhraseOf(status), parts);
    this.#rings();
  }
  #rings(): void {
    if (this.#ringing) return;
    this.#ringing = true;
    // Of a call that we place it is the first leg's ringing that counts.
    if (this.invite !== undefined || this.side === "a") this.call.publish({ type: "call-ringing" });
  }

  onAnswered(lane: Lane, attempt: Attempt, response: ReceivedResponse, sdp: string): void {
    const { name } = attempt.planned.peer;
    this.#answeredBy = name;
    this.#lanes = this.#lanes.filter((one) => one !== lane);
    this.#cancelAll({ type: "elsewhere", reason: `cancelled, ${name} answered first` }, ANSWERED_ELSEWHERE);
    const { source } = this.call;
    const headers = this.invite === undefined ? [] : [...allowsRefer(source), ...headersToward(source.headers, "200", response)];
    this.#owner.onAnswered(this, attempt, { headers, contentType: "application/sdp", body: sdp });
  }

  onOver(lane: Lane, end: LaneEnd, response: ReceivedResponse | undefined): void {
    this.#lanes = this.#lanes.filter((one) => one !== lane);
    this.#over.push({ ...end, response });
    if (speaksForAll(end)) {
      const reason = `cancelled, ${lane.towards} said ${end.own.status}`;
      this.#cancelAll({ type: "elsewhere", reason }, refusedWith(end.own.status));
    }
    // What is over must not be cancelled by a successor of this process.
    if (this.#lanes.length > 0) return this.#owner.journalSetUp(this);
    const best = bestOf(this.#over)!;
    if (best.exhausted && this.#round + 1 < this.#rounds.length) {
      this.#round++;
      return this.start();
    }
    this.#owner.onRefused(this, best.ending, headersToward(this.call.source.headers, "refusal", best.response));
  }
}

/** For some failures of the one before it only. */
const isBackup = ({ backup }: PlannedAttempt): boolean => backup?.on !== undefined;
