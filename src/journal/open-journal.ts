/**
 * The writer of the journal: one per state folder, on the signalling thread. The records of one turn of the event
 * loop are one write, before anything that they tell of leaves: in the page cache, so kill -9 loses nothing that
 * somebody heard of; the store thread syncs it against power loss.
 *
 * Segments. When one is full the next begins, and all live calls are copied into it little by little.
 * Then nothing in the segments before it is needed but their ended calls, and `onSegmentClosed` tells so.
 *
 * A full or broken disk never reaches a caller: `degraded` turns true, and once a second a new segment
 * is tried, which starts with all live calls as they are then and the ends that could not be written.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, unlinkSync, writeSync } from "node:fs";
import type { Clock, Timer } from "#base/clock.ts";
import type { CallId, TenantId } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import type { Publish } from "#observe/event.ts";
import type { Journal, JournalCall, Sections } from "./journal.ts";
import { RECORD_BYTES_MAX, encodeRecord, endJson, recordRoom, sectionsJson } from "./records.ts";
import type { JournalContents } from "./read-journal.ts";
import { segmentNumber, segmentPath } from "./segments.ts";

/** Each segment holds every live call once more: smaller ones would be mostly copies when a thousand calls are up. */
const SEGMENT_BYTES = 16 << 20;
/** Calls copied in one step: about 0.3 ms, unnoticed by those that wait for an answer. */
const COPY_CALLS_PER_STEP = 64;
const COPY_STEP_MS = 4;
const PROBE_MS = 1_000;
/** Ends kept in memory while the disk refuses them; 2 kB each. */
const PENDING_ENDS_MAX = 20_000;

/** The system calls that can fail, so that tests can let them. */
export interface JournalFiles {
  /** Creates the file, which must not exist. */
  open(path: string): number;
  /** May write less than asked, as write(2) does. */
  write(fd: number, bytes: Buffer, offset: number, length: number): number;
  truncate(fd: number, length: number): void;
  close(fd: number): void;
  unlink(path: string): void;
}

const systemFiles: JournalFiles = {
  open: (path) => openSync(path, "ax", 0o600),
  write: (fd, bytes, offset, length) => writeSync(fd, bytes, offset, length),
  truncate: (fd, length) => ftruncateSync(fd, length),
  close: (fd) => closeSync(fd),
  unlink: (path) => unlinkSync(path),
};

export interface JournalOptions {
  readonly dir: string;
  /** What `readJournal(dir)` said: its live calls open the first segment. */
  readonly found: JournalContents;
  readonly clock: Clock;
  readonly publish: Publish;
  /**
   * All calls that have not ended, drawn little by little over several turns of the event loop. Each must
   * be the call's state when it is drawn: a generator over the living map is right; an array is copied at once.
   */
  readonly liveCalls: () => Iterable<JournalCall>;
  readonly segmentBytes?: number;
  /** The segment that is written from now on: the store thread syncs it and reads its ended calls. */
  readonly onSegmentOpened?: (path: string) => void;
  /** Nothing in that segment is needed but its ended calls; whoever folded them deletes it. Oldest first. */
  readonly onSegmentClosed?: (path: string) => void;
  /** After each write; costs as much as a record may. */
  readonly onWritten?: () => void;
  /** Sees to it that `flush` is called at the end of this turn; absent: each record is written at once. */
  readonly soon?: () => void;
  readonly files?: JournalFiles;
}

export interface JournalCounters {
  readonly records: number;
  readonly bytes: number;
  readonly segments: number;
  readonly failures: number;
  readonly lostEnds: number;
}

export interface OpenJournal extends Journal {
  readonly counters: JournalCounters;
  /** Writes the records of this turn. A disk that refuses them is a matter of `degraded`, as ever. */
  flush(): void;
  /** Nothing is written afterwards. */
  close(): void;
}

/** @throws when the folder can't be made; a disk that is full already only degrades */
export function openJournal(options: JournalOptions): OpenJournal {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  return new SegmentedJournal(options);
}

interface Segment {
  readonly path: string;
  readonly fd: number;
  /** On the disk. */
  size: number;
}

class SegmentedJournal implements OpenJournal {
  degraded = false;
  readonly counters = { records: 0, bytes: 0, segments: 0, failures: 0, lostEnds: 0 };
  readonly #options: JournalOptions;
  readonly #files: JournalFiles;
  readonly #segmentBytes: number;
  #number: number;
  #segment: Segment | undefined;
  /** Bytes of copies in the current segment: they don't count against its size, else many live calls would rotate for ever. */
  #copiedBytes = 0;
  /** Earlier segments that wait until all live calls stand in the current one. */
  readonly #waiting: string[];
  #copying: Iterator<JournalCall> | undefined;
  /** Ended since the last copy began, and those still drawn as live by it: nothing revives them. */
  #ended = new Set<CallId>();
  #endedBefore: ReadonlySet<CallId> = new Set();
  readonly #pendingEnds: Cdr[] = [];
  #timer: Timer | undefined;
  #rotateAfterMs = 0;
  #buffer = Buffer.allocUnsafe(64 << 10);
  /** Bytes of `#buffer` that are not written yet, whole records, and the ends among them. */
  #held = 0;
  #heldEnds: Cdr[] = [];
  #closed = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#files = options.files ?? systemFiles;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#waiting = [...options.found.segments];
    this.#number = segmentNumber(this.#waiting.at(-1) ?? "");
    for (const cut of options.found.cuts)
      options.publish({
        type: "process",
        what: "journal-cut",
        detail: `${cut.segment}: ${cut.reason} at ${cut.at}, ${cut.bytes} bytes dropped`,
      });
    this.#startFresh(options.found.live);
  }

  append(callId: CallId, tenant: TenantId, sections: Sections): void {
    // Degraded: the copy that ends it has the whole call.
    if (this.degraded || this.#closed || this.#hasEnded(callId)) return;
    const json = this.#toJson(callId, () => sectionsJson(callId, tenant, sections));
    if (json !== undefined && this.#write(json)) this.#rotateWhenFull();
  }

  end(cdr: Cdr): void {
    if (this.#closed || this.#hasEnded(cdr.callId)) return;
    this.#ended.add(cdr.callId);
    const json = this.#toJson(cdr.callId, () => endJson(cdr));
    if (json === undefined) this.counters.lostEnds++;
    else if (this.degraded || !this.#write(json)) this.#keepEnd(cdr);
    else {
      if (this.#held > 0) this.#heldEnds.push(cdr);
      this.#rotateWhenFull();
    }
  }

  close(): void {
    this.flush();
    this.#closed = true;
    this.#timer?.cancel();
    if (this.#segment !== undefined) this.#files.close(this.#segment.fd);
    this.#segment = undefined;
  }

  #hasEnded(callId: CallId): boolean {
    return this.#ended.has(callId) || this.#endedBefore.has(callId);
  }

  #toJson(callId: CallId, stringify: () => string): string | undefined {
    let reason: string;
    try {
      const json = stringify();
      if (json.length * 3 <= RECORD_BYTES_MAX || Buffer.byteLength(json) <= RECORD_BYTES_MAX) return json;
      reason = `${json.length} characters`;
    } catch (error) {
      reason = String(error);
    }
    this.#options.publish({ type: "limit", limit: "journal-record", detail: `not written: ${reason}`, callId });
    return undefined;
  }

  /** One record, whole or not at all. @returns false when the disk refused it, or what was held before it */
  #write(json: string): boolean {
    const room = recordRoom(json);
    if (this.#held + room > this.#buffer.length && !this.#writeHeld()) return false;
    if (room > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(room * 2);
    if (this.#segment === undefined) return false;
    const length = encodeRecord(json, this.#buffer, this.#held);
    this.#held += length;
    this.counters.records++;
    this.counters.bytes += length;
    if (this.#options.soon === undefined) return this.#writeHeld();
    this.#options.soon();
    return true;
  }

  flush(): void {
    this.#writeHeld();
  }

  #writeHeld(): boolean {
    const length = this.#held;
    const segment = this.#segment;
    if (length === 0) return true;
    if (segment === undefined) return false;
    try {
      // Short writes happen where the disk is about to be full; the next one says why.
      for (let done = 0; done < length; ) done += this.#files.write(segment.fd, this.#buffer, done, length - done);
    } catch (error) {
      this.#degrade(error);
      return false;
    }
    this.#held = 0;
    this.#heldEnds = [];
    segment.size += length;
    this.#options.onWritten?.();
    return true;
  }

  #rotateWhenFull(): void {
    const written = this.#segment!.size + this.#held - this.#copiedBytes;
    if (written < Math.max(this.#segmentBytes, this.#copiedBytes) || this.#copying !== undefined) return;
    if (this.#options.clock.nowMs() < this.#rotateAfterMs) return;
    const full = this.#segment!;
    if (!this.#writeHeld() || !this.#openNext()) return;
    this.#files.close(full.fd);
    this.#waiting.push(full.path);
    this.#beginCopy();
  }

  /** On failure the current segment goes on beyond its size. */
  #openNext(): boolean {
    const path = segmentPath(this.#options.dir, this.#number + 1);
    try {
      const fd = this.#files.open(path);
      this.#number++;
      this.#segment = { path, fd, size: 0 };
    } catch (error) {
      this.#rotateAfterMs = this.#options.clock.nowMs() + PROBE_MS;
      this.#options.publish({ type: "limit", limit: "journal-segment", detail: `${path} can't be created: ${reasonOf(error)}` });
      // Something else left that name behind: the next try takes the next number.
      if ((error as NodeJS.ErrnoException).code === "EEXIST") this.#number++;
      return false;
    }
    this.#copiedBytes = 0;
    this.counters.segments++;
    this.#options.onSegmentOpened?.(path);
    return true;
  }

  #beginCopy(): void {
    const calls = this.#options.liveCalls();
    this.#beginEnded();
    this.#copying = calls[Symbol.iterator]();
    if (Array.isArray(calls)) this.#copy(calls.length + 1);
    else this.#timer = this.#options.clock.after(COPY_STEP_MS, () => this.#copyStep());
  }

  /** What a copy that the disk interrupted still had to skip is skipped by the next. */
  #beginEnded(): void {
    for (const callId of this.#endedBefore) this.#ended.add(callId);
    this.#endedBefore = this.#ended;
    this.#ended = new Set();
  }

  #copyStep(): void {
    this.#copy(COPY_CALLS_PER_STEP);
    if (this.#copying !== undefined && !this.degraded) this.#timer = this.#options.clock.after(COPY_STEP_MS, () => this.#copyStep());
  }

  /** Copies up to `calls` calls; at the last one the segments before are closed. */
  #copy(calls: number): void {
    for (let i = 0; i < calls; i++) {
      const next = this.#copying!.next();
      if (next.done === true) return this.#finishCopy();
      if (!this.#copyCall(next.value)) return;
    }
  }

  /** @returns false when the disk refused */
  #copyCall(call: JournalCall): boolean {
    if (this.#hasEnded(call.callId)) {
      // Its owner still lists it: remember its end for the next copy too.
      this.#ended.add(call.callId);
      return true;
    }
    const json = this.#toJson(call.callId, () => sectionsJson(call.callId, call.tenant, call.sections));
    if (json === undefined) return true;
    const before = this.counters.bytes;
    if (!this.#write(json)) return false;
    this.#copiedBytes += this.counters.bytes - before;
    return true;
  }

  #finishCopy(): void {
    // The copies, before what they stand for goes.
    if (!this.#writeHeld()) return;
    this.#copying = undefined;
    this.#endedBefore = new Set();
    for (const path of this.#waiting.splice(0)) this.#options.onSegmentClosed?.(path);
  }

  #degrade(error: unknown): void {
    this.counters.failures++;
    this.#timer?.cancel();
    const segment = this.#segment!;
    this.#segment = undefined;
    this.#copying = undefined;
    this.#held = 0;
    for (const cdr of this.#heldEnds.splice(0)) this.#keepEnd(cdr);
    try {
      this.#files.truncate(segment.fd, segment.size);
    } catch {
      // The torn record ends that segment for every reader, and nothing is written behind it.
    }
    this.#files.close(segment.fd);
    this.#waiting.push(segment.path);
    this.#refuseCalls(reasonOf(error));
  }

  #refuseCalls(reason: string): void {
    if (!this.degraded) this.#options.publish({ type: "process", what: "journal-degraded", detail: `new calls are refused: ${reason}` });
    this.degraded = true;
    this.#probeLater();
  }

  #probeLater(): void {
    if (!this.#closed) this.#timer = this.#options.clock.after(PROBE_MS, () => this.#startFresh(this.#options.liveCalls()));
  }

  /** A new segment that holds all there is to know: at the start, and as the probe of a degraded journal. */
  #startFresh(calls: Iterable<JournalCall>): void {
    const wasDegraded = this.degraded;
    if (!this.#openNext()) return this.#refuseCalls("no segment can be created");
    const fresh = this.#segment!.path;
    if (!this.#writeAll(calls)) {
      // #write has given it up already: a try leaves no file behind.
      this.#waiting.pop();
      this.#discard(fresh);
      return;
    }
    this.degraded = false;
    this.#pendingEnds.length = 0;
    this.#finishCopy();
    if (wasDegraded) this.#options.publish({ type: "process", what: "journal-recovered", detail: "new calls are taken again" });
  }

  #writeAll(calls: Iterable<JournalCall>): boolean {
    this.#beginEnded();
    for (const cdr of this.#pendingEnds) {
      const json = this.#toJson(cdr.callId, () => endJson(cdr));
      if (json !== undefined && !this.#write(json)) return false;
    }
    for (const call of calls) if (!this.#copyCall(call)) return false;
    return this.#writeHeld();
  }

  #discard(path: string): void {
    try {
      this.#files.unlink(path);
    } catch {
      // It stays: empty or a part of the truth, which a reader folds without harm.
      this.#waiting.push(path);
    }
  }

  #keepEnd(cdr: Cdr): void {
    this.#pendingEnds.push(cdr);
    if (this.#pendingEnds.length <= PENDING_ENDS_MAX) return;
    this.#pendingEnds.shift();
    this.counters.lostEnds++;
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" ? "the disk is full (ENOSPC)" : (message ?? String(error));
}
