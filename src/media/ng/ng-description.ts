/**
 * Session descriptions as rtpengine's ng protocol wants them, made of what the engine interface knows: one audio
 * stream, its addresses, its payload types. rtpengine shall relay and nothing else, so both sides of a call name
 * the same formats and it never finds anything to transcode. What the peers say of codecs stays in their own
 * descriptions, which rtpengine never sees.
 */
import { isIP } from "node:net";
import type { LocalMedia, RemoteMedia } from "#media/engine.ts";
import type { Attribute, SessionDescription } from "#sdp/description.ts";
import { parseSdp } from "#sdp/parse-sdp.ts";
import { audioIndexOf, remoteMediaOf } from "#sdp/remote-media.ts";
import { writeSdp } from "#sdp/write-sdp.ts";

export type Family = "IP4" | "IP6";

/** RFC 3551 §6: below it payload types have fixed meanings, which rtpengine knows. */
const DYNAMIC_FROM = 35;
const PORT_MAX = 65_535;
/** The discard service; nothing is sent there, as the address beside it is none. */
const PLACEHOLDER_PORT = 9;

export const familyOf = (address: string): Family => (address.includes(":") ? "IP6" : "IP4");

/** Can rtpengine be told of it? It takes numbers only, and the old hold address is none (RFC 3264 §8.4). */
export const isPlace = (remote: RemoteMedia | undefined): remote is RemoteMedia =>
  remote !== undefined && remote.port !== 0 && isIP(remote.address) !== 0 && remote.address !== "0.0.0.0" && remote.address !== "::";

/**
 * What a peer would say of itself. Before its place is known, or where it is no address, this says so in the way
 * of RFC 3264 §8.4, and rtpengine sends nothing there.
 * @param family of the side's pool
 * @param formats of both sides
 */
export function describePeer(remote: RemoteMedia | undefined, rtcpMux: boolean, family: Family, formats: readonly number[]): string {
  const place = isPlace(remote);
  const addressType = place ? familyOf(remote.address) : family;
  const address = place ? remote.address : addressType === "IP6" ? "::" : "0.0.0.0";
  const attributes: Attribute[] = [];
  for (const format of formats) if (format >= DYNAMIC_FROM) attributes.push({ name: "rtpmap", value: `${format} relayed-${format}/8000` });
  if (place) {
    const rtcpAddress = isIP(remote.rtcpAddress) === 0 ? remote.address : remote.rtcpAddress;
    attributes.push({ name: "rtcp", value: `${Math.min(remote.rtcpPort, PORT_MAX)} IN ${familyOf(rtcpAddress)} ${rtcpAddress}` });
  }
  if (rtcpMux) attributes.push({ name: "rtcp-mux", value: undefined });
  attributes.push({ name: place ? remote.direction : "sendrecv", value: undefined });
  const connection = { addressType, address } as const;
  const description: SessionDescription = {
    origin: { username: "-", sessionId: "1", sessionVersion: "1", ...connection },
    sessionName: "-",
    connection,
    bandwidths: [],
    attributes: [],
    media: [
      {
        media: "audio",
        port: place ? remote.port : PLACEHOLDER_PORT,
        portCount: 1,
        protocol: "RTP/AVP",
        formats: formats.map(String),
        connection: undefined,
        bandwidths: [],
        attributes,
      },
    ],
  };
  return writeSdp(description);
}

/** Payload types of both sides, in the caller's order; PCMU stands in before anyone named one. */
export function commonFormats(a: RemoteMedia | undefined, b: RemoteMedia | undefined): readonly number[] {
  const formats = [...new Set([...(a?.payloadTypes ?? []), ...(b?.payloadTypes ?? [])])];
  return formats.length === 0 ? [0] : formats;
}

/** rtpengine's own port in a description that it rewrote; undefined where it names none. */
export function localMediaOf(text: string): LocalMedia | undefined {
  const description = parseSdp(text);
  if (!description.ok) return undefined;
  const remote = remoteMediaOf(description.value, audioIndexOf(description.value));
  if (remote === undefined) return undefined;
  return {
    // A description that is on hold has no address in c=, but always in o=.
    address: description.value.origin.address,
    port: remote.port,
    // With mux the RTCP port is the same; rtpengine holds the neighbouring one all the same (RFC 5761 §5.1.1).
    rtcpPort: remote.rtcpPort === remote.port ? remote.port + 1 : remote.rtcpPort,
  };
}
