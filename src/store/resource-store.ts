/** Stored resources: what every database behind them does (test/contract/resources.ts). */
import { ContentsHash } from "#config/contents-hash.ts";
import type { ResourceKind, StoredRecord, StoredState } from "#config/stored-resources.ts";

export interface ResourceCommit {
  /** The generation that the change was worked out from. */
  readonly base: number;
  readonly upserts: readonly StoredRecord[];
  readonly removals: readonly { readonly kind: ResourceKind; readonly name: string }[];
  /** Of all resources after it. */
  readonly hash: string;
  /** For the log, by tenant that it touches. */
  readonly texts: ReadonlyMap<string, string>;
  readonly atMs: number;
  /** Of the configuration that is in force with it; absent: that has an entry of its own in the log of configurations. */
  readonly config?: { readonly number: number; readonly hash: string } | undefined;
}

export type Committed =
  | { readonly ok: true; readonly generation: number }
  /** Somebody else was quicker. */
  | { readonly ok: false; readonly generation: number };

export interface ResourceChangeEntry {
  readonly generation: number;
  readonly hash: string;
  readonly appliedAtMs: number;
  readonly text: string;
}

export interface ResourceStore {
  state(): Promise<StoredState>;
  /** All or nothing. */
  commit(change: ResourceCommit): Promise<Committed>;
  /** What was made or changed after a generation, and is there. */
  changedSince(generation: number): Promise<readonly { readonly kind: string; readonly name: string }[]>;
  /** What changed of a tenant, newest first. */
  changes(tenant: string, limit: number): Promise<readonly ResourceChangeEntry[]>;
  close(): Promise<void>;
}

/** See config/contents-hash.ts. */
export const hashOf = (records: Iterable<StoredRecord>): string => ContentsHash.of(records).text();

/** Epoch ms keep 13 digits until the year 2286. */
const MS_DIGITS = 13;
const GENERATION_DIGITS = 8;
const PLACE_DIGITS = 7;
const digits = (value: number, count: number): string => String(value).padStart(count, "0");

/** In order of time, and within a change of the file. */
export const resourceId = (atMs: number, generation: number, place: number): string =>
  `${changeId(atMs, generation)}-${digits(place, PLACE_DIGITS)}`;
export const changeId = (atMs: number, generation: number): string => `${digits(atMs, MS_DIGITS)}-${digits(generation, GENERATION_DIGITS)}`;
