/** Where one audio stream's packets go, from its peer's description: c=, m=, a=rtcp (RFC 3605), a=rtcp-mux (RFC 5761). */
import { codecsOf } from "./codecs.ts";
import type { Direction, MediaDescription, SessionDescription } from "./description.ts";
import { directionOf } from "./direction.ts";
import { decimal } from "./parse-sdp.ts";

/** The shape that media engines take. */
export interface RemoteStream {
  readonly address: string;
  readonly port: number;
  readonly rtcpAddress: string;
  readonly rtcpPort: number;
  readonly rtcpMux: boolean;
  readonly direction: Direction;
  readonly payloadTypes: readonly number[];
}

const PORT_MAX = 65_535;
const ADDRESS = /^[A-Za-z0-9.:_-]+$/;

/** Protocols that the relay carries: plain RTP, with or without feedback messages (RFC 4585). */
export const isRelayable = (media: MediaDescription): boolean => media.protocol === "RTP/AVP" || media.protocol === "RTP/AVPF";

/**
 * The one audio stream of a call: the first that is neither declined nor of a protocol that we don't carry,
 * else the first that is not declined; -1 where there is none.
 */
export function audioIndexOf(session: SessionDescription): number {
  const offered = (media: MediaDescription): boolean => media.media === "audio" && media.port !== 0;
  const carried = session.media.findIndex((media) => offered(media) && isRelayable(media));
  return carried >= 0 ? carried : session.media.findIndex(offered);
}

/** undefined where there is no such m-line, it is declined (port 0), or no c= says where to. */
export function remoteMediaOf(session: SessionDescription, index: number): RemoteStream | undefined {
  const media = session.media[index];
  const connection = media?.connection ?? session.connection;
  if (media === undefined || media.port === 0 || connection === undefined) return undefined;
  const rtcpMux = media.attributes.some(({ name }) => name === "rtcp-mux");
  const rtcp = rtcpOf(media);
  return {
    address: connection.address,
    port: media.port,
    rtcpAddress: rtcp?.address ?? connection.address,
    // RFC 3550 §11: the next port, where nothing else is said. With mux this is what counts until it is agreed.
    rtcpPort: rtcp?.port ?? Math.min(media.port + 1, PORT_MAX),
    rtcpMux,
    direction: directionOf(session, media),
    payloadTypes: codecsOf(media).map(({ payloadType }) => payloadType),
  };
}

/** a=rtcp:53020 [IN IP4 126.16.64.4] */
function rtcpOf(media: MediaDescription): { readonly port: number; readonly address: string | undefined } | undefined {
  const value = media.attributes.find(({ name }) => name === "rtcp")?.value;
  if (value === undefined) return undefined;
  const [portText = "", network, , address] = value.trim().split(/ +/);
  const port = decimal(portText, PORT_MAX);
  if (port === undefined || port === 0) return undefined;
  return { port, address: network === "IN" && address !== undefined && ADDRESS.test(address) ? address : undefined };
}
