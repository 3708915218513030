/**
 * What parsers of foreign bytes return, and the one text form of wire bytes.
 *
 * A "wire string" has one char per byte (latin1): decoding and encoding it loses nothing, whatever
 * the sender put there. It becomes UTF-8 text only where a person reads it.
 */

declare global {
  // Node has these; its types leave them out. They skip the encoding look-up of toString and write.
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
    latin1Write(text: string, offset?: number, length?: number): number;
  }
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string; readonly offset: number };

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value });
export const malformed = (reason: string, offset = 0) => ({ ok: false, reason, offset }) as const;

export const wireToBytes = (wire: string): Buffer => Buffer.from(wire, "latin1");
export const bytesToWire = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).latin1Slice();
export const textToWire = (text: string): string => Buffer.from(text, "utf8").latin1Slice();
