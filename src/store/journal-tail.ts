/**
 * The store's view of one journal segment while signalling still writes it: syncs it, and reads the ended
 * calls as they come. So the journal itself is the queue between the threads: signalling pays nothing for
 * a CDR beyond its record, and what was not stored yet is read again after any crash.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, unlinkSync } from "node:fs";
import type { Cdr } from "#cdr/record.ts";
import { HEADER_BYTES, RECORD_BYTES_MAX, isEnd, parseRecord, scanRecords } from "#journal/records.ts";

/** Two of the largest records: whatever stands at the offset fits. */
const WINDOW_BYTES = 2 * (HEADER_BYTES + RECORD_BYTES_MAX);
const window = Buffer.allocUnsafeSlow(WINDOW_BYTES);

export interface Ended {
  readonly cdrs: readonly Cdr[];
  /** To be given to `advance` once they are stored. */
  readonly offset: number;
  /** No whole record more stands in the segment now; what is torn in a living one may be whole next time. */
  readonly exhausted: boolean;
}

const NOTHING: Ended = { cdrs: [], offset: 0, exhausted: true };

export class JournalTail {
  readonly path: string;
  /** Signalling needs nothing of it any more. */
  closed = false;
  #fd: number | undefined;
  #offset = 0;
  #syncedBytes = 0;

  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(path, "r");
    } catch (error) {
      // A probe of a full disk leaves no file; everything else should be heard of.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  /** Makes what was written so far survive a power loss. @returns false when that was so already */
  sync(): boolean {
    if (this.#fd === undefined) return false;
    const { size } = fstatSync(this.#fd);
    if (size === this.#syncedBytes) return false;
    fdatasyncSync(this.#fd);
    this.#syncedBytes = size;
    return true;
  }

  /** Whether nothing was written since `sync` and `read`, but for what is torn. */
  get unchanged(): boolean {
    return this.#fd === undefined || fstatSync(this.#fd).size === this.#syncedBytes;
  }

  /** The calls that ended since the offset, a window at a time. */
  read(): Ended {
    if (this.#fd === undefined) return NOTHING;
    const bytes = readSync(this.#fd, window, 0, WINDOW_BYTES, this.#offset);
    const cdrs: Cdr[] = [];
    const visit = (start: number, end: number): string | undefined => {
      const record = parseRecord(window, start, end);
      if (record?.kind !== "end") return "record of another version";
      cdrs.push(record.cdr);
      return undefined;
    };
    const scan = scanRecords(window, 0, bytes, visit, isEnd);
    // A full window that ends within a record is no cut: the next one starts there.
    return { cdrs, offset: this.#offset + scan.end, exhausted: bytes < WINDOW_BYTES || scan.end === 0 };
  }

  advance(offset: number): void {
    this.#offset = Math.max(this.#offset, offset);
  }

  delete(): void {
    this.release();
    try {
      unlinkSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  release(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
