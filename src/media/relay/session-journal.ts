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
      return writeSync(fd, text);
    } catch (error) {
      if (!this.#broken) this.#complain(`media journal: ${String(error)}; sessions would not survive a restart`);
      this.#broken = true;
      return 0;
    }
  }

  #beginRewrite(source: JournalSource): void {
    try {
      this.#rewrite = { fd: openSync(`${this.#path}.new`, "w", 0o600), ids: source.sessionIds(), bytes: 0 };
      this.#broken = false;
    } catch {
      this.#broken = true;
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
    try {
      if (this.#broken) {
        closeSync(rewrite.fd);
        unlinkSync(`${this.#path}.new`);
        return;
      }
      renameSync(`${this.#path}.new`, this.#path);
      if (this.#fd >= 0) closeSync(this.#fd);
      this.#fd = rewrite.fd;
      this.#bytes = rewrite.bytes;
      this.#bytesAfterRewrite = rewrite.bytes;
    } catch (error) {
      this.#complain(`media journal: ${String(error)}`);
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    if (this.#rewrite !== undefined) closeSync(this.#rewrite.fd);
    this.#fd = -1;
    this.#rewrite = undefined;
  }
}
