/**
 * What the relay remembers of a session across its own death: enough to open the same ports and go on
 * sending to the same places. Counters are not kept. One JSON line holds the whole session, the newest
 * line of a session wins, so reading is a fold without order problems and a torn tail costs one line.
 */
import type { RemoteMedia, SessionId, SideName } from "#media/engine.ts";
import type { SideLocal } from "./flow.ts";

export interface SideRecord {
  readonly local: SideLocal;
  readonly remote?: RemoteMedia;
  readonly learned?: { readonly address: string; readonly port: number };
  readonly rtcpLearned?: { readonly address: string; readonly port: number };
}

export interface SessionRecord {
  readonly session: SessionId;
  readonly timeoutMs: number;
  readonly pair?: SideName;
  readonly first?: SideName;
  readonly sides: Readonly<Record<SideName, SideRecord>>;
}

export const recordLine = (id: SessionId, record: SessionRecord | undefined): string =>
  `${JSON.stringify(record === undefined ? { ended: id } : record)}\n`;

function recordOf(line: string): { readonly session: SessionId; readonly record: SessionRecord | undefined } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  if ("ended" in value && typeof value.ended === "string") return { session: value.ended, record: undefined };
  // Only we write this file, so its shape is checked no further.
  if ("session" in value && typeof value.session === "string" && "sides" in value)
    return { session: value.session, record: value as SessionRecord };
  return undefined;
}

/** The sessions that a journal's text leaves alive, and how many lines could not be read. */
export function foldRecords(text: string): { readonly live: ReadonlyMap<SessionId, SessionRecord>; readonly damaged: number } {
  const live = new Map<SessionId, SessionRecord>();
  let damaged = 0;
  let from = 0;
  while (from < text.length) {
    const end = text.indexOf("\n", from);
    // A line without its end was being written when the process died.
    const entry = end < 0 ? undefined : recordOf(text.slice(from, end));
    from = end < 0 ? text.length : end + 1;
    if (entry === undefined) damaged++;
    else if (entry.record === undefined) live.delete(entry.session);
    else live.set(entry.session, entry.record);
  }
  return { live, damaged };
}
