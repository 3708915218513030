/**
 * The bytes of the journal. A segment is a sequence of records:
 *
 *     u32 payload length │ u32 CRC32C of the payload │ payload: JSON in UTF-8        (little endian)
 *     {"v":1,"k":"s","id":call id,"t":tenant,"s":sections}    sections of a live call
 *     {"v":1,"k":"e","id":call id,"cdr":CDR}                  the call is over
 *
 * Pure. What a crash tore off, or a disk falsified, ends a scan with a reason and never throws. Nothing
 * is looked for behind a bad record: without its length the next one's place is a guess.
 */
import { type CallId, type TenantId } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import { crc32c } from "./crc32c.ts";
import type { JournalCall, Sections } from "./journal.ts";

export const HEADER_BYTES = 8;
/** Far above any call's sections (an INVITE has at most 64 kB); a length above it is corruption. */
export const RECORD_BYTES_MAX = 1 << 20;
const VERSION = 1;
/** `{"v":1,"k":"` is 12 bytes: the kind stands at a fixed place, so that a reader of ends need not parse the rest. */
const KIND_AT = 12;
const KIND_END = 0x65;

export type JournalRecord =
  | { readonly kind: "sections"; readonly callId: CallId; readonly tenant: TenantId; readonly sections: Sections }
  | { readonly kind: "end"; readonly callId: CallId; readonly cdr: Cdr };

export const sectionsJson = (callId: CallId, tenant: TenantId, sections: Sections): string =>
  JSON.stringify({ v: VERSION, k: "s", id: callId, t: tenant, s: sections });

export const endJson = (cdr: Cdr): string => JSON.stringify({ v: VERSION, k: "e", id: cdr.callId, cdr });

/** Room that a record of this JSON text needs at most. */
export const recordRoom = (json: string): number => HEADER_BYTES + json.length * 3;

/** Writes one record at `at` of `into`, which has the room. @returns the record's length in bytes */
export function encodeRecord(json: string, into: Buffer, at: number): number {
  const start = at + HEADER_BYTES;
  const length = into.write(json, start, "utf8");
  into.writeUInt32LE(length, at);
  into.writeUInt32LE(crc32c(into, start, start + length), at + 4);
  return HEADER_BYTES + length;
}

export interface Scan {
  /** Where the next record would start: everything before it was whole. */
  readonly end: number;
  /** Why it stopped before the end of the bytes; undefined at a clean end. */
  readonly cut: string | undefined;
}

/**
 * Visits each whole record of bytes[start, end). A visitor that returns a text cuts the scan before that record.
 * @param wanted others are passed by unchecked: most of what a reader of ends meets
 */
export function scanRecords(
  bytes: Buffer,
  start: number,
  end: number,
  visit: (payloadStart: number, payloadEnd: number) => string | undefined,
  wanted?: (bytes: Buffer, payloadStart: number) => boolean,
): Scan {
  let at = start;
  while (at < end) {
    if (at + HEADER_BYTES > end) return { end: at, cut: "record header torn" };
    const length = bytes.readUInt32LE(at);
    // A hole that a power loss left is zeros, whose length and CRC would agree.
    if (length === 0 || length > RECORD_BYTES_MAX) return { end: at, cut: `record length ${length}` };
    const payload = at + HEADER_BYTES;
    if (payload + length > end) return { end: at, cut: "record torn" };
    if (wanted === undefined || wanted(bytes, payload)) {
      if (crc32c(bytes, payload, payload + length) !== bytes.readUInt32LE(at + 4)) return { end: at, cut: "CRC mismatch" };
      const refused = visit(payload, payload + length);
      if (refused !== undefined) return { end: at, cut: refused };
    }
    at = payload + length;
  }
  return { end: at, cut: undefined };
}

/** Whether a payload is an ended call, without parsing it; only its CRC makes sure of that. */
export const isEnd = (bytes: Buffer, payloadStart: number): boolean => bytes[payloadStart + KIND_AT] === KIND_END;

/** A payload whose CRC was right; undefined when another version of the program wrote it. */
export function parseRecord(bytes: Buffer, payloadStart: number, payloadEnd: number): JournalRecord | undefined {
  let record: unknown;
  try {
    record = JSON.parse(bytes.toString("utf8", payloadStart, payloadEnd));
  } catch {
    return undefined;
  }
  if (!isObject(record) || record["v"] !== VERSION || typeof record["id"] !== "string") return undefined;
  const callId = record["id"] as CallId;
  if (record["k"] === "s" && typeof record["t"] === "string" && isObject(record["s"]))
    return { kind: "sections", callId, tenant: record["t"] as TenantId, sections: record["s"] };
  // The CRC says that our own endJson wrote it.
  if (record["k"] === "e" && isObject(record["cdr"])) return { kind: "end", callId, cdr: record["cdr"] as unknown as Cdr };
  return undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Records in order → calls that live and calls that ended. */
export class JournalFold {
  readonly #live = new Map<CallId, { tenant: TenantId; sections: Record<string, unknown> }>();
  readonly #ended = new Map<CallId, Cdr>();

  add(record: JournalRecord): void {
    if (record.kind === "end") {
      this.#live.delete(record.callId);
      if (!this.#ended.has(record.callId)) this.#ended.set(record.callId, record.cdr);
      return;
    }
    // A call ends once: what a straggler wrote behind its end revives nothing.
    if (this.#ended.has(record.callId)) return;
    let call = this.#live.get(record.callId);
    if (call === undefined) {
      call = { tenant: record.tenant, sections: {} };
      this.#live.set(record.callId, call);
    }
    for (const [name, value] of Object.entries(record.sections)) {
      if (value === null) delete call.sections[name];
      else call.sections[name] = value;
    }
  }

  live(): JournalCall[] {
    return Array.from(this.#live, ([callId, { tenant, sections }]) => ({ callId, tenant, sections }));
  }

  ended(): Cdr[] {
    return [...this.#ended.values()];
  }
}
