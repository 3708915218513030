/**
 * What the journal says after a crash: every segment folded in order. Reads only; the next writer opens a
 * segment of its own, so a torn tail is left where it is and ends that segment for every reader.
 */
import { readFileSync } from "node:fs";
import type { Cdr } from "#cdr/record.ts";
import type { JournalCall } from "./journal.ts";
import { JournalFold, parseRecord, scanRecords } from "./records.ts";
import { listSegments } from "./segments.ts";

export interface JournalCut {
  readonly segment: string;
  /** Offset of the first byte that is not part of a whole record. */
  readonly at: number;
  /** How many bytes are lost from there. */
  readonly bytes: number;
  readonly reason: string;
}

export interface JournalContents {
  readonly live: readonly JournalCall[];
  /** Those whose segment the store has not folded yet. Optional fields that were undefined are absent. */
  readonly ended: readonly Cdr[];
  readonly cuts: readonly JournalCut[];
  /** Paths, oldest first. */
  readonly segments: readonly string[];
}

/** @throws where the folder can't be read: starting without it would lose calls */
export function readJournal(dir: string): JournalContents {
  const fold = new JournalFold();
  const cuts: JournalCut[] = [];
  const segments = listSegments(dir);
  for (const segment of segments) {
    const bytes = readFileSync(segment);
    const scan = scanRecords(bytes, 0, bytes.length, (start, end) => {
      const record = parseRecord(bytes, start, end);
      if (record === undefined) return "record of another version";
      fold.add(record);
      return undefined;
    });
    if (scan.cut !== undefined) cuts.push({ segment, at: scan.end, bytes: bytes.length - scan.end, reason: scan.cut });
  }
  return { live: fold.live(), ended: fold.ended(), cuts, segments };
}
