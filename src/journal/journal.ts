/**
 * The crash log as its users see it. A record carries *sections* of one call's recoverable state;
 * folding is a shallow merge per call, last write of a section wins, `null` removes one. So recovery
 * needs no replay, and copying a live call forward is one record with all its sections.
 */
import type { CallId, TenantId } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";

/** JSON values only. `call/` says what its sections hold (`call/recovery.ts`). */
export type Sections = Readonly<Record<string, unknown>>;

export interface JournalCall {
  readonly callId: CallId;
  readonly tenant: TenantId;
  readonly sections: Sections;
}

export interface Journal {
  /** Survives kill -9 once a message of this turn has left. Throws never: a full disk is an event and a counter (`degraded`). */
  append(callId: CallId, tenant: TenantId, sections: Sections): void;
  /** The call is over: its CDR is stored exactly once, also after a crash. */
  end(cdr: Cdr): void;
  /** True while records can't be written: new calls are refused with 503, running ones go on. */
  readonly degraded: boolean;
}
