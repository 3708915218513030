/**
 * `tandem apply` in a thread of its own: the file is read, compared, checked together with all that is in force,
 * stored, and the new configuration handed over in parts. Signalling and the command itself use it alike.
 */
import { Worker } from "node:worker_threads";
import type { ConfigProblem } from "./config.ts";
import { LOADER_LIMITS, type LoadApartOptions } from "./load-apart.ts";
import { type FromLoader, LoadedParts, type ToLoader } from "./load-messages.ts";
import type { LoadedConfig } from "./load.ts";
import type { ApplyRequest, FieldChange, ResourceChange } from "./plan-apply.ts";
import type { ResourceKind } from "./stored-resources.ts";

/** More would only be read by somebody who means harm. */
export const APPLY_BYTES_MAX = 64 * 1024 * 1024;
/** Of the changes in an answer; the counts are of all. */
export const CHANGES_LISTED_MAX = 1_000;

/** The command leaves the text here in the state folder, for whom it asks. */
export const SPOOL_NAME = /^apply-[0-9a-f]{16}\.yaml$/;

export interface ApplyWish {
  /** A file name in the state folder, as SPOOL_NAME, and the SHA-256 of what it holds. */
  readonly spool: string;
  readonly sha256: string;
  /** What the file was called, for problems. */
  readonly file: string;
  readonly tenant: string | undefined;
  readonly prune: boolean;
  /** False: only say what would change. */
  readonly commit: boolean;
  /** What the changes were shown against; undefined: nobody looked. */
  readonly expectedGeneration: number | undefined;
  /** Absent: a file's. */
  readonly origin?: ApplyRequest["origin"];
  /** To be taken out beside what the file says. */
  readonly remove?: ApplyRequest["remove"];
}

export interface ApplyApartOptions extends LoadApartOptions {
  readonly wish: ApplyWish;
  /** `listenersKey` of those that are open; undefined: none are. */
  readonly openListeners: string | undefined;
}

export interface ShownChange {
  readonly change: ResourceChange["change"];
  readonly kind: ResourceKind;
  readonly name: string;
  readonly tenant: string;
  readonly fields: readonly FieldChange[];
}

export interface ApplyReport {
  /** Of the stored resources, after it. */
  readonly generation: number;
  readonly committed: boolean;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly unchanged: number;
  /** The first CHANGES_LISTED_MAX. */
  readonly changes: readonly ShownChange[];
  readonly warnings: readonly ConfigProblem[];
}

export type ApplyOutcome =
  | { readonly ok: true; readonly report: ApplyReport }
  | {
      readonly ok: false;
      readonly code: "CONFIGURATION" | "CONFLICT" | "NEEDS_RESTART" | "SPOOL" | "STORE";
      readonly message: string;
      readonly problems: readonly ConfigProblem[];
    };

/** `follows`: the configuration comes behind it, in parts. */
export type FromApply = { readonly type: "outcome"; readonly outcome: ApplyOutcome; readonly follows: boolean } | FromLoader;

export interface Applied {
  readonly outcome: ApplyOutcome;
  /** What is to be put in force; undefined: nothing changed, or nobody asked for it. */
  readonly loaded: LoadedConfig | undefined;
}

/** @param entry the composition root of the thread; rejects when the thread itself fails */
export function applyApart(entry: URL, options: ApplyApartOptions): Promise<Applied> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(entry, { workerData: options, resourceLimits: LOADER_LIMITS });
    const parts = new LoadedParts();
    const more: ToLoader = { type: "more" };
    let outcome: ApplyOutcome | undefined;
    const done = (loaded: LoadedConfig | undefined): void => {
      if (outcome !== undefined) resolve({ outcome, loaded });
      void worker.terminate();
    };
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`the thread that applies ended with ${code}`)));
    worker.on("message", (message: FromApply) => {
      if (message.type === "outcome") {
        outcome = message.outcome;
        return message.follows ? worker.postMessage(more) : done(undefined);
      }
      const whole = parts.take(message);
      if (whole === undefined) worker.postMessage(more);
      else done(whole);
    });
  });
}
