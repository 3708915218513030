/** What a session description says of its audio: where it goes, whether RTCP shares its port, its codecs. Pure. */
import type { RemoteMedia } from "#media/engine.ts";
import { codecsOf, isSpeech } from "#sdp/codecs.ts";
import type { MediaDescription, SessionDescription } from "#sdp/description.ts";
import { parseSdp } from "#sdp/parse-sdp.ts";
import { audioIndexOf, remoteMediaOf } from "#sdp/remote-media.ts";

export const audioOf = (description: SessionDescription): MediaDescription | undefined => description.media[audioIndexOf(description)];
export const hasMux = (description: SessionDescription): boolean =>
  audioOf(description)?.attributes.some((attribute) => attribute.name === "rtcp-mux") === true;

/** Where the audio goes; undefined where there is none. Mux counts where we said it too (RFC 5761 §5.1.1). */
export function remoteOf(description: SessionDescription, rtcpMux: boolean): RemoteMedia | undefined {
  const remote = remoteMediaOf(description, audioIndexOf(description));
  return remote === undefined || remote.rtcpMux === (remote.rtcpMux && rtcpMux) ? remote : { ...remote, rtcpMux: false };
}
export function remoteOfText(text: string, rtcpMux: boolean): RemoteMedia | undefined {
  const parsed = parseSdp(text);
  return parsed.ok ? remoteOf(parsed.value, rtcpMux) : undefined;
}

/** Payload types of the first codec and of the events, of those that `among` has; undefined: there is no codec. */
export function firstCodecOf(description: SessionDescription, among?: readonly string[]): readonly number[] | undefined {
  const codecs = codecsOf(audioOf(description)!).filter(({ payloadType }) => among?.includes(String(payloadType)) !== false);
  const first = codecs.find(isSpeech);
  if (first === undefined) return undefined;
  return codecs.filter((codec) => codec === first || !isSpeech(codec)).map((codec) => codec.payloadType);
}
