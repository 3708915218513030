/**
 * Who stands at a call's two legs, and how one of them is replaced: the sides that left, the one that is leaving, the
 * transfer that is under way (`transfer.ts`), and whose places among the peers' calls the call takes. One per call;
 * what it needs of the call is `CallInside`.
 */
import type { HeaderField } from "#sip/message/message.ts";
import type { Attempt } from "./attempt.ts";
import type { Call } from "./call.ts";
import type { CallInside } from "./call-state.ts";
import type { PlaceName } from "./control.ts";
import type { Ending } from "./ending.ts";
import type { Leg } from "./leg.ts";
import type { LeftLeg } from "./recovery.ts";
import type { ReferDesk } from "./refer.ts";
import type { SetUp } from "./set-up.ts";
import { Transfer, type TransferOrder, type TransferOwner, type TransferRefusal } from "./transfer.ts";

const NOT_ANSWERED: TransferRefusal = { code: "NOT_ANSWERED", status: 481, message: "only an answered call can be moved" };

export class Moves implements TransferOwner, ReferDesk {
  readonly #inside: () => CallInside;
  readonly #call: Call;
  #transfer: Transfer | undefined;
  /** It was replaced, and has not heard BYE yet. */
  #leaving: Leg | undefined;
  readonly #taken: { readonly peer: string; readonly way: "in" | "out" }[] = [];
  /** Sides that were replaced. */
  left: readonly LeftLeg[] = [];
  /** The legs have changed places: "a" is who "b" would be. */
  swapped = false;
  /** They have done so at least once. */
  everSwapped = false;

  constructor(call: Call, inside: () => CallInside) {
    this.#call = call;
    this.#inside = inside;
  }

  // Places

  /** A place that somebody has counted already. */
  take(peer: string, way: "in" | "out"): void {
    this.#taken.push({ peer, way });
  }
  count(peer: string, way: "in" | "out"): void {
    this.take(peer, way);
    this.#call.calls.count(peer, 1, way);
  }
  give(leg: Pick<Leg, "name" | "peer">): void {
    const way = leg.name === "a" ? "in" : "out";
    const at = this.#taken.findIndex((one) => one.peer === leg.peer.name && one.way === way);
    if (at >= 0) for (const { peer } of this.#taken.splice(at, 1)) this.#call.calls.count(peer, -1, way);
  }
  giveAll(): void {
    for (const { peer, way } of this.#taken.splice(0)) this.#call.calls.count(peer, -1, way);
  }

  // Transfer

  /** For the journal: what is out. */
  get setUp(): SetUp | undefined {
    return this.#transfer?.setUp;
  }
  isLeaving(leg: Leg): boolean {
    return leg === this.#leaving;
  }
  guard(run: () => void): void {
    this.#call.guard(run);
  }

  /** An operator's wish. @param who is replaced; undefined: the gateway's side, else who was called */
  move(place: PlaceName, who: "caller" | "callee" | undefined): TransferRefusal | undefined {
    const legs = [this.#call.leg("b"), this.#call.leg("a")].filter((leg) => leg !== undefined);
    const personOf = (wanted: "caller" | "callee") => legs.find((leg) => this.#inside().personAt(leg) === wanted);
    const leaving = who === undefined ? (legs.find(({ peer }) => peer.kind === "gateway") ?? personOf("callee")) : personOf(who);
    return leaving === undefined ? NOT_ANSWERED : this.transfer({ place, leaving, by: undefined, onEnd: () => undefined });
  }

  /** Blind. @returns why not */
  transfer(order: TransferOrder): TransferRefusal | undefined {
    const { leaving, place, by } = order;
    const call = this.#call;
    const core = this.#inside().is.core;
    const staying = call.leg(leaving.side === "a" ? "b" : "a");
    if (!call.running || core === undefined || staying?.dialog === undefined || leaving.dialog === undefined) return NOT_ANSWERED;
    if (this.#transfer !== undefined || this.#leaving !== undefined || !this.#inside().idle())
      return { code: "BUSY", status: 491, message: "the call is being changed just now; try again" };
    const { media } = call.ports;
    if (staying.name !== "a" && !media.capabilities.has("any-pair"))
      return { code: "NOT_SUPPORTED", status: 501, message: `the media engine ${media.name} can't replace the side that called` };
    const caller = this.#inside().personAt(staying) === "caller" ? core.caller : core.called;
    const question = { tenant: call.tenant, place, by, staying: staying.peer, caller, called: core.called };
    const plan = call.ports.planTransfer(question, call.id);
    if (plan.type === "reject") return { code: "NO_ROUTE", status: plan.status, message: plan.reason };
    if (leaving.side === "a") this.#swap(leaving, staying);
    const reason = call.media.move();
    if (reason !== undefined) return { code: "NOT_SUPPORTED", status: 488, message: reason };
    this.#transfer = new Transfer(call, this, order, plan, this.#inside().is.attempts);
    this.#transfer.start();
    return undefined;
  }
  #swap(leaving: Leg, staying: Leg): void {
    staying.side = "a";
    leaving.side = "b";
    [this.#inside().is.a, this.#inside().is.b] = [staying, leaving];
    this.#call.media.swap();
    this.swapped = !this.swapped;
    this.everSwapped = true;
    this.#inside().journal();
  }

  onMoved(transfer: Transfer, attempt: Attempt): void {
    const call = this.#call;
    const [staying, left] = [call.leg("a")!, call.leg("b")!];
    this.#transfer = undefined;
    this.#inside().is.attempts = transfer.attempts;
    const { kind, name, listener } = left.peer;
    this.left = [...this.left, { name: left.name, peer: { kind, name, listener }, facts: left.facts, codec: call.media.leftCodec }];
    this.give(left);
    [this.#inside().is.a, this.#inside().is.b] = [staying, attempt.leg];
    this.take(attempt.leg.peer.name, "out");
    this.#inside().drop();
    call.media.settled();
    this.#inside().journal();
    this.#inside().is.lease?.answered(attempt.leg.peer, 0);
    call.publish({ type: "call-transferred", leg: attempt.leg.name, from: name, to: attempt.leg.peer.name });
    if (left.dialog !== undefined) this.#leaving = left;
    transfer.order.onEnd(200);
    // Who asked for it in the call hears NOTIFY first.
    if (transfer.order.by === undefined || transfer.abandoned) this.farewell(left);
    // The ACK of the new side leaves when this returns.
    call.ports.clock.after(0, () => call.guard(() => (call.running ? this.#inside().renew(call.leg("a")!) : undefined)));
  }
  onStayed(transfer: Transfer, ending: Ending): void {
    this.#transfer = undefined;
    this.#inside().is.attempts = transfer.attempts;
    this.#call.media.settled();
    this.#inside().journal();
    transfer.order.onEnd(ending.status === 0 ? 503 : ending.status);
    if (!transfer.abandoned) return;
    const reason = `the side that moved the call is gone, and nobody answered: ${ending.reason}`;
    this.#call.hangUp("us", reason, ending.q850 ?? 31, "answered");
  }
  farewell(leg: Leg): void {
    if (leg === this.#leaving) this.#leaving = undefined;
    this.#inside().bye(leg, []);
  }

  /** True where the call goes on without that side: it left already, or it moves the call and goes (RFC 5589 §6.1). */
  onBye(leg: Leg): boolean {
    if (leg === this.#leaving) this.#leaving = undefined;
    if (this.#transfer?.order.leaving === leg) this.#transfer.abandoned = true;
    else if (leg === this.#call.leg("a") || leg === this.#call.leg("b")) return false;
    return true;
  }

  /** The call is over. */
  end(headers: readonly HeaderField[]): void {
    const transfer = this.#transfer;
    this.#transfer = undefined;
    transfer?.giveUp(headers);
    if (transfer !== undefined) this.#inside().is.attempts = transfer.attempts;
    if (this.#leaving !== undefined) this.farewell(this.#leaving);
  }
}
