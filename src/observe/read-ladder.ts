/**
 * Finds the events of one call in the ladder ring. SIP messages are published by the transaction layer,
 * which knows no calls: those without a call id belong to it if they carry our token (it contains the call
 * id) or share a Call-ID with one that does. Reads whole segments: for a worker thread or the CLI.
 */
import { closeSync, fstatSync, openSync, readSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { callIdTimeMs, type CallId } from "#base/ids.ts";
import type { Stamped } from "./event.ts";
import { type RawRecord, decodeEvent, scanEvents, sipCallIdOf } from "./ladder-records.ts";

/** Below `home`. */
export const LADDER_FOLDER = "ladder";
/** The INVITE comes before the call id is made; the wall clock may be set back a little. */
const SLACK_MS = 2_000;
/** One record of the largest size and its neighbours. */
const FIRST_RECORDS_BYTES = 128 << 10;
const SEGMENT_BYTES_MAX = 256 << 20;
const NAME = /^(\d{8})\.ladder$/;
const CALL_ID = /^[0-9a-hjkmnp-tv-z]{16}$/;
/** Shorter beginnings of a call id say too little: they are only a time. */
const PREFIX_CHARS_MIN = 4;

export interface FoundLadder {
  /** undefined: a SIP dialog or request that belongs to no call. */
  readonly callId: string | undefined;
  /** More than one call begins like what was asked for; `events` is then empty. */
  readonly candidates: readonly string[];
  readonly events: readonly Stamped[];
}

interface LadderSegment {
  readonly path: string;
  readonly number: number;
}

/** Oldest first; none when the folder does not exist. */
export function ladderSegments(dir: string): LadderSegment[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((name) => NAME.test(name))
    .sort()
    .map((name) => ({ path: join(dir, name), number: Number.parseInt(name, 10) }));
}

/**
 * @param asked call id, its unique beginning, or a SIP Call-ID; undefined for the last call
 * @param untilMs epoch ms; of a call id: what came later may be left out, and need not be read
 */
export function readLadder(dir: string, asked: string | undefined, untilMs = Infinity): FoundLadder {
  const segments = ladderSegments(dir);
  const reader = new SegmentReader();
  const candidates = asked === undefined ? lastCall(segments, reader) : callsLike(segments, asked, reader);
  if (candidates.length > 1) return { callId: undefined, candidates, events: [] };
  const callId = candidates[0];
  if (callId === undefined && asked === undefined) return { callId, candidates, events: [] };
  return { callId, candidates, events: eventsOf(segments, { callId, asked, untilMs }, reader) };
}

/** One segment at a time, as the ring is 256 MB, and into the same memory: fresh pages cost more than reading. */
class SegmentReader {
  #memory = Buffer.alloc(0);

  /** @returns what holds until the next one is read */
  read(path: string, bytesMax = SEGMENT_BYTES_MAX): Buffer {
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch (error) {
      // The ring went on meanwhile.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
      throw error;
    }
    try {
      const bytes = Math.min(bytesMax, fstatSync(fd).size);
      if (this.#memory.length < bytes) this.#memory = Buffer.allocUnsafeSlow(bytes);
      return this.#memory.subarray(0, readSync(fd, this.#memory, 0, bytes, 0));
    } finally {
      closeSync(fd);
    }
  }
}

function lastCall(segments: readonly LadderSegment[], reader: SegmentReader): string[] {
  for (const { path } of segments.toReversed()) {
    const bytes = reader.read(path);
    if (!bytes.includes('"call-started"')) continue;
    let last: string | undefined;
    scanEvents(bytes, (record) => {
      if (record.sip) return;
      const event = decodeEvent(bytes, record)?.event;
      if (event?.type === "call-started" && event.callId !== undefined) last = event.callId;
    });
    if (last !== undefined) return [last];
  }
  return [];
}

/** Ids of the calls that `asked` can mean. */
function callsLike(segments: readonly LadderSegment[], asked: string, reader: SegmentReader): string[] {
  if (CALL_ID.test(asked)) return [asked];
  const found = new Set<string>();
  for (const { path } of segments) {
    const bytes = reader.read(path);
    scanMentions(bytes, [asked], (record) => {
      const event = decodeEvent(bytes, record)?.event;
      if (event?.callId === undefined) return;
      const bySipCallId =
        event.type === "call-started" ? event.sipCallId === asked : event.type === "sip" && sipCallIdOf(event.wire) === asked;
      if (bySipCallId || (asked.length >= PREFIX_CHARS_MIN && event.callId.startsWith(asked))) found.add(event.callId);
    });
  }
  return [...found].sort();
}

interface Wanted {
  readonly callId: string | undefined;
  readonly asked: string | undefined;
  readonly untilMs: number;
}

function eventsOf(segments: readonly LadderSegment[], { callId, asked, untilMs }: Wanted, reader: SegmentReader): Stamped[] {
  const kept = callId === undefined ? segments : around(segments, callIdTimeMs(callId as CallId) - SLACK_MS, untilMs, reader);
  /** Those that don't contain the call id, which is looked for itself. */
  const sipCallIds = new Set<string>(callId === undefined && asked !== undefined ? [asked] : []);
  const found: Stamped[][] = [];
  let collected = 0;
  for (let place = 0; place < kept.length; ) {
    const bytes = reader.read(kept[place]!.path);
    const known = sipCallIds.size;
    if (callId !== undefined && place === collected) {
      collectSipCallIds(bytes, callId, sipCallIds);
      collected++;
    }
    found[place] = mentions(bytes, callId, sipCallIds);
    // A message may stand before the first that says whose its Call-ID is.
    place = sipCallIds.size > known ? 0 : place + 1;
  }
  // A restarted process counts from the start again; its time goes on.
  return found.flat().sort((a, b) => a.at - b.at || a.sequence - b.sequence);
}

function mentions(bytes: Buffer, callId: string | undefined, sipCallIds: ReadonlySet<string>): Stamped[] {
  const events: Stamped[] = [];
  scanMentions(bytes, [...(callId === undefined ? [] : [callId]), ...sipCallIds], (record) => {
    const stamped = decodeEvent(bytes, record);
    if (stamped !== undefined && belongs(stamped, callId, sipCallIds)) events.push(stamped);
  });
  return events;
}

/** Without the segments that were full before that time, and those that began after the other. */
function around(segments: readonly LadderSegment[], fromMs: number, untilMs: number, reader: SegmentReader): LadderSegment[] {
  const begins = segments.map(({ path }) => firstTimeMs(path, reader));
  return segments.filter((_, place) => {
    const [beganMs, nextBeganMs] = [begins[place], begins[place + 1]];
    return (nextBeganMs === undefined || nextBeganMs >= fromMs) && (beganMs === undefined || beganMs <= untilMs);
  });
}

function firstTimeMs(path: string, reader: SegmentReader): number | undefined {
  const bytes = reader.read(path, FIRST_RECORDS_BYTES);
  let firstMs: number | undefined;
  scanEvents(bytes, (record) => {
    firstMs ??= decodeEvent(bytes, record)?.at;
  });
  return firstMs;
}

/**
 * Visits the records that contain one of the texts. The search runs over the whole segment at once, from
 * hit to hit: a call is a few records among ten thousands.
 */
function scanMentions(bytes: Buffer, texts: readonly string[], visit: (record: RawRecord) => void): void {
  const find = (text: string, from: number): number => {
    const at = bytes.indexOf(text, from, "latin1");
    return at < 0 ? bytes.length : at;
  };
  const hits = texts.map((text) => find(text, 0));
  if (hits.every((hit) => hit === bytes.length)) return;
  scanEvents(bytes, (record) => {
    let mentioned = false;
    for (let i = 0; i < hits.length; i++) {
      if (hits[i]! < record.start) hits[i] = find(texts[i]!, record.start);
      if (hits[i]! < record.end) mentioned = true;
    }
    if (mentioned) visit(record);
  });
}

function collectSipCallIds(bytes: Buffer, callId: string, into: Set<string>): void {
  scanMentions(bytes, [callId], (record) => {
    const event = decodeEvent(bytes, record)?.event;
    const sipCallId = event?.type === "sip" ? sipCallIdOf(event.wire) : event?.type === "call-started" ? event.sipCallId : "";
    if (sipCallId !== "" && !sipCallId.includes(callId)) into.add(sipCallId);
  });
}

function belongs({ event }: Stamped, callId: string | undefined, sipCallIds: ReadonlySet<string>): boolean {
  if (event.callId !== undefined && callId !== undefined) return event.callId === callId;
  if (event.type !== "sip") return false;
  const sipCallId = sipCallIdOf(event.wire);
  return sipCallIds.has(sipCallId) || (callId !== undefined && sipCallId.includes(callId));
}
