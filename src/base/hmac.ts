/**
 * HMAC-SHA256 (RFC 2104, FIPS 180-4) of short texts: two compressions over states that the key has prepared,
 * in 1 µs and without garbage. node:crypto makes an object for each, which costs ten times as much where
 * every call needs one. Only for MACs of our own tokens; anything long or secret in itself is node:crypto's.
 */

/** What fits beside the padding of one block. */
export const TEXT_BYTES_MAX = 55;
const BLOCK_BYTES = 64;

/** The first 32 bits of the fractional parts of the roots of the first primes (FIPS 180-4 §4.2.2, §5.3.3). */
function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}
const fraction = (root: number): number => ((root - Math.floor(root)) * 2 ** 32) | 0;
const K = Int32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)));
const INITIAL = Int32Array.from(primes(8), (prime) => fraction(Math.sqrt(prime)));

const W = new Int32Array(64);

/** One block, whose 16 words stand in W, into `state` (FIPS 180-4 §6.2.2). */
function compress(state: Int32Array): void {
  for (let t = 16; t < 64; t++) {
    const x = W[t - 15]!;
    const y = W[t - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[t] = (W[t - 16]! + s0 + W[t - 7]! + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = [state[0]!, state[1]!, state[2]!, state[3]!, state[4]!, state[5]!, state[6]!, state[7]!];
  for (let t = 0; t < 64; t++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[t]! + W[t]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}

/** The state after the block of the padded key. */
function keyed(key: Uint8Array, pad: number): Int32Array {
  for (let i = 0; i < 16; i++) {
    let word = 0;
    for (let j = 0; j < 4; j++) word = (word << 8) | ((key[4 * i + j] ?? 0) ^ pad);
    W[i] = word;
  }
  const state = INITIAL.slice();
  compress(state);
  return state;
}

export class ShortHmac {
  readonly #inner: Int32Array;
  readonly #outer: Int32Array;
  readonly #state = new Int32Array(8);

  /** @param key at most 64 bytes: longer ones would have to be hashed first (RFC 2104 §2) */
  constructor(key: Uint8Array) {
    if (key.length > BLOCK_BYTES) throw new RangeError("the key is longer than a block");
    this.#inner = keyed(key, 0x36);
    this.#outer = keyed(key, 0x5c);
  }

  /** @param text at most 55 characters, ASCII. @returns the MAC as 8 words, big-endian; overwritten by the next call */
  words(text: string): Int32Array {
    if (text.length > TEXT_BYTES_MAX) throw new RangeError("the text is longer than a block");
    const state = this.#state;
    W.fill(0, 0, 16);
    for (let i = 0; i < text.length; i++) W[i >> 2]! |= text.charCodeAt(i) << (24 - 8 * (i & 3));
    W[text.length >> 2]! |= 0x80 << (24 - 8 * (text.length & 3));
    W[15] = (BLOCK_BYTES + text.length) * 8;
    state.set(this.#inner);
    compress(state);
    W.fill(0, 8, 16);
    W.set(state);
    W[8] = 0x80000000 | 0;
    W[15] = (BLOCK_BYTES + 32) * 8;
    state.set(this.#outer);
    compress(state);
    return state;
  }
}
