/**
 * The recent past as it happened: every message and step, in a ring of segments that nobody syncs.
 * An event is copied into a buffer at once (about 1 µs); a buffer is written when it is full or 100 ms old,
 * by the thread pool, so that a slow disk costs events (counted) and never time.
 */
import { closeSync, mkdirSync, open, unlink, write } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "#base/clock.ts";
import type { Stamped } from "./event.ts";
import { encodeEvent } from "./ladder-records.ts";
import { ladderSegments } from "./read-ladder.ts";

const RING_BYTES = 256 << 20;
const SEGMENTS = 16;
/** Each write wakes a thread, which costs more than the copying. */
const BUFFER_BYTES = 256 << 10;
const FLUSH_MS = 100;
/** Buffers under way to the disk; above it events are dropped. */
const IN_FLIGHT_MAX = 32;

export interface LadderRingOptions {
  /** Usually `<home>/ladder`. */
  readonly dir: string;
  readonly clock: Clock;
  readonly ringBytes?: number;
  /** A line for people, once per kind of failure in a row. */
  readonly onProblem: (reason: string) => void;
}

export interface LadderRing {
  readonly name: string;
  accept(stamped: Stamped): void;
  /** Resolves when all accepted events can be read from the folder. */
  flush(): Promise<void>;
  /** Writes what is buffered; waits for the disk. */
  close(): Promise<void>;
  readonly counters: { readonly events: number; readonly bytes: number; readonly dropped: number };
}

/** @throws when the folder can't be made or read */
export function openLadderRing(options: LadderRingOptions): LadderRing {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  return new SegmentRing(options);
}

interface Segment {
  readonly path: string;
  /** Open, being opened, or not to be had. */
  fd: number | "opening" | "failed";
  size: number;
  /** Writes not done yet: the descriptor is closed after the last. */
  writing: number;
  readonly waiting: { readonly buffer: Buffer; readonly length: number; readonly position: number }[];
  full: boolean;
}

class SegmentRing implements LadderRing {
  readonly name = "ladder";
  readonly counters = { events: 0, bytes: 0, dropped: 0 };
  readonly #options: LadderRingOptions;
  readonly #segmentBytes: number;
  readonly #paths: string[];
  #number: number;
  #segment: Segment | undefined;
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #used = 0;
  readonly #spare: Buffer[] = [];
  #inFlight = 0;
  #timer: Timer | undefined;
  #onIdle: (() => void)[] = [];
  #problem = "";
  #closed = false;

  constructor(options: LadderRingOptions) {
    this.#options = options;
    this.#segmentBytes = Math.max(BUFFER_BYTES, Math.floor((options.ringBytes ?? RING_BYTES) / SEGMENTS));
    this.#paths = ladderSegments(options.dir).map((segment) => segment.path);
    this.#number = ladderSegments(options.dir).at(-1)?.number ?? 0;
  }

  accept(stamped: Stamped): void {
    const { event } = stamped;
    // A flood of garbage must not wash the calls out of the ring.
    if (this.#closed || event.type === "garbage" || event.type === "refused") return;
    this.counters.events++;
    let length = encodeEvent(stamped, this.#buffer, this.#used);
    if (length === 0 && this.#used > 0) {
      this.#send();
      length = encodeEvent(stamped, this.#buffer, 0);
    }
    // A message above 64 kB is none that SIP over UDP can carry; it is left out.
    if (length === 0) this.counters.dropped++;
    this.#used += length;
    if (this.#used > 0 && this.#timer === undefined) this.#timer = this.#options.clock.after(FLUSH_MS, () => this.#send());
  }

  flush(): Promise<void> {
    this.#send();
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  async close(): Promise<void> {
    await this.flush();
    this.#closed = true;
    this.#timer?.cancel();
    if (this.#segment !== undefined) this.#retire(this.#segment);
    this.#segment = undefined;
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#used === 0) return;
    if (this.#inFlight >= IN_FLIGHT_MAX) {
      this.counters.dropped++;
      this.#used = 0;
      return;
    }
    const segment = this.#segmentFor(this.#used);
    const piece = { buffer: this.#buffer, length: this.#used, position: segment.size };
    segment.size += this.#used;
    segment.writing++;
    this.#inFlight++;
    this.counters.bytes += this.#used;
    this.#buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    this.#used = 0;
    if (segment.fd === "opening") segment.waiting.push(piece);
    else this.#write(segment, piece);
  }

  #segmentFor(bytes: number): Segment {
    const current = this.#segment;
    if (current !== undefined && current.fd !== "failed" && current.size + bytes <= this.#segmentBytes) return current;
    if (current !== undefined) this.#retire(current);
    const path = join(this.#options.dir, `${String(++this.#number).padStart(8, "0")}.ladder`);
    const segment: Segment = { path, fd: "opening", size: 0, writing: 0, waiting: [], full: false };
    this.#segment = segment;
    this.#paths.push(path);
    while (this.#paths.length > SEGMENTS) this.#remove(this.#paths.shift()!);
    open(path, "w", 0o600, (error, fd) => {
      if (error !== null) this.#failed(error);
      segment.fd = error === null ? fd : "failed";
      for (const piece of segment.waiting.splice(0)) this.#write(segment, piece);
      if (segment.full) this.#closeWhenDone(segment);
    });
    return segment;
  }

  #write(segment: Segment, piece: Segment["waiting"][number]): void {
    if (typeof segment.fd !== "number") return this.#written(segment, piece.buffer);
    write(segment.fd, piece.buffer, 0, piece.length, piece.position, (error) => {
      if (error === null) this.#problem = "";
      else this.#failed(error);
      this.#written(segment, piece.buffer);
    });
  }

  #written(segment: Segment, buffer: Buffer): void {
    segment.writing--;
    this.#inFlight--;
    if (this.#spare.length < 4) this.#spare.push(buffer);
    if (segment.full) this.#closeWhenDone(segment);
    if (this.#inFlight === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #retire(segment: Segment): void {
    segment.full = true;
    this.#closeWhenDone(segment);
  }

  #closeWhenDone(segment: Segment): void {
    if (segment.writing > 0 || typeof segment.fd !== "number") return;
    closeSync(segment.fd);
    segment.fd = "failed";
  }

  /** Not at once: freeing a segment's blocks may take the disk longer than calls should wait. */
  #remove(path: string): void {
    unlink(path, (error) => {
      if (error !== null && error.code !== "ENOENT") this.#failed(error);
    });
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.counters.dropped++;
    const problem = error.code ?? error.message;
    if (problem !== this.#problem) this.#options.onProblem(`ladder: ${error.message}; events are lost, calls go on`);
    this.#problem = problem;
  }
}
