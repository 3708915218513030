/**
 * DIDs by number as a persistent map: a changed table shares all it can with the one before, so that taking over one
 * DID of 100,000 costs microseconds and the table before stays as it was for whoever holds it.
 *
 * Shards are plain maps, chosen by the end of the number, which differs most; a change copies the shards it touches.
 * How many prefixes of each length there are is counted along. Order is by shard and says nothing.
 */
import type { Did } from "./snapshot.ts";

const SHARDS = 512;
/** Characters looked at; the "*" of a prefix is one. */
const TAIL_CHARS = 5;

function shardOf(number: string): number {
  let hash = number.length;
  for (let i = Math.max(0, number.length - TAIL_CHARS); i < number.length; i++) hash = (hash * 31 + number.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 9)) & (SHARDS - 1);
}

type Shard = ReadonlyMap<string, Did>;
const EMPTY: Shard = new Map();

export class DidTable implements ReadonlyMap<string, Did> {
  readonly size: number;
  readonly shards: readonly Shard[];
  /** Length of a prefix without its "*" → how many there are. */
  readonly prefixes: ReadonlyMap<number, number>;

  private constructor(shards: readonly Shard[], size: number, prefixes: ReadonlyMap<number, number>) {
    this.shards = shards;
    this.size = size;
    this.prefixes = prefixes;
  }

  /** Of several with one number, the last. */
  static of(dids: Iterable<Did>): DidTable {
    return new DidTable(
      Array.from({ length: SHARDS }, () => EMPTY),
      0,
      new Map(),
    ).with(dids, []);
  }

  /** This table with some DIDs new or replaced, and others gone. */
  with(upserts: Iterable<Did>, removals: Iterable<string>): DidTable {
    const edit = this.edit();
    for (const number of removals) edit.remove(number);
    for (const did of upserts) edit.add(did);
    return edit.done();
  }

  /** For changes that come one by one. This table stays as it is. */
  edit(): DidTableEdit {
    return new DidTableEdit(this, (shards, size, prefixes) => new DidTable(shards, size, prefixes));
  }

  get(number: string): Did | undefined {
    return this.shards[shardOf(number)]!.get(number);
  }
  has(number: string): boolean {
    return this.shards[shardOf(number)]!.has(number);
  }
  *entries(): Generator<[string, Did], undefined> {
    for (const shard of this.shards) yield* shard.entries();
  }
  *keys(): Generator<string, undefined> {
    for (const shard of this.shards) yield* shard.keys();
  }
  *values(): Generator<Did, undefined> {
    for (const shard of this.shards) yield* shard.values();
  }
  [Symbol.iterator](): Generator<[string, Did], undefined> {
    return this.entries();
  }
  forEach(tell: (did: Did, number: string, table: ReadonlyMap<string, Did>) => void): void {
    for (const [number, did] of this.entries()) tell(did, number, this);
  }
}

/** A table in the making: a shard is copied when it is first written to. */
class DidTableEdit {
  readonly #shards: Shard[];
  readonly #own = new Set<number>();
  readonly #prefixes: Map<number, number>;
  readonly #make: (shards: readonly Shard[], size: number, prefixes: ReadonlyMap<number, number>) => DidTable;
  #size: number;

  constructor(from: DidTable, make: (shards: readonly Shard[], size: number, prefixes: ReadonlyMap<number, number>) => DidTable) {
    this.#shards = [...from.shards];
    this.#prefixes = new Map(from.prefixes);
    this.#size = from.size;
    this.#make = make;
  }

  get size(): number {
    return this.#size;
  }
  add(did: Did): void {
    const shard = this.#writable(did.number);
    if (!shard.has(did.number)) this.#count(did.number, 1);
    shard.set(did.number, did);
  }
  remove(number: string): void {
    if (this.#shards[shardOf(number)]!.has(number) && this.#writable(number).delete(number)) this.#count(number, -1);
  }
  /** Once. */
  done(): DidTable {
    return this.#make(this.#shards, this.#size, this.#prefixes);
  }

  #writable(number: string): Map<string, Did> {
    const at = shardOf(number);
    if (!this.#own.has(at)) {
      this.#own.add(at);
      this.#shards[at] = new Map(this.#shards[at]);
    }
    return this.#shards[at] as Map<string, Did>;
  }
  #count(number: string, by: 1 | -1): void {
    this.#size += by;
    if (number.endsWith("*")) this.#prefixes.set(number.length - 1, (this.#prefixes.get(number.length - 1) ?? 0) + by);
  }
}

/** Lengths of the prefixes that DIDs with a trailing "*" have, the longest first. */
export function prefixLengthsOf(dids: ReadonlyMap<string, Did>): readonly number[] {
  const lengths = new Set<number>();
  if (dids instanceof DidTable) {
    for (const [length, count] of dids.prefixes) if (count > 0) lengths.add(length);
  } else for (const number of dids.keys()) if (number.endsWith("*")) lengths.add(number.length - 1);
  return [...lengths].sort((a, b) => b - a);
}
