/**
 * The relay's own journal: one append-only file of session lines (session-record.ts). A line survives
 * kill -9 once `flush` returned; power loss needs no care, for sessions do not survive that anyway.
 *
 * When the file has grown it is rewritten beside itself a few sessions at a time, so that the packet loop
 * never waits for it; what changes meanwhile goes to both files. A full disk costs the restart, not the call.
 */
import { closeSync, fstatSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import type { SessionId } from "#media/engine.ts";
import type { RelayJournal } from "./relay.ts";
import { type SessionRecord, foldRecords, recordLine } from "./session-record.ts";

const REWRITE_ABOVE_BYTES = 4 << 20;
/** Sessions copied per flush while rewriting: some 0.1 ms. */
const COPY_PER_FLUSH = 20;

export interface JournalSource {
  sessionIds(): SessionId[];
  record(id: SessionId): SessionRecord | undefined;
}

export class SessionJournal implements RelayJournal {
  readonly #path: string;
  #fd: number;
  #bytes: number;
  #bytesAfterRewrite = 0;
  #pending = "";
  #rewrite: { readonly fd: number; readonly ids: SessionId[]; bytes: number } | undefined;
  /** Set when the disk refused a write; the file is then rewritten at the next chance. */
  #broken = false;
  /** It was told; once is enough until a rewrite succeeds, as every change tries one. */
  #complained = false;
  readonly #complain: (detail: string) => void;

  private constructor(path: string, fd: number, complain: (detail: string) => void) {
    this.#path = path;
    this.#fd = fd;
    this.#bytes = fd < 0 ? 0 : fstatSync(fd).size;
    this.#complain = complain;
  }

  /** Opens the journal and reads what lived. Never throws: without a disk the relay works and only its restart is lost. */
  static open(
    path: string,
    complain: (detail: string) => void,
  ): { readonly journal: SessionJournal; readonly live: ReadonlyMap<SessionId, SessionRecord> } {
    let text = "";
    let fd = -1;
    try {
      fd = openSync(path, "a+", 0o600);
      text = readFileSync(path, "utf8");
      // A torn last line must not swallow the next one.
      if (text !== "" && !text.endsWith("\n")) writeSync(fd, "\n");
    } catch (error) {
      complain(`media journal ${path}: ${String(error)}`);
    }
    return { journal: new SessionJournal(path, fd, complain), live: foldRecords(text).live };
  }

  changed(session: SessionId, record: SessionRecord | undefined): void {
    this.#pending += recordLine(session, record);
  }

  /** Writes what changed. `source` is asked for whole sessions when the file is due for rewriting. */
  flush(source: JournalSource): void {
    if (this.#pending !== "") {
      const lines = this.#pending;
      this.#pending = "";
      this.#bytes += this.#write(this.#fd, lines);
      if (this.#rewrite !== undefined) this.#rewrite.bytes += this.#write(this.#rewrite.fd, lines);
      if (this.#rewrite === undefined && (this.#broken || this.#bytes > Math.max(REWRITE_ABOVE_BYTES, 2 * this.#bytesAfterRewrite)))
        this.#beginRewrite(source);
    }
    if (this.#rewrite !== undefined) this.#copySome(source);
  }

  #write(fd: number, text: string): number {
    if (fd < 0) return 0;
    try {
      const written = writeSync(fd, text);
      // What is missing would join the next line to a torn one.
      if (written < text.length) this.#failed("the disk took a part of a line");
      return written;
    } catch (error) {
      this.#failed(String(error));
      return 0;
    }
  }

  #failed(reason: string): void {
    if (!this.#complained) this.#complain(`media journal: ${reason}; sessions would not survive a restart`);
    this.#complained = true;
    this.#broken = true;
  }

  #beginRewrite(source: JournalSource): void {
    try {
      this.#rewrite = { fd: openSync(`${this.#path}.new`, "w", 0o600), ids: source.sessionIds(), bytes: 0 };
      this.#broken = false;
    } catch (error) {
      this.#failed(String(error));
    }
  }

  #copySome(source: JournalSource): void {
    const rewrite = this.#rewrite!;
    let lines = "";
    for (let i = 0; i < COPY_PER_FLUSH && rewrite.ids.length > 0; i++) {
      const id = rewrite.ids.pop()!;
      const record = source.record(id);
      if (record !== undefined) lines += recordLine(id, record);
    }
    if (lines !== "") rewrite.bytes += this.#write(rewrite.fd, lines);
    if (rewrite.ids.length > 0 && !this.#broken) return;
    this.#rewrite = undefined;
    if (!this.#broken && this.#replaceBy(rewrite)) return;
    closeSync(rewrite.fd);
    try {
      unlinkSync(`${this.#path}.new`);
    } catch {
      // The next rewrite begins it anew.
    }
  }

  #replaceBy(rewrite: { readonly fd: number; readonly bytes: number }): boolean {
    try {
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#failed(String(error));
      return false;
    }
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = rewrite.fd;
    this.#bytes = rewrite.bytes;
    this.#bytesAfterRewrite = rewrite.bytes;
    this.#complained = false;
    return true;
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    if (this.#rewrite !== undefined) closeSync(this.#rewrite.fd);
    this.#fd = -1;
    this.#rewrite = undefined;
  }
}
