/**
 * What dialogs and pending INVITEs need of the agent they live in, and what the agent calls on them.
 * Interfaces only; `agent.ts` fulfils the first, `outgoing-invite.ts`, `incoming-invite.ts` and
 * `confirmed-dialog.ts` the second.
 */
import type { Random } from "#base/ids.ts";
import type { Clock } from "#base/clock.ts";
import type { HeaderField, ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import type { ServerTransaction, TransactionLayer } from "#sip/transaction/transactions.ts";
import type { Flow } from "#sip/transport/transport.ts";
import type { ConfirmedDialog } from "./confirmed-dialog.ts";
import type { UasPolicy } from "./inspect-request.ts";
import type { DigestRetry } from "./digest-retry.ts";
import type { Locator } from "./next-hop.ts";
import type { DialogState, DialogUser, InviteParameters } from "./user-agent.ts";

/** What stands under one of our tags: an early or confirmed dialog. */
export interface DialogEnd {
  /** A request whose To has our tag; whether Call-ID and remote tag fit is for the dialog to see. */
  receive(transaction: ServerTransaction): void;
  /** An ACK that no transaction took. */
  receiveAck(request: ReceivedRequest): void;
  /** A 2xx to an INVITE of ours that no transaction took. */
  receiveStray(response: ReceivedResponse, flow: Flow): void;
}

/** Whose 2xx made a dialog, and who hears repeats of it for half a minute. */
export interface DialogMaker {
  /** Nothing more will be sent in it, but the ACK for a repeated 2xx. */
  dialogOver(): void;
}

/** A pending INVITE that CANCEL may still reach. */
export interface Cancellable {
  cancelled(cancel: ReceivedRequest): void;
}

export interface DialogHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly transactions: TransactionLayer;
  readonly locator: Locator;
  readonly policy: UasPolicy;
  /** Allow and Supported, for INVITE, UPDATE and their answers; with User-Agent where configured. */
  readonly requestHeaders: readonly HeaderField[];
  /** The same with Server instead of User-Agent. */
  readonly responseHeaders: readonly HeaderField[];
  /** A branch that nobody used before, in this process or a former one. */
  newBranch(prefix: string): string;
  /**
   * A dialog that isn't enlisted yet.
   * @param user undefined for a dialog that only lives to be ended
   * @param owedAck CSeq of the INVITE of ours whose 2xx made it
   * @param digest what answers challenges in it; undefined: nobody does
   */
  openDialog(
    state: DialogState,
    user: DialogUser | undefined,
    owedAck?: number,
    digest?: DigestRetry,
    maker?: DialogMaker,
  ): ConfirmedDialog;
  /** Makes `end` the one that our tag leads to. */
  enlist(localTag: string, end: DialogEnd): void;
  /** As `enlist`, where the tag leads nowhere. */
  enlistIfFree(localTag: string, end: DialogEnd): void;
  /** The tag leads nowhere, if it still led to `end`. */
  release(localTag: string, end: DialogEnd): void;
  awaitCancel(transaction: ServerTransaction, invite: Cancellable): void;
  /** A final response was given: CANCEL comes too late (§9.2). */
  forgetCancel(transaction: ServerTransaction): void;
  /** The INVITE's transaction is gone, but a late 2xx must still be ACKed and ended with BYE (§13.2.2.4). */
  expectLateAnswer(parameters: InviteParameters): void;
}
