/**
 * Refresh tokens that were used, so that one that comes again is known for stolen (RFC 9700 §4.14.2). In memory alone:
 * a thief and his victim meet within a quarter of an hour, when the next token is due.
 */
const KEPT_MS = 30 * 86_400_000;
const ENTRIES_MAX = 20_000;
/** Two windows of one browser ask at the same time. */
const AT_ONCE_MS = 30_000;

export class UsedRefreshes {
  readonly #used = new Map<string, { readonly userName: string; readonly atMs: number }>();

  note(hash: string, userName: string, nowMs: number): void {
    this.#used.set(hash, { userName, atMs: nowMs });
    if (this.#used.size > ENTRIES_MAX) this.#used.delete(this.#used.keys().next().value!);
  }

  /** Whose it was, where it comes again; once. Undefined: nobody's here, or only just used. */
  userOf(hash: string, nowMs: number): string | undefined {
    const found = this.#used.get(hash);
    if (found === undefined || nowMs - found.atMs < AT_ONCE_MS) return undefined;
    this.#used.delete(hash);
    return nowMs - found.atMs < KEPT_MS ? found.userName : undefined;
  }
}
