/**
 * A loaded configuration on its way from the thread that read it: everything but the DIDs in one message, then the
 * DIDs in batches that the receiver asks for one by one, because taking over 100,000 of them at once would hold
 * signalling up for a large part of a second.
 */
import { DidTable } from "#routing/did-table.ts";
import type { Did } from "#routing/snapshot.ts";
import { type CarriedSecrets, carrySecrets, restoreSecrets } from "./accounts.ts";
import { deepFreeze } from "./build-snapshot.ts";
import type { LoadedConfig } from "./load.ts";

/** About two milliseconds of the receiver's time. */
export const DIDS_PER_BATCH = 1_000;

export type FromLoader =
  | { readonly type: "head"; readonly loaded: LoadedConfig; readonly dids: number; readonly secrets: CarriedSecrets }
  | { readonly type: "dids"; readonly batch: readonly Did[] };
export type ToLoader = { readonly type: "more" };

/** The loader's side. @returns what to post next; undefined: that was all */
export function* partsOf(loaded: LoadedConfig): Generator<FromLoader, void> {
  if (!loaded.ok) return yield { type: "head", loaded, dids: 0, secrets: new Map() };
  const { snapshot } = loaded.config;
  const dids = [...snapshot.dids.values()];
  const bare = { ...loaded, config: { ...loaded.config, snapshot: { ...snapshot, dids: new Map<string, Did>() } } };
  yield { type: "head", loaded: bare, dids: dids.length, secrets: carrySecrets(snapshot) };
  for (let i = 0; i < dids.length; i += DIDS_PER_BATCH) yield { type: "dids", batch: dids.slice(i, i + DIDS_PER_BATCH) };
}

/** The receiver's side: puts the parts together again, frozen as they were. */
export class LoadedParts {
  #loaded: LoadedConfig | undefined;
  #wanted = 0;
  #secrets: CarriedSecrets = new Map();
  readonly #dids = DidTable.of([]).edit();

  /** The whole, once it is there. */
  take(part: FromLoader): LoadedConfig | undefined {
    if (part.type === "head") {
      this.#loaded = part.loaded;
      this.#wanted = part.dids;
      this.#secrets = part.secrets;
    } else for (const did of part.batch) this.#dids.add(deepFreeze(did));
    const loaded = this.#loaded;
    if (loaded === undefined || this.#dids.size < this.#wanted) return undefined;
    if (!loaded.ok) return loaded;
    const snapshot = { ...loaded.config.snapshot, ...restoreSecrets(loaded.config.snapshot, this.#secrets) };
    for (const records of [snapshot.listeners, snapshot.trunks, snapshot.gateways, snapshot.groups])
      for (const record of records.values()) deepFreeze(record);
    deepFreeze(snapshot.outbound);
    return { ...loaded, config: Object.freeze({ ...loaded.config, snapshot: Object.freeze({ ...snapshot, dids: this.#dids.done() }) }) };
  }
}
