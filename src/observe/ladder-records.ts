/**
 * The bytes of the ladder ring: `u8 mark │ u8 kind │ u32 length │ payload`, little endian. SIP messages, which are
 * nearly all of it, keep their wire bytes behind a line of tab-separated fields; other events are JSON.
 * No checksum: these segments are never synced, and a torn record only ends a reader's segment.
 */
import type { CallId, TenantId } from "#base/ids.ts";
import type { Stamped, TandemEvent } from "./event.ts";

export const RECORD_HEADER_BYTES = 6;
const MARK = 0xa7;
const KIND_SIP = 1;
const KIND_JSON = 2;
const RECORD_BYTES_MAX = 1 << 20;

type SipEvent = Extract<TandemEvent, { type: "sip" }>;

/**
 * Writes one event at `at` of `into`.
 * @returns the record's length, or 0 when it does not fit: `into` may then hold a part of it behind `at`
 */
export function encodeEvent(stamped: Stamped, into: Buffer, at: number): number {
  const { event } = stamped;
  const start = at + RECORD_HEADER_BYTES;
  let length: number;
  if (event.type === "sip") {
    if (start + headRoom(event) + event.wire.length > into.length) return 0;
    // All of it is latin1: names and addresses are ASCII, the wire has one char per byte.
    const wireAt = writeHead(stamped, event, into, start);
    into.latin1Write(event.wire, wireAt);
    length = wireAt - start + event.wire.length;
  } else {
    const json = JSON.stringify(stamped);
    if (start + json.length * 3 > into.length && start + Buffer.byteLength(json) > into.length) return 0;
    length = into.write(json, start, "utf8");
  }
  into[at] = MARK;
  into[at + 1] = event.type === "sip" ? KIND_SIP : KIND_JSON;
  into.writeUInt32LE(length, at + 2);
  return RECORD_HEADER_BYTES + length;
}

const TAB = 0x09;
const LINE_END = 0x0a;
const ZERO = 0x30;
/** Two numbers, flags and separators. */
const FIXED_HEAD_BYTES_MAX = 64;

const headRoom = ({ callId, tenant, leg, transport, listener, local, remote }: SipEvent): number =>
  FIXED_HEAD_BYTES_MAX +
  ((callId?.length ?? 0) + (tenant?.length ?? 0) + (leg?.length ?? 0)) +
  (transport.length + listener.length + local.length + remote.length);

/** Field by field: put together as text first, a call's messages would leave ten kilobytes of garbage. @returns its end */
function writeHead({ at, sequence }: Stamped, event: SipEvent, into: Buffer, start: number): number {
  let to = writeNumber(at, into, start);
  to = writeNumber(sequence, into, to);
  to = writeField(event.callId ?? "", TAB, into, to);
  to = writeField(event.tenant ?? "", TAB, into, to);
  to = writeField(event.leg ?? "", TAB, into, to);
  to = writeField(event.direction === "in" ? (event.retransmission ? "ir" : "i") : event.retransmission ? "or" : "o", TAB, into, to);
  to = writeField(event.transport, TAB, into, to);
  to = writeField(event.listener, TAB, into, to);
  to = writeField(event.local, TAB, into, to);
  return writeField(event.remote, LINE_END, into, to);
}
function writeField(text: string, after: number, into: Buffer, at: number): number {
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i);
  into[at + text.length] = after;
  return at + text.length + 1;
}
/** And a tab. */
function writeNumber(number: number, into: Buffer, at: number): number {
  if (!Number.isSafeInteger(number) || number < 0) return writeField(String(number), TAB, into, at);
  let end = at + 1;
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) end++;
  let rest = number;
  for (let i = end - 1; i >= at; i--) {
    const tens = Math.floor(rest / 10);
    into[i] = ZERO + (rest - tens * 10);
    rest = tens;
  }
  into[end] = TAB;
  return end + 1;
}

export interface RawRecord {
  readonly start: number;
  readonly end: number;
  readonly sip: boolean;
}

/** Visits the payload of each whole record. */
export function scanEvents(bytes: Buffer, visit: (payload: RawRecord) => void): void {
  for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 2);
    const start = at + RECORD_HEADER_BYTES;
    if (bytes[at] !== MARK || length > RECORD_BYTES_MAX || start + length > bytes.length) return;
    visit({ start, end: start + length, sip: bytes[at + 1] === KIND_SIP });
    at = start + length;
  }
}

/** undefined for what is not ours: the disk chose these bytes. */
export function decodeEvent(bytes: Buffer, { start, end, sip }: RawRecord): Stamped | undefined {
  if (!sip) {
    try {
      const value: unknown = JSON.parse(bytes.toString("utf8", start, end));
      return typeof value === "object" && value !== null && "event" in value ? (value as Stamped) : undefined;
    } catch {
      return undefined;
    }
  }
  const lineEnd = bytes.indexOf(0x0a, start);
  if (lineEnd < 0 || lineEnd >= end) return undefined;
  const [at, sequence, callId, tenant, leg, flags, transport, listener, local, remote] = bytes.latin1Slice(start, lineEnd).split("\t");
  if (flags === undefined || remote === undefined) return undefined;
  return {
    at: Number(at),
    sequence: Number(sequence),
    event: {
      type: "sip",
      direction: flags.startsWith("i") ? "in" : "out",
      transport: transport!,
      listener: listener!,
      local: local!,
      remote,
      wire: bytes.latin1Slice(lineEnd + 1, end),
      retransmission: flags.endsWith("r"),
      ...(callId === "" ? undefined : { callId: callId as CallId }),
      ...(tenant === "" ? undefined : { tenant: tenant as TenantId }),
      ...(leg === "" ? undefined : { leg: leg! }),
    },
  };
}

/** Call-ID of a message (RFC 3261 §20.8, compact form i); "" when it has none. */
export function sipCallIdOf(wire: string): string {
  return CALL_ID.exec(wire)?.[1]?.trimEnd() ?? "";
}
const CALL_ID = /\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)/i;
