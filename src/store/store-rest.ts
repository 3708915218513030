/**
 * How the store thread sleeps while no call is up, and is woken by the first record: one shared word. The thread sets
 * it and then looks at the journal once more; signalling writes its record and then looks at the word. So one of both
 * sees the other, whatever the order, and a record under load costs signalling one read of memory.
 */

const AWAKE = 0;
const RESTING = 1;

export class StoreRest {
  readonly memory: SharedArrayBuffer;
  readonly #word: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#word = new Int32Array(memory);
  }

  /** The store thread: before its last look. */
  begin(): void {
    Atomics.store(this.#word, 0, RESTING);
  }

  /** Whoever ends the rest. @returns true to the one that has to see to it */
  end(): boolean {
    return Atomics.load(this.#word, 0) === RESTING && Atomics.compareExchange(this.#word, 0, RESTING, AWAKE) === RESTING;
  }
}
