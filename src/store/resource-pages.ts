/** Stored resources a page at a time, for lists that people look through: what every database behind them does. */
import type { ResourceKind, StoredRecord } from "#config/stored-resources.ts";

export interface PageWish {
  readonly kind: ResourceKind;
  /** "*": every tenant's. */
  readonly tenant: string;
  /** In the name, or in what a reader sees of it; passwords are never looked at. Lower case. */
  readonly text?: string | undefined;
  /** Those behind it in the order of names; of outbound rules behind this position. */
  readonly after?: { readonly name: string; readonly position: number } | undefined;
  readonly limit: number;
}

/** Fields of an entry that a text is looked for in. */
export const LOOKED_AT = ["title", "provider", "uri", "to", "gateways", "prefix"];
export const NAMES_ASKED_MAX = 500;

/** Those of one kind, again and again: what a list of trunks needs, without the DIDs. */
export interface RecordReader {
  /** With the generation of all resources that they are of. */
  ofKind(kind: ResourceKind): Promise<{ readonly generation: number; readonly records: readonly StoredRecord[] }>;
  close(): Promise<void>;
}

export interface ResourcePages {
  /** In the order of names; outbound rules in theirs. */
  page(wish: PageWish): Promise<readonly StoredRecord[]>;
  /** One by its name, with the generation of all resources that it is of. */
  named(kind: ResourceKind, name: string): Promise<{ readonly generation: number; readonly record: StoredRecord | undefined }>;
  /** Of those names, the ones that are there, with whose they are. */
  among(kind: ResourceKind, names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Of all resources: a change says what it was worked out from. */
  generation(): Promise<number>;
  /** Of those names, the ones that stand for something of another tenant. */
  foreign(names: readonly string[], tenant: string): Promise<ReadonlySet<string>>;
  /** Tenant → how many resources it has. */
  tenants(): Promise<ReadonlyMap<string, number>>;
  /** The text of the configuration in force, passwords hidden; its id changes with it. */
  configText(): Promise<{ readonly id: string; readonly text: () => string } | undefined>;
  close(): Promise<void>;
}
