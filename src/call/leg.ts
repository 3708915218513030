/**
 * A leg: our end of one dialog of a call, and who stands at the other end. It hears the dialog and hands
 * everything, with itself, to the call that owns it; it decides nothing.
 */
import type { CdrLeg } from "#cdr/record.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import type { Dialog, DialogState, DialogUser, IncomingInvite } from "#sip/dialog/user-agent.ts";
import type { Side } from "./media-session.ts";
import type { ServerTransaction } from "./ports.ts";

export interface LegOwner {
  onReinvite(leg: Leg, invite: IncomingInvite): void;
  onRequest(leg: Leg, transaction: ServerTransaction): void;
  onBye(leg: Leg, request: ReceivedRequest): void;
  onAck(leg: Leg, request: ReceivedRequest): void;
  onNoAck(leg: Leg): void;
  onState(leg: Leg, state: DialogState): void;
}

/** The lasting facts of a leg for the CDR. */
export type LegFacts = Pick<CdrLeg, "sipCallId" | "remoteAddress" | "from" | "to">;

export class Leg implements DialogUser {
  /** Changes where a transfer replaces the other one. */
  side: Side;
  /** "a", "b1", "b2" … */
  readonly name: string;
  readonly peer: Peer;
  readonly facts: LegFacts;
  readonly #owner: LegOwner;
  /** Set once there is one; gone after BYE from either side. */
  dialog: Dialog | undefined;

  constructor(owner: LegOwner, side: Side, name: string, peer: Peer, facts: LegFacts) {
    this.#owner = owner;
    this.side = side;
    this.name = name;
    this.peer = peer;
    this.facts = facts;
  }

  get behindNat(): boolean {
    return this.peer.nat;
  }
  onReinvite(invite: IncomingInvite): void {
    this.#owner.onReinvite(this, invite);
  }
  onRequest(transaction: ServerTransaction): void {
    this.#owner.onRequest(this, transaction);
  }
  onBye(request: ReceivedRequest): void {
    this.dialog = undefined;
    this.#owner.onBye(this, request);
  }
  onAck(request: ReceivedRequest): void {
    this.#owner.onAck(this, request);
  }
  onNoAck(): void {
    this.#owner.onNoAck(this);
  }
  onState(state: DialogState): void {
    this.#owner.onState(this, state);
  }
}
