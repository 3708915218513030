/**
 * The requests of the last moment towards one peer: whom to tell when the network says that the peer
 * refuses, since an ICMP error or a reset names the peer but no request.
 */
/** An error that comes later than this belongs to something else. */
const INTERESTED_MS = 1_000;
const SENDS_MAX = 4_096;

export class RecentSends<S extends { readonly atMs: number }> {
  #sends: S[] = [];
  /** Index of the oldest that still counts; the array is cut when half of it no longer does. */
  #first = 0;

  add(send: S): void {
    this.#forget(send.atMs);
    if (this.#sends.length - this.#first >= SENDS_MAX) this.#first++;
    this.#sends.push(send);
  }

  /** Those of the last second, oldest first; forgets all. */
  take(nowMs: number): readonly S[] {
    this.#forget(nowMs);
    const taken = this.#sends.slice(this.#first);
    this.clear();
    return taken;
  }

  clear(): void {
    if (this.#sends.length > 0) this.#sends = [];
    this.#first = 0;
  }

  #forget(nowMs: number): void {
    while (this.#first < this.#sends.length && this.#sends[this.#first]!.atMs < nowMs - INTERESTED_MS) this.#first++;
    if (this.#first > 64 && this.#first * 2 > this.#sends.length) {
      this.#sends.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
