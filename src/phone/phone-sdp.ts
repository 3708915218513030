/** The phone's SDP: one stream of PCMU with telephone-event, and what it needs of the other side's. */
import { parseSdp } from "#sdp/parse-sdp.ts";
import { audioIndexOf, remoteMediaOf } from "#sdp/remote-media.ts";

export function phoneSdp(address: string, port: number): string {
  const type = address.includes(":") ? "IP6" : "IP4";
  return [
    "v=0",
    `o=- ${port} 1 IN ${type} ${address}`,
    "s=-",
    `c=IN ${type} ${address}`,
    "t=0 0",
    `m=audio ${port} RTP/AVP 0 101`,
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-16",
    "a=ptime:20",
    "a=sendrecv",
    "",
  ].join("\r\n");
}

/** Where the other side wants its audio; undefined when it has none. */
export function remoteAudio(body: string): { readonly address: string; readonly port: number } | undefined {
  const session = parseSdp(body);
  if (!session.ok) return undefined;
  const stream = remoteMediaOf(session.value, audioIndexOf(session.value));
  return stream === undefined || stream.port === 0 ? undefined : { address: stream.address, port: stream.port };
}
