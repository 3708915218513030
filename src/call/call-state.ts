/**
 * What a call remembers, in one place. `call.ts` owns it; `moves.ts` changes it where legs are replaced and
 * `take-up.ts` fills it at a restart. All else that is told this state only reads it.
 */
import type { TenantId } from "#base/ids.ts";
import type { CdrAttempt, CdrSkip } from "#cdr/record.ts";
import type { HeaderField } from "#sip/message/message.ts";
import type { IncomingInvite } from "#sip/dialog/user-agent.ts";
import type { Call } from "./call.ts";
import type { CallEnding } from "./cdr-of-call.ts";
import type { CallSummary } from "./control.ts";
import type { Leg } from "./leg.ts";
import type { MediaSession } from "./media-session.ts";
import type { CallLease } from "./ports.ts";
import type { CoreSection, IncomingSection } from "./recovery.ts";
import type { SetUp } from "./set-up.ts";

export interface CallState {
  tenant: TenantId;
  phase: Exclude<CallSummary["state"], "ringing">;
  /** Monotonic. */
  readonly startedMs: number;
  core: CoreSection | undefined;
  setUp: SetUp | undefined;
  invite: IncomingInvite | undefined;
  /** Until the caller's ACK, or a refusal. */
  incoming: IncomingSection | undefined;
  a: Leg | undefined;
  b: Leg | undefined;
  media: MediaSession;
  answered: { readonly answeredAtMs: number; readonly answeredMs: number; readonly setupMs: number } | undefined;
  attempts: readonly CdrAttempt[];
  skipped: readonly CdrSkip[];
  held: boolean;
  /** While the record waits: for the engine's counters, or in recovery. */
  ending: CallEnding | undefined;
  /** Its place among the tenant's and source's calls. */
  lease: CallLease | undefined;
}

export const newState = (tenant: TenantId, startedMs: number, media: MediaSession): CallState => ({
  tenant,
  phase: "routing",
  startedMs,
  core: undefined,
  setUp: undefined,
  invite: undefined,
  incoming: undefined,
  a: undefined,
  b: undefined,
  media,
  answered: undefined,
  attempts: [],
  skipped: [],
  held: false,
  ending: undefined,
  lease: undefined,
});

/** A call as the files around `call.ts` may change it. */
export interface CallInside {
  readonly call: Call;
  readonly is: CallState;
  personAt(leg: Leg): "caller" | "callee";
  /** No exchange is under way on either leg. */
  idle(): boolean;
  /** What was under way with the side that is gone comes to nothing. */
  drop(): void;
  /** Who stays is told what changed. */
  renew(leg: Leg): void;
  bye(leg: Leg, headers: readonly HeaderField[]): void;
  /** All of the call as it stands now. */
  journal(): void;
  limitDuration(alreadyMs: number): void;
  /** The call is over, and what was said has left. */
  finish(ending: CallEnding): void;
}

export const isPlaced = ({ core }: CallState): boolean => core?.placed === true;

/** To whom it goes: who answered, else who is tried. */
export const towards = ({ b, setUp }: CallState): readonly string[] => (b === undefined ? (setUp?.towards ?? []) : [b.peer.name]);
