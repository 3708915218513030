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
    const head = sipHead(stamped, event);
    if (start + head.length + event.wire.length > into.length) return 0;
    // All of it is latin1: names and addresses are ASCII, the wire has one char per byte.
    into.latin1Write(head, start);
    into.latin1Write(event.wire, start + head.length);
    length = head.length + event.wire.length;
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

const sipHead = ({ at, sequence }: Stamped, event: SipEvent): string =>
  `${at}\t${sequence}\t${event.callId ?? ""}\t${event.tenant ?? ""}\t${event.leg ?? ""}\t${event.direction === "in" ? "i" : "o"}` +
  `${event.retransmission ? "r" : ""}\t${event.transport}\t${event.listener}\t${event.local}\t${event.remote}\n`;

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
