/**
 * A blind transfer that Tandem does itself: a new leg is dialled while the call runs on, and takes the place of leg "b"
 * when it has answered; whoever stays hears of it by a re-INVITE where its media changed. Whoever asked, an operator or
 * a side by REFER (`refer.ts`), hears the end.
 *
 * Attended transfer (RFC 3891, Replaces) is deliberately absent: it joins two calls, each with a media session of its own.
 */
import type { CdrAttempt } from "#cdr/record.ts";
import type { HeaderField, ReceivedRequest } from "#sip/message/message.ts";
import type { RequestParts } from "#sip/dialog/user-agent.ts";
import type { Attempt } from "./attempt.ts";
import type { Call } from "./call.ts";
import type { PlaceName } from "./control.ts";
import type { Ending } from "./ending.ts";
import type { Dialling } from "./lane.ts";
import type { Leg } from "./leg.ts";
import { callerNamed } from "./origination.ts";
import type { Peer } from "#routing/snapshot.ts";
import { SetUp, type SetUpOwner } from "./set-up.ts";

export interface TransferOrder {
  readonly place: PlaceName;
  readonly leaving: Leg;
  /** Who asked in the call itself; undefined: an operator. */
  readonly by: Peer | undefined;
  /** His REFER, of which the rules of whoever is called may let headers pass. */
  readonly passing?: ReceivedRequest;
  /** @param status what the new side said at last: 200, or why it came to nothing */
  readonly onEnd: (status: number) => void;
}
export interface TransferRefusal {
  readonly code: "NOT_ANSWERED" | "BUSY" | "NO_ROUTE" | "NOT_SUPPORTED";
  /** As a SIP response would say it. */
  readonly status: number;
  readonly message: string;
}

/** What the call does about it. */
export interface TransferOwner {
  /** The new leg has answered and takes the place of "b". */
  onMoved(transfer: Transfer, attempt: Attempt): void;
  onStayed(transfer: Transfer, ending: Ending): void;
}

export class Transfer implements SetUpOwner {
  readonly order: TransferOrder;
  /** The side that is replaced said BYE: if nobody answers, the call is over. */
  abandoned = false;
  readonly #call: Call;
  readonly #owner: TransferOwner;
  readonly #setUp: SetUp;

  constructor(call: Call, owner: TransferOwner, order: TransferOrder, plan: Dialling, before: readonly CdrAttempt[]) {
    this.#call = call;
    this.#owner = owner;
    this.order = order;
    this.#setUp = new SetUp(call, undefined, plan, callerNamed(plan.caller), call.media, { before, owner: this, passing: order.passing });
  }

  start(): void {
    this.#setUp.start();
  }
  /** With those before it. */
  get attempts(): readonly CdrAttempt[] {
    return this.#setUp.ended;
  }
  /** For the journal. */
  get setUp(): SetUp {
    return this.#setUp;
  }
  /** The call is over. */
  giveUp(headers: readonly HeaderField[]): void {
    this.#setUp.giveUp(headers);
    this.order.onEnd(487);
  }

  journalSetUp(setUp: SetUp): void {
    this.#call.journalSetUp(setUp);
  }
  onAnswered(_setUp: SetUp, attempt: Attempt, _parts: RequestParts): void {
    this.#owner.onMoved(this, attempt);
  }
  onRefused(_setUp: SetUp, ending: Ending): void {
    this.#owner.onStayed(this, ending);
  }
}
