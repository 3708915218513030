/** What the API is given: the switch behind the call-control port, and the store. */
import type { ControlCommand } from "#call/control.ts";
import type { ApplyOutcome } from "#config/apply-apart.ts";
import type { ApiRecords } from "#store/api-records.ts";
import type { CdrStore } from "#store/cdr-store.ts";
import type { IdentityStore } from "#store/identity-store.ts";
import type { ResourcePages } from "#store/resource-pages.ts";
import type { Insight } from "./insight.ts";
import type { AlertPorts } from "./alert-routes.ts";
import type { LiveHub } from "./live-hub.ts";
import type { WebhookPorts } from "./webhook-routes.ts";

export interface ResourceChangeWish {
  /** Entries as tandem.yaml has them, by section. */
  readonly sections: Readonly<Record<string, readonly object[]>>;
  readonly remove: readonly { readonly kind: string; readonly name: string }[];
  /** Undefined: the entries say whose they are. */
  readonly tenant: string | undefined;
  readonly expectedGeneration: number;
}

/** What `tandem apply` asks, of a file that came with the request. */
export interface FileWish {
  readonly text: string;
  /** Its name in problems. */
  readonly file: string;
  /** Undefined: any tenant's. */
  readonly tenant: string | undefined;
  readonly prune: boolean;
  readonly commit: boolean;
  readonly expectedGeneration: number | undefined;
}

export interface ApiPorts {
  /** @throws ApiProblem what the switch refused, or that it doesn't answer */
  ask<T>(command: ControlCommand): Promise<T>;
  /** All or nothing, checked with all that is in force, and in force when it answers. */
  change(wish: ResourceChangeWish): Promise<ApplyOutcome>;
  applyFile(wish: FileWish): Promise<ApplyOutcome>;
  /** All that is stored, as `tandem export` writes it, passwords hidden. @param tenant undefined: every tenant's */
  exportYaml(tenant: string | undefined): Promise<string>;
  readonly pages: ResourcePages;
  readonly records: ApiRecords;
  readonly cdrs: Pick<CdrStore, "list" | "page" | "totals">;
  readonly identities: IdentityStore;
  readonly live: LiveHub;
  /** Absent: calls have no findings and no ladder, and nothing is preflighted. */
  readonly insight?: Insight;
  /** Undefined: this node has none. */
  readonly webhooks?: WebhookPorts | undefined;
  readonly alerts?: AlertPorts | undefined;
  /** Signs tokens. */
  readonly key: Uint8Array;
  readonly nowMs: () => number;
  /** Of each user or key; absent: request-limit.ts says. */
  readonly requestsPerSecond?: number | undefined;
  readonly version: string;
  /** Where the built panel is, or would be; undefined: there is no panel. */
  readonly panelFolder?: string;
  /** A mistake of ours, for the log; who asked is told only the request's id. */
  onMistake(requestId: string, error: Error): void;
}
