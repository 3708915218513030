/**
 * `address:port` as events show it, made once for each address: peers and listeners keep their ports, and every message
 * names two. Bounded, because strangers have addresses too.
 */
const ADDRESSES_MAX = 1_000;

export class AddressTexts {
  /** The text with the port that was seen last. */
  readonly #known = new Map<string, { readonly port: number; readonly text: string }>();

  of(address: string, port: number): string {
    const known = this.#known.get(address);
    if (known?.port === port) return known.text;
    const text = `${address}:${port}`;
    if (known === undefined && this.#known.size >= ADDRESSES_MAX) this.#known.clear();
    this.#known.set(address, { port, text });
    return text;
  }
}
