/**
 * The store as signalling sees it: a worker thread that is told which journal segments there are, and
 * asked. Signalling never waits for it; if it dies it is started again, and the journal has kept everything.
 */
import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "#base/clock.ts";
import type { Publish } from "#observe/event.ts";
import type { CallTotal, TotalsQuestion } from "./call-totals.ts";
import type { CdrFilter, ConfigChange } from "./cdr-store.ts";
import { StoreRest } from "./store-rest.ts";
import type { Answers, FromStore, LadderAnswer, Question, StoreThreadOptions, ToStore } from "./store-messages.ts";
import type { Cdr } from "#cdr/record.ts";

const RESTART_MS = 1_000;
/** The last pass of a busy thread takes milliseconds; a hung disk must not hold up the end of the process. */
const CLOSE_MS = 5_000;
/** Questions that wait for an answer: above it the disk is the problem, and memory should not be the next. */
const PENDING_MAX = 1_000;

/** The store could not answer; `message` says why. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code = "STORE_UNAVAILABLE";
}

export interface StorePort {
  /** Given to `openJournal` as onSegmentOpened and onSegmentClosed. */
  segmentOpened(path: string): void;
  segmentClosed(path: string): void;
  /** As onRecord: the thread sleeps while nothing is written. */
  recordWritten(): void;
  /** Newest first; calls that ended before the question are in it. @throws StoreError, as all questions do */
  cdrs(filter: CdrFilter): Promise<readonly Cdr[]>;
  saveConfig(change: ConfigChange): Promise<void>;
  configs(limit: number): Promise<readonly ConfigChange[]>;
  totals(question: TotalsQuestion): Promise<readonly CallTotal[]>;
  /** What the ladder ring has of a call (id, unique prefix or SIP Call-ID; undefined: the last one). Flush the ring first. */
  ladder(call: string | undefined): Promise<LadderAnswer>;
  /** Stores what is in the journal and ends the thread. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** State folder: `tandem.db` and `ladder/` are in it. */
  readonly home: string;
  readonly clock: Clock;
  readonly publish: Publish;
  /** A segment is stored and deleted. */
  readonly onFolded?: (path: string) => void;
  /** The composition root of the thread; tests name another. */
  readonly entry?: URL;
  /** The thread is started so much later: after a crash the processor belongs to those who wait for an answer. */
  readonly startDelayMs?: number;
}

/** Returns at once; the thread opens the database meanwhile. */
export function startStore(options: StoreOptions): StorePort {
  return new StoreClient(options);
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: StoreError): void;
}

class StoreClient implements StorePort {
  readonly #options: StoreOptions;
  /** Segments not folded yet → whether they are closed: a new thread is told them again. */
  readonly #segments = new Map<string, boolean>();
  readonly #pending = new Map<number, Pending>();
  readonly #rest = new StoreRest();
  #questions = 0;
  /** Undefined until the first start, and what it will be told then. */
  #worker: Worker | undefined;
  #early: ToStore[] = [];
  #firstStart: Timer | undefined;
  #restart: Timer | undefined;
  /** Set once `close` was called. */
  #onClosed: (() => void) | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
    const { clock, startDelayMs = 0 } = options;
    if (startDelayMs > 0) this.#firstStart = clock.after(startDelayMs, () => this.#startFirst());
    else this.#startFirst();
  }

  segmentOpened(path: string): void {
    this.#segments.set(path, false);
    this.#tell({ type: "segment-opened", path });
  }

  segmentClosed(path: string): void {
    this.#segments.set(path, true);
    this.#tell({ type: "segment-closed", path });
  }

  recordWritten(): void {
    if (this.#rest.end()) this.#tell({ type: "wake" });
  }

  cdrs(filter: CdrFilter): Promise<readonly Cdr[]> {
    return this.#ask({ type: "cdrs", filter });
  }
  saveConfig(change: ConfigChange): Promise<void> {
    return this.#ask({ type: "save-config", change });
  }
  configs(limit: number): Promise<readonly ConfigChange[]> {
    return this.#ask({ type: "configs", limit });
  }
  totals(question: TotalsQuestion): Promise<readonly CallTotal[]> {
    return this.#ask({ type: "totals", question });
  }
  ladder(call: string | undefined): Promise<LadderAnswer> {
    return this.#ask({ type: "ladder", call });
  }

  async close(): Promise<void> {
    this.#restart?.cancel();
    if (this.#worker === undefined) this.#startFirst();
    const worker = this.#worker!;
    await new Promise<void>((resolve) => {
      const late = this.#options.clock.after(CLOSE_MS, resolve);
      this.#onClosed = () => {
        late.cancel();
        resolve();
      };
      if (this.#restart === undefined) this.#tell({ type: "close" });
      else this.#onClosed();
    });
    // The thread has closed the database; what is left of it is its event loop.
    await worker.terminate();
    this.#rejectAll("the store is closed");
  }

  #startFirst(): void {
    this.#firstStart?.cancel();
    this.#worker = this.#start();
    for (const message of this.#early.splice(0)) this.#tell(message);
  }

  #start(): Worker {
    // A thread that died while it rested left its word behind.
    this.#rest.end();
    const workerData: StoreThreadOptions = { home: this.#options.home, rest: this.#rest.memory };
    const worker = new Worker(this.#options.entry ?? new URL("../store-main.ts", import.meta.url), { workerData, name: "store" });
    worker.on("message", (message: FromStore) => this.#receive(message));
    let reason = "it ended";
    worker.on("error", (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.on("exit", () => this.#onExit(reason));
    this.#restart = undefined;
    return worker;
  }

  #onExit(reason: string): void {
    this.#rejectAll(`the store thread is gone: ${reason}`);
    if (this.#onClosed !== undefined) return this.#onClosed();
    this.#options.publish({
      type: "process",
      what: "store-gone",
      detail: `${reason}; the journal keeps CDRs, trying again in ${RESTART_MS} ms`,
    });
    this.#restart = this.#options.clock.after(RESTART_MS, () => {
      this.#worker = this.#start();
      for (const [path, closed] of this.#segments) this.#tell({ type: closed ? "segment-closed" : "segment-opened", path });
    });
  }

  #receive(message: FromStore): void {
    switch (message.type) {
      case "folded":
        this.#segments.delete(message.path);
        this.#options.onFolded?.(message.path);
        return;
      case "answer":
        this.#pending.get(message.id)?.resolve(message.value);
        this.#pending.delete(message.id);
        return;
      case "failed":
        this.#pending.get(message.id)?.reject(new StoreError(message.reason));
        this.#pending.delete(message.id);
        return;
      case "refused":
        // The whole of it, as the log is the last that has it.
        this.#options.publish({
          type: "process",
          what: "cdr-failed",
          detail: `${message.reason}: ${JSON.stringify(message.cdr)}`,
          callId: message.cdr.callId,
        });
        return;
      case "problem":
        this.#options.publish({ type: "process", what: "store-failing", detail: `${message.reason}; CDRs wait in the journal` });
        return;
      case "recovered":
        this.#options.publish({ type: "process", what: "store-recovered", detail: "CDRs are stored again" });
        return;
      case "closed":
        this.#onClosed?.();
    }
  }

  #tell(message: ToStore): void {
    if (this.#worker === undefined) {
      this.#early.push(message);
      return;
    }
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
    this.#worker.postMessage(message);
  }

  /** The answer's type follows from the question's: the thread keeps to `Answers`. */
  #ask<T extends keyof Answers>(question: Question & { readonly type: T }): Promise<Answers[T]> {
    if (this.#onClosed !== undefined) return Promise.reject(new StoreError("the store is closed"));
    if (this.#restart !== undefined) return Promise.reject(new StoreError("the store thread is being started again"));
    if (this.#pending.size >= PENDING_MAX) return Promise.reject(new StoreError("too many questions wait for the store"));
    return new Promise((resolve, reject) => {
      const id = ++this.#questions;
      this.#pending.set(id, { resolve: (value) => resolve(value as Answers[T]), reject });
      this.#tell({ type: "ask", id, question });
    });
  }

  #rejectAll(reason: string): void {
    for (const pending of this.#pending.values()) pending.reject(new StoreError(reason));
    this.#pending.clear();
  }
}
