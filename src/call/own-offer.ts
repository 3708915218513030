/**
 * The offer that we make ourselves: to a gateway while the caller's INVITE had none (RFC 3264 §5,
 * RFC 3261 §13.2.1). One audio stream of codecs that everybody has, in the gateway's order.
 */
import type { LocalMedia } from "#media/engine.ts";
import type { SessionDescription } from "#sdp/description.ts";

/** RFC 3551 §6 numbers, and the usual dynamic one for events (RFC 4733). */
const RTPMAP: Readonly<Record<string, readonly [payloadType: string, rtpmap: string]>> = {
  pcmu: ["0", "PCMU/8000"],
  pcma: ["8", "PCMA/8000"],
  g722: ["9", "G722/8000"],
  "telephone-event": ["101", "telephone-event/8000"],
};
const DEFAULT_CODECS = ["PCMU", "PCMA", "telephone-event"];

/** An order that leaves room for what everybody has. */
export const withUsual = (names: readonly string[]): readonly string[] => [
  ...new Set([...names, ...DEFAULT_CODECS].map((name) => name.toLowerCase())),
];

/** @param names in order; those we can't describe by ourselves are left out, and none left means the default */
export function ownOffer(
  names: readonly string[],
  origin: { readonly sessionId: string; readonly sessionVersion: string; readonly address: string },
  local: LocalMedia,
): SessionDescription {
  const known = names.filter((name) => name.toLowerCase() in RTPMAP);
  const audible = known.some((name) => name.toLowerCase() !== "telephone-event");
  const lines = (audible ? known : DEFAULT_CODECS).map((name) => RTPMAP[name.toLowerCase()]!);
  const addressType = origin.address.includes(":") ? "IP6" : "IP4";
  const attributes = lines.map(([payloadType, rtpmap]) => ({ name: "rtpmap", value: `${payloadType} ${rtpmap}` }));
  if (lines.some(([payloadType]) => payloadType === "101")) attributes.push({ name: "fmtp", value: "101 0-16" });
  return {
    origin: { username: "-", sessionId: origin.sessionId, sessionVersion: origin.sessionVersion, addressType, address: origin.address },
    sessionName: "-",
    connection: { addressType, address: local.address },
    bandwidths: [],
    attributes: [],
    media: [
      {
        media: "audio",
        port: local.port,
        portCount: 1,
        protocol: "RTP/AVP",
        formats: lines.map(([payloadType]) => payloadType),
        connection: undefined,
        bandwidths: [],
        attributes: [...attributes, { name: "sendrecv", value: undefined }],
      },
    ],
  };
}
