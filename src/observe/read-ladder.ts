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

/** @param asked call id, its unique beginning, or a SIP Call-ID; undefined for the last call */
export function readLadder(dir: string, asked: string | undefined): FoundLadder {
  const segments = ladderSegments(dir);
  const candidates = asked === undefined ? lastCall(segments) : callsLike(segments, asked);
  if (candidates.length > 1) return { callId: undefined, candidates, events: [] };
  const callId = candidates[0];
  if (callId === undefined && asked === undefined) return { callId, candidates, events: [] };
  return { callId, candidates, events: eventsOf(segments, callId, asked) };
}

function read(path: string, bytesMax = SEGMENT_BYTES_MAX): Buffer {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    // The ring went on meanwhile.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafe(Math.min(bytesMax, fstatSync(fd).size));
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

function lastCall(segments: readonly LadderSegment[]): string[] {
  for (const { path } of segments.toReversed()) {
    const bytes = read(path);
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
function callsLike(segments: readonly LadderSegment[], asked: string): string[] {
  if (CALL_ID.test(asked)) return [asked];
  const found = new Set<string>();
  for (const { path } of segments) {
    const bytes = read(path);
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

function eventsOf(segments: readonly LadderSegment[], callId: string | undefined, asked: string | undefined): Stamped[] {
  const kept = callId === undefined ? segments : since(segments, callIdTimeMs(callId as CallId) - SLACK_MS);
  const sipCallIds = new Set<string>(callId === undefined && asked !== undefined ? [asked] : []);
  if (callId !== undefined) for (const { path } of kept) collectSipCallIds(read(path), callId, sipCallIds);
  const needles = [...(callId === undefined ? [] : [callId]), ...sipCallIds];
  const events: Stamped[] = [];
  // One at a time: the ring is 256 MB.
  for (const { path } of kept) {
    const bytes = read(path);
    scanMentions(bytes, needles, (record) => {
      const stamped = decodeEvent(bytes, record);
      if (stamped !== undefined && belongs(stamped, callId, sipCallIds)) events.push(stamped);
    });
  }
  // A restarted process counts from the start again; its time goes on.
  return events.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
}

/** Without the segments that were full before that time: the one after them began earlier still. */
function since(segments: readonly LadderSegment[], startedMs: number): LadderSegment[] {
  return segments.filter((_, place) => {
    const next = segments[place + 1];
    const nextBeganMs = next === undefined ? undefined : firstTimeMs(next.path);
    return nextBeganMs === undefined || nextBeganMs >= startedMs;
  });
}

function firstTimeMs(path: string): number | undefined {
  const bytes = read(path, FIRST_RECORDS_BYTES);
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
    if (sipCallId !== "") into.add(sipCallId);
  });
}

function belongs({ event }: Stamped, callId: string | undefined, sipCallIds: ReadonlySet<string>): boolean {
  if (event.callId !== undefined && callId !== undefined) return event.callId === callId;
  return event.type === "sip" && sipCallIds.has(sipCallIdOf(event.wire));
}
