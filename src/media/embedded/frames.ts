/**
 * Framing on media.sock: 4 bytes of length (big-endian), then so many bytes of JSON in UTF-8. Pure.
 * The reader never throws; a frame beyond the limit or text that is no JSON is an error after which the
 * stream has to be closed, because nothing after it can be trusted.
 */

/** A controller's largest command is its list of pools. */
export const COMMAND_BYTES_MAX = 1 << 20;
/** The relay's largest message is its hello with all sessions. */
export const MESSAGE_BYTES_MAX = 16 << 20;
const LENGTH_BYTES = 4;

export function encodeFrame(value: unknown): Buffer {
  const text = JSON.stringify(value);
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + length);
  frame.writeUInt32BE(length);
  frame.write(text, LENGTH_BYTES);
  return frame;
}

export type Frames = { readonly ok: true; readonly values: readonly unknown[] } | { readonly ok: false; readonly reason: string };

export class FrameReader {
  readonly #bytesMax: number;
  #held: Buffer = Buffer.alloc(0);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The complete frames so far. Keeps a part of `chunk`, which must not change afterwards. */
  push(chunk: Uint8Array): Frames {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const values: unknown[] = [];
    let at = 0;
    while (all.length - at >= LENGTH_BYTES) {
      const length = all.readUInt32BE(at);
      if (length > this.#bytesMax) return { ok: false, reason: `frame of ${length} bytes, at most ${this.#bytesMax}` };
      const end = at + LENGTH_BYTES + length;
      if (all.length < end) break;
      try {
        values.push(JSON.parse(all.toString("utf8", at + LENGTH_BYTES, end)));
      } catch {
        return { ok: false, reason: "frame is not JSON" };
      }
      at = end;
    }
    this.#held = all.subarray(at);
    return { ok: true, values };
  }
}
