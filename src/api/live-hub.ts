/**
 * Live events within the API's thread: whoever listens over HTTP and the webhooks take them from here, so that the
 * switch has one reader however many there are. Keeps the last of them for listeners that come back.
 */
import type { LiveEvent } from "#observe/event.ts";

export type LiveListener = (events: readonly LiveEvent[]) => void;

/** A listener that was away for longer is told so. */
const RING_MAX = 5_000;

export class LiveHub {
  #ring: LiveEvent[] = [];
  readonly #listeners = new Set<LiveListener>();

  tell(events: readonly LiveEvent[]): void {
    if (events.length === 0) return;
    this.#ring.push(...events);
    if (this.#ring.length > 2 * RING_MAX) this.#ring = this.#ring.slice(-RING_MAX);
    for (const listener of this.#listeners) listener(events);
  }

  /** @returns what stops it */
  listen(listener: LiveListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** All that came after a place; undefined: the place is too old, or of no event here. */
  since(place: string): readonly LiveEvent[] | undefined {
    const at = this.#ring.findLastIndex((event) => event.place === place);
    return at < 0 ? undefined : this.#ring.slice(at + 1);
  }
}
