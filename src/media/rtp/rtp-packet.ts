/** One RTP packet (RFC 3550 §5.1) as a whole: for phones and endpoints, not for the relay's hot path. */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";

export interface RtpPacket {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestampTicks: number;
  readonly ssrc: number;
  /** A view of the packet; the caller keeps the buffer. */
  readonly payload: Uint8Array;
}

const HEADER_BYTES = 12;

export function parseRtp(packet: Buffer): Parsed<RtpPacket> {
  if (packet.length < HEADER_BYTES) return malformed("shorter than an RTP header");
  const first = packet[0]!;
  if (first >>> 6 !== 2) return malformed("not RTP version 2");
  let start = HEADER_BYTES + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0) {
    // Extension header: 16 bits of profile, 16 bits of length in words (§5.3.1).
    if (packet.length < start + 4) return malformed("cut in the extension header", start);
    start += 4 + 4 * packet.readUInt16BE(start + 2);
  }
  const padding = (first & 0x20) !== 0 ? packet[packet.length - 1]! : 0;
  const end = packet.length - padding;
  if (start > end) return malformed("header and padding exceed the packet", start);
  return parsed({
    payloadType: packet[1]! & 0x7f,
    marker: (packet[1]! & 0x80) !== 0,
    sequence: packet.readUInt16BE(2),
    timestampTicks: packet.readUInt32BE(4),
    ssrc: packet.readUInt32BE(8),
    payload: packet.subarray(start, end),
  });
}

export function writeRtp(packet: RtpPacket): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + packet.payload.length);
  bytes[0] = 0x80;
  bytes[1] = (packet.marker ? 0x80 : 0) | packet.payloadType;
  bytes.writeUInt16BE(packet.sequence & 0xffff, 2);
  bytes.writeUInt32BE(packet.timestampTicks >>> 0, 4);
  bytes.writeUInt32BE(packet.ssrc >>> 0, 8);
  bytes.set(packet.payload, HEADER_BYTES);
  return bytes;
}
