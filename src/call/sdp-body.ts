/**
 * Finds the session description in a message body: the whole of it, or the application/sdp part of a
 * multipart body (RFC 2046 §5.1, RFC 5621). Other parts are dropped: whatever they are, they don't pass.
 * Nested multiparts and transfer encodings other than the identity are deliberately not understood.
 */
import type { ReceivedCommon } from "#sip/message/message.ts";
import { ownText } from "#sip/message/received-message.ts";

export type SdpBody =
  | { readonly type: "none" }
  /** The text is a copy: calls keep it, and the message should not live as long. */
  | { readonly type: "sdp"; readonly text: string }
  /** A body that is not, and does not contain, a session description. */
  | { readonly type: "other" };

const PARTS_MAX = 8;
const NONE: SdpBody = { type: "none" };
const OTHER: SdpBody = { type: "other" };

export function sdpBodyOf(message: ReceivedCommon): SdpBody {
  if (message.body === "") return NONE;
  const type = message.contentType();
  if (type === "application/sdp") return { type: "sdp", text: ownText(message.body) };
  if (!type.startsWith("multipart/")) return OTHER;
  const boundary = /;\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(message.header("content-type") ?? "");
  const text = boundary === null ? undefined : sdpPart(message.body, boundary[1] ?? boundary[2]!);
  return text === undefined ? OTHER : { type: "sdp", text: ownText(text) };
}

function sdpPart(body: string, boundary: string): string | undefined {
  const parts = `\r\n${body}`.split(`\r\n--${boundary}`, PARTS_MAX + 1);
  // RFC 2046 §5.1.1: what precedes the first delimiter is no part; "--" after a delimiter closes.
  for (const part of parts.slice(1)) {
    if (part.startsWith("--")) return undefined;
    const end = part.indexOf("\r\n\r\n");
    if (end < 0) continue;
    if (/(?:^|\r\n)content-type\s*:\s*application\/sdp\s*(?:;[^\r\n]*)?(?:\r\n|$)/i.test(part.slice(0, end))) return part.slice(end + 4);
  }
  return undefined;
}
