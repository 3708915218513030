/** What signalling and the store thread say to each other over a MessagePort. */
import type { Cdr } from "#cdr/record.ts";
import type { Stamped } from "#observe/event.ts";
import type { CallTotal, TotalsQuestion } from "./call-totals.ts";
import type { CdrFilter, ConfigChange } from "./cdr-store.ts";

/** Given to the worker as workerData. */
export interface StoreThreadOptions {
  readonly home: string;
  /** See store-rest.ts. */
  readonly rest: SharedArrayBuffer;
}

export type Question =
  | { readonly type: "cdrs"; readonly filter: CdrFilter }
  | { readonly type: "save-config"; readonly change: ConfigChange }
  | { readonly type: "configs"; readonly limit: number }
  | { readonly type: "totals"; readonly question: TotalsQuestion }
  | { readonly type: "ladder"; readonly call: string | undefined };

/** The past of one call, as the ladder ring has it. */
export interface LadderAnswer {
  /** undefined: a SIP dialog or request that belongs to no call of ours. */
  readonly callId: string | undefined;
  /** More than one call begins like what was asked for; `events` is then empty. */
  readonly candidates: readonly string[];
  readonly events: readonly Stamped[];
}

export interface Answers {
  readonly cdrs: readonly Cdr[];
  readonly "save-config": undefined;
  readonly configs: readonly ConfigChange[];
  readonly totals: readonly CallTotal[];
  readonly ladder: LadderAnswer;
}

export type ToStore =
  | { readonly type: "segment-opened"; readonly path: string }
  | { readonly type: "segment-closed"; readonly path: string }
  /** A record was written while the thread rested. */
  | { readonly type: "wake" }
  | { readonly type: "ask"; readonly id: number; readonly question: Question }
  | { readonly type: "close" };

export type FromStore =
  | { readonly type: "folded"; readonly path: string }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "failed"; readonly id: number; readonly reason: string }
  /** It will never be stored. */
  | { readonly type: "refused"; readonly cdr: Cdr; readonly reason: string }
  /** Said once when it begins and once when it is over. */
  | { readonly type: "problem"; readonly reason: string }
  | { readonly type: "recovered" }
  | { readonly type: "closed" };
