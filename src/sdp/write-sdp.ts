/** Session descriptions to the wire (RFC 8866 §5, line order of §9). Times are always "0 0". */
import type { Attribute, Bandwidth, Connection, SessionDescription } from "./description.ts";

/** What `parseSdp` reads from it is the same description. */
export function writeSdp(description: SessionDescription): string {
  const { origin } = description;
  let text = `v=0\r\no=${oneLine(origin.username)} ${origin.sessionId} ${origin.sessionVersion} IN ${origin.addressType} ${origin.address}\r\n`;
  text += `s=${oneLine(description.sessionName)}\r\n`;
  text += writeConnection(description.connection) + writeBandwidths(description.bandwidths);
  text += `t=0 0\r\n${writeAttributes(description.attributes)}`;
  for (const media of description.media) {
    const ports = media.portCount === 1 ? String(media.port) : `${media.port}/${media.portCount}`;
    text += `m=${oneLine(`${media.media} ${ports} ${media.protocol} ${media.formats.join(" ")}`)}\r\n`;
    text += writeConnection(media.connection) + writeBandwidths(media.bandwidths) + writeAttributes(media.attributes);
  }
  return text;
}

const writeConnection = (connection: Connection | undefined): string =>
  connection === undefined ? "" : `c=IN ${connection.addressType} ${connection.address}\r\n`;

function writeBandwidths(bandwidths: readonly Bandwidth[]): string {
  let text = "";
  for (const { type, kbps } of bandwidths) text += `b=${type}:${kbps}\r\n`;
  return text;
}

function writeAttributes(attributes: readonly Attribute[]): string {
  let text = "";
  for (const { name, value } of attributes) text += value === undefined ? `a=${name}\r\n` : `a=${name}:${oneLine(value)}\r\n`;
  return text;
}

/** A line break in a value would be a line of somebody else's. */
const oneLine = (text: string): string => (text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]+/g, " ") : text);
