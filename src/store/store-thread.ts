/**
 * What runs in the store thread: the only writer of the database and of nothing else.
 *
 * Every 50 ms it syncs the journal's segments. At the same stroke it stores the calls that ended in them in one
 * transaction, but after a batch not before 250 ms: under load a commit costs as much as many calls. Then it deletes
 * segments that signalling closed: oldest first, and after the newer one is synced, because that holds the copies of
 * the live calls. Any crash in between is harmless: a call id is stored once.
 * After a second without a record it rests until the next one (store-rest.ts).
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { Cdr } from "#cdr/record.ts";
import { segmentNumber } from "#journal/segments.ts";
import type { CdrStore } from "./cdr-store.ts";
import { JournalTail } from "./journal-tail.ts";
import { LadderKeeper } from "./ladder-keeper.ts";
import type { StoreRest } from "./store-rest.ts";
import type { Answers, FromStore, LadderAnswer, Question, ToStore } from "./store-messages.ts";

const TICK_MS = 50;
/** Woken by a record: the message took its time, and 50 ms are promised. */
const WAKE_MS = 40;
/** Ticks from a batch to the next; whoever looks for a call that just ended (api/call-page.ts) waits longer. */
const BATCH_TICKS = 5;
/** After a failure: the disk is full, the database locked. */
const RETRY_TICKS = 20;
/** Ticks without a record before it rests. */
const IDLE_TICKS = 20;

export interface StoreThreadParts {
  readonly store: CdrStore;
  readonly clock: Clock;
  /** Undefined: it never rests. */
  readonly rest?: StoreRest;
  readonly post: (message: FromStore) => void;
  /** @param untilMs epoch ms; what came later need not be in it */
  readonly readLadder: (call: string | undefined, untilMs?: number) => LadderAnswer;
}

export interface StoreThread {
  receive(message: ToStore): void;
}

export function createStoreThread(parts: StoreThreadParts): StoreThread {
  return new JournalFolder(parts);
}

class JournalFolder implements StoreThread {
  readonly #parts: StoreThreadParts;
  /** Oldest first. */
  readonly #tails: JournalTail[] = [];
  readonly #keeper: LadderKeeper;
  #timer: Timer | undefined;
  #ticksToPass = 0;
  /** One is under way or waits for its turn. */
  #passing = false;
  #idleTicks = 0;
  #resting = false;
  /** Everything that touches the database waits for what came before it. */
  #turn: Promise<void> = Promise.resolve();
  #failing = false;
  #closed = false;

  constructor(parts: StoreThreadParts) {
    this.#parts = parts;
    const { ladders } = parts.store;
    this.#keeper = new LadderKeeper({
      nowMs: () => parts.clock.nowMs(),
      read: (callId, untilMs) => parts.readLadder(callId, untilMs).events,
      keep: (ladder) => ladders.keep(ladder),
      dropOld: () => ladders.dropOld(),
    });
    this.#tickIn(TICK_MS);
  }

  receive(message: ToStore): void {
    if (message.type === "segment-opened" || message.type === "segment-closed") this.#wake();
    switch (message.type) {
      case "segment-opened":
        return this.#guard(() => void this.#tail(message.path));
      case "segment-closed":
        return this.#guard(() => {
          this.#tail(message.path).closed = true;
        });
      case "wake":
        return this.#wake();
      case "ask":
        return this.#inTurn(() => this.#answer(message.id, message.question));
      case "close":
        return this.#inTurn(() => this.#close());
    }
  }

  #tail(path: string): JournalTail {
    let tail = this.#tails.find((one) => one.path === path);
    if (tail !== undefined) return tail;
    tail = new JournalTail(path);
    this.#tails.push(tail);
    this.#tails.sort((a, b) => segmentNumber(a.path) - segmentNumber(b.path));
    return tail;
  }

  #inTurn(run: () => Promise<void>): void {
    this.#turn = this.#turn.then(run);
  }

  #tickIn(delayMs: number): void {
    this.#timer = this.#parts.clock.after(delayMs, () => this.#tick());
  }

  #tick(): void {
    if (this.#closed || this.#rests()) return;
    this.#tickIn(TICK_MS);
    // What a database far away is waited for must not keep calls from the disk.
    this.#guard(() => this.#sync());
    if (this.#passing || --this.#ticksToPass > 0) return;
    this.#passing = true;
    this.#inTurn(async () => {
      await this.#pass();
      if (!this.#failing) await this.#keepLadders();
      this.#passing = false;
    });
  }

  /** @returns true when it sleeps until it is woken */
  #rests(): boolean {
    const { rest } = this.#parts;
    if (rest === undefined || this.#passing || this.#failing || this.#keeper.pending > 0 || ++this.#idleTicks < IDLE_TICKS) return false;
    rest.begin();
    // Where signalling was first to take the word back, its message is on the way.
    this.#resting = this.#unchanged() || !rest.end();
    if (!this.#resting) this.#idleTicks = 0;
    return this.#resting;
  }

  #unchanged(): boolean {
    try {
      return this.#tails.every(({ unchanged, closed }) => unchanged && !closed);
    } catch {
      return false;
    }
  }

  #wake(): void {
    this.#idleTicks = 0;
    if (!this.#resting || this.#closed) return;
    this.#resting = false;
    this.#parts.rest?.end();
    this.#tickIn(WAKE_MS);
  }

  #sync(): void {
    for (const tail of this.#tails) if (tail.sync()) this.#idleTicks = 0;
  }

  /** Never rejects: what fails is told once and tried again. */
  async #pass(): Promise<void> {
    let stored = 0;
    try {
      for (const tail of this.#tails) stored += await this.#store(tail);
      // Each tick syncs. But what stands in the stead of a segment that goes is on the disk first, and a failure is over.
      if (this.#failing || this.#tails[0]?.closed === true) this.#sync();
      // A younger segment may go only after the older: else its ends are gone and the older revives calls.
      while (this.#tails[0]?.closed === true) {
        const { path } = this.#tails[0];
        this.#tails[0].delete();
        this.#tails.shift();
        this.#parts.post({ type: "folded", path });
      }
    } catch (error) {
      this.#ticksToPass = RETRY_TICKS;
      this.#fail(error);
      return;
    }
    this.#ticksToPass = stored > 0 ? BATCH_TICKS : 0;
    if (this.#failing) this.#parts.post({ type: "recovered" });
    this.#failing = false;
  }

  /** @returns how many calls had ended */
  async #store(tail: JournalTail): Promise<number> {
    for (let stored = 0; ; ) {
      const ended = tail.read();
      if (ended.cdrs.length > 0) {
        await this.#insert(ended.cdrs);
        this.#keeper.note(ended.cdrs);
        stored += ended.cdrs.length;
      }
      tail.advance(ended.offset);
      if (ended.exhausted) return stored;
    }
  }

  /** A record that the database refuses for what it says, now and ever, must not keep the others waiting. */
  async #insert(cdrs: readonly Cdr[]): Promise<void> {
    try {
      await this.#parts.store.insert(cdrs);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (cdrs.length > 1) for (const cdr of cdrs) await this.#insert([cdr]);
      else this.#parts.post({ type: "refused", cdr: cdrs[0]!, reason: reasonOf(error) });
    }
  }

  async #answer(id: number, question: Question): Promise<void> {
    try {
      this.#parts.post({ type: "answer", id, value: await this.#ask(question) });
    } catch (error) {
      this.#parts.post({ type: "failed", id, reason: reasonOf(error) });
    }
  }

  async #ask(question: Question): Promise<Answers[keyof Answers]> {
    switch (question.type) {
      case "cdrs":
        // Who asks after a call ended sees it.
        await this.#pass();
        return this.#parts.store.list(question.filter);
      case "save-config":
        await this.#parts.store.saveConfig(question.change);
        return undefined;
      case "configs":
        return this.#parts.store.configs(question.limit);
      case "totals":
        await this.#pass();
        return this.#parts.store.totals(question.question);
      case "ladder":
        return this.#ladder(question.call);
    }
  }

  /** What the ring no longer has whole may have been kept. */
  async #ladder(call: string | undefined): Promise<LadderAnswer> {
    const found = this.#parts.readLadder(call);
    const callId = found.callId ?? call;
    if (callId === undefined || found.candidates.length > 1 || found.events.some(({ event }) => event.type === "call-started"))
      return found;
    const kept = await this.#parts.store.ladders.find(callId);
    return kept === undefined ? found : { callId, candidates: [callId], events: kept };
  }

  /** A ladder that can't be kept is lost, and nothing else. */
  async #keepLadders(last = false): Promise<void> {
    try {
      await this.#keeper.run(this.#parts.clock.wallMs(), last);
    } catch (error) {
      this.#parts.post({ type: "problem", reason: `a ladder is not kept: ${reasonOf(error)}` });
    }
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#pass();
    await this.#keepLadders(true);
    for (const tail of this.#tails) tail.release();
    await this.#parts.store.close();
    this.#parts.post({ type: "closed" });
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!this.#failing) this.#parts.post({ type: "problem", reason: reasonOf(error) });
    this.#failing = true;
    this.#wake();
  }
}

/** SQLite's codes for a row that breaks a rule of its table. */
const CONSTRAINT = 19;
const MISMATCH = 20;
const RESULT_CODE = 0xff;

/** The record is at fault, not the disk or the database: a null where none may be, or not even the shape of one. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TypeError) return true;
  // PostgreSQL's classes 22 (data) and 23 (integrity).
  if (error instanceof Error && "code" in error && /^2[23][0-9A-Z]{3}$/.test(String(error.code))) return true;
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & RESULT_CODE : 0;
  return code === CONSTRAINT || code === MISMATCH;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
