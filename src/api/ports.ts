/** What the API is given: the switch behind the call-control port, and the store. */
import type { ControlCommand } from "#call/control.ts";
import type { ApplyOutcome } from "#config/apply-apart.ts";
import type { StoredRecord } from "#config/stored-resources.ts";
import type { CdrStore } from "#store/cdr-store.ts";
import type { IdentityStore } from "#store/identity-store.ts";
import type { LiveHub } from "./live-hub.ts";

export interface StoredTrunks {
  /** Of all resources: a change says what it was worked out from. */
  readonly generation: number;
  readonly records: readonly StoredRecord[];
}

export interface ResourceChangeWish {
  /** Entries as tandem.yaml has them, by section. */
  readonly sections: Readonly<Record<string, readonly object[]>>;
  readonly remove: readonly { readonly kind: string; readonly name: string }[];
  readonly tenant: string;
  readonly expectedGeneration: number;
}

export interface ApiPorts {
  /** @throws ApiProblem what the switch refused, or that it doesn't answer */
  ask<T>(command: ControlCommand): Promise<T>;
  /** All or nothing, checked with all that is in force, and in force when it answers. */
  change(wish: ResourceChangeWish): Promise<ApplyOutcome>;
  trunks(): StoredTrunks;
  readonly cdrs: Pick<CdrStore, "list" | "page" | "totals">;
  readonly identities: IdentityStore;
  readonly live: LiveHub;
  /** Signs tokens. */
  readonly key: Uint8Array;
  readonly nowMs: () => number;
  readonly version: string;
  /** Where the built panel is, or would be; undefined: there is no panel. */
  readonly panelFolder?: string;
  /** A mistake of ours, for the log; who asked is told only the request's id. */
  onMistake(requestId: string, error: Error): void;
}
